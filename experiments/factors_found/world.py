"""Tasks, and what is drawn of them: evidence, labels, and what ideal observers know."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from experiments.factors_found.native import native_pairs
from pidjax.neuro.evidence import Evidence, evidence_of_arrays, joined
from pidjax.neuro.paired import PairedEpochs
from pidjax.neuro.simulate import Task, information, make_task, observed_label, simulate_trials
from pidjax.neuro.simulate.montage import fnirs_info, short_pairs
from pidjax.neuro.simulate.trials import Trials

TASKS: dict[str, dict[str, Any]] = {
    "event": {},
    "mode": {},
    "cost": {},
    "delay": {"jitter": 8.0},
    "delay_locked": {},
    "efficiency": {"activation_sd": 0.7},
    "xor": {},
}
"""What each changes in the simulator's task of its name; efficiency's shared part is twice the private ones."""
OWNER = {
    "event": ("redundancy_eeg", "redundancy_fnirs"),
    "mode": ("unique_eeg",),
    "cost": ("unique_fnirs",),
    "delay": ("synergy",),
    "delay_locked": ("unique_fnirs",),  # told that onsets are at the marker
    "efficiency": ("synergy",),
    "xor": ("synergy",),
}
"""The heads that each task's label belongs to."""
BINS = 8


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes, and the law of the signals.

    Attributes
    ----------
    train_subjects, train_trials, test_subjects, test_trials : int
    sfreq : float
        Of the EEG (Hz).
    site : str
        The active site.
    hbr_lag, hbr_ratio, delay_mean, dispersion_sd : float
        Of the haemodynamic response; learning of unknown onsets begins with a lag of 1.7 s, a delay of 1 ± 1 s and
        one dispersion.
    band_scale : float
        Of the edges of the simulated bands; features are of ``neuro.features.BANDS`` as they are.
    draws : int
        Whose random draws: those of another number are others.
    labelled : float
        Share of the training trials whose label of "xor" is told.
    steps, native_steps : int
        Training of the other methods, and of the one that sees signals at their own rates.
    seeds : int
    controls : int
        Runs in which there is no synergy to find, of all kinds together.
    jitters : tuple of float
        Seconds by which onsets vary, of the curve of the delay's synergy.
    repairings : int
        Of the null of every claim of synergy.
    """

    train_subjects: int = 10
    train_trials: int = 60
    test_subjects: int = 10
    test_trials: int = 200
    sfreq: float = 120.0
    site: str = "Fz"
    hbr_lag: float = 1.2
    hbr_ratio: float = -0.4
    delay_mean: float = 1.8
    dispersion_sd: float = 0.1
    band_scale: float = 0.9
    draws: int = 1
    labelled: float = 0.1
    steps: int = 300
    native_steps: int = 240
    seeds: int = 3
    controls: int = 40
    jitters: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0)
    repairings: int = 99


PRESETS = {
    "full": Config(),
    "tuning": Config(
        site="C3", hbr_lag=1.7, hbr_ratio=-1 / 3, delay_mean=1.0, dispersion_sd=0.0, band_scale=1.0, draws=0
    ),
    "smoke": Config(
        train_subjects=2,
        train_trials=30,
        test_subjects=3,
        test_trials=24,
        steps=2,
        native_steps=2,
        seeds=1,
        controls=4,
        jitters=(0.0,),
        repairings=4,
    ),
}


class Drawn(NamedTuple):
    """Trials of several subjects, their labels [n], and what ideal observers know of those, nats [n, 3].

    Observers are of the EEG, of the fNIRS, and of both. ``pairs``: the same trials at their own rates, if asked for.
    """

    trials: Evidence
    label: np.ndarray
    observed: np.ndarray
    pairs: PairedEpochs | None = None


def task_of(name: str, config: Config, **others: Any) -> Task:
    """The simulator's task, with other settings: 12 s of EEG and 45 s of fNIRS a trial, whatever the jitter."""
    changes = {**TASKS[name], **others}
    jitter = changes.get("jitter", 0.0)
    law = {
        "site": config.site,
        "hbr_lag": config.hbr_lag,
        "hbr_ratio": config.hbr_ratio,
        "delay_mean": config.delay_mean,
        "dispersion_sd": config.dispersion_sd,
        "band_scale": config.band_scale,
        "eeg_sfreq": config.sfreq,
        "eeg_window": (-1.5, 10.5 - jitter),
        "fnirs_window": (-5.0, 40.0 - jitter),
    }
    return make_task(name, **law, **changes)


def draw(
    task: Task, subjects: int, trials: int, rng: np.random.Generator, *, observed: bool, native: bool = False
) -> Drawn:
    """Trials of fresh subjects; ``observed`` asks the ideal observers too, ``native`` keeps signals at their rates."""
    parts, signals, labels, known = [], [], [], []
    for i in range(subjects):
        one = simulate_trials(task.config, trials, seed=rng)
        parts.append(evidence_of(one, i))
        if native:
            signals.append(one)
        labels.append(task.label(one.factors, rng))
        if observed:
            prior, posteriors = observed_label(task, one)
            known.append(np.stack([information(p, prior) for p in posteriors], axis=1))
    label = classes_of(np.concatenate(labels))
    seen = np.concatenate(known) if known else np.zeros((len(label), 3))
    return Drawn(joined(parts), label, seen, native_pairs(signals) if native else None)


def classes_of(label: np.ndarray) -> np.ndarray:
    """Labels as they are, and of numbers the quantile bin."""
    if label.dtype.kind == "f":
        label = np.searchsorted(np.quantile(label, np.arange(1, BINS) / BINS), label)
    return label.astype(int)


def evidence_of(one: Trials, recording: int) -> Evidence:
    """What the decomposition sees of one subject's trials."""
    of = one.config
    return evidence_of_arrays(
        one.eeg,
        one.fnirs,
        eeg_sfreq=of.eeg_sfreq,
        fnirs_sfreq=of.fnirs_sfreq,
        eeg_start=of.eeg_window[0],
        fnirs_start=of.fnirs_window[0],
        short=short_pairs(fnirs_info(of.fnirs_sfreq)),
        recording=recording,
    )
