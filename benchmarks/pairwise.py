"""All-pairs critics against the textbook formula: time, memory and operations of a bound and its gradient.

    python -m benchmarks.pairwise                  # CPU, about 15 minutes; PyTorch rows need the extra "bench"
    python -m benchmarks.pairwise --preset smoke   # seconds
    python -m benchmarks.pairwise --preset gpu     # N to 65,536

Expected on 2 CPU cores: every goal of the table met. Methods of a group are timed in turn, each in a process of
its own, so that ratios hold where the machine's speed drifts; compilation is timed apart. An interrupted run goes
on where it stopped.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import statistics
from pathlib import Path
from typing import Any, Literal

import tyro
from tqdm import tqdm

from benchmarks.store import kept, write
from benchmarks.worker import Worker
from pidjax.math.pairwise import default_tiling

LABELS = {
    "pidjax": "pidjax",
    "jax_tiled": "tiled, JAX",
    "torch_tiled": "tiled, PyTorch",
    "torch_chunked": "tiled by rows, PyTorch",
    "torch_separated": "first layer separated, by rows, PyTorch",
}


@dataclasses.dataclass(frozen=True)
class Group:
    """Methods that are timed in turn on one problem."""

    bound: str
    hidden: tuple[int, ...]
    n: int
    d: int
    methods: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.bound}-{'x'.join(map(str, self.hidden))}-{self.n}"


def groups(preset: str) -> list[Group]:
    """What a preset measures, small problems first. Tiling is left out where it does not fit 24 GiB (80 on GPU)."""
    if preset == "smoke":
        return [
            Group("infonce", (32, 32), 32, 8, ("pidjax", "jax_tiled", "torch_tiled")),
            Group("nce_club", (32,), 64, 8, ("pidjax", "torch_chunked")),
        ]
    if preset == "gpu":
        one = [4096, 8192, 16384, 65536]
        return [
            *(Group("infonce", (512,), n, 128, ("pidjax", *(["torch_chunked"] if n < 16384 else []))) for n in one),
            *(Group("nce_club", (512,), n, 128, ("pidjax",)) for n in one),
            Group("infonce", (512, 512), 1024, 128, ("pidjax", "torch_tiled")),
        ]
    separated, tiled = ("torch_separated",), ("jax_tiled", "torch_tiled")
    found = [Group("infonce", (512,), n, 128, ("pidjax", *separated, *tiled)) for n in (128, 256, 512, 1024)]
    found += [Group("infonce", (512,), 2048, 128, ("pidjax", *separated))]
    found += [Group("infonce", (512,), n, 128, ("pidjax",)) for n in (4096, 8192)]
    found += [Group("infonce", (512, 512), n, 128, ("pidjax", *tiled)) for n in (128, 256, 512)]
    found += [Group("nce_club", (512,), n, 128, ("pidjax", "torch_chunked")) for n in (512, 2048)]
    found += [Group("nce_club", (512,), n, 128, ("pidjax",)) for n in (4096, 8192)]
    return found


def operations(method: str, group: Group) -> dict[str, float]:
    """Operations of one value and gradient: elementwise ones over pairs and units, and those of matrix products.

    Per pair and hidden unit of one layer: add, compare, select, multiply-add (2) forward; compare, select, add for
    each of the two sums backward. PyTorch: add, maximum, multiply-add; multiply, mask, two sums. A matrix product
    is run once forward and twice backward. A row-blocked table is computed twice. Sorting is not counted: it
    forms no pair.
    """
    pairs, (first, *rest), tiling = group.n**2, group.hidden, default_tiling()
    products = sum(2 * a * b for a, b in zip(group.hidden, rest, strict=False))
    if method == "pidjax":
        if rest:
            return {"elementwise": 0, "matmul": 3 * pairs * products}
        if group.bound == "nce_club" and pairs >= tiling.sort:
            return {"elementwise": 0, "matmul": 0}
        forward = 1 if tiling.block_rows(group.n, group.n) == group.n else 2
        return {"elementwise": pairs * first * (5 * forward + 6), "matmul": 0}
    if method == "torch_separated":
        return {"elementwise": 8 * pairs * first, "matmul": 0}
    return {"elementwise": 0, "matmul": 3 * pairs * (products + 2 * 2 * group.d * first + 2 * group.hidden[-1])}


def measure(group: Group, repeats: int, peaks: dict[str, float]) -> dict[str, Any]:
    """Every method of a group, in turn; what PyTorch would measure is left out where it is not installed."""
    methods = [m for m in group.methods if not m.startswith("torch") or importlib.util.find_spec("torch")]
    settings = {"bound": group.bound, "n": group.n, "d": group.d, "hidden": list(group.hidden)}
    workers: dict[str, Worker] = {}
    try:
        for method in methods:
            workers[method] = Worker(f"benchmarks.pairwise_methods:{method}", settings)
        times: dict[str, list[float]] = {method: [] for method in methods}
        for _ in range(repeats):
            for method, worker in workers.items():
                if sum(times[method]) < 60 or not times[method]:
                    times[method].append(worker.time())
    finally:
        for worker in workers.values():
            worker.close()
    rows = {}
    reference = workers["pidjax"].facts["check"]
    for method in methods:
        facts, seconds = workers[method].facts, statistics.median(times[method])
        if not math.isclose(facts["check"], reference, rel_tol=1e-3, abs_tol=1e-4):
            raise RuntimeError(f"{group.name}: {method} gives {facts['check']}, pidjax {reference}.")
        counted = operations(method, group)
        rows[method] = {
            "seconds": seconds,
            "range": [min(times[method]), max(times[method])],
            "repeats": len(times[method]),
            "memory_mib": facts.get("memory_mib", facts["resident_mib"]),
            "compile_s": facts.get("compile_s", 0.0),
            "device": facts["device"],
            "of_peak": sum(counted[kind] / peaks[kind] for kind in counted) / seconds,
            "time_ratio": statistics.median(b / a for a, b in zip(times["pidjax"], times[method], strict=False)),
        }
        rows[method]["memory_ratio"] = rows[method]["memory_mib"] / rows["pidjax"]["memory_mib"]
    return {**dataclasses.asdict(group), "name": group.name, "value": reference, "rows": rows}


def goals(results: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The goals that these results can speak of, each with what was found."""
    found: list[dict[str, Any]] = []

    def add(goal: str, group: str, method: str, key: str, least: float) -> None:
        row = results.get(group, {}).get("rows", {}).get(method)
        if row is not None:
            found.append({"goal": goal, "found": row[key], "met": row[key] >= least})

    one, two = "InfoNCE, one hidden layer", "InfoNCE, two hidden layers"
    add(f"{one}, N=512: >= 100x tiled PyTorch", "infonce-512-512", "torch_tiled", "time_ratio", 100)
    add(f"{one}, N=512: <= 1/50 of its memory", "infonce-512-512", "torch_tiled", "memory_ratio", 50)
    add(f"{one}, N=512: >= 10x separated, by rows", "infonce-512-512", "torch_separated", "time_ratio", 10)
    add("NCE-CLUB, N=2048: >= 100x tiled by rows", "nce_club-512-2048", "torch_chunked", "time_ratio", 100)
    add(f"{two}, N=256: >= 1.6x tiled PyTorch", "infonce-512x512-256", "torch_tiled", "time_ratio", 1.6)
    add(f"{two}, N=256: <= 1/10 of its memory", "infonce-512x512-256", "torch_tiled", "memory_ratio", 10)
    add(f"{one}, N=4096 on GPU: >= 10x tiled by rows", "infonce-512-4096", "torch_chunked", "time_ratio", 10)
    large, half = (results.get(f"infonce-512-{n}", {}).get("rows", {}).get("pidjax") for n in (8192, 4096))
    if large and half:
        memory, growth = large["memory_mib"], large["seconds"] / half["seconds"]
        found.append({"goal": f"{one}, N=8192: under 1024 MiB", "found": memory, "met": memory < 1024})
        goal = f"{one}, 4096 to 8192: time grows as N² (4, to 10 %)"
        found.append({"goal": goal, "found": growth, "met": growth < 4.4})
    huge = results.get("infonce-512-65536", {}).get("rows", {}).get("pidjax")
    if huge:
        found.append({"goal": f"{one}, N=65536: under 3 s", "found": huge["seconds"], "met": huge["seconds"] < 3})
    return found


def table(results: dict[str, dict[str, Any]], met: list[dict[str, Any]]) -> str:
    """Markdown: every row, then the goals."""
    lines = [
        "| bound | hidden | N | method | time (s) | x pidjax | memory (MiB) | x pidjax | of peak | compile (s) |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for group in results.values():
        for method, row in group["rows"].items():
            hidden = ", ".join(map(str, group["hidden"]))
            share = f"{row['of_peak']:.0%}" if row["of_peak"] else "–"  # sorting forms no pair to count
            lines.append(
                f"| {group['bound']} | {hidden} | {group['n']} | {LABELS[method]} | {row['seconds']:.3g} "
                f"| {row['time_ratio']:.3g} | {row['memory_mib']:.3g} | {row['memory_ratio']:.3g} "
                f"| {share} | {row['compile_s']:.2g} |"
            )
    if met:
        lines += ["", "| goal | found | met |", "|---|---|---|"]
        lines += [f"| {g['goal']} | {g['found']:.3g} | {'yes' if g['met'] else '**no**'} |" for g in met]
    return "\n".join(lines) + "\n"


def figure(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Time and memory against N, one line a method and problem."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    problems = list(dict.fromkeys((g["bound"], tuple(g["hidden"])) for g in results.values()))
    titles = {"infonce": "InfoNCE", "nce_club": "NCE-CLUB"}
    fig, axes = plt.subplots(
        2, len(problems), figsize=(4.2 * len(problems), 7), squeeze=False, sharex="col", layout="constrained"
    )
    for column, (bound, hidden) in zip(axes.T, problems, strict=True):
        chosen = sorted(
            (g for g in results.values() if (g["bound"], tuple(g["hidden"])) == (bound, hidden)), key=lambda g: g["n"]
        )
        for number, (method, label) in enumerate(LABELS.items()):
            for axis, key in zip(column, ("seconds", "memory_mib"), strict=True):
                points = [(g["n"], g["rows"][method][key]) for g in chosen if method in g["rows"]]
                if points:
                    axis.loglog(*zip(*points, strict=True), "o-", color=f"C{number}", label=label)
        column[0].set_title(f"{titles[bound]}, hidden {' x '.join(map(str, hidden))}")
        column[0].set_ylabel("value and gradient (s)")
        column[1].set_ylabel("temporary memory (MiB)")
        column[1].set_xlabel("batch N")
        for axis in column:
            axis.set_xticks([g["n"] for g in chosen], [str(g["n"]) for g in chosen], rotation=45, minor=False)
            axis.minorticks_off()
            axis.grid(alpha=0.3)
    lines = {line.get_label(): line for axis in axes.flat for line in axis.get_lines()}
    fig.legend(lines.values(), lines.keys(), loc="outside upper center", ncols=len(lines))
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(
    preset: Literal["full", "smoke", "gpu"] = "full",
    out: Path = Path("runs/pairwise"),
    repeats: int = 5,
    overwrite: bool = False,
) -> None:
    """All-pairs critics against the textbook formula: a table, a figure and result.json.

    Args:
        preset: What to measure.
        out: Folder of the results; groups that it holds are not measured again.
        repeats: Times each method is timed, in turn with the others of its group.
        overwrite: Measure everything again.
    """
    parts = out / preset
    results: dict[str, dict[str, Any]] = {}

    def part(name: str, compute) -> Any:
        return kept(parts / f"{name}.json", compute, overwrite=overwrite)

    peaks = part("peaks", lambda: {kind: _peak(kind) for kind in ("elementwise", "matmul")})
    progress = tqdm(groups(preset), desc="pairwise")
    for group in progress:
        progress.set_postfix_str(group.name)
        results[group.name] = part(group.name, lambda group=group: measure(group, repeats, peaks))
    met = goals(results)
    text = table(results, met)
    figure(results, out / "pairwise.png")
    write(out, text, {"peaks_per_s": peaks, "groups": results, "goals": met})
    if not importlib.util.find_spec("torch"):
        print('PyTorch is not installed, its rows are left out: pip install -c constraints.txt -e ".[bench]"')


def _peak(kind: str) -> float:
    worker = Worker("benchmarks.pairwise_methods:peak", {"kind": kind})
    try:
        return worker.facts["operations"] / min(worker.time() for _ in range(5))
    finally:
        worker.close()


if __name__ == "__main__":
    tyro.cli(main)
