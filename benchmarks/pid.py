"""PID of tables and of Gaussian vectors: error and time, against dit on the same tables in the same run.

    python -m benchmarks.pid                  # minutes, most of them dit's, which needs the extra "bench"
    python -m benchmarks.pid --preset smoke   # seconds, without dit

An error is of the redundancy: against a gate's known value; of a random table, against the certified one, whose own
error is then its gap. Every time is the quickest of three calls, compilation apart.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from tqdm import tqdm

from benchmarks.store import kept, write
from pidjax.pid import certified_broja, gaussian_broja

BIT = np.log(2)


@dataclasses.dataclass(frozen=True)
class Preset:
    """``shapes`` of random tables, ``compared`` of each against dit; sizes of what is timed."""

    shapes: tuple[tuple[int, int, int], ...] = ((2, 2, 2), (3, 3, 3), (4, 4, 4), (5, 5, 5))
    compared: int = 3
    dit_cells: int = 27
    gates: int = 10
    batch: int = 10_000
    batch_cells: int = 8_000_000
    large: tuple[tuple[int, int, int], ...] = ((20, 20, 10), (100, 100, 2), (200, 200, 2))
    gaussians: tuple[int, ...] = (2, 8, 32, 64, 100)
    copies: int = 64
    repeats: int = 3


PRESETS = {
    "full": Preset(),
    "smoke": Preset(
        shapes=((2, 2, 2),),
        compared=2,
        dit_cells=0,
        gates=2,
        batch=300,
        large=((3, 3, 2),),
        gaussians=(2,),
        copies=2,
        repeats=1,
    ),
}


def gates() -> dict[str, tuple[np.ndarray, float]]:
    """Tables and their redundancy in bits."""

    def table(*outcomes: tuple[int, int, int], weights: tuple[float, ...] = ()) -> np.ndarray:
        p = np.zeros(tuple(1 + max(o[axis] for o in outcomes) for axis in range(3)))
        for outcome, weight in zip(outcomes, weights or [1 / len(outcomes)] * len(outcomes), strict=True):
            p[outcome] += weight
        return p

    def rule(f: Callable[[int, int], int]) -> np.ndarray:
        return table(*[(a, b, f(a, b)) for a in (0, 1) for b in (0, 1)])

    quarter = 2 - 3 / 4 * np.log2(3)  # entropy of a coin of 1/4
    return {
        "XOR": (rule(lambda a, b: a ^ b), 0.0),
        "AND": (rule(lambda a, b: a & b), quarter - 1 / 2),
        "RDN": (table((0, 0, 0), (1, 1, 1)), 1.0),
        "UNQ": (rule(lambda a, b: 2 * a + b), 0.0),
        "SUM": (rule(lambda a, b: a + b), 1 / 2),
        "reduced OR": (table((0, 0, 0), (0, 1, 1), (1, 0, 1), weights=(1 / 2, 1 / 4, 1 / 4)), quarter - 1 / 2),
        "RAND": (table(*[(a, b, c) for a in (0, 1) for b in (0, 1) for c in (a, b)]), 1 - quarter),
        "pointwise unique": (table((0, 1, 1), (1, 0, 1), (0, 2, 2), (2, 0, 2)), 1 / 2),
        "redundant with errors": (
            table((0, 0, 0), (1, 1, 1), (0, 1, 1), (1, 0, 0), weights=(3 / 8, 3 / 8, 1 / 8, 1 / 8)),
            1 - quarter,
        ),
        "W": (table((0, 0, 1), (0, 1, 0), (1, 0, 0)), np.log2(3) - 4 / 3),
    }


def draw(shape: tuple[int, int, int], n: int) -> np.ndarray:
    """n random tables, uniform on the simplex."""
    cells = int(np.prod(shape))
    return np.random.default_rng(cells).dirichlet(np.ones(cells), n).reshape(n, *shape)


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """Time of a call that has been made before: the quickest, since other work on the machine can only add."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def one_table(p: np.ndarray, truth: float | None, with_dit: bool, repeats: int) -> dict[str, Any]:
    """Error in bits and seconds of pidjax, and of dit."""
    found = certified_broja(p)
    value = float(found.atoms.redundancy) / BIT
    gap = float(found.gap) / BIT
    error, truth = (gap, value) if truth is None else (abs(value - truth), truth)
    took = seconds(lambda: certified_broja(p), repeats)
    row: dict[str, Any] = {"gap": gap, "pidjax": {"error": error, "seconds": took}}
    if with_dit:
        import dit

        places = np.argwhere(p > 0)
        law = dit.Distribution(["".join(map(str, i)) for i in places], [float(p[tuple(i)]) for i in places])
        start = time.perf_counter()
        said = float(dit.pid.PID_BROJA(law)[((0,), (1,))])
        row["dit"] = {"error": abs(said - truth), "seconds": time.perf_counter() - start}
    return row


def many_tables(shape: tuple[int, int, int], n: int, repeats: int) -> dict[str, float]:
    """Seconds of one call with n tables, and the worst gap in bits."""
    p = draw(shape, n)
    return {
        "tables": n,
        "seconds": seconds(lambda: certified_broja(p), repeats),
        "gap": float(certified_broja(p).gap.max()) / BIT,
    }


def large_table(shape: tuple[int, int, int], kind: str, repeats: int) -> dict[str, float]:
    """A random table, or the AND of two signs seen through Gaussian noise on a grid."""
    if kind == "random":
        p = draw(shape, 1)[0]
    else:
        seen = [np.exp(-((np.linspace(-4, 4, n)[:, None] - np.array([-1, 1])) ** 2) / 0.98) for n in shape[:2]]
        first, second = (s / s.sum(0) for s in seen)
        p = np.zeros(shape)
        for a, b in np.ndindex(2, 2):
            p[:, :, a & b] += np.outer(first[:, a], second[:, b]) / 4
        p /= p.sum()
    start = time.perf_counter()
    found = certified_broja(p)
    whole = time.perf_counter() - start
    return {
        "first": whole,
        "seconds": seconds(lambda: certified_broja(p), repeats),
        "gap": float(found.gap),
        "least atom": float(min(found.atoms)),
    }


def gaussian(d: int, repeats: int) -> dict[str, float]:
    """Seconds of a dense random system with d-dimensional sources and target."""
    h = np.random.default_rng(d).normal(size=(2 * d, d))
    cov = np.block([[h @ h.T + np.eye(2 * d), h], [h.T, np.eye(d)]])
    return {"seconds": seconds(lambda: gaussian_broja(cov, (d, d, d)), repeats)}


def copies_of_a_gaussian(times: int) -> dict[str, float]:
    """Error in bits, all atoms, of that many copies of two channels, mixed by rotations; known in closed form."""
    gains = np.diag([2.0, 1.0]), np.diag([1.0, np.sqrt(2)])
    truth = times / 2 * np.array([2.0, np.log2(5 / 2), np.log2(3 / 2), np.log2(6) + 2 - np.log2(5) - np.log2(3)])
    truth[3] = times / 2 * (np.log2(6) + np.log2(4)) - truth[:3].sum()
    rng, d = np.random.default_rng(times), 2 * times
    turn1, turn2, turn = (np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(3))
    h = np.concatenate(
        [turn1 @ np.kron(np.eye(times), gains[0]) @ turn, turn2 @ np.kron(np.eye(times), gains[1]) @ turn]
    )
    cov = np.block([[h @ h.T + np.eye(2 * d), h], [h.T, np.eye(d)]])
    return {"error": float(np.abs(np.array(gaussian_broja(cov, (d, d, d))) / BIT - truth).max())}


def table(rows: dict[str, Any], found: dict[str, Any]) -> str:
    """Markdown: tables one by one, then batches, large tables, Gaussians."""
    lines = ["| table | gap (bits) | pidjax: error (bits) | s | dit: error | s | times slower |", "|" + "---|" * 7]
    for name, row in rows.items():
        other = ["–"] * 3
        if "dit" in row:
            ratio = row["dit"]["seconds"] / row["pidjax"]["seconds"]
            other = [f"{row['dit']['error']:.1e}", f"{row['dit']['seconds']:.2g}", f"{ratio:.0f}"]
        mine = f"{row['gap']:.0e} | {row['pidjax']['error']:.0e} | {row['pidjax']['seconds']:.2g}"
        lines.append(f"| {name} | {mine} | {' | '.join(other)} |")
    lines += ["", "| batch | tables | one call (s) | worst gap (bits) |", "|" + "---|" * 4]
    for name, row in found["batches"].items():
        lines.append(f"| {name} | {row['tables']} | {row['seconds']:.2g} | {row['gap']:.0e} |")
    lines += ["", "| one table | s | with compilation | gap (nats) | least atom |", "|" + "---|" * 5]
    for name, row in found["large"].items():
        lines.append(
            f"| {name} | {row['seconds']:.2g} | {row['first']:.2g} | {row['gap']:.0e} | {row['least atom']:.0e} |"
        )
    lines += ["", "| Gaussian, d each | s |", "|---|---|"]
    lines += [f"| {d} | {row['seconds']:.2g} |" for d, row in found["gaussians"].items()]
    copies = found["copies"]
    lines += ["", f"{copies['times']} copies of two Gaussian channels: error {copies['error']:.0e} bits."]
    return "\n".join(lines) + "\n"


def figure(rows: dict[str, Any], found: dict[str, Any], path: Path) -> None:
    """Error against time of both, a dot a table; seconds a table in batches."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for name in ("pidjax", "dit"):
        dots = [row[name] for row in rows.values() if name in row]
        left.loglog([d["seconds"] for d in dots], [max(d["error"], 1e-16) for d in dots], "o", label=name, alpha=0.6)
    left.set(xlabel="one table, after compilation (s)", ylabel="error of R (bits; below 1e-16 drawn there)")
    left.legend()
    batches = found["batches"]
    right.bar(list(batches), [1e6 * row["seconds"] / row["tables"] for row in batches.values()])
    right.set(ylabel="one table of many in one call (µs)", yscale="log")
    for axis in (left, right):
        axis.grid(alpha=0.3)
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(preset: Literal["full", "smoke"] = "full", out: Path = Path("runs/pid"), overwrite: bool = False) -> None:
    """PID: a table, a figure and result.json.

    Args:
        preset: What to measure.
        out: Folder of the results; what it holds is not measured again.
        overwrite: Measure everything again.
    """
    sizes, parts = PRESETS[preset], out / preset
    keep = functools.partial(kept, overwrite=overwrite)
    has_dit = importlib.util.find_spec("dit") is not None
    tables: dict[str, tuple[np.ndarray, float | None]] = dict(list(gates().items())[: sizes.gates])
    for shape in sizes.shapes:
        for i, p in enumerate(draw(shape, sizes.compared)):
            tables[f"random {'x'.join(map(str, shape))} {i + 1}"] = (p, None)
    rows = {}
    for name, (p, truth) in tqdm(tables.items(), desc="tables"):
        with_dit = has_dit and p.size <= sizes.dit_cells
        rows[name] = keep(parts / f"{name}.json", functools.partial(one_table, p, truth, with_dit, sizes.repeats))
    found: dict[str, Any] = {"batches": {}, "large": {}, "gaussians": {}}
    for shape in tqdm(sizes.shapes, desc="batches"):
        name, n = "x".join(map(str, shape)), min(sizes.batch, sizes.batch_cells // int(np.prod(shape)) ** 2)
        measure = functools.partial(many_tables, shape, n, sizes.repeats)
        found["batches"][name] = keep(parts / f"batch {name}.json", measure)
    for shape in tqdm(sizes.large, desc="large tables"):
        for kind in ("random", "noisy AND") if shape[2] == 2 else ("random",):
            name = f"{kind} {'x'.join(map(str, shape))}"
            measure = functools.partial(large_table, shape, kind, sizes.repeats)
            found["large"][name] = keep(parts / f"large {name}.json", measure)
    for d in sizes.gaussians:
        found["gaussians"][str(d)] = keep(parts / f"gaussian {d}.json", functools.partial(gaussian, d, sizes.repeats))
    measured = keep(parts / "copies.json", functools.partial(copies_of_a_gaussian, sizes.copies))
    found["copies"] = {"times": sizes.copies, **measured}
    figure(rows, found, out / "pid.png")
    write(out, table(rows, found), {"tables": rows, **found})


if __name__ == "__main__":
    tyro.cli(main)
