"""Methods by name: evidence in, the five heads out. All learn from the same single-trial features."""

from __future__ import annotations

import functools
from pathlib import Path

import jax
import numpy as np
import optax

from experiments.factors_found.world import Config
from experiments.representation import learned
from pidjax import data, encoders
from pidjax.neuro.canonical import CanonicalDecomposer
from pidjax.neuro.evidence import Evidence
from pidjax.objectives import HEADS, Method
from pidjax.objectives import method as built

READ = {
    "comm": dict.fromkeys(HEADS, ("joint",)),
    "cross_self": {
        "redundancy_eeg": ("backbone1",),
        "redundancy_fnirs": ("backbone2",),
        "unique_eeg": ("backbone1",),
        "unique_fnirs": ("backbone2",),
        "synergy": ("backbone1", "backbone2"),
    },
    "factorcl_ssl": {
        "redundancy_eeg": ("shared1",),
        "redundancy_fnirs": ("shared2",),
        "unique_eeg": ("unique1",),
        "unique_fnirs": ("unique2",),
        "synergy": ("shared1", "shared2", "unique1", "unique2"),
    },
}
"""What of each method stands for each head: a method without a head for something is read at what has it."""
METHODS = ("canonical", *READ)
AUGMENT = data.compose((("gaussian_noise", {"sd": 0.3}), ("zero", {"share": 0.2})))


def heads_of(
    name: str, model: CanonicalDecomposer, train: Evidence, test: Evidence, config: Config, seed: int, folder: Path
) -> dict[str, np.ndarray]:
    """The heads of ``test``; ``model`` has been fitted to ``train``."""
    if name == "canonical":
        return model.transform(test)
    rows = {part: _rows(model, trials) for part, trials in (("train", train), ("test", test))}
    made = _method(name, rows["train"]["x1"].shape[1], rows["train"]["x2"].shape[1])
    encode = learned(
        made.objective,
        data.array_batches(jax.random.key(seed), rows["train"], min(128, len(rows["train"]["x1"]))),
        config.steps,
        _optimiser(config.steps),
        seed=seed,
        folder=folder / name,
        title=name,
    ).encode
    z = encode(rows["test"])
    return {head: np.hstack([z[part] for part in parts]) for head, parts in READ[name].items()}


def _rows(model: CanonicalDecomposer, trials: Evidence) -> dict[str, np.ndarray]:
    eeg, fnirs = model.normalised(model.measure(trials))
    return {"x1": eeg.astype(np.float32), "x2": fnirs.astype(np.float32)}


@functools.cache
def _method(name: str, eeg: int, fnirs: int) -> Method:
    nets = [encoders.mlp(size, 64, 32, activation="relu") for size in (eeg, fnirs)]
    settings: dict = {}
    if name == "comm":
        nets = [encoders.chain(net, encoders.single_token()) for net in nets]
        settings = {"fusion": encoders.fusion_transformer(2, 32, heads=4)}
    if name != "factorcl_ssl":
        settings["head"] = (64, 32)
    return built(name, nets, augment=data.apart(AUGMENT, AUGMENT), **settings)


@functools.cache
def _optimiser(steps: int) -> optax.GradientTransformation:
    return optax.adamw(optax.cosine_decay_schedule(2e-3, steps), weight_decay=1e-2)
