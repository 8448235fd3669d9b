"""Errors in words: what was expected, what was found, what to do."""

from __future__ import annotations

import math


class InputError(ValueError):
    """Something the caller gave cannot be used; the message is one sentence a person can act on.

    The command line prints it as one line and exits with status 2; every other exception is a defect of
    pidjax and keeps its traceback.
    """


def one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise ``InputError`` unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(map(repr, allowed))}; found {value!r}.")


def not_negative(name: str, value: float) -> None:
    """Raise ``InputError`` unless ``value`` is a finite size."""
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{name} must be a finite number of at least 0; found {value!r}.")


def check_share(name: str, value: float, most: float = 1.0) -> None:
    """Raise ``InputError`` unless ``value``, a share or a probability, lies in [0, most]."""
    if not 0 <= value <= most:
        raise InputError(f"{name} must lie between 0 and {most:g}; found {value!r}.")
