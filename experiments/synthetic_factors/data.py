"""Rows to train on, rows to probe, one draw a seed."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.synthetic_factors.config import Config
from pidjax.data import synthetic
from pidjax.data.synthetic import FactorTask


class Data(NamedTuple):
    """Inputs standardised by the training rows' mean and their one standard deviation; factors as drawn."""

    train: dict[str, np.ndarray]
    test: dict[str, np.ndarray]


def task_of(config: Config) -> FactorTask:
    return synthetic.factors(config.dims, width=config.width, noise=config.noise, mixing=config.mixing)


def draw(config: Config, task: FactorTask, seed: int) -> Data:
    n = config.train_rows + config.test_rows
    rows = jax.device_get(jax.jit(task.sample, static_argnums=1)(jax.random.key(1000 + seed), n))
    for x in ("x1", "x2"):
        seen = rows[x][: config.train_rows]
        rows[x] = ((rows[x] - seen.mean(0)) / seen.std()).astype(np.float32)
    cut = config.train_rows
    return Data({k: v[:cut] for k, v in rows.items()}, {k: v[cut:] for k, v in rows.items()})


def labels(config: Config, rows: dict[str, np.ndarray], ratio: float) -> np.ndarray:
    w = {k: jnp.asarray(rows[k]) for k in ("ws", "w1", "w2")}
    return np.asarray(synthetic.factor_label(w, coordinates(config, ratio), kind=config.label))


def coordinates(config: Config, ratio: float) -> tuple[int, int, int]:
    """How many coordinates of w_s, w_1, w_2 the label reads."""
    return config.dims if config.whole_label else synthetic.label_dims(config.dims, ratio)


def classes(config: Config) -> int:
    return 2 if config.label == "sum" else 20
