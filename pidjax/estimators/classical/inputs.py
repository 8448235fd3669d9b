"""What the classical estimators take and return."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.typing import Array


class Nats(NamedTuple):
    """An estimate and its standard error, both in nats."""

    value: Array
    std_error: Array


def paired(*arrays: Array) -> tuple[Array, ...]:
    """x and y, or x, y and z; raises ``InputError`` unless they are matrices of equally many rows, of real numbers.

    Numpy arrays stay so: those of float64 are centred or ranked before they lose digits.
    """
    names = "xyz"[: len(arrays)]
    found = tuple(a if hasattr(a, "dtype") else jnp.asarray(a) for a in arrays)
    shapes = [tuple(a.shape) for a in found]
    if any(len(s) != 2 or 0 in s or s[0] != shapes[0][0] for s in shapes):
        raise InputError(
            f"{_listed(names)} must be matrices {_listed([f'[n, d{name}]' for name in names])} whose rows belong "
            f"together; found shapes {_listed(map(str, shapes))}."
        )
    for name, a in zip(names, found, strict=True):
        if not (jnp.issubdtype(a.dtype, jnp.floating) or jnp.issubdtype(a.dtype, jnp.integer)):
            raise InputError(f"{name} must be an array of real numbers; found {a.dtype}.")
    return found


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}"
