"""Ten shapes of Trifeature as masks of 128 x 128, row i and column j counted from 0, and at any other size."""

from __future__ import annotations

import functools

import numpy as np

SHAPES = (
    "triangle",
    "square",
    "plus",
    "circle",
    "tee",
    "rhombus",
    "pentagon",
    "star",
    "fivesquare",
    "trapezoid",
)
SIDE = 128
"""Pixels of a shape in a picture of 224."""


@functools.cache
def templates(side: int) -> np.ndarray:
    """The shapes [10, side, side] in [0, 1]: the masks at ``SIDE``, their means over the area of a pixel elsewhere."""
    i, j = np.mgrid[:SIDE, :SIDE]
    middle = np.abs(j - 64)
    bars = (i >= 43) & (i <= 85), (j >= 43) & (j <= 85)
    gaps = (i >= 42) & (i < 85), (j >= 42) & (j < 85)
    masks = {
        "triangle": middle - i // 2 < 1,
        "square": np.ones_like(i, bool),
        "plus": bars[0] | bars[1],
        "circle": (i - 63.5) ** 2 + (j - 63.5) ** 2 < 64**2,
        "tee": bars[1] | (i <= 41),
        "rhombus": (j - 64 + i // 2 > 0) & (j - 64 + i // 2 < 64),
        "pentagon": np.where(i < 51, middle - 1.25 * i < 1, _inside(j, (i - 51) // 3.1)),
        "star": _star(i, j),
        "fivesquare": ~(gaps[0] | gaps[1]) | (gaps[0] & gaps[1]),
        "trapezoid": _inside(j, i // 3.1),
    }
    mean = _area_mean(side)
    return np.stack([mean @ masks[name] @ mean.T for name in SHAPES]).astype(np.float32)


def _inside(j: np.ndarray, margin: np.ndarray) -> np.ndarray:
    return (margin < j) & (j < SIDE - margin)


def _star(i: np.ndarray, j: np.ndarray) -> np.ndarray:
    tip = (i < 51) & (np.abs(j - 64) - i // 4 < 1)
    arms = (i >= 51) & (i <= 75) & _inside(j, 2.4 * (i - 51))
    inner, outer = 42.24 - 0.43 * (i - 70), 79.36 - 1.05 * (i - 70)
    legs = (i >= 70) & (((inner < j) & (j < outer)) | ((inner < SIDE - j) & (SIDE - j < outer)))
    return tip | arms | legs


def _area_mean(side: int) -> np.ndarray:
    """Matrix [side, SIDE] that averages over the stretch a coarser (or finer) pixel covers."""
    edges = np.linspace(0, SIDE, side + 1)
    low, high = edges[:-1, None], edges[1:, None]
    cover = np.minimum(high, np.arange(1, SIDE + 1)) - np.maximum(low, np.arange(SIDE))
    return np.maximum(cover, 0) * (side / SIDE)
