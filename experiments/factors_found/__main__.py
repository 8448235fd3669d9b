"""The command; see the package."""

from __future__ import annotations

import functools
import time
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from experiments.factors_found.methods import METHODS, heads_of
from experiments.factors_found.tables import claims, figure, leakage_table, nats_table
from experiments.factors_found.world import OWNER, PRESETS, TASKS, Config, Drawn, draw, task_of
from experiments.results import check_names, finish, kept_part, opened
from pidjax._checks import one_of
from pidjax.evaluate import Fold, label_information
from pidjax.neuro.canonical import CanonicalDecomposer
from pidjax.neuro.validate import synergy_claim


def main(
    preset: Literal["full", "tuning", "smoke"] = "full",
    out: Path = Path("runs/factors_found"),
    method: tuple[str, ...] = METHODS,
    task: tuple[str, ...] = tuple(TASKS),
    resume: bool = True,
) -> None:
    """Simulate, learn without labels, probe, and print what was asked for beside what came out.

    Args:
        preset: Three seeds of the law that nothing was tuned on, of the other law, or seconds.
        out: Folder of the results; what it holds is not made again.
        method: Of canonical, comm, cross_self, factorcl_ssl.
        task: Of event, mode, cost, delay, delay_locked, efficiency, xor.
        resume: Keep what an earlier run left; otherwise make everything again.
    """
    check_names(method, METHODS)
    for name in task:
        one_of("a task", name, tuple(TASKS))
    started, config, out = time.time(), PRESETS[preset], out / preset
    opened(out, config, resume=resume)
    warnings.filterwarnings("ignore", message=".*n_quantiles.*")
    found: dict[str, list[dict[str, Any]]] = {}
    for name in task:
        found[name] = []
        for seed in range(config.seeds):
            compute = functools.partial(measured, name, config, method, seed)
            # results of a choice of methods are no results of all
            chosen = "" if method == METHODS else f", {' '.join(method)}"
            found[name].append(kept_part(out, f"{name}, seed {seed}{chosen}", compute))
            print(f"{name}, seed {seed}: done after {(time.time() - started) / 60:.1f} min", flush=True)
    count = config.controls if "canonical" in method else 0
    controls = [kept_part(out, f"control, {k}", functools.partial(control, config, k)) for k in range(count)]
    tables = [nats_table(found, method), leakage_table(found, method)]
    figure(found, method, out / "shares.png")
    result = {"tasks": found, "controls": controls}
    finish(out, started, tables, claims(found, controls, method, judged=preset != "smoke"), result)


def measured(task: str, config: Config, methods: tuple[str, ...], seed: int, folder: Path) -> dict[str, Any]:
    """Nats of the task's label in every head of every method, the observers', and the claim of synergy."""
    rng = np.random.default_rng([config.draws, seed, list(TASKS).index(task)])
    law = task_of(task, config)
    train = draw(law, config.train_subjects, config.train_trials, rng, observed=False)
    test = draw(law, config.test_subjects, config.test_trials, rng, observed=True)
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
        heads = heads_of(name, model, train.trials, test.trials, config, seed, folder)
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


def control(config: Config, k: int, folder: Path) -> dict[str, Any]:
    """The claim of synergy where two detectors of one event err independently: there is no interaction to find.

    Half of the subjects teach, the other half is looked at.
    """
    rng = np.random.default_rng([config.draws, k, 1000])
    law, subjects = task_of("event", config), max(2, config.train_subjects // 2)
    train, test = (draw(law, subjects, config.train_trials, rng, observed=False) for _ in range(2))
    model = CanonicalDecomposer(random_state=k).fit(train.trials)
    of, folds = test.trials.recording, by_subject(test.trials.recording)
    features = model.measure(test.trials)
    return synergy_claim(model, features, test.label, of, folds, repairings=config.repairings, seed=k)._asdict()


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


if __name__ == "__main__":
    tyro.cli(main)
