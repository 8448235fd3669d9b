"""Ten textures of Trifeature as functions of whole coordinates y, x >= 0 (rows, columns; a unit is a pixel)."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from pidjax.typing import Array

TEXTURES = (
    "solid",
    "stripes",
    "grid",
    "hexgrid",
    "dots",
    "noise",
    "triangles",
    "zigzags",
    "rain",
    "pluses",
)
NOISE, RAIN = 0.5, 0.05
"""Share of pixels that are on, and of those that start a drop."""
DROP = 7
"""Pixels of a drop, downwards."""


def textures(y: Array, x: Array, noise: Array, rain: Array) -> Array:
    """All ten at the given points, bool [10, ...]; ``noise`` and ``rain`` are what the random two are there."""
    Y, X = y % 10, x % 10
    odd = (y // 10) % 2 == 1
    slope = jnp.asarray((1.73 * np.arange(4096)).astype(np.int32))[y]
    peak = Y // 2
    zig = jnp.where(odd, 9 - X, X)
    upright = (jnp.abs(X - 5) < 1.5) | (jnp.abs(Y - 5) < 1.5)
    shifted = (X < 1.5) | (10 - X < 1.5) | ((jnp.abs(Y - 5) < 1.5) & (jnp.abs(X - 5) > 1.5))
    on = {
        "solid": jnp.ones_like(y, bool),
        "stripes": Y < 3,
        "grid": (Y < 3) | (X < 3),
        "hexgrid": ((x + slope) % 10 < 2) | ((x - slope) % 10 < 2) | (Y < 2),
        "dots": (Y - 5) ** 2 + (X - 5) ** 2 < 16,
        "noise": noise,
        "triangles": peak - jnp.abs(X - 5) > 0,
        "zigzags": (peak < zig) & (zig < 5 + peak),
        "rain": rain,
        "pluses": jnp.where(odd, shifted, upright),
    }
    return jnp.stack([on[name] for name in TEXTURES])


def drops(starts: Array) -> Array:
    """Rain [h, w] of the pixels where drops start: on where one started at most ``DROP`` − 1 rows above."""
    sums = jnp.cumsum(jnp.pad(starts.astype(jnp.int32), ((DROP, 0), (0, 0))), axis=0)
    return sums[DROP:] > sums[:-DROP]
