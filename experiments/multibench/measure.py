"""Train an objective on the training rows of a set, and probe what it learned."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from experiments.multibench.config import Setting
from experiments.representation import learned
from experiments.trifeature.methods import optimiser
from pidjax import train
from pidjax.data import array_batches
from pidjax.evaluate import linear_probe
from pidjax.objectives import finetune
from pidjax.typing import Objective

PARTS = ("train", "validation", "test")


def measured(
    objective: Objective,
    read: Mapping[str, Sequence[str]],
    parts: Mapping[str, Mapping[str, Any]],
    setting: Setting,
    seed: int,
    title: str,
    folder: Path,
    *,
    tuned: str = "",
) -> dict[str, dict[str, float]]:
    """Scores of every row of ``read``, names of heads side by side; and of CoMM's Z fine-tuned with labels, ``tuned``.

    ``parts`` are those of ``pidjax.data.multibench``; all but labels is encoded. ``folder`` keeps checkpoints.
    """
    rows = {name: x for name, x in parts["train"].items() if name != "value"}
    size = min(setting.batch, len(rows["y"]))
    steps = setting.steps or setting.epochs * (len(rows["y"]) // size)
    batches, tx = array_batches(jax.random.key(seed), rows, size), optimiser(setting)

    def scores(objective: Objective, read: Mapping[str, Sequence[str]], stage: str) -> dict[str, dict[str, float]]:
        encode, _ = learned(objective, batches, steps, tx, seed=seed, folder=folder / stage, title=f"{title}, {stage}")
        encoded = {
            part: encode({k: x for k, x in parts[part].items() if k.startswith(("x", "mask"))}) for part in PARTS
        }
        found = {}
        for row, heads in read.items():
            probed = [(np.hstack([encoded[part][head] for head in heads]), parts[part]["y"]) for part in PARTS]
            # plain, as in both papers: classes weigh what they are, and the score says both accuracies
            found[row] = linear_probe(*probed, weighted=False).scores
        return found

    found = scores(objective, read, "learned")
    if tuned:
        checkpoints = train.Checkpoints(folder / "learned")
        state, _ = checkpoints.restore(_starts(objective, tx)(jax.random.key(seed), batches(0)))
        checkpoints.close()
        again = finetune(objective, state.params, state.state, loss="supcon")
        found |= scores(again, {tuned: ("joint",)}, "tuned")
    return found


@functools.lru_cache(maxsize=4)
def _starts(objective: Objective, tx: optax.GradientTransformation):
    """The shape of what a checkpoint holds, compiled once for all seeds."""
    return train.make_init(objective, {"theta": tx, "phi": tx})
