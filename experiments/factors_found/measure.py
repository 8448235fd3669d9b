"""What is measured of one task, of one control: nats in every head, and whether synergy would be claimed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from experiments.factors_found.controls import draw_control, law_of
from experiments.factors_found.methods import NATIVE, heads_of
from experiments.factors_found.world import OWNER, TASKS, Config, Drawn, draw, task_of
from pidjax.evaluate import Fold, label_information
from pidjax.neuro.canonical import CanonicalDecomposer
from pidjax.neuro.validate import synergy_claim


def measured(task: str, config: Config, methods: tuple[str, ...], seed: int, folder: Path) -> dict[str, Any]:
    """Nats of the task's label in every head of every method, the observers', and the claim of synergy."""
    rng = np.random.default_rng([config.draws, seed, list(TASKS).index(task)])
    law, native = task_of(task, config), NATIVE in methods
    train = draw(law, config.train_subjects, config.train_trials, rng, observed=False, native=native)
    test = draw(law, config.test_subjects, config.test_trials, rng, observed=True, native=native)
    told = None
    if task == "xor":
        told = np.where(rng.random(len(train.label)) < config.labelled, train.label, -1)
    start = time.time()
    model = CanonicalDecomposer(law.config.jitter, duration=law.config.task, random_state=seed)
    model.fit(train.trials, told)
    out: dict[str, Any] = {
        "observers": test.observed.mean(0).tolist(),
        "entropy": float(_entropy(test.label)),
        "seconds": time.time() - start,
        "shared": model.n_shared_,
        "methods": {},
    }
    folds = by_subject(test.trials.recording)
    for name in methods:
        heads = heads_of(name, model, train, test, told, config, seed, folder)
        nats: dict[str, list[float]] = {}
        for head, z in heads.items():
            # a method that is read alike for several heads is probed once
            alike = next((other for other in nats if np.array_equal(heads[other], z)), None)
            nats[head] = nats_of(z, test, folds, seed) if alike is None else nats[alike]
        out["methods"][name] = nats
    if "synergy" in OWNER[task] and told is None:
        claim = synergy_claim(
            model,
            model.measure(test.trials),
            test.label,
            test.trials.recording,
            folds,
            repairings=config.repairings,
            seed=seed,
        )
        out["claim"] = claim._asdict()
    return out


def control(kind: str, config: Config, k: int, folder: Path) -> dict[str, Any]:
    """The claim of synergy where there is no interaction: half of the subjects teach, the other half is looked at.

    What could find a delay is learned from trials as they were.
    """
    rng = np.random.default_rng([config.draws, k, 1000])
    law, subjects = law_of(kind, config), max(2, config.train_subjects // 2)
    if law.config.jitter:
        train = draw(law, subjects, config.train_trials, rng, observed=False)
    else:
        train = draw_control(kind, config, subjects, rng)
    test = draw_control(kind, config, subjects, rng)
    model = CanonicalDecomposer(law.config.jitter, duration=law.config.task, random_state=k).fit(train.trials)
    of, folds = test.trials.recording, by_subject(test.trials.recording)
    features = model.measure(test.trials)
    claim = synergy_claim(model, features, test.label, of, folds, repairings=config.repairings, seed=k)
    return {"kind": kind, **claim._asdict()}


def nats_of(z: np.ndarray, of: Drawn, folds: list[Fold], seed: int) -> list[float]:
    """Nats of the label, one number a subject; of a head of zeros 0."""
    subjects = np.unique(of.trials.recording)
    if not np.ptp(z, axis=0).any():
        return [0.0] * len(subjects)
    known, _ = label_information(z, of.label, folds, seed=seed)
    recording = of.trials.recording[np.concatenate([fold.test for fold in folds])]
    return [float(known[recording == one].mean()) for one in subjects]


def by_subject(recording: np.ndarray) -> list[Fold]:
    """Two folds of whole subjects: each half is read by a probe that the other half taught."""
    subjects = np.unique(recording)
    parts = [np.isin(recording, one) for one in np.array_split(subjects, 2)]
    return [Fold(np.flatnonzero(~test), np.flatnonzero(test)) for test in parts]


def _entropy(label: np.ndarray) -> float:
    p = np.bincount(label) / len(label)
    return -(p[p > 0] * np.log(p[p > 0])).sum()
