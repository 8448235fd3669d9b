"""Positions as vectors."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from pidjax.typing import Array


def positions_1d(tokens: int, width: int) -> Array:
    """Sines, then cosines, of t / 10000^(k / half) for k < half, half of ``width``: [tokens, width].

    Source: Vaswani et al. 2017, who put sines and cosines in turn.
    """
    return jnp.asarray(_waves(np.arange(tokens), width), jnp.float32)


def positions_2d(rows: int, columns: int, width: int) -> Array:
    """Sines and cosines of the row, then of the column, a quarter of ``width`` each: [rows · columns, width], by rows.

    CoMM's released code has its "w" first and lets it run along rows: the same.
    """
    row, column = np.indices((rows, columns)).reshape(2, -1)
    return jnp.asarray(np.concatenate([_waves(row, width // 2), _waves(column, width // 2)], axis=1), jnp.float32)


def _waves(at: np.ndarray, width: int) -> np.ndarray:
    half = (width + 1) // 2
    angle = at[:, None] / 10_000 ** (np.arange(half) / half)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)[:, :width]
