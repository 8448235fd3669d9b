"""PID from samples against quadrature: logic of noisy bits and of ten levels, every atom with its error and its null.

    python -m benchmarks.pid_samples                  # an hour on 2 cores; goes on where it stopped
    python -m benchmarks.pid_samples --preset smoke   # half a minute

Sources are levels 2 apart (±1 for a bit) plus Gaussian noise. The truth is ``pidjax.pid.broja`` of the law in 96 x 96
cells (ten levels: 48 x 48).
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

GOAL, ERRORS = 0.03, 3.0
"""Nats, and standard errors, that every atom shall lie within."""
Method = Literal["classifier", "neural"]
METHODS: tuple[Method, ...] = ("classifier", "neural")


class Mechanism(NamedTuple):
    """y = f(a, b) of two levels, which are one level in a share ``alike`` of the rows; each seen with noise ``sd``."""

    alike: float
    f: Callable[[Any, Any], Any]
    levels: int = 2
    sd: float = 0.5


MECHANISMS = {
    "noisy detectors": Mechanism(1, lambda a, b: a),
    "XOR": Mechanism(0, lambda a, b: a ^ b),
    "AND": Mechanism(0, lambda a, b: a & b),
    "copy": Mechanism(0, lambda a, b: a),
    "ten levels": Mechanism(1, lambda a, b: a, 10, 1.4),
    "ten levels, larger": Mechanism(0, lambda a, b: np.maximum(a, b), 10, 1.4),
    "ten levels, mixed": Mechanism(0.5, lambda a, b: np.where(a == b, a, (a + b) % 10), 10, 0.7),
}
ATOMS = PIDAtoms._fields


def sample(mechanism: Mechanism, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x1, x2 and y."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, mechanism.levels, (2, n))
    b = np.where(np.random.default_rng([seed, 1]).random(n) < mechanism.alike, a, b)
    x1, x2 = (2 * level - (mechanism.levels - 1) + mechanism.sd * rng.normal(size=n) for level in (a, b))
    return x1, x2, mechanism.f(a, b)


def quadrature(mechanism: Mechanism, cells: int) -> dict[str, float]:
    """Atoms of the law, its sources cut into equal cells up to five deviations beyond their means."""
    levels, sd = mechanism.levels, mechanism.sd
    end = levels - 1 + 5 * sd
    edges = np.r_[-np.inf, np.linspace(-end, end, cells - 1), np.inf]
    mass = [np.diff(norm.cdf(edges, 2 * level - (levels - 1), sd)) for level in range(levels)]
    p = np.zeros((cells, cells, levels))
    for a, b in np.ndindex(levels, levels):
        weight = mechanism.alike * (a == b) / levels + (1 - mechanism.alike) / levels**2
        p[:, :, int(mechanism.f(a, b))] += weight * np.outer(mass[a], mass[b])
    return {name: float(v) for name, v in broja(p)._asdict().items()}


def measure(name: str, method: Method, n: int, seed: int) -> dict[str, dict[str, float]]:
    """Atoms, errors and null of one sample."""
    found = estimate_pid(jax.random.key(seed), *sample(MECHANISMS[name], n, seed), method=method)
    parts = {"atoms": found.atoms, "std_error": found.std_error, "null": found.null}
    return {part: {k: float(v) for k, v in value._asdict().items()} for part, value in parts.items()}


Runs = dict[tuple[str, str], list[dict[str, Any]]]
"""Of every mechanism and method."""


def table(truths: dict[str, dict[str, float]], runs: Runs, n: int) -> str:
    """Markdown: a row a mechanism, method and atom: truth, mean, errors, errors in standard errors, null."""
    lines = [
        f"| n={n} | method | atom | truth | mean | worst error | in standard errors: worst | mean | spread "
        "| null, mean |",
        "|" + "---|" * 10,
    ]
    counts: dict[str, list[tuple[bool, bool]]] = {}
    for (name, method), found in runs.items():
        for atom in ATOMS:
            truth = truths[name][atom]
            errors = np.array([run["atoms"][atom] - truth for run in found])
            scaled = errors / np.array([run["std_error"][atom] for run in found])
            worst, in_errors = errors[np.abs(errors).argmax()], scaled[np.abs(scaled).argmax()]
            null = np.mean([run["null"][atom] for run in found])
            spread = f"{scaled.std(ddof=1):.2f}" if len(scaled) > 1 else "–"
            lines.append(
                f"| {name} | {method} | {atom} | {truth:.4f} | {truth + errors.mean():.4f} | {worst:+.4f} "
                f"| {in_errors:+.1f} | {scaled.mean():+.2f} | {spread} | {null:.4f} |"
            )
            kind = f"{method}, {MECHANISMS[name].levels} classes"
            counts.setdefault(kind, []).extend(zip(np.abs(errors) < GOAL, np.abs(scaled) < ERRORS, strict=True))
    lines.append("")
    for kind, close in counts.items():
        within, in_errors = np.sum(close, axis=0)
        lines.append(
            f"{kind}: within {GOAL} nats {within} of {len(close)} atoms; within {ERRORS:g} of their standard errors "
            f"{in_errors}."
        )
    return "\n".join(lines) + "\n"


def figure(truths: dict[str, dict[str, float]], runs: Runs, path: Path) -> None:
    """Atoms of every seed with their errors beside the truth; crosses: the null."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    methods = list(dict.fromkeys(method for _, method in runs))
    fig, axes = plt.subplots(
        len(methods), len(truths), figsize=(2.4 * len(truths), 2.6 * len(methods)), layout="constrained", squeeze=False
    )
    for (name, method), found in runs.items():
        axis = axes[methods.index(method), list(truths).index(name)]
        for i, atom in enumerate(ATOMS):
            axis.plot([i - 0.35, i + 0.35], [truths[name][atom]] * 2, "k", lw=1)
            x = i + np.linspace(-0.25, 0.25, len(found))
            axis.errorbar(x, [r["atoms"][atom] for r in found], [r["std_error"][atom] for r in found], fmt="o", ms=3)
            axis.plot(x, [r["null"][atom] for r in found], "x", color="0.6", ms=4)
        axis.set_title(f"{name} ({method})", fontsize=8)
        axis.set_xticks(range(4), ["R", "U1", "U2", "S"])
    axes[0, 0].set_ylabel("nats (line: truth; crosses: null)")
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(
    preset: Literal["full", "smoke"] = "full",
    out: Path = Path("runs/pid_samples"),
    seeds: int = 5,
    first: int = 0,
    methods: tuple[Method, ...] = METHODS,
    mechanisms: tuple[str, ...] = tuple(MECHANISMS),
    overwrite: bool = False,
) -> None:
    """PID of samples of known law: a table, a figure and result.json.

    Args:
        preset: 5,000 rows; or 600 rows of one mechanism, one seed.
        out: Folder of the results; estimates that it holds are not made again.
        seeds: Samples of each mechanism.
        first: The first seed.
        methods: Of ``estimate_pid``.
        mechanisms: Names.
        overwrite: Make every estimate again.
    """
    n, cells = (5000, {2: 96, 10: 48}) if preset == "full" else (600, {2: 16})
    if preset == "smoke":
        mechanisms, seeds = ("XOR",), 1
    runs: Runs = {(name, method): [] for name in mechanisms for method in methods}
    for seed, (name, method) in tqdm(
        [(seed, pair) for seed in range(first, first + seeds) for pair in runs], desc="pid"
    ):
        made = functools.partial(measure, name, method, n, seed)
        stem = f"{name.replace(' ', '-')}-{method}-{seed}"
        runs[name, method].append(kept(out / preset / f"{stem}.json", made, overwrite=overwrite))
    truths = {name: quadrature(MECHANISMS[name], cells[MECHANISMS[name].levels]) for name in mechanisms}
    figure(truths, runs, out / "pid_samples.png")
    flat = [{"mechanism": name, "method": method, "runs": found} for (name, method), found in runs.items()]
    write(out, table(truths, runs, n), {"truths": truths, "runs": flat})


if __name__ == "__main__":
    tyro.cli(main)
