"""What the classical estimators take and return."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.typing import Array


class Nats(NamedTuple):
    """An estimate and its standard error, both in nats."""

    value: Array
    std_error: Array


def paired(x: Array, y: Array) -> tuple[Array, Array]:
    """``x`` and ``y``; raises ``InputError`` unless they are matrices of equally many rows, and of real numbers.

    Numpy arrays stay so: those of float64 are centred or ranked before they lose digits.
    """
    x, y = (z if hasattr(z, "dtype") else jnp.asarray(z) for z in (x, y))
    if x.ndim != 2 or y.ndim != 2 or x.shape[0] != y.shape[0] or 0 in x.shape + y.shape:
        raise InputError(
            "x and y must be matrices [n, dx] and [n, dy] whose rows belong together; "
            f"found shapes {tuple(x.shape)} and {tuple(y.shape)}."
        )
    for name, z in (("x", x), ("y", y)):
        if not (jnp.issubdtype(z.dtype, jnp.floating) or jnp.issubdtype(z.dtype, jnp.integer)):
            raise InputError(f"{name} must be an array of real numbers; found {z.dtype}.")
    return x, y
