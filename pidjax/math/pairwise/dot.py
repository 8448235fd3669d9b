"""Inner products of all pairs, accumulated in at least float32."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.typing import Array


def accumulator(*arrays: Array) -> jnp.dtype:
    """The type sums are held in: float32, or float64 when an operand is."""
    return jnp.result_type(jnp.float32, *arrays)


def same_width(a: Array, c: Array) -> None:
    """Raise unless rows of a and of c have an inner product."""
    if a.shape[1] != c.shape[1]:
        raise InputError(f"an inner product needs vectors of one width; found shapes {a.shape} and {c.shape}.")


def dot_table(a: Array, c: Array) -> Array:
    """a_i · c_j: [n, d] and [m, d] -> [n, m]."""
    same_width(a, c)
    return jnp.einsum("id,jd->ij", a, c, preferred_element_type=accumulator(a, c))


def project(x: Array, kernel: Array) -> Array:
    """x W: [n, d] and [d, h] -> [n, h]. bf16 operands are multiplied as they are and summed in float32."""
    if x.shape[1] != kernel.shape[0]:
        raise InputError(f"the parameters are of {kernel.shape[0]} features; found rows of shape {x.shape}.")
    return jax.lax.dot(x, kernel, preferred_element_type=accumulator(x, kernel))
