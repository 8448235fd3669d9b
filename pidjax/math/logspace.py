"""Exponentials and means of exponentials that neither overflow nor turn empty sums into NaN."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax.typing import Array

LARGE = 60.0
"""Nats from which ``exp_linear`` goes on as a straight line: far beyond any information, far below overflow."""


def exp_linear(x: Array) -> Array:
    """exp(x) up to ``LARGE``, its tangent there beyond: value and gradient stay finite for scores of 1e4."""
    return jnp.exp(jnp.minimum(x, LARGE)) * (1 + jnp.maximum(x - LARGE, 0))


def logsumexp_or_empty(x: Array, log_weights: Array | None, axis: int) -> Array:
    """log Σ w exp(x) along ``axis``; -inf, with zero gradient, where every weight is zero."""
    if log_weights is None:
        return jax.nn.logsumexp(x, axis=axis)
    empty = jnp.all(log_weights == -jnp.inf, axis=axis, keepdims=True)
    # -inf at the scores themselves would be inf - inf in the gradient
    kept = jnp.where(log_weights == -jnp.inf, jnp.where(empty, 0.0, -jnp.inf), x + log_weights)
    total = jax.nn.logsumexp(kept, axis=axis)
    return jnp.where(jnp.squeeze(empty, axis), -jnp.inf, total)
