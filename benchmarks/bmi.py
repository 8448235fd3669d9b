"""Every estimator on the 40 tasks of bmi v1, on laws outside that list, and on hard Gaussians.

    python -m benchmarks.bmi                       # 5 seeds, hours on 2 cores; goes on where it stopped
    python -m benchmarks.bmi --methods auto copula # some of the methods
    python -m benchmarks.bmi --preset smoke        # a minute

A task is solved when the mean over seeds is within max(0.05, 5 %) of the exact information, N = 10,000. Also read
here: whether the bracket of ``estimate_mi`` covers the truth.
"""

from __future__ import annotations

import functools
import math
import time
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
import tyro
from tqdm import tqdm

from benchmarks.store import kept, write
from pidjax.data import synthetic
from pidjax.estimators import ESTIMATORS, METHODS, Estimate, estimate_each, sharing

EVERY = ("auto", "copula", "gaussian", "ksg", "radial_ksg", *METHODS)
LIMITS = {
    "Gaussian d=200, 10 nats": 0.05,
    "cubed Gaussian d=20, 10 nats": 0.3,
    "asinh Gaussian d=20, 10 nats": 0.3,
    "independent d=20, heavy-tailed y, N=2000": 0.02,
}
GROUPS = {"bmi": "bmi v1", "outside": "outside the list", "hard": "hard"}


class Problem(NamedTuple):
    """A task of a group, and how many rows are drawn."""

    group: str
    task: synthetic.Task
    n: int


def problems(preset: str) -> dict[str, Problem]:
    """Tasks by name."""
    if preset == "smoke":
        tasks = [synthetic.bivariate_normal(0.75), synthetic.additive_uniform(0.75)]
        return {task.name: Problem("bmi", task, 500) for task in tasks}
    found = [Problem("bmi", task, 10_000) for task in synthetic.bmi_tasks().values()]
    found += [Problem("outside", task, 10_000) for task in outside()]
    found += [Problem("hard", task, n) for task, n in hard()]
    return {problem.task.name: problem for problem in found}


def outside() -> list[synthetic.Task]:
    """Rings, crosses, concentric shells, mixtures: laws that no member was made for."""
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(3, 6, 6)) / math.sqrt(6)
    covariances = roots @ roots.transpose(0, 2, 1) + 0.2 * np.eye(6)
    blobs = synthetic.mixture(np.ones(3), 1.5 * rng.normal(size=(3, 6)), covariances, 3, name="mixture of 3, 3x3")
    squares = [[-2.0, -2.0], [-2.0, 2.0], [2.0, -2.0], [2.0, 2.0], [0.0, 0.0]]
    dice = synthetic.mixture(np.ones(5), squares, np.tile(0.3 * np.eye(2), (5, 1, 1)), 1, name="mixture of 5, 1x1")
    return [
        synthetic.rings(0.2),
        synthetic.rings(0.2, (1.0, 2.0)),
        synthetic.rings(0.2, pairs=2),
        synthetic.cross(0.9),
        synthetic.cross(0.9, pairs=3),
        synthetic.concentric(2, 2, 0.9),
        synthetic.concentric(5, 5, 0.9),
        synthetic.student(3, 3, 4),
        synthetic.student(5, 5, 7),
        dice,
        blobs,
    ]


def hard() -> list[tuple[synthetic.Task, int]]:
    """Gaussians of 10 nats, as they are and transformed; independent data with heavy tails."""
    gauss = synthetic.gaussian_with_mi
    twenty = gauss(20, 10.0)
    of = synthetic.transforms
    return [
        (gauss(200, 10.0)._replace(name="Gaussian d=200, 10 nats"), 10_000),
        (synthetic.transformed(twenty, "cubed Gaussian d=20, 10 nats", of.cube), 10_000),
        (synthetic.transformed(twenty, "asinh Gaussian d=20, 10 nats", of.asinh), 10_000),
        (gauss(20, 6.0)._replace(name="Gaussian d=20, 6 nats"), 10_000),
        (synthetic.independent_heavy(20)._replace(name="independent d=20, heavy-tailed y, N=2000"), 2_000),
    ]


def measure(methods: tuple[str, ...], problem: Problem, seed: int) -> dict[str, dict[str, Any]]:
    """Estimates of one sample by methods that share a fit; how long all took (with compilation, on a new shape)."""
    draw, key = jax.random.split(jax.random.fold_in(jax.random.key(seed), problem.n))
    x, y = (np.asarray(z) for z in problem.task.sample(draw, problem.n))
    start = time.perf_counter()
    found = estimate_each(key, x, y, methods)
    seconds = time.perf_counter() - start
    return {method: {**record(estimate), "seconds": seconds} for method, estimate in found.items()}


def record(found: Estimate) -> dict[str, Any]:
    """What is kept of an estimate."""
    kept_info = {k: found.info[k] for k in ("chosen", "members", "copula") if k in found.info}
    ends = {"lower": found.lower, "upper": found.upper, "certified": found.certified}
    return {"value": found.value, "std_error": found.std_error, **ends, **kept_info}


def estimates(
    folder: Path, methods: tuple[str, ...], problem: Problem, seed: int, *, overwrite: bool = False
) -> list[dict[str, Any]]:
    """As ``measure``, kept in the folder, a file for a method."""
    made: dict[str, dict[str, Any]] = {}

    def estimate(method: str) -> dict[str, Any]:
        if not made:
            made.update(measure(methods, problem, seed))
        return made[method]

    name = f"{slug(problem.task.name)}-{seed}.json"
    return [kept(folder / m / name, functools.partial(estimate, m), overwrite=overwrite) for m in methods]


def summarise(problem: Problem, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean over seeds, its bias, whether it is solved, how often the bracket covers."""
    truth, values = problem.task.truth, np.array([run["value"] for run in runs])
    lower, upper = (np.array([run[end] for run in runs]) for end in ("lower", "upper"))
    bias = float(values.mean() - truth)
    return {
        "truth": truth,
        "value": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(runs) > 1 else 0.0,
        "bias": bias,
        "solved": bool(abs(bias) <= max(0.05, 0.05 * truth)),
        "lower": float(lower.mean()),
        "upper": float(upper.mean()),
        "certified": runs[0]["certified"],
        "lower_holds": float((lower <= truth).mean()),
        "upper_holds": float((upper >= truth).mean()),
        "both_hold": float(((lower <= truth) & (truth <= upper)).mean()),
        "width": float((upper - lower).mean()),
        "seconds": float(np.median([run["seconds"] for run in runs])),
        "seeds": len(runs),
        "chosen": [run.get("chosen", "") for run in runs],
    }


def slug(name: str) -> str:
    """A task's name as a file's."""
    return "".join(c if c.isalnum() else "-" for c in name)


def stored(out: Path, preset: str, methods: tuple[str, ...]) -> dict[str, dict[str, dict[str, Any]]]:
    """Summaries of the estimates that a folder holds, by task and method."""
    rows = {}
    for name, problem in problems(preset).items():
        stem = slug(name)
        found = {m: sorted((out / preset / m).glob(f"{stem}-*.json")) for m in methods}
        paths = {m: [p for p in of if p.stem[len(stem) + 1 :].isdigit()] for m, of in found.items()}
        runs = with_members({m: [kept(p, dict) for p in of] for m, of in paths.items() if of})
        if runs:
            rows[name] = {m: summarise(problem, found) for m, found in runs.items()}
    return rows


def with_members(runs: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The anchored member of ``auto`` as a method of its own; its bracket is that of ``auto``."""
    if "auto" not in runs:
        return runs
    anchored = []
    for run in runs["auto"]:
        value, std_error = run["members"]["anchored"]
        anchored.append({**run, "value": value, "std_error": std_error, "chosen": ""})
    return {"auto": runs["auto"], "anchored": anchored, **{m: r for m, r in runs.items() if m != "auto"}}


def table(rows: dict[str, dict[str, dict[str, Any]]], which: dict[str, Problem]) -> str:
    """Markdown: how many tasks each method solves, then mean minus truth of every task; bold where solved."""
    methods = list(dict.fromkeys(m for row in rows.values() for m in row))
    lines = ["| method | seeds | " + " | ".join(f"{t}: solved" for t in GROUPS.values()) + " | lower holds |"]
    lines += ["|" + "---|" * (len(GROUPS) + 3)]
    for m in methods:
        counts = []
        for group in GROUPS:
            of = [rows[name][m] for name, p in which.items() if p.group == group and m in rows[name]]
            counts.append(f"{sum(r['solved'] for r in of)} of {len(of)}")
        every = [row[m] for row in rows.values() if m in row]
        seeds = sorted({r["seeds"] for r in every})
        holds = np.average([r["lower_holds"] for r in every], weights=[r["seeds"] for r in every])
        worst = min(r["lower_holds"] for r in every)
        certificate = f"{holds:.1%} (worst task {worst:.0%})" if every[0]["certified"] else "no certificate"
        counted = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        lines.append(f"| {m} | {counted} | " + " | ".join(counts) + f" | {certificate} |")
    lines += ["", "| task | truth (nats) | " + " | ".join(methods) + " | chosen by auto |"]
    lines += ["|" + "---|" * (len(methods) + 3)]
    for name, row in rows.items():
        cells = []
        for m in methods:
            cell = f"{row[m]['bias']:+.3f}" if m in row else "–"
            cells.append(f"**{cell}**" if m in row and row[m]["solved"] else cell)
        chosen = row.get("auto", {}).get("chosen", [])
        chosen_text = max(chosen, key=chosen.count) if chosen else ""
        lines.append(f"| {name} | {which[name].task.truth:.3f} | " + " | ".join(cells) + f" | {chosen_text} |")
    return "\n".join(lines) + "\n"


def goals(rows: dict[str, dict[str, dict[str, Any]]], which: dict[str, Problem]) -> str:
    """Markdown: what was to be reached, by ``auto`` and by the best learned method without the Gaussian member."""
    lines = ["", "| goal (mean over seeds) | auto | best learned, no anchor | met by auto |", "|---|---|---|---|"]
    for name, limit in LIMITS.items():
        row = rows.get(name, {})
        if "auto" not in row:
            continue
        learned = {m: row[m]["bias"] for m in METHODS if m in row}
        best = min(learned, key=lambda m: abs(learned[m])) if learned else None
        other = f"{learned[best]:+.3f} ({best})" if best else "–"
        met = abs(row["auto"]["bias"]) < limit
        lines.append(
            f"| {name}: abs bias < {limit} | {row['auto']['bias']:+.3f} | {other} | {'yes' if met else '**no**'} |"
        )
    listed = [rows[name]["auto"]["solved"] for name, p in which.items() if p.group == "bmi" and "auto" in rows[name]]
    if len(listed) == 40:
        met = sum(listed) >= 36
        lines.append(f"| bmi v1: >= 36 of 40 | {sum(listed)} | – | {'yes' if met else '**no**'} |")
    return "\n".join(lines) + "\n" if len(lines) > 3 else ""


def figure(rows: dict[str, dict[str, dict[str, Any]]], path: Path) -> None:
    """Mean minus truth, tasks down, methods across, in units of what counts as solved."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    methods = list(dict.fromkeys(m for row in rows.values() for m in row))
    unit = [[max(0.05, 0.05 * next(iter(row.values()))["truth"])] for row in rows.values()]
    bias = np.array([[row[m]["bias"] if m in row else np.nan for m in methods] for row in rows.values()])
    fig, axis = plt.subplots(figsize=(3.5 + 0.55 * len(methods), 2 + 0.22 * len(rows)), layout="constrained")
    shade = bias / np.array(unit)
    image = axis.imshow(shade, cmap="RdBu_r", vmin=-3, vmax=3, aspect="auto")
    for i, j in zip(*np.nonzero(np.isfinite(bias)), strict=True):
        colour = "white" if abs(shade[i, j]) > 1.8 else "black"
        axis.text(j, i, f"{bias[i, j]:+.2f}", color=colour, ha="center", va="center", fontsize=6)
    axis.set_xticks(range(len(methods)), methods, rotation=45, ha="right")
    axis.set_yticks(range(len(rows)), list(rows), fontsize=7)
    axis.set_title("mean less truth (nats)")
    fig.colorbar(image, label="in units of max(0.05, 5 %)", shrink=0.5)
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(
    preset: Literal["full", "smoke"] = "full",
    out: Path = Path("runs/bmi"),
    methods: tuple[str, ...] = EVERY,
    seeds: int = 5,
    overwrite: bool = False,
) -> None:
    """Every estimator on every task: a table, a figure and result.json.

    Args:
        preset: What to measure.
        out: Folder of the results; estimates that it holds are not made again.
        methods: Names of ``pidjax.estimators.ESTIMATORS``; results of others in OUT are shown too.
        seeds: Samples of each task.
        overwrite: Make every estimate again.
    """
    which = problems(preset)
    groups = [*((m,) for m in methods if m not in METHODS), *sharing(tuple(m for m in methods if m in METHODS))]
    jobs = [(group, seed, name) for group in groups for seed in range(seeds) for name in which]
    progress = tqdm(jobs, desc="bmi")
    for group, seed, name in progress:
        progress.set_postfix_str(f"{', '.join(group)}, seed {seed}, {name}")
        estimates(out / preset, group, which[name], seed, overwrite=overwrite)
    rows = stored(out, preset, ESTIMATORS)
    figure(rows, out / "bmi.png")
    write(out, table(rows, which) + goals(rows, which), {"tasks": rows})


if __name__ == "__main__":
    tyro.cli(main)
