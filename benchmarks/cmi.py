"""Conditional information: Tables 9 and 10 of FactorCL with the exact truth, and the non-linear family.

    python -m benchmarks.cmi                        # 5 seeds, hours on 2 cores; goes on where it stopped
    python -m benchmarks.cmi --methods auto --seeds 1
    python -m benchmarks.cmi --preset smoke         # half a minute

Models I and II at n = 5,000 to 50,000 and dz = 1 to 100: I(X; Y | Z) = ½ log 101 = 2.30756 nats in every column (the
2.32 of the tables is a nearest-neighbour estimate). Published values stand beside. Beside each non-linear task stands
I(X; Y), which a method that ignores Z would find.
"""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
import tyro
from tqdm import tqdm

from benchmarks.bmi import slug
from benchmarks.store import kept, write
from pidjax import bounds, critics, estimate_cmi
from pidjax.data import synthetic
from pidjax.fit import fit

METHODS = ("auto", "gaussian", "l1out", "infonce", "classifier", "conditional_infonce", "exact_negatives")
SIZES = ((5000, 20), (10_000, 20), (20_000, 20), (50_000, 20), (20_000, 1), (20_000, 10), (20_000, 50), (20_000, 100))
PUBLISHED = {
    "Model I": {
        "CCMI, difference + classifier": (2.031, 2.068, 2.153, 2.197, 2.301, 2.176, 1.980, 1.669),
        "CGAN + classifier": (1.948, 2.035, 2.128, 2.192, 2.285, 2.202, 1.721, 1.503),
        "CVAE + classifier": (1.874, 1.960, 2.106, 2.171, 2.237, 2.182, 1.670, 1.147),
        "neighbours + classifier": (2.025, 1.987, 2.072, 2.175, 2.246, 2.163, 1.700, 1.135),
        "f-MINE difference": (1.261, 1.877, 2.089, 2.134, 2.231, 2.142, 1.466, -7.10),
        "FactorCL, conditional InfoNCE": (2.19, 2.20, 2.20, 2.20, 2.18, 2.20, 2.26, 2.30),
        "FactorCL, conditional InfoNCE-CLUB": (3.45, 3.53, 2.98, 2.86, 3.70, 2.95, 2.79, 2.86),
    },
    "Model II": {
        "CCMI, difference + classifier": (2.001, 2.048, 2.121, 2.186, 2.254, 2.194, 1.932, 1.692),
    },
}
"""Tables 9 and 10 and the logs behind them, columns as ``SIZES``; of these only the last two rows of Model I are
FactorCL's."""
DRAWS = 256
"""Conditional negatives of an anchor in "exact_negatives"."""


class Problem(NamedTuple):
    """A task, how many rows are drawn, and where its row stands."""

    task: synthetic.ConditionalTask
    n: int
    group: str


def problems(preset: str) -> dict[str, Problem]:
    """By name."""
    models = {"Model I": synthetic.model_one, "Model II": synthetic.model_two}
    if preset == "smoke":
        found = [Problem(synthetic.model_two(1), 300, "Model II"), Problem(_nonlinear("tanh", "cos", 2), 300, "links")]
    else:
        sizes = [*SIZES, *((5000, dz) for dz in (1, 10, 50, 100))]
        found = [Problem(of(dz), n, name) for name, of in models.items() for n, dz in sizes]
        links = ("tanh", "exp_abs", "cos")
        found += [Problem(_nonlinear(f1, f2, dz), 20_000, "links") for f1 in links for f2 in links for dz in (10, 50)]
        found.append(Problem(synthetic.conditionally_independent(20), 5000, "independent"))
    return {f"{p.task.name}, n={p.n}": p for p in found}


_nonlinear = functools.cache(synthetic.nonlinear)


def measure(method: str, problem: Problem, seed: int) -> dict[str, Any]:
    """One estimate on one sample, and how long it took."""
    draw, key = jax.random.split(jax.random.fold_in(jax.random.key(seed), problem.n))
    x, y, z = (np.asarray(w) for w in problem.task.sample(draw, problem.n))
    start = time.perf_counter()
    if method == "exact_negatives":
        value, std_error = exact_negatives(key, problem.task, x, y, z)
    else:
        found = estimate_cmi(key, x, y, z, method=method)
        value, std_error = found.value, found.std_error
    return {"value": value, "std_error": std_error, "seconds": time.perf_counter() - start}


def exact_negatives(
    key: jax.Array, task: synthetic.ConditionalTask, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> tuple[float, float]:
    """Conditional InfoNCE of a Gaussian critic, negatives from the law itself; 7, 1 and 2 tenths of rows."""
    for_draws, for_init, for_fit = jax.random.split(key, 3)
    draws = np.asarray(jax.jit(task.draw_y, static_argnums=2)(for_draws, z, DRAWS))
    n, critic = len(x), critics.gaussian()
    params = critic.init(for_init, np.hstack([x, z])[:2], y[:2])

    def loss(params, rows):
        x, y, z, draws = rows
        return -critics.conditional_infonce(critic, params, x, y, z, negatives=draws)

    @jax.jit
    def run(key, params, data, watch, held):
        found = fit(key, loss, params, data, watch, learning_rate=1e-2, average=0.99)
        x, y, z, draws = held
        stats = critics.conditional_stats(critic, found.params, x, y, z, negatives=draws)
        rows = jax.vmap(lambda row: bounds.infonce(jax.tree.map(lambda v: v[None], row)))(stats)
        return rows.mean(), rows.std() / len(rows) ** 0.5

    parts = [
        tuple(w[a:b] for w in (x, y, z, draws))
        for a, b in ((0, 7 * n // 10), (7 * n // 10, 8 * n // 10), (8 * n // 10, n))
    ]
    value, std_error = run(for_fit, params, *parts)
    return float(value), float(std_error)


def applies(method: str, problem: Problem) -> bool:
    """The exact negatives are for one cell: Model II, n = 20,000, dz = 20."""
    return method != "exact_negatives" or (problem.n == 20_000 and problem.task.name == "Model II, dz=20")


def summarise(problem: Problem, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean over seeds and its bias."""
    values = np.array([run["value"] for run in runs])
    return {
        "truth": problem.task.truth,
        "mi": problem.task.mi,
        "joint": problem.task.joint,
        "value": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(runs) > 1 else 0.0,
        "std_error": float(np.mean([run["std_error"] for run in runs])),
        "bias": float(values.mean() - problem.task.truth),
        "seconds": float(np.median([run["seconds"] for run in runs])),
        "seeds": len(runs),
    }


def table(rows: dict[str, dict[str, dict[str, Any]]], which: dict[str, Problem]) -> str:
    """Markdown: a row a task, a column a method (mean over seeds), the truth and what other estimands are worth."""
    methods = list(dict.fromkeys(m for row in rows.values() for m in row))
    lines = ["| task | I(X; Y given Z) | I(X; Y) | I(X, Z; Y) | " + " | ".join(methods) + " | seeds |"]
    lines += ["|" + "---|" * (len(methods) + 5)]
    for name, row in rows.items():
        task = which[name].task
        cells = [f"{row[m]['value']:.3f} ({row[m]['bias']:+.3f})" if m in row else "–" for m in methods]
        joint = f"{task.joint:.3f}" if task.joint is not None else "–"
        seeds = sorted({r["seeds"] for r in row.values()})
        counted = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        cells = " | ".join(cells)
        lines.append(f"| {name} | {task.truth:.3f} | {task.mi:.3f} | {joint} | {cells} | {counted} |")
    return "\n".join(lines) + "\n"


def published(rows: dict[str, dict[str, dict[str, Any]]], which: dict[str, Problem]) -> str:
    """Markdown: Tables 9 and 10, published rows beside ours."""
    lines = []
    for model, theirs in PUBLISHED.items():
        ours = {
            (p.n, p.task.name.rpartition("=")[2]): rows[name]
            for name, p in which.items()
            if p.group == model and name in rows
        }
        methods = list(dict.fromkeys(m for row in ours.values() for m in row))
        if not methods:
            continue
        lines += ["", f"| {model}, exact 2.30756 | " + " | ".join(f"n={n}, dz={dz}" for n, dz in SIZES) + " |"]
        lines += ["|" + "---|" * (len(SIZES) + 1)]
        for m in methods:
            found = [ours.get((n, str(dz)), {}).get(m) for n, dz in SIZES]
            lines.append(f"| pidjax, {m} | " + " | ".join(f"{f['value']:.3f}" if f else "–" for f in found) + " |")
        lines += [f"| {name} | " + " | ".join(f"{v:.3f}" for v in values) + " |" for name, values in theirs.items()]
    return "\n".join(lines) + "\n" if lines else ""


def figure(rows: dict[str, dict[str, dict[str, Any]]], path: Path) -> None:
    """Mean less truth, tasks down, one mark a method, deviation over seeds."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    methods = list(dict.fromkeys(m for row in rows.values() for m in row))
    fig, axis = plt.subplots(figsize=(8, 1.5 + 0.2 * len(rows)), layout="constrained")
    for j, method in enumerate(methods):
        at = [i for i, row in enumerate(rows.values()) if method in row]
        found = [row[method] for row in rows.values() if method in row]
        axis.errorbar(
            [f["bias"] for f in found],
            [i + 0.08 * (j - len(methods) / 2) for i in at],
            xerr=[f["sd"] for f in found],
            fmt="o",
            ms=3,
            label=method,
        )
    axis.axvline(0, color="k", lw=0.8)
    axis.set_yticks(range(len(rows)), list(rows), fontsize=7)
    axis.invert_yaxis()
    axis.set_xlabel("mean less I(X; Y | Z) (nats); bars: deviation over seeds")
    axis.legend(fontsize=7)
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(
    preset: Literal["full", "smoke"] = "full",
    out: Path = Path("runs/cmi"),
    methods: tuple[str, ...] = METHODS,
    seeds: int = 5,
    overwrite: bool = False,
) -> None:
    """Every conditional estimator on every task: tables, a figure and result.json.

    Args:
        preset: What to measure.
        out: Folder of the results; estimates that it holds are not made again.
        methods: Names of ``pidjax.estimators.CONDITIONAL``, and "exact_negatives".
        seeds: Samples of each task.
        overwrite: Make every estimate again.
    """
    which, parts = problems(preset), out / preset
    jobs = [(m, seed, name) for m in methods for seed in range(seeds) for name in which if applies(m, which[name])]
    rows: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in which}
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    progress = tqdm(jobs, desc="cmi")
    for method, seed, name in progress:
        progress.set_postfix_str(f"{method}, seed {seed}, {name}")
        made = functools.partial(measure, method, which[name], seed)
        run = kept(parts / method / f"{slug(name)}-{seed}.json", made, overwrite=overwrite)
        found.setdefault((name, method), []).append(run)
    for (name, method), runs in found.items():
        rows[name][method] = summarise(which[name], runs)
    figure(rows, out / "cmi.png")
    write(out, table(rows, which) + published(rows, which), {"tasks": rows})


if __name__ == "__main__":
    tyro.cli(main)
