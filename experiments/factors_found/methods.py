"""Methods by name: evidence in, the five heads out. All but one learn from the same single-trial features."""

from __future__ import annotations

import functools
from pathlib import Path

import jax
import numpy as np
import optax

from experiments.factors_found.world import Config, Drawn
from experiments.representation import learned
from pidjax import data, encoders
from pidjax.neuro.canonical import CanonicalDecomposer
from pidjax.neuro.decomposer import EEGfNIRSDecomposer
from pidjax.objectives import HEADS, Method
from pidjax.objectives import method as built

SIDES = {
    "redundancy_eeg": ("backbone1",),
    "redundancy_fnirs": ("backbone2",),
    "unique_eeg": ("backbone1",),
    "unique_fnirs": ("backbone2",),
    "synergy": ("backbone1", "backbone2"),
}
READ = {
    "comm": dict.fromkeys(HEADS, ("joint",)),
    "simclr": SIDES,
    "cross_self": SIDES,
    "factorcl_ssl": {
        "redundancy_eeg": ("shared1",),
        "redundancy_fnirs": ("shared2",),
        "unique_eeg": ("unique1",),
        "unique_fnirs": ("unique2",),
        "synergy": ("shared1", "shared2", "unique1", "unique2"),
    },
    "features": SIDES,
    "supervised": SIDES,
}
"""What of each method stands for each head: a method without a head for something is read at what has it."""
NATIVE = "trained"
SHOWN = ("canonical", *READ)
METHODS = (*SHOWN, NATIVE)
"""``simclr`` is contrast across the two alone; ``features`` are the single-trial features of each side as they are;
``supervised`` is told all training labels; ``trained`` is ``EEGfNIRSDecomposer``, whose encoders see the signals at
their own rates, not by default, for its time."""
PER_SUBJECT = 8
"""Trials of every subject in a batch of ``trained``, on average: negatives are of the same recording."""
RIVALS = ("comm", "simclr", "cross_self", "factorcl_ssl")
"""Decompositions without labels."""
AUGMENT = data.compose((("gaussian_noise", {"sd": 0.3}), ("zero", {"share": 0.2})))


def heads_of(
    name: str,
    model: CanonicalDecomposer,
    train: Drawn,
    test: Drawn,
    told: np.ndarray | None,
    config: Config,
    seed: int,
    folder: Path,
) -> dict[str, np.ndarray]:
    """The heads of ``test``; ``model`` has been fitted to ``train`` and the labels ``told`` of it."""
    if name == "canonical":
        return model.transform(test.trials)
    if name == NATIVE:
        trained = EEGfNIRSDecomposer(
            jitter=model.jitter,
            steps=config.native_steps,
            batch_size=PER_SUBJECT * config.train_subjects,
            random_state=seed,
        )
        trained.fit(train.pairs, told, checkpoints=folder / name, title=name, progress=True)
        return trained.transform(test.pairs)
    fitted, tested = _rows(model, train), _rows(model, test)
    if name == "features":
        z = {"backbone1": tested["x1"], "backbone2": tested["x2"]}
    else:
        made = _method(name, fitted["x1"].shape[1], fitted["x2"].shape[1], int(fitted["y"].max()) + 1)
        z = learned(
            made.objective,
            data.array_batches(jax.random.key(seed), fitted, min(128, len(fitted["x1"]))),
            config.steps,
            _optimiser(config.steps),
            seed=seed,
            folder=folder / name,
            title=name,
        ).encode(tested)
    return {head: np.hstack([z[part] for part in parts]) for head, parts in READ[name].items()}


def _rows(model: CanonicalDecomposer, drawn: Drawn) -> dict[str, np.ndarray]:
    eeg, fnirs = model.normalised(model.measure(drawn.trials))
    return {"x1": eeg.astype(np.float32), "x2": fnirs.astype(np.float32), "y": drawn.label}


@functools.cache
def _method(name: str, eeg: int, fnirs: int, classes: int) -> Method:
    nets = [encoders.mlp(size, 64, 32, activation="relu") for size in (eeg, fnirs)]
    if name == "supervised":
        return built(name, nets, classes=classes)
    settings: dict = {}
    if name == "comm":
        nets = [encoders.chain(net, encoders.vector_tokens()) for net in nets]
        settings = {"fusion": encoders.fusion_transformer(2, 32, heads=4)}
    if name != "factorcl_ssl":
        settings["head"] = (64, 32)
    return built(name, nets, augment=data.apart(AUGMENT, AUGMENT), **settings)


@functools.cache
def _optimiser(steps: int) -> optax.GradientTransformation:
    return optax.adamw(optax.cosine_decay_schedule(2e-3, steps), weight_decay=1e-2)
