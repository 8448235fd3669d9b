"""Train one method, all seeds side by side, and encode the rows that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from experiments.synthetic_factors.config import Config
from experiments.synthetic_factors.data import Data, classes
from pidjax import data, encoders, train
from pidjax.objectives import method

ONE_SIDE = {
    "mild": data.compose((("gaussian_noise", {"sd": 0.1}), ("zero", {"share": 0.1}))),
    "released": data.compose(data.RELEASED_VECTORS, "one_of"),
}


def representations(
    name: str,
    config: Config,
    drawn: list[Data],
    y: list[np.ndarray] | None,
    *,
    folder: Path,
    engine: str = "auto",
    title: str = "",
) -> list[dict[str, np.ndarray]]:
    """What the method makes of every seed's test rows, by head; goes on from a checkpoint in ``folder``."""
    nets = [encoders.mlp(config.width, *config.encoder, activation="relu", init="torch")] * 2
    found = method(
        name,
        nets,
        augment=data.apart(*[ONE_SIDE[config.augmentation]] * 2),
        classes=classes(config),
        config=config.factorcl,
    )
    seeds = len(drawn)
    objective = train.over_seeds(found.objective, seeds)
    txs = {group: optax.adam(config.learning_rate) for group in ("theta", "phi")}
    sources = []
    for seed, rows in enumerate(drawn):
        arrays = {"x1": rows.train["x1"], "x2": rows.train["x2"]}
        if y is not None:
            arrays["y"] = y[seed]
        sources.append(data.array_batches(jax.random.key(seed), arrays, config.batch))
    batches = train.side_by_side(sources)
    state = train.make_init(objective, txs)(jax.random.key(7), batches(0))
    step = train.make_step(objective, txs, engine=engine, inner_steps=config.inner_steps, donate=True)
    steps = config.epochs * (config.train_rows // config.batch)
    checkpoints = train.Checkpoints(folder)
    state, _ = train.train(step, state, batches, steps, checkpoints=checkpoints, every=max(steps // 4, 1), title=title)
    checkpoints.close()
    encode = jax.jit(lambda p, s, b: found.objective.encode(p, s, b, train=False)[0])
    encoded: list[dict[str, Any]] = []
    for i, rows in enumerate(drawn):
        params, net_state = (train.copy_of(tree, i) for tree in (state.params, state.state))
        encoded.append(jax.device_get(encode(params, net_state, {k: rows.test[k] for k in ("x1", "x2")})))
    return encoded
