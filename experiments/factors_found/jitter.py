"""Synergy of the delay against how far onsets vary: the formula, the ideal observers, and what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.factors_found.measure import by_subject, nats_of
from experiments.factors_found.world import Config, draw, task_of
from pidjax.neuro.canonical import CanonicalDecomposer
from pidjax.neuro.simulate import sensitivity
from pidjax.neuro.simulate.closed_forms import delay_uniform

SCALP = np.full(16, 0.9)
"""The middle of what subjects' gains of systemic waves are."""


def synergy_at(jitter: float, config: Config, folder: Path) -> dict[str, Any]:
    """I(delay; both) − I(delay; fNIRS), nats: the EEG alone says nothing of the delay, so all of it is synergy.

    Where the onset is at the marker the fNIRS knows what both know. What is learned is what the synergy head adds to
    all features of the fNIRS, mean and standard error over the tested subjects.
    """
    rng = np.random.default_rng([config.draws, round(1000 * jitter), 2000])
    law = task_of("delay", config, jitter=jitter) if jitter else task_of("delay_locked", config)
    bound = sensitivity(law.config, SCALP)
    forms = [law.config.delay_sd, bound.eeg_latency, bound.fnirs_latency]
    train = draw(law, config.train_subjects, config.train_trials, rng, observed=False)
    test = draw(law, config.test_subjects, config.test_trials, rng, observed=True)
    model = CanonicalDecomposer(jitter, duration=law.config.task).fit(train.trials)
    features = model.measure(test.trials)
    alone, folds = model.normalised(features)[1], by_subject(test.trials.recording)
    both = np.hstack([alone, model.heads(features)["synergy"]])
    gain = np.array(nats_of(both, test, folds, 0)) - nats_of(alone, test, folds, 0)
    seen = test.observed[:, 2] - test.observed[:, 1]
    return {
        "jitter": jitter,
        "theory": float(delay_uniform(jitter, *forms).synergy) if jitter else 0.0,
        "observers": float(seen.mean()),
        "observers_error": float(seen.std(ddof=1) / len(seen) ** 0.5),
        "learned": float(gain.mean()),
        "learned_error": float(gain.std(ddof=1) / len(gain) ** 0.5),
    }


def jitter_figure(curve: Sequence[dict[str, Any]], path: Path) -> None:
    """The three curves, with standard errors."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axis = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    at = [one["jitter"] for one in curve]
    axis.plot(at, [one["theory"] for one in curve], "k--", lw=1, label="theory (known signals)")
    for name, words in (("observers", "ideal observers"), ("learned", "learned without labels")):
        error = [one[f"{name}_error"] for one in curve]
        axis.errorbar(at, [one[name] for one in curve], yerr=error, marker="o", ms=4, capsize=3, label=words)
    axis.axhline(0, color="0.7", lw=0.8)
    axis.set(xlabel="onsets vary over (s)", ylabel="synergy of the delay (nats)")
    axis.legend(frameon=False, fontsize=8)
    fig.savefig(path, dpi=120)
    plt.close(fig)
