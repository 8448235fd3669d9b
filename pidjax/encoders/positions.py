"""Positions as vectors."""

from __future__ import annotations

import jax.numpy as jnp

from pidjax.typing import Array


def sincos(positions: Array, width: int) -> Array:
    """sin(p / 10000^{2k/width}) and cos of the same for k = 0 … width/2 − 1 in turn: [...] -> [..., width].

    Source: Vaswani et al. 2017. ``width`` is even.
    """
    rate = jnp.exp(-jnp.log(1e4) * 2 * jnp.arange(width // 2) / width)
    angle = jnp.tensordot(jnp.asarray(positions, jnp.float32), rate, axes=0)
    return jnp.stack([jnp.sin(angle), jnp.cos(angle)], -1).reshape(*angle.shape[:-1], width)
