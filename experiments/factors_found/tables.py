"""Tables, figure and claims of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from experiments.factors_found.methods import RIVALS
from experiments.factors_found.world import OWNER
from experiments.results import Claim, matrix
from pidjax.objectives import HEADS

Found = dict[str, list[dict[str, Any]]]
OBSERVER = {"redundancy_eeg": 0, "unique_eeg": 0, "redundancy_fnirs": 1, "unique_fnirs": 1, "synergy": 2}
"""Which ideal observer a head's own factor is measured against: of EEG, of fNIRS, of both."""
GOALS = {"event": 0.8, "mode": 0.8, "cost": 0.7, "delay": 0.5, "efficiency": 0.5, "xor": 0.6}
CLEAN = {
    "mode": ("unique_fnirs", "redundancy_fnirs"),
    "cost": ("unique_eeg", "redundancy_eeg"),
}
"""Heads that must not hold a task's label: at most 5 %, by a one-sided 95 % limit."""


def over_seeds(found: Found, task: str, name: str, head: str) -> tuple[float, float]:
    """Mean nats and its standard error: of subjects, who are others in every seed."""
    subjects = np.concatenate([one["methods"][name][head] for one in found[task]])
    return float(subjects.mean()), float(subjects.std(ddof=1) / len(subjects) ** 0.5)


def available(found: Found, task: str, head: str) -> float:
    """Nats that the ideal observer of what the head sees has of the task's label."""
    return float(np.mean([one["observers"][OBSERVER[head]] for one in found[task]]))


def nats_table(found: Found, methods: Sequence[str]) -> str:
    """Nats of every task's label in every head; the heads that it belongs to in bold."""
    parts = []
    for name in methods:
        rows = {}
        for task in found:
            cells = []
            for head in HEADS:
                mean, error = over_seeds(found, task, name, head)
                text = f"{mean:.3f} ± {error:.3f}"
                cells.append(f"**{text}**" if head in OWNER[task] else text)
            ideal = [float(np.mean([one["observers"][k] for one in found[task]])) for k in range(3)]
            rows[task] = [*cells, " / ".join(f"{max(x, 0.0):.3f}" for x in ideal)]
        columns = [*HEADS, "ideal observers: EEG / fNIRS / both"]
        parts.append(f"{name}: nats of the task's label, mean ± standard error\n\n" + matrix("task", columns, rows))
    return "\n".join(parts)


def leakage(found: Found, name: str) -> float:
    """Mean share of a label's entropy in the heads that it does not belong to."""
    cells = [
        max(over_seeds(found, task, name, head)[0], 0.0) / found[task][0]["entropy"]
        for task in found
        for head in HEADS
        if head not in OWNER[task]
    ]
    return float(np.mean(cells))


def leakage_table(found: Found, methods: Sequence[str]) -> str:
    """One number a method."""
    rows = {name: [f"{leakage(found, name):.1%}"] for name in methods}
    return matrix("method", ["mean leakage into other heads, share of the label's entropy"], rows)


def jitter_table(curve: Sequence[dict[str, Any]]) -> str:
    """Synergy of the delay against how far onsets vary."""
    rows = {
        f"{one['jitter']:g} s": [
            f"{one['theory']:.3f}",
            *(f"{one[name]:.3f} ± {one[f'{name}_error']:.3f}" for name in ("observers", "learned")),
        ]
        for one in curve
    }
    return matrix("onsets vary over", ["synergy of the delay: theory", "ideal observers", "learned"], rows)


def claims(found: Found, controls: list[dict[str, Any]], methods: Sequence[str], *, judged: bool) -> list[Claim]:
    """What was asked for beside what came out, of the canonical decomposition."""
    out: list[Claim] = []

    def add(name: str, expected: str, obtained: str, holds: bool) -> None:
        out.append(Claim(name, expected, obtained, bool(holds) if judged else None))

    if "canonical" not in methods:
        return out
    ours = "canonical"
    for task in [task for task in GOALS if task in found]:
        goal = GOALS[task]
        for head in OWNER[task]:
            mean, error = over_seeds(found, task, ours, head)
            ideal = available(found, task, head)
            said = f"{mean / ideal:.0%} ± {error / ideal:.0%}"
            add(f"{task} from {head}", f">= {goal:.0%} of the ideal observer", said, mean >= goal * ideal)
    if "event" in found:
        out.append(_alike(found, ours, judged))
    for task in [task for task in CLEAN if task in found]:
        for head in CLEAN[task]:
            mean, error = over_seeds(found, task, ours, head)
            upper = (max(mean, 0.0) + 1.7 * error) / available(found, task, "synergy")
            add(f"{task} from {head}, upper 95 % limit", "<= 5%", f"{upper:.1%}", upper <= 0.05)
    for task in [task for task in ("delay", "efficiency") if task in found]:
        told = [one["claim"] for one in found[task]]
        text = ", ".join(
            f"{one['nats']:.2f} to {max(one['eeg'], 0):.2f} / {max(one['fnirs'], 0):.2f}, null {one['null95']:.2f}"
            for one in told
        )
        holds = all(one["holds"] for one in told)
        add(f"{task}: synergy above EEG and fNIRS alone and the re-paired null", "all seeds", text, holds)
    if "delay_locked" in found:
        mean, error = over_seeds(found, "delay_locked", ours, "synergy")
        own, _ = over_seeds(found, "delay_locked", ours, "unique_fnirs")
        text = f"{mean:.3f}; {own:.3f} in unique_fnirs"
        add(
            "delay locked to the stimulus, and told so: nothing in synergy",
            "0 within 2 SE",
            text,
            mean <= 2 * error and own > 0.1,
        )
    leak = leakage(found, ours)
    add("mean leakage", "<= 10%", f"{leak:.1%}", leak <= 0.10)
    wrong, most = sum(one["holds"] for one in controls), 0.05 * len(controls)
    by_kind: dict[str, int] = {}
    for one in controls:
        by_kind[one["kind"]] = by_kind.get(one["kind"], 0) + one["holds"]
    said = f"{wrong} ({', '.join(f'{kind} {n}' for kind, n in by_kind.items())})"
    add("synergy claimed where there is none", f"<= {most:g} of {len(controls)}", said, wrong <= most)
    # the null by itself: what chance exceeds in less than 5 % of such series of controls
    beyond, most = sum(one["p"] <= 0.05 for one in controls), binom.ppf(0.95, len(controls), 0.05)
    add("re-paired null exceeded where there is none", f"<= {most:g} of {len(controls)}", str(beyond), beyond <= most)
    for name in [name for name in methods if name in RIVALS]:
        # of xor ours alone was told labels
        rows = {task: _best(found, task, ours, name) for task in GOALS if task in found and task != "xor"}
        behind = [f"{task} ({a[0]:.2f} to {b[0]:.2f})" for task, (a, b) in rows.items() if a[0] <= b[0]]
        add(f"ahead of {name} in every row but xor", "behind in none", "; ".join(behind) or "none", not behind)
    return out


def _alike(found: Found, name: str, judged: bool) -> Claim:
    """Whether both redundancy heads have the same share of what there is for them, to the error of the difference."""
    share = {
        head: np.concatenate([one["methods"][name][head] for one in found["event"]]) / available(found, "event", head)
        for head in OWNER["event"]
    }
    apart = share["redundancy_fnirs"] - share["redundancy_eeg"]  # of the same subjects
    mean, within = apart.mean(), 1.96 * apart.std(ddof=1) / len(apart) ** 0.5
    holds = bool(abs(mean) <= within) if judged else None
    return Claim("event, difference of both shares", f"within ± {within:.1%}", f"{mean:.1%}", holds)


def _best(found: Found, task: str, ours: str, theirs: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Nats in the best of the heads that the label belongs to, of both methods."""
    a, b = (max(over_seeds(found, task, name, head) for head in OWNER[task]) for name in (ours, theirs))
    return a, b


def figure(found: Found, methods: Sequence[str], path: Path) -> None:
    """Share of the label's entropy in every head, one matrix a method."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(methods), figsize=(3.1 * len(methods), 3.4), layout="constrained", squeeze=False)
    for axis, name in zip(axes[0], methods, strict=True):
        share = np.array(
            [[over_seeds(found, task, name, head)[0] / found[task][0]["entropy"] for head in HEADS] for task in found]
        )
        axis.imshow(np.clip(share, 0, 1), vmin=0, vmax=1, cmap="viridis", aspect="auto")
        for i, task in enumerate(found):
            for j, head in enumerate(HEADS):
                weight = "bold" if head in OWNER[task] else "normal"
                value = max(share[i, j], 0.0)
                axis.text(
                    j,
                    i,
                    f"{value:.2f}",
                    ha="center",
                    va="center",
                    fontsize=7,
                    weight=weight,
                    color="k" if value > 0.6 else "w",
                )
        axis.set_xticks(range(len(HEADS)), [head.replace("_", "\n") for head in HEADS], fontsize=6)
        axis.set_yticks(range(len(found)), list(found) if axis is axes[0][0] else [""] * len(found), fontsize=7)
        axis.set_title(name, fontsize=9)
    fig.suptitle("share of the label's entropy that a probe finds (bold: where it belongs)", fontsize=9)
    fig.savefig(path, dpi=120)
    plt.close(fig)
