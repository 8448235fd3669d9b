"""Directions of vectors."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax.typing import Array


def unit(x: Array) -> Array:
    """Rows of unit length, with a finite gradient at zero."""
    return x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-12))
