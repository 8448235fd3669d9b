"""Train an objective of two modalities and encode rows with what it learned."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from pidjax import train
from pidjax.train.metrics import History
from pidjax.typing import Batch, Objective

PIECE = 256
"""Rows that are encoded at a time."""


def learned(
    objective: Objective,
    batches: Callable[[int], Batch],
    steps: int,
    tx: optax.GradientTransformation,
    *,
    seed: int,
    folder: Path,
    title: str,
    every: int = 500,
    **settings: Any,
) -> tuple[Callable[[Batch], dict[str, np.ndarray]], History]:
    """``encode(rows) -> {head: [n, d]}`` after training, and the numbers of every step.

    Goes on from a checkpoint in ``folder``; ``settings`` are those of ``train.make_step``.
    """
    init, step, encode = _compiled(objective, tx, **settings)
    state = init(jax.random.key(seed), batches(0))
    checkpoints = train.Checkpoints(folder)
    state, history = train.train(step, state, batches, steps, checkpoints=checkpoints, every=every, title=title)
    checkpoints.close()

    def whole(rows: Batch) -> dict[str, np.ndarray]:
        n = len(rows["x1"])
        order = np.arange(-(-n // PIECE) * PIECE) % n  # the last piece is filled up, so that one program serves all
        pieces = [
            jax.device_get(
                encode(state.params, state.state, {name: x[order[i : i + PIECE]] for name, x in rows.items()})
            )
            for i in range(0, len(order), PIECE)
        ]
        return jax.tree.map(lambda *x: np.concatenate(x)[:n], *pieces)

    return whole, history


@functools.lru_cache(maxsize=4)
def _compiled(objective: Objective, tx: optax.GradientTransformation, **settings: Any):
    """Trainings of one objective by one optimiser share their start, their step and their encoding, compiled once."""
    txs = {"theta": tx, "phi": tx}
    encode = jax.jit(lambda params, state, rows: objective.encode(params, state, rows, train=False)[0])
    return train.make_init(objective, txs), train.make_step(objective, txs, donate=True, **settings), encode


def with_progress(batches: Callable[[int], Batch], steps: int) -> Callable[[int], Batch]:
    """Batches with "progress" [n], the share of the steps that is done, which InfMasking's covariance grows with."""

    def batch(step: int) -> Batch:
        found = batches(step)
        return {**found, "progress": np.full(len(found["x1"]), step / steps, np.float32)}

    return batch
