"""Positions as vectors."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from pidjax.typing import Array


def positions_1d(tokens: int, width: int) -> Array:
    """Sines, then cosines, of t / 10000^(k / half) for k < half, half of ``width``: [tokens, width].

    Source: Vaswani et al. 2017, who put sines and cosines in turn.
    """
    half = (width + 1) // 2
    angle = np.arange(tokens)[:, None] / 10_000 ** (np.arange(half) / half)
    return jnp.asarray(np.concatenate([np.sin(angle), np.cos(angle)], axis=1)[:, :width], jnp.float32)
