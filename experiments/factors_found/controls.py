"""Subjects in whom both modalities have something in common, and no interaction: a claim of synergy is false."""

from __future__ import annotations

import dataclasses

import numpy as np

from experiments.factors_found.world import Config, Drawn, classes_of, evidence_of, task_of
from pidjax.neuro.evidence import joined
from pidjax.neuro.simulate import Task, TrialConfig, artefacts, repaired, simulate_trials
from pidjax.neuro.simulate.trials import Trials, eeg_clock, fnirs_clock

CONTROLS = ("independent errors", "motion of both", "shift of subjects", "fNIRS of other trials")
"""Two detectors of one event that err independently; in every third trial a movement that both see, as large for both;
subjects with more or fewer events, and larger or smaller responses, in both modalities; and the delay of the trial that
the fNIRS is of, beside the EEG of another, whose onset tells nothing of it."""
MOVED = 1 / 3


def law_of(kind: str, config: Config) -> Task:
    """The task that a control changes."""
    return task_of("delay" if kind == "fNIRS of other trials" else "event", config)


def draw_control(kind: str, config: Config, subjects: int, rng: np.random.Generator) -> Drawn:
    """Trials of fresh subjects and their labels: the event, or the delay in eight classes."""
    task = law_of(kind, config)
    law, parts, labels = task.config, [], []
    for i in range(subjects):
        one = simulate_trials(_shifted(law, rng) if kind == "shift of subjects" else law, config.train_trials, seed=rng)
        if kind == "motion of both":
            one = _moved(one, rng)
        elif kind == "fNIRS of other trials":
            one = repaired(one, seed=int(rng.integers(2**31)))
        parts.append(evidence_of(one, i))
        labels.append(task.label(one.factors, rng))
    label = classes_of(np.concatenate(labels))
    return Drawn(joined(parts), label, np.zeros((len(label), 3)))


def _shifted(law: TrialConfig, rng: np.random.Generator) -> TrialConfig:
    size = np.exp(0.35 * rng.standard_normal())
    return dataclasses.replace(law, event=rng.uniform(0.25, 0.75), erp=law.erp * size, hbo=law.hbo * size)


def _moved(one: Trials, rng: np.random.Generator) -> Trials:
    """What cleaning leaves of movements: 20 µV, and 0.5 µM that fall to 0.1 µM in half of the pairs, HbO as HbR."""
    eeg, fnirs = one.eeg.copy(), one.fnirs.copy()
    fast, slow = eeg_clock(one.config), fnirs_clock(one.config)
    pairs = fnirs.shape[1] // 2
    for trial in np.flatnonzero(rng.random(len(eeg)) < MOVED):
        at, size = rng.uniform(fast[0], fast[-1]), np.exp(0.5 * rng.standard_normal())
        moves = artefacts.Motion(np.array([at]), rng.random((1, pairs)) < 0.5)
        eeg[trial] += 0.1 * size * artefacts.moved_potential(rng, moves, fast)
        jump = 0.5e-6 * np.exp(-0.5 * ((slow - at - 0.2) / 0.1) ** 2) + 0.1e-6 * (slow >= at)
        sign = rng.choice([-1.0, 1.0], pairs) * moves.moved[0]
        fnirs[trial] += size * np.repeat(sign, 2)[:, None] * jump
    return one._replace(eeg=eeg, fnirs=fnirs)
