"""PID from samples against quadrature: logic of noisy bits, five seeds, every atom with its error and its null.

    python -m benchmarks.pid_samples                  # some minutes on 2 cores; goes on where it stopped
    python -m benchmarks.pid_samples --preset smoke   # half a minute

Sources are ±1 plus Gaussian noise of deviation 0.5. The truth is ``pidjax.pid.broja`` of the law in 96 x 96 cells.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
import tyro
from scipy.stats import norm
from tqdm import tqdm

from benchmarks.store import kept, write
from pidjax import estimate_pid
from pidjax.pid import PIDAtoms, broja

SD = 0.5
GOAL, ERRORS = 0.03, 3.0
"""Nats, and standard errors, that every atom shall lie within."""


class Mechanism(NamedTuple):
    """y = f(a, b) of two bits, which are one bit where ``same``."""

    same: bool
    f: Callable[[Any, Any], Any]


MECHANISMS = {
    "noisy detectors": Mechanism(True, lambda a, b: a),
    "XOR": Mechanism(False, lambda a, b: a ^ b),
    "AND": Mechanism(False, lambda a, b: a & b),
    "copy": Mechanism(False, lambda a, b: a),
}
ATOMS = PIDAtoms._fields


def sample(mechanism: Mechanism, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x1, x2 and y."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 2, (2, n))
    b = a if mechanism.same else b
    x1, x2 = (2 * bits - 1 + SD * rng.normal(size=n) for bits in (a, b))
    return x1, x2, mechanism.f(a, b)


def quadrature(mechanism: Mechanism, cells: int) -> dict[str, float]:
    """Atoms of the law, its sources cut into equal cells up to five deviations beyond their means."""
    edges = np.r_[-np.inf, np.linspace(-1 - 5 * SD, 1 + 5 * SD, cells - 1), np.inf]
    mass = [np.diff(norm.cdf(edges, mean, SD)) for mean in (-1, 1)]
    p = np.zeros((cells, cells, 2))
    for a in (0, 1):
        for b in (0, 1):
            weight = 0.5 * (a == b) if mechanism.same else 0.25
            p[:, :, mechanism.f(a, b)] += weight * np.outer(mass[a], mass[b])
    return {name: float(v) for name, v in broja(p)._asdict().items()}


def measure(name: str, n: int, seed: int) -> dict[str, dict[str, float]]:
    """Atoms, errors and null of one sample."""
    found = estimate_pid(jax.random.key(seed), *sample(MECHANISMS[name], n, seed))
    parts = {"atoms": found.atoms, "std_error": found.std_error, "null": found.null}
    return {part: {k: float(v) for k, v in value._asdict().items()} for part, value in parts.items()}


def table(truths: dict[str, dict[str, float]], runs: dict[str, list[dict[str, Any]]], n: int) -> str:
    """Markdown: a row a mechanism and atom: truth, mean, worst error, worst error in standard errors, null."""
    lines = [f"| n={n} | atom | truth | mean | worst error | in standard errors | null, mean |", "|" + "---|" * 7]
    for name, found in runs.items():
        for atom in ATOMS:
            truth = truths[name][atom]
            errors = np.array([run["atoms"][atom] - truth for run in found])
            scaled = errors / np.array([run["std_error"][atom] for run in found])
            worst, in_errors = errors[np.abs(errors).argmax()], scaled[np.abs(scaled).argmax()]
            null = np.mean([run["null"][atom] for run in found])
            lines.append(
                f"| {name} | {atom} | {truth:.4f} | {truth + errors.mean():.4f} | {worst:+.4f} | {in_errors:+.1f} "
                f"| {null:.4f} |"
            )
    close = [
        (abs(run["atoms"][a] - truths[m][a]) < GOAL, abs(run["atoms"][a] - truths[m][a]) < ERRORS * run["std_error"][a])
        for m, found in runs.items()
        for run in found
        for a in ATOMS
    ]
    within, in_errors = np.sum(close, axis=0)
    lines += [
        "",
        f"Within {GOAL} nats: {within} of {len(close)} atoms; within {ERRORS:g} of their standard errors: {in_errors}.",
    ]
    return "\n".join(lines) + "\n"


def figure(truths: dict[str, dict[str, float]], runs: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Atoms of every seed with their errors beside the truth; crosses: the null."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(runs), figsize=(3 * len(runs), 3), layout="constrained", sharey=True)
    for axis, (name, found) in zip(np.atleast_1d(axes), runs.items(), strict=True):
        for i, atom in enumerate(ATOMS):
            axis.plot([i - 0.35, i + 0.35], [truths[name][atom]] * 2, "k", lw=1)
            x = i + np.linspace(-0.25, 0.25, len(found))
            axis.errorbar(x, [r["atoms"][atom] for r in found], [r["std_error"][atom] for r in found], fmt="o", ms=3)
            axis.plot(x, [r["null"][atom] for r in found], "x", color="0.6", ms=4)
        axis.set_title(name, fontsize=9)
        axis.set_xticks(range(4), ["R", "U1", "U2", "S"])
    np.atleast_1d(axes)[0].set_ylabel("nats (line: truth; crosses: null)")
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(
    preset: Literal["full", "smoke"] = "full",
    out: Path = Path("runs/pid_samples"),
    seeds: int = 5,
    overwrite: bool = False,
) -> None:
    """PID of samples of known law: a table, a figure and result.json.

    Args:
        preset: 5,000 rows and five seeds; or 600 rows of one mechanism, one seed.
        out: Folder of the results; estimates that it holds are not made again.
        seeds: Samples of each mechanism.
        overwrite: Make every estimate again.
    """
    names, n, cells = (list(MECHANISMS), 5000, 96) if preset == "full" else (["XOR"], 600, 16)
    seeds = seeds if preset == "full" else 1
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for name, seed in tqdm([(name, seed) for name in names for seed in range(seeds)], desc="pid"):
        made = functools.partial(measure, name, n, seed)
        runs[name].append(kept(out / preset / f"{name.replace(' ', '-')}-{seed}.json", made, overwrite=overwrite))
    truths = {name: quadrature(MECHANISMS[name], cells) for name in names}
    figure(truths, runs, out / "pid_samples.png")
    write(out, table(truths, runs, n), {"truths": truths, "runs": runs})


if __name__ == "__main__":
    tyro.cli(main)
