"""Pictures and pairs of the experiment, and batches of them that hold no pair's copy."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from pidjax.data import array_batches, trifeature
from pidjax.data.augment_images import resize
from pidjax.typing import Batch

TASKS = {"share": False, "unique1": False, "unique2": False, "synergy": True}
"""Whether the representation that a task is probed in was trained on biased pairs."""
CHANCE = {"share": 10, "unique1": 10, "unique2": 10, "synergy": 50}
VALIDATION = 0.2
"""Share of the training combinations whose pictures probes are stopped on."""


class World:
    """Pictures of some sizes, drawn at the largest, and pairs of them; the smallest are trained on."""

    def __init__(self, *sizes: int):
        self.factors = trifeature.split()
        key, largest = jax.random.key(42), max(sizes)
        drawn = {part: trifeature.render_all(f, key, size=largest) for part, f in self.factors.items()}
        self.pictures = {
            size: drawn if size == largest else {part: shrunk(x, size) for part, x in drawn.items()} for size in sizes
        }

    def batches(self, biased: bool, pairs: int, size: int, seed: int) -> tuple[Callable[[int], Batch], int]:
        """Batches of training pairs, and how many make an epoch."""
        found = trifeature.pairs(self.factors["train"], biased=biased, limit=pairs)
        rows = array_batches(jax.random.key(seed), {"rows": found}, size)
        pictures = self.pictures[min(self.pictures)]["train"]

        def batch(step: int) -> Batch:
            chosen = rows(step)["rows"]
            return {"x1": pictures[chosen[:, 0]], "x2": pictures[chosen[:, 1]]}

        return batch, len(found) // size

    def probed(self, count: int) -> dict[str, tuple[str, np.ndarray]]:
        """Unbiased pairs to fit a probe on, to stop it on, and to score it on: part and positions [m, 2].

        Those to fit on and those to stop it on share no combination; those that are scored share none with either.
        """
        factors = self.factors["train"]
        combination = np.ravel_multi_index(factors[:3], (10, 10, 10))
        kept = np.random.default_rng(0).random(1000) >= VALIDATION
        found = {}
        for name, rows, limit in (("train", kept, count), ("validation", ~kept, count // 4)):
            at = np.flatnonzero(rows[combination])
            chosen = trifeature.Factors(*(x[at] for x in factors))
            found[name] = "train", at[trifeature.pairs(chosen, biased=False, limit=limit)]
        return found | {"test": ("test", trifeature.pairs(self.factors["test"], biased=False, limit=count))}

    def ask(self, task: str, part: str, pairs: np.ndarray) -> np.ndarray:
        return trifeature.labels(self.factors[part], pairs)[task]


def shrunk(pictures: np.ndarray, size: int) -> np.ndarray:
    """Bytes [n, h, w, 3] as [n, size, size, 3]."""

    def some(x: np.ndarray) -> np.ndarray:
        return np.asarray(jnp.round(255 * jax.vmap(lambda one: resize(one / 255.0, size))(x)).astype(jnp.uint8))

    return np.concatenate([some(pictures[i : i + 100]) for i in range(0, len(pictures), 100)])
