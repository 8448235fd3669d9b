"""NT-Xent as a loss: what every contrast of two views or two modalities minimises."""

from __future__ import annotations

import jax.numpy as jnp

from pidjax import bounds, critics
from pidjax.typing import Array


def ntxent_loss(a: Array, b: Array, temperature: float, axis_name: str | None = None) -> Array:
    """Published NT-Xent of the 2 N vectors of both views, [n, d] each: log(2 N − 1) less ``bounds.ntxent``."""
    critic = critics.cosine(temperature)

    def of(x: Array, y: Array) -> Array:
        cross, same = (critic.stats({}, x, other, axis_name=axis_name) for other in (y, x))
        ceiling = jnp.log1p(cross.num_neg[0] + same.num_neg[0])
        return ceiling - bounds.ntxent(cross, same, axis_name=axis_name)

    return (of(a, b) + of(b, a)) / 2
