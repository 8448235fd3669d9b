"""Single-trial fNIRS: what amplitudes and latencies of `single_trial_responses` have to do with the truth.

    python -m benchmarks.single_trial                  # two minutes
    python -m benchmarks.single_trial --preset smoke   # seconds

Sessions of 60 trials, HbO 0.6 µM, onsets up to 2 s after the marker, delays of 0.8 s SD; systemic waves correlate
between channels by rho (published: 0.69 to 0.92, Wyser et al. 2020). Correlations with the truth of the mean of the
four channels whose HbO responds most: amplitude with exp(a + v), latency from the marker with onset + tau. The design's
values (section 2, finding 9 of its notes) are of three sessions by its own simulator, whose HbR adds nothing to HbO's.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import mne
import numpy as np
import tyro

from benchmarks.store import kept, write
from pidjax.neuro import SessionConfig, simulate_session, single_trial_responses
from pidjax.neuro.simulate import TrialConfig

BEST = 4
DESIGN = {
    True: {1.0: (0.92, 0.65), 0.9: (0.84, 0.41), 0.8: (0.79, 0.31), 0.6: (0.71, 0.23)},
    False: {1.0: (0.39, 0.03), 0.9: (0.41, 0.03), 0.8: (0.43, 0.03), 0.6: (0.47, 0.07)},
}
"""r of amplitude and of latency, by whether short channels are regressors, and by rho."""


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sessions and their trials; correlations of the scalp."""

    sessions: int = 3
    trials: int = 60
    rhos: tuple[float, ...] = (1.0, 0.9, 0.8, 0.6)


PRESETS = {"full": Preset(), "smoke": Preset(sessions=2, trials=6, rhos=(0.8,))}


def correlations(rho: float, seed: int, trials: int) -> dict[str, list[float]]:
    """r of amplitude and latency with the truth in one session: with short channels, and without."""
    law = TrialConfig(event=1.0, jitter=2.0, systemic_correlation=rho)
    session = simulate_session(SessionConfig(n_trials=trials, clock_offset=0.0, clock_drift=0.0), law, seed=seed)
    density = mne.preprocessing.nirs.optical_density(session.raw_fnirs, verbose="error")
    raw = mne.preprocessing.nirs.beer_lambert_law(density, ppf=6.0)
    of, onsets = session.factors, session.trials.onset.to_numpy()
    truth = np.exp(of.activation + of.cost), of.onset + of.delay
    found = {}
    for name, short in (("with", True), ("without", False)):
        # responses begin 2 s after the marker on average
        seen = single_trial_responses(raw, onsets, law.task, delay=law.jitter / 2 + law.delay_mean, short=short)
        hbo = np.flatnonzero([channel.endswith("hbo") for channel in seen.channels])
        best = hbo[np.argsort(-seen.amplitude[:, hbo].mean(0))[:BEST]]
        amplitude, weight = seen.amplitude[:, best], np.abs(seen.amplitude[:, best])
        read = amplitude.mean(1), (seen.latency[:, best] * weight).sum(1) / weight.sum(1)
        found[name] = [float(np.corrcoef(x, y)[0, 1]) for x, y in zip(read, truth, strict=True)]
    return found


def table(found: dict[float, list[dict[str, list[float]]]]) -> str:
    """Mean and standard error over sessions, the design's values beside."""
    lines = ["| short channels | rho | r of amplitude | design | r of latency | design |", "|---|---|---|---|---|---|"]
    for name, short in (("with", True), ("without", False)):
        for rho, sessions in found.items():
            r = np.array([one[name] for one in sessions])
            error = r.std(0, ddof=1) / len(r) ** 0.5
            cells = [
                f"{m:.2f} ± {e:.2f} | {d:.2f}" for m, e, d in zip(r.mean(0), error, DESIGN[short][rho], strict=True)
            ]
            lines.append(f"| {name} | {rho:g} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def figure(found: dict[float, list[dict[str, list[float]]]], path: Path) -> None:
    """r against rho."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained", sharey=True)
    for k, (axis, what) in enumerate(zip(axes, ("amplitude", "latency"), strict=True)):
        for name in ("with", "without"):
            r = np.array([[one[name][k] for one in sessions] for sessions in found.values()])
            axis.errorbar(
                list(found), r.mean(1), r.std(1, ddof=1) / r.shape[1] ** 0.5, marker="o", capsize=3, label=name
            )
        axis.set_title(what)
        axis.set_xlabel("correlation of the scalp between channels")
    axes[0].set_ylabel("r with the truth")
    axes[0].legend(title="short channels")
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(
    preset: Literal["full", "smoke"] = "full", out: Path = Path("runs/single_trial"), overwrite: bool = False
) -> None:
    """Simulate, fit, correlate; sessions that an earlier run computed are kept.

    Args:
        preset: "full" or "smoke".
        out: Folder of results.
        overwrite: Compute everything anew.
    """
    sizes = PRESETS[preset]
    found: dict[float, list[dict[str, Any]]] = {}
    for rho in sizes.rhos:
        found[rho] = [
            kept(
                out / preset / f"rho-{rho:g}-session-{seed}.json",
                lambda rho=rho, seed=seed: correlations(rho, seed, sizes.trials),
                overwrite=overwrite,
            )
            for seed in range(sizes.sessions)
        ]
    figure(found, out / preset / "single_trial.png")
    write(out / preset, table(found), {"correlations": {str(rho): sessions for rho, sessions in found.items()}})


if __name__ == "__main__":
    tyro.cli(main)
