"""CoMM's training step, for ``benchmarks/step.py``: pidjax's objective, a fixed batch and weights of order one."""

from __future__ import annotations

import jax
import numpy as np
import optax

from benchmarks.step_problem import Problem, drawn
from pidjax import encoders, objectives
from pidjax.typing import Array, Batch, Params


def comm(
    n: int,
    steps: int,
    features: list[int],
    width: int,
    depth: int,
    heads: int,
    forward: int,
    fusion_heads: int,
    head: list[int],
) -> Problem:
    """CoMM (Dufumier et al. 2025) on two sequences: a post-norm transformer each, one fusion block, NT-Xent at 0.1.

    ``batch["x1"]`` [n, 2, steps, features[0]] holds two augmentations of each sample. No dropout.
    """
    sizes = {"width": width, "depth": depth, "heads": heads, "feedforward": forward, "dropout": 0.0}
    nets = [encoders.transformer(((steps, d),), **encoders.MULTIBENCH | sizes) for d in features]
    fusion = encoders.fusion_transformer(2, width, heads=fusion_heads)
    config = objectives.comm_preset("released", head=tuple(head))
    objective = objectives.comm(nets, fusion, augment=None, config=config)

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        shapes, _ = jax.eval_shape(objective.init, key, batch)
        return drawn(key, shapes), {name: {} for name in shapes["theta"] if name != "head"}

    rng = np.random.default_rng(0)
    shared = rng.normal(size=(n, 1, steps, 1))
    batch = {
        f"x{i}": (shared + rng.normal(size=(n, 1, steps, d)) + 0.5 * rng.normal(size=(n, 2, steps, d))).astype("f4")
        for i, d in enumerate(features, 1)
    }
    return Problem(objective._replace(init=init), {"theta": optax.adamw(1e-3, weight_decay=1e-2)}, batch)
