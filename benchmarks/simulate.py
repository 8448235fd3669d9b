"""The simulator: how long recordings take, how near PID from observers' posteriors comes, the design's own values.

    python -m benchmarks.simulate                  # a quarter of an hour, most of it observers
    python -m benchmarks.simulate --preset smoke   # seconds

Times are processor time of one process as well as wall time, so that a busy machine shows. The PID of a task is taken
from the observers' posteriors of n trials, where the label has up to three classes without being told which modality
is silent, and compared with a closed form or with the truth by more trials of another seed. The design's values are
those of section 5 of its notes, beside what the same settings give here.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
import tyro

from benchmarks.store import kept, write
from pidjax.estimators import pid_of_posteriors
from pidjax.neuro.features import BANDS
from pidjax.neuro.simulate import (
    CLEAR,
    TASKS,
    SessionConfig,
    TrialConfig,
    informations,
    label_posteriors,
    make_task,
    montage,
    noise,
    observe,
    sensitivity,
    simulate_study,
    simulate_trials,
    spectra,
)
from pidjax.neuro.simulate.responses import double_gamma
from pidjax.neuro.simulate.trials import draw_scalp, fnirs_bins, fnirs_clock

GOAL = 0.03
SOLVED = 3
"""Classes up to which the table of posteriors is solved."""


@dataclasses.dataclass(frozen=True)
class Preset:
    """Subjects and trials of the study; trials of an estimate, of the truth it is held against, of a value."""

    subjects: int = 29
    trials: int = 60
    n: int = 5000
    reference: int = 10_000
    tasks: tuple[str, ...] = TASKS
    values: int = 1000


PRESETS = {
    "full": Preset(),
    "smoke": Preset(subjects=2, trials=6, n=100, reference=100, tasks=("cost_varying",), values=4),
}


def speed(preset: Preset) -> dict[str, Any]:
    """Seconds (wall, processor) of one session and of a study."""
    config = SessionConfig(n_trials=preset.trials)
    found = {}
    for name, subjects in (("session", 1), ("study", preset.subjects)):
        wall, cpu = time.perf_counter(), time.process_time()
        for session in simulate_study(config, CLEAR, n_subjects=subjects):
            minutes = session.raw_eeg.times[-1] / 60
        found[name] = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "subjects": subjects}
    return found | {"minutes": minutes, "trials": preset.trials}


def pid(name: str, preset: Preset) -> dict[str, Any]:
    """Atoms from posteriors of n trials, and the truth by others."""
    task, scalp = make_task(name), draw_scalp(np.random.default_rng(0))
    start = time.process_time()
    prior, rows = label_posteriors(task, n=preset.n, seed=1, scalp=scalp)
    if prior.size <= SOLVED:
        atoms, error = pid_of_posteriors(prior, *rows)
        how = "table solver"
    else:
        atoms, error, how, _ = task.truth(n=preset.n, seed=1, scalp=scalp)
    truth = task.truth(n=preset.reference, seed=2, scalp=scalp)
    return {
        "atoms": list(map(float, atoms)),
        "std_error": list(map(float, error)),
        "how": how,
        "truth": list(map(float, truth.atoms)),
        "truth_error": list(map(float, truth.std_error)),
        "from": truth.source,
        "cpu": time.process_time() - start,
    }


def response(rho: float, pairs: int, chromophores: int) -> tuple[float, float]:
    """d' and bound of the delay (s) of HbO alone or both, HbR's systemic part a multiple of HbO's as in the notes."""
    config = TrialConfig(systemic_correlation=rho, hbr_own=0.0, hbr_systemic_lag=0.0, fnirs_window=(-5.0, 35.0))
    at, gain = fnirs_bins(config), np.zeros(16)
    gain[:4] = 0.58, 0.59, 0.51, 0.49
    seen = np.arange(2 * pairs).reshape(pairs, 2)[:, :chromophores].ravel()
    density = spectra.haemoglobin(at.f, config, montage(config.site), np.full(16, 0.9))[:, seen][:, :, seen]

    def shape(delay: float) -> np.ndarray:
        since = fnirs_clock(config) - delay
        curves = [double_gamma(since - lag, config.task) for lag in (0.0, config.hbr_lag)]
        both = config.hbo * noise.spectra(np.stack([curves[0], config.hbr_ratio * curves[1]]))
        return (gain[:, None, None] * both).reshape(32, -1)[seen].T[..., None]

    def energy(s: np.ndarray) -> float:
        found = (np.conj(s) * np.linalg.solve(at.scale * density, s)).real.sum(axis=(1, 2))
        return float(2 * at.weight[at.f >= 0.01] @ found[at.f >= 0.01])

    slope = (shape(config.delay_mean + 1e-3) - shape(config.delay_mean - 1e-3)) / 2e-3
    return energy(shape(config.delay_mean)) ** 0.5, energy(slope) ** -0.5


def values(preset: Preset) -> list[tuple[str, str, str]]:
    """What, the design's value, ours."""
    rows = []
    for rho, pairs, chromophores, expected in (
        (0.8, 1, 1, "0.72 / 2.8 s"),
        (1.0, 16, 1, "7.8 / 0.46 s"),
        (0.9, 16, 1, "3.4 / 0.97 s"),
        (0.8, 16, 1, "2.6 / 1.16 s"),
        (0.6, 16, 1, "1.9 / 1.34 s"),
        (0.8, 1, 2, "4.7 / 0.78 s"),
        (0.8, 16, 2, "8.9 / 0.41 s"),
    ):
        d, bound = response(rho, pairs, chromophores)
        what = f"{'HbO' if chromophores == 1 else 'HbO and HbR'}, {pairs} pair(s), ρ = {rho:g}: d' / error of the delay"
        rows.append((what, expected, f"{d:.2f} / {bound:.2f} s"))
    scalp = draw_scalp(np.random.default_rng(0))
    # the design's induced activity: other bands, at a site of which the sensors see more
    its_bands, its_size = {"alpha": (8, 13), "beta": (13, 30)}, (1.48 / montage("C3").power) ** 0.5
    for rms, nats in (((6, 3, 1.5), 1.098), ((3, 1.5, 0.75), 0.994), ((2, 1, 0.5), 0.664), ((1.5, 0.75, 0.4), 0.380)):
        for which, size, bands in (("here", 1.0, {}), ("its bands and site", its_size, its_bands)):
            with patch.dict(BANDS, bands):
                sizes = tuple(1e-6 * size * x for x in rms)
                config = make_task("mode", band_rms=sizes, intensity_sd=0.5, event=0.0).config
                trials = simulate_trials(config, preset.values, scalp=scalp)
                seen = informations(observe(trials, cells=15), ("mode",))["eeg"]
            ours = f"{seen.mean():.3f} ± {seen.std() / len(seen) ** 0.5:.3f}"
            rows.append((f"mode, {rms} µV, {which}: nats", f"{nats} ± 0.02", ours))
    task = make_task("delay", delay_range=(-4.0, 6.0))
    bound = sensitivity(task.config, scalp)
    for d, expected in ((1.38, 0.082), (2.5, 0.254), (5.0, 0.572)):
        erp, hbo = task.config.erp * d / bound.eeg, task.config.hbo * bound.fnirs_latency / 0.46
        found = make_task("delay", delay_range=(-4.0, 6.0), erp=erp, hbo=hbo).truth(
            n=max(preset.values, 2), seed=0, scalp=scalp
        )
        ours = f"{found.atoms.synergy:.3f} ± {found.std_error.synergy:.3f}"
        rows.append((f"delay, onset d' = {d:g}: synergy", f"{expected}", ours))
    return rows


def _table(timed: dict, pids: dict[str, dict], rows: list) -> str:
    lines = ["| what | wall, s | processor, s | goal, s |", "|---|---|---|---|"]
    for name, goal in (("session", 5), ("study", 120)):
        one = timed[name]
        what = f"{one['subjects']} x {timed['trials']} trials, {timed['minutes']:.0f} min each, 28 + 16 channels"
        lines.append(f"| {what} | {one['wall']:.1f} | {one['cpu']:.1f} | {goal} |")
    lines += ["", "| task | R, U_E, U_F, S from posteriors | truth | from | largest error |", "|---|---|---|---|---|"]
    for name, row in pids.items():
        both = [
            ", ".join(f"{a:.3f} ± {e:.3f}" if e > 5e-4 else f"{a:.3f}" for a, e in zip(row[x], row[y], strict=True))
            for x, y in (("atoms", "std_error"), ("truth", "truth_error"))
        ]
        lines.append(f"| `{name}` | {both[0]} ({row['how']}) | {both[1]} | {row['from']} | {_error(row):.3f} |")
    worst = max(map(_error, pids.values()))
    lines += ["", f"Largest error of an atom: {worst:.3f} nats (goal {GOAL}).", ""]
    lines += ["| value | design | here |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"


def _error(row: dict) -> float:
    return float(np.abs(np.array(row["atoms"]) - row["truth"]).max())


def figure(pids: dict[str, dict], path: Path) -> None:
    """Atoms of every task from posteriors, with standard errors, beside the truth."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axis = plt.subplots(figsize=(1.5 + 1.1 * len(pids), 3.2), layout="constrained")
    for i, row in enumerate(pids.values()):
        at = i + np.arange(4) / 6
        axis.bar(at, row["truth"], 0.14, color=["C0", "C1", "C2", "C3"], alpha=0.5)
        axis.errorbar(at, row["atoms"], row["std_error"], fmt="k.", ms=4)
    axis.set_xticks(np.arange(len(pids)) + 0.25, list(pids), rotation=30, ha="right", fontsize=8)
    axis.set_ylabel("R, U_E, U_F, S (nats); bars: truth")
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(preset: Literal["full", "smoke"] = "full", out: Path = Path("runs/simulate"), overwrite: bool = False) -> None:
    """Time, estimate, compare; parts that an earlier run computed are kept.

    Args:
        preset: "full" or "smoke".
        out: Folder of results.
        overwrite: Compute everything anew.
    """
    sizes, parts = PRESETS[preset], out / preset
    timed = kept(parts / "speed.json", lambda: speed(sizes), overwrite=overwrite)
    pids = {
        name: kept(parts / f"{name}.json", lambda name=name: pid(name, sizes), overwrite=overwrite)
        for name in sizes.tasks
    }
    rows = kept(parts / "values.json", lambda: values(sizes), overwrite=overwrite)
    figure(pids, out / "simulate.png")
    write(out, _table(timed, pids, rows), {"speed": timed, "pid": pids, "values": rows})


if __name__ == "__main__":
    tyro.cli(main)
