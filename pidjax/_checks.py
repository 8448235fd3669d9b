"""Errors in words: what was expected, what was found, what to do."""

from __future__ import annotations


class InputError(ValueError):
    """Something the caller gave cannot be used; the message is one sentence a person can act on.

    The command line prints it as one line and exits with status 2; every other exception is a defect of
    pidjax and keeps its traceback.
    """


def one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise ``InputError`` unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(map(repr, allowed))}; found {value!r}.")
