"""Train an objective on the training rows of a set, and probe what it learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from experiments.multibench.config import Setting
from experiments.representation import Learned, learned, optimiser, probed, probed_early
from pidjax.data import array_batches
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
    task: str = "class",
    tuned: str = "",
) -> dict[str, dict[str, float]]:
    """Scores of every row of ``read``, names of heads side by side; and of CoMM's Z fine-tuned with labels, ``tuned``.

    ``parts`` are those of ``pidjax.data.multibench``; all but labels is encoded. ``folder`` keeps checkpoints. ``task``
    is "class" (fine-tuned by SupCon) or "value" (``y`` [n, k], fine-tuned by the squared error of a linear output).
    Fine-tuning stops early, by the score of a probe on validation rows.
    """
    rows = {name: x for name, x in parts["train"].items() if name != "value"}
    size = min(setting.batch, len(rows["y"]))
    steps = setting.steps or setting.epochs * (len(rows["y"]) // size)
    batches = array_batches(jax.random.key(seed), rows, size)
    tx = optimiser(setting.learning_rate, setting.weight_decay)
    given = [({k: x for k, x in parts[p].items() if k.startswith(("x", "mask"))}, parts[p]["y"]) for p in PARTS]

    def trained(objective: Objective, upto: int, stage: str) -> Learned:
        return learned(objective, batches, upto, tx, seed=seed, folder=folder / stage, title=f"{title}, {stage}")

    first = trained(objective, steps, "learned")
    found = probed(first.encode, given, read, task)
    if tuned:
        settings = {"loss": "supcon"} if task == "class" else {"loss": "mse", "outputs": rows["y"].shape[1]}
        again = finetune(objective, first.state.params, first.state.state, **settings)
        found |= probed_early(
            lambda upto: trained(again, upto, "tuned").encode,
            given,
            {tuned: ("joint",)},
            steps,
            folder / "looks",
            task=task,
            by="balanced_accuracy" if task == "class" else "mse",
        )
    return found
