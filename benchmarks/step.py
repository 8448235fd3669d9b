"""Whole training steps against PyTorch: FactorCL-SSL and CoMM, their time, memory and compilation; what saving costs.

    python -m benchmarks.step                  # CPU, some 10 minutes; PyTorch rows need the extra "bench"
    python -m benchmarks.step --preset smoke   # a minute
    python -m benchmarks.step --preset gpu     # larger batches, with the GPU's utilisation

Expected on 2 CPU cores: every goal of the table met. FactorCL-SSL: the outer update of theta, then one inner update of
phi on the same batch, at the paper's synthetic sizes. CoMM: two 5-layer transformers on sequences of 50 steps, two
views, three masks. Both sides start from the same weights, run in turn, each in a process of its own, and must agree
on the losses of three steps. An interrupted run goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import itertools
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from tqdm import tqdm

from benchmarks.step_methods import PROBLEMS, start
from benchmarks.store import kept, write
from benchmarks.worker import Worker
from pidjax.train import Checkpoints, make_step, train

LABELS = {"pidjax": "pidjax", "torch": "PyTorch"}
TARGETS = {"pidjax": "benchmarks.step_methods:pidjax", "torch": "benchmarks.step_torch:step"}
# of PyTorch's process JAX makes the first weights only; pidjax's must leave it room on the device
ENV = {"pidjax": {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}, "torch": {"JAX_PLATFORMS": "cpu"}}

FACTORCL = {"n": 256, "features": 100, "encoder": [512] * 3, "width": 128, "head": [128] * 2, "critic": [512]}
COMM = {
    "n": 64,
    "steps": 50,
    "features": [20, 300],
    "width": 40,
    "depth": 5,
    "heads": 5,
    "forward": 2048,
    "fusion_heads": 8,
    "head": [512, 512, 256],
}
TINY_FACTORCL = {"n": 16, "features": 6, "encoder": [16], "width": 8, "head": [8], "critic": [16]}
TINY_COMM = {
    "n": 8,
    "steps": 4,
    "features": [3, 5],
    "width": 8,
    "depth": 1,
    "heads": 2,
    "forward": 32,
    "fusion_heads": 4,
    "head": [16, 8],
}


@dataclasses.dataclass(frozen=True)
class Group:
    """A problem that both sides run."""

    title: str
    problem: str
    sizes: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Preset:
    """Groups by name, and the training that is run with and without checkpoints."""

    groups: dict[str, Group]
    saved: dict[str, Any]
    steps: int = 200
    every: int = 100


def _groups(factorcl: dict[str, Any], deep: dict[str, Any], comm: dict[str, Any]) -> dict[str, Group]:
    return {
        "factorcl-one": Group("FactorCL-SSL, one hidden layer", "factorcl", factorcl),
        "factorcl-two": Group("FactorCL-SSL, two hidden layers", "factorcl", deep | {"critic": deep["critic"] * 2}),
        "comm": Group("CoMM", "comm", comm),
    }


_SMOKE, _LARGE = _groups(TINY_FACTORCL, TINY_FACTORCL, TINY_COMM), FACTORCL | {"n": 1024}
PRESETS = {
    "full": Preset(_groups(FACTORCL, FACTORCL, COMM), FACTORCL),
    # two layers compile sooner than one
    "smoke": Preset({name: _SMOKE[name] for name in ("factorcl-two", "comm")}, _SMOKE["factorcl-two"].sizes, 4, 2),
    # PyTorch's tables of one hidden layer take tens of GiB at N = 1024
    "gpu": Preset(_groups(_LARGE, FACTORCL | {"n": 512}, COMM | {"n": 1024}), _LARGE),
}


class Utilisation:
    """Mean utilisation of the GPU while the block runs, in per cent; None where there is no ``nvidia-smi``."""

    percent: float | None = None

    def __enter__(self) -> Utilisation:
        query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "50"]
        there = shutil.which(query[0])
        self._process = subprocess.Popen(query, stdout=subprocess.PIPE, text=True) if there else None
        return self

    def __exit__(self, *_: Any) -> None:
        if self._process is not None:
            self._process.terminate()
            seen = [float(word) for word in self._process.communicate()[0].split() if word.isdigit()]
            self.percent = statistics.mean(seen) if seen else None


def measure(group: Group, repeats: int) -> dict[str, Any]:
    """Steps of both sides, in turn; PyTorch's are left out where it is not installed."""
    methods = [m for m in TARGETS if m != "torch" or importlib.util.find_spec("torch")]
    settings = {"problem": group.problem, "sizes": group.sizes}
    workers: dict[str, Worker] = {}
    times: dict[str, list[float]] = {method: [] for method in methods}
    busy: dict[str, list[float]] = {method: [] for method in methods}
    try:
        for method in methods:
            workers[method] = Worker(TARGETS[method], settings, ENV[method])
        for _, (method, worker) in itertools.product(range(repeats), workers.items()):
            with Utilisation() as gpu:
                times[method].append(worker.time())
            busy[method] += [] if gpu.percent is None else [gpu.percent]
    finally:
        for worker in workers.values():
            worker.close()
    rows = {}
    for method, worker in workers.items():
        facts = worker.facts
        _agree(group.title, facts["losses"], workers["pidjax"].facts["losses"])
        rows[method] = {
            "seconds": statistics.median(times[method]),
            "range": [min(times[method]), max(times[method])],
            "memory_mib": facts.get("memory_mib", facts["resident_mib"]),
            "compile_s": facts["compile_s"],
            "device": facts["device"],
            "losses": facts["losses"],
            "utilisation": statistics.mean(busy[method]) if busy[method] else None,
            "time_ratio": statistics.median(b / a for a, b in zip(times["pidjax"], times[method], strict=True)),
        }
        rows[method]["memory_ratio"] = rows[method]["memory_mib"] / rows["pidjax"]["memory_mib"]
    return {**dataclasses.asdict(group), "rows": rows}


def _agree(title: str, losses: list[float], reference: list[float]) -> None:
    """The first loss to 1e-4; the next, after Adam made whole steps of rounding errors, to 1e-2."""
    if not (np.allclose(losses[:1], reference[:1], rtol=1e-4) and np.allclose(losses, reference, rtol=1e-2)):
        raise RuntimeError(f"{title}: losses of the first steps are {losses}, pidjax's {reference}.")


def saving(preset: Preset, repeats: int) -> dict[str, Any]:
    """Seconds of training with and without checkpoints, in turn in this process."""
    problem = PROBLEMS["factorcl"](**preset.saved)
    step = make_step(problem.objective, problem.txs, donate=True)

    def seconds(steps: int, folder: str | None) -> float:
        train_state = start(problem)
        begin = time.perf_counter()
        checkpoints = None if folder is None else Checkpoints(folder)
        try:
            train(
                step,
                train_state,
                lambda i: problem.batch,
                steps,
                checkpoints=checkpoints,
                every=preset.every,
                progress=False,
            )
        finally:
            if checkpoints is not None:
                checkpoints.close()
        return time.perf_counter() - begin

    times: dict[str, list[float]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory() as scratch:
        seconds(2, str(Path(scratch, "first")))  # compilation, and what orbax does once
        for i in range(repeats):
            times["without"].append(seconds(preset.steps, None))
            times["with"].append(seconds(preset.steps, str(Path(scratch, str(i)))))
    more = statistics.median(b / a for a, b in zip(times["without"], times["with"], strict=True)) - 1
    return {"steps": preset.steps, "every": preset.every, "seconds": times, "more": more}


def goals(results: dict[str, dict[str, Any]], saved: dict[str, Any]) -> list[dict[str, Any]]:
    """What these results say of each goal, at the sizes it was set for."""
    found: list[dict[str, Any]] = []

    def add(goal: str, group: str, key: str, least: float) -> None:
        row = results[group]["rows"].get("torch")
        if row is not None:
            goal = f"{results[group]['title']}: {goal}"
            found.append({"goal": goal, "found": row[key], "met": row[key] >= least})

    add(">= 40x PyTorch", "factorcl-one", "time_ratio", 40)
    add(">= 1.6x PyTorch", "factorcl-two", "time_ratio", 1.6)
    add("<= 1/10 of PyTorch's memory", "factorcl-one", "memory_ratio", 10)
    add("<= 1/10 of PyTorch's memory", "factorcl-two", "memory_ratio", 10)
    add(">= 2x PyTorch", "comm", "time_ratio", 2)
    goal = f"a checkpoint every {saved['every']} steps: < 2 % of the time"
    found.append({"goal": goal, "found": saved["more"], "met": saved["more"] < 0.02})
    return found


def table(results: dict[str, dict[str, Any]], saved: dict[str, Any], met: list[dict[str, Any]]) -> str:
    """Markdown: steps, checkpoints, goals."""
    lines = [
        "| step | N | method | time (s) | x pidjax | memory (MiB) | x pidjax | first call (s) | GPU |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for group in results.values():
        for method, row in group["rows"].items():
            gpu = "–" if row["utilisation"] is None else f"{row['utilisation']:.0f}%"
            lines.append(
                f"| {group['title']} | {group['sizes']['n']} | {LABELS[method]} | {row['seconds']:.3g} "
                f"| {row['time_ratio']:.3g} | {row['memory_mib']:.3g} | {row['memory_ratio']:.3g} "
                f"| {max(row['compile_s'], 0):.2g} | {gpu} |"
            )
    without, with_them = (statistics.median(saved["seconds"][name]) for name in ("without", "with"))
    lines += ["", f"| {saved['steps']} steps of FactorCL-SSL | seconds | more |", "|---|---|---|"]
    lines += [f"| without checkpoints | {without:.3g} | |"]
    lines += [f"| with, at most {saved['every']} steps apart | {with_them:.3g} | {saved['more']:+.1%} |"]
    if met:
        lines += ["", "| goal | found | met |", "|---|---|---|"]
        lines += [f"| {g['goal']} | {g['found']:.3g} | {'yes' if g['met'] else '**no**'} |" for g in met]
    return "\n".join(lines) + "\n"


def figure(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Time and memory of every step, both sides."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
    titles = [group["title"].replace(", ", "\n") for group in results.values()]
    for axis, key, label in zip(
        axes, ("seconds", "memory_mib"), ("one step (s)", "memory of a step (MiB)"), strict=True
    ):
        for offset, (method, name) in zip((-0.2, 0.2), LABELS.items(), strict=True):
            heights = [group["rows"].get(method, {}).get(key, np.nan) for group in results.values()]
            axis.bar(np.arange(len(titles)) + offset, heights, 0.4, label=name)
        axis.set_xticks(range(len(titles)), titles)
        axis.set_yscale("log")
        axis.set_ylabel(label)
        axis.grid(alpha=0.3, axis="y")
    axes[0].legend()
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(
    preset: Literal["full", "smoke", "gpu"] = "full",
    out: Path = Path("runs/step"),
    repeats: int = 5,
    overwrite: bool = False,
) -> None:
    """Whole training steps against PyTorch: a table, a figure and result.json.

    Args:
        preset: What to measure.
        out: Folder of the results; groups that it holds are not measured again.
        repeats: Times each side is timed, in turn.
        overwrite: Measure everything again.
    """
    chosen, parts = PRESETS[preset], out / preset
    results = {
        name: kept(parts / f"{name}.json", functools.partial(measure, group, repeats), overwrite=overwrite)
        for name, group in tqdm(chosen.groups.items(), desc="steps")
    }
    saved = kept(parts / "saving.json", functools.partial(saving, chosen, min(repeats, 3)), overwrite=overwrite)
    met = goals(results, saved) if preset != "smoke" else []
    figure(results, out / "step.png")
    write(out, table(results, saved, met), {"groups": results, "checkpoints": saved, "goals": met})
    if not importlib.util.find_spec("torch"):
        print('PyTorch is not installed, its rows are left out: pip install -c constraints.txt -e ".[bench]"')


if __name__ == "__main__":
    tyro.cli(main)
