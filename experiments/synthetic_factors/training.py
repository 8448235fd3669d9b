"""Train one method, all seeds side by side, and encode the rows that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from experiments.representation import learned
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
    trained: bool = True,
) -> list[dict[str, np.ndarray]]:
    """What the method makes of every seed's test rows, by head; goes on from a checkpoint in ``folder``.

    Not ``trained``: of the encoders as they begin.
    """
    raw = name == "simclr" and config.released_simclr
    settings: dict[str, Any] = {"normalise": False, "temperature": 0.07} if raw else {}
    if name in ("simclr", "supcon") and config.contrast_head:
        settings["head"] = config.contrast_head
    nets = [encoders.mlp(config.width, *config.encoder, activation="relu", init="torch")] * 2
    found = method(
        name,
        nets,
        augment=data.apart(*[ONE_SIDE[config.augmentation]] * 2),
        classes=classes(config),
        config=config.factorcl,
        **settings,
    )
    sources = []
    for seed, rows in enumerate(drawn):
        arrays = {"x1": rows.train["x1"], "x2": rows.train["x2"]}
        if y is not None:
            arrays["y"] = y[seed]
        sources.append(data.array_batches(jax.random.key(seed), arrays, config.batch))
    steps = (2 if raw else 1) * config.epochs * (config.train_rows // config.batch) if trained else 0
    encode = learned(
        train.over_seeds(found.objective, len(drawn)),
        train.side_by_side(sources),
        steps,
        optax.adam(config.learning_rate),
        seed=7,
        folder=folder,
        title=title,
        every=max(steps // 4, 1),
        engine=engine,
        inner_steps=config.inner_steps,
    ).encode
    z = encode({x: np.stack([rows.test[x] for rows in drawn], 1) for x in ("x1", "x2")})
    return [{head: v[:, seed] for head, v in z.items()} for seed in range(len(drawn))]
