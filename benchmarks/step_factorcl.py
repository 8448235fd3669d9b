"""FactorCL-SSL's training step, for ``benchmarks/step.py``: pidjax's objective, a fixed batch, weights of order one."""

from __future__ import annotations

import jax
import numpy as np
import optax

from benchmarks.step_problem import Problem, drawn
from pidjax import encoders, objectives
from pidjax.typing import Array, Batch, Encoder, Params


def factorcl(n: int, features: int, encoder: list[int], width: int, head: list[int], critic: list[int]) -> Problem:
    """FactorCL-SSL (Liang et al. 2023, Eqs. 97-100): six terms of six concat critics, one Adam for each player.

    ``batch["x1"]`` [n, 2, features] holds samples and their augmentations. ``head``: hidden layers, ``width`` wide.
    """
    net = encoders.mlp(features, *encoder, width, activation="relu", init="torch")

    def first(params: Params, state: Params, x: Array, *rest: Array | None, **options: Array | bool | None):
        return net.apply(params, state, x[:, 0], *rest, **options)

    config = objectives.FactorCLConfig(critic_hidden=tuple(critic), head_hidden=len(head), club_mean="all")
    objective = objectives.factorcl([Encoder(net.init, first)] * 2, config, augment=_other)

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        shapes, states = jax.eval_shape(objective.init, key, batch)
        return drawn(key, shapes), states  # states of perceptrons hold no arrays

    rng = np.random.default_rng(0)
    shared = rng.normal(size=(n, 1, features))
    batch = {
        f"x{i}": (shared + rng.normal(size=(n, 1, features)) + 0.1 * rng.normal(size=(n, 2, features))).astype("f4")
        for i in "12"
    }
    txs = {"theta": optax.adam(1e-4), "phi": optax.adam(1e-4)}
    return Problem(objective._replace(init=init), txs, batch)


def _other(key: Array, sample: Batch) -> Batch:
    """The augmentation, in the place of the sample."""
    return {name: x[::-1] for name, x in sample.items()}
