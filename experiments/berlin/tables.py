"""Accuracies of subjects as a table with chance and the published beside, claims and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom, permutation_test

from experiments.berlin.published import CAVEATS, PUBLISHED, TASKS, UNPLACED
from experiments.results import Claim, matrix, spread

CHANCE = 0.5
GAINS = (("both", "EEG"), ("both", "fNIRS"), ("all heads", "both"))
Found = Mapping[tuple[str, str], Mapping[str, Any]]
"""By set and protocol what came of every subject: "scores" by features, and tested "trials"."""


def least_above_chance(n: int, p: float = CHANCE) -> float:
    """Smallest share of n trials right that guessing reaches in 5 % of cases or fewer (one-sided binomial, exact)."""
    return float(binom.isf(0.05, n, p) + 1) / n


def sign_flip(x: Sequence[float], alternative: str = "two-sided") -> float:
    """p of a mean of zero over subjects, by flips of their signs; NaN of one subject."""
    if len(x) < 2:
        return float("nan")
    found = permutation_test(
        (np.asarray(x),), np.mean, permutation_type="samples", n_resamples=9999, alternative=alternative, rng=0
    )
    return float(found.pvalue)


def scores_of(by: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Accuracies of all subjects, by features."""
    every = [one["scores"] for one in by.values()]
    return {name: np.array([one[name] for one in every]) for name in every[0]}


def table(name: str, protocol: str, by: Mapping[str, Any]) -> str:
    """What was decoded from what; gains within subjects; the published."""
    scores, trials = scores_of(by), [one["trials"] for one in by.values()]
    least = np.array([least_above_chance(n) for n in trials])
    rows = {
        of: [_mean_sd(x), f"{(x >= least - 1e-9).sum()} of {len(x)}", f"{sign_flip(x - CHANCE, 'greater'):.3g}"]
        for of, x in scores.items()
    }
    for a, b in GAINS:
        gain = scores[a] - scores[b]
        rows[f"{a} less {b}"] = [_mean_sd(gain, "+"), "–", f"{sign_flip(gain):.3g}"]
    anchors = PUBLISHED.get((protocol, name), ())
    for anchor in anchors:
        rows[f"{anchor.work} (published, both; {anchor.measure})"] = [f"{anchor.value:.2f}", "–", "–"]
    many = sorted(set(trials))
    bounds = ", ".join(f"{100 * least_above_chance(n):.1f} of {n} trials" for n in many)
    head = (
        f"{TASKS[name]} ({name}), by {protocol}: balanced accuracy (%), mean ± SD over {len(by)} subjects. Chance is "
        f"{100 * CHANCE:g}; above its binomial 95 % is a subject from {bounds} on; p by flips of the subjects' signs, "
        "not corrected for the number of rows.\n\n"
    )
    works = [f"{anchor.work}: {CAVEATS[anchor.work]}." for anchor in anchors]
    notes = works or ["No published number of this set and protocol is known here."]
    notes += [f"{UNPLACED[protocol]}."] if protocol in UNPLACED else []
    return head + matrix("decoded from", ["accuracy", "subjects above", "p"], rows) + f"\n{' '.join(notes)}\n"


def claims(found: Found, *, judged: bool) -> list[Claim]:
    """Both classical features and all heads against what was published as accuracy of the same protocol."""
    out = []
    for (name, protocol), by in found.items():
        for anchor in PUBLISHED.get((protocol, name), ()):
            for of in ("both", "all heads") if anchor.measure == "accuracy" else ():
                x = 100 * scores_of(by)[of]
                error = x.std(ddof=1) / len(x) ** 0.5 if len(x) > 1 else 0.0
                holds = bool(x.mean() + error >= anchor.value) if judged else None
                title = f"{TASKS[name]}, by {protocol}: {of}, within a standard error of {anchor.work}"
                out.append(Claim(title, f">= {anchor.value:.2f}", spread(list(x), 1), holds))
    return out


def figure(found: Found, path: Path) -> None:
    """A line a subject, from one modality to both."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    shown = ("EEG", "fNIRS", "both", "all heads")
    fig, axes = plt.subplots(
        1, len(found), figsize=(2.6 * len(found), 3), layout="constrained", sharey=True, squeeze=False
    )
    for axis, ((name, protocol), by) in zip(axes[0], found.items(), strict=True):
        scores = scores_of(by)
        y = 100 * np.stack([scores[of] for of in shown])
        axis.plot(y, color="0.7", lw=0.8)
        axis.plot(y.mean(1), "o-", color="C0")
        axis.axhline(100 * CHANCE, color="k", lw=0.8, ls="--")
        for k, anchor in enumerate(PUBLISHED.get((protocol, name), ())):
            axis.axhline(anchor.value, color=f"C{k + 1}", lw=0.8, label=anchor.work)
            axis.legend(fontsize=6)
        axis.set_xticks(range(len(shown)), list(shown), fontsize=8)
        axis.set_title(f"{TASKS[name]},\nby {protocol}", fontsize=9)
    axes[0][0].set_ylabel("accuracy (%); grey: a subject")
    fig.savefig(path, dpi=120)
    plt.close(fig)


def _mean_sd(x: np.ndarray, sign: str = "") -> str:
    return f"{100 * x.mean():{sign}.1f}" + (f" ± {100 * x.std(ddof=1):.1f}" if len(x) > 1 else "")
