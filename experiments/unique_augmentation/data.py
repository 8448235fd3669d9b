"""Sequences in which one modality is silent where the other says what it alone knows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pidjax import data
from pidjax.typing import Array

STEPS, CHANNELS, FACTOR = 8, 12, 6
"""Steps and channels of a sequence, coordinates of every factor."""
NOISE = 1.0
"""σ of both sequences; a factor's coordinate has variance 1 in each step that says it."""


def draw(n: int, seed: int) -> dict[str, np.ndarray]:
    """x1, x2 [n, 8, 12] and ws, w1, w2 [n, 6]; every coordinate in a direction of its own, the same for all rows."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(0)
    w = {name: rng.normal(size=(n, FACTOR)) for name in ("ws", "w1", "w2")}
    turned = {x: np.linalg.qr(fixed.normal(size=(CHANNELS, CHANNELS)))[0] for x in ("x1", "x2")}
    speaks = np.arange(STEPS) < STEPS // 2
    said = np.where(
        speaks[:, None], (w["ws"] @ turned["x1"][:FACTOR])[:, None], (w["w1"] @ turned["x1"][FACTOR:])[:, None]
    )
    both = np.hstack([w["ws"], w["w2"]]) @ turned["x2"]
    x1, x2 = (m + NOISE * rng.normal(size=(n, STEPS, CHANNELS)) for m in (said, np.repeat(both[:, None], STEPS, 1)))
    x2[:, ~speaks] = 0
    return {name: v.astype(np.float32) for name, v in {"x1": x1, "x2": x2, **w}.items()}


def ceiling() -> float:
    """I(X1; w1) = I(X1; ws), exact: six coordinates, each said four times in noise."""
    return FACTOR / 2 * float(np.log1p(STEPS // 2 / NOISE**2))


KINDS: dict[str, tuple[str, str, dict[str, float]]] = {
    "noise": ("gaussian_noise", "noise", {"sd": 1.0}),
    "mask": ("zero", "zero", {"share": 0.5}),
}
"""Augmentation of any step, what those that see the other modality begin with, and how much."""
WHERE = ("independent", "unique", "where it speaks")


def augmentation(kind: str, where: str) -> Callable[..., dict[str, Array]]:
    """Of a sample: x1 at the steps ``where``, x2 likewise at any."""
    name, stem, amount = KINDS[kind]
    first = {"independent": name, "unique": f"{stem}_where_silent", "where it speaks": f"{stem}_where_spoken"}[where]
    return data.apart(data.compose([(first, amount)]), data.compose([(name, amount)]))
