"""Does the bracket of ``estimate_mi`` cover the truth, and how wide is it?

    python -m benchmarks.bracket                  # Gaussians, 10 minutes; and what runs/bmi holds of the bmi tasks
    python -m benchmarks.bracket --preset smoke   # a minute

Gaussians of d = 20 and I = 2 to 10 nats, N = 10,000: ``auto``, whose Gaussian anchor is right there; and without it,
``l1out`` (a learned Gaussian q(y|x)) and ``infonce`` (two learned perceptrons).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from tqdm import tqdm

from benchmarks import bmi
from benchmarks.store import write
from pidjax.data.synthetic import gaussian_with_mi

METHODS = {"full": ("auto", "l1out", "infonce"), "smoke": ("l1out",)}
COLOURS = {"auto": "C0", "l1out": "C1", "infonce": "C2"}


def problems(preset: str) -> dict[str, bmi.Problem]:
    """Gaussians by name."""
    d, n, levels = (20, 10_000, (2, 4, 6, 8, 10)) if preset == "full" else (2, 500, (1,))
    return {f"Gaussian d={d}, {mi} nats": bmi.Problem("hard", gaussian_with_mi(d, float(mi)), n) for mi in levels}


def table(rows: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Markdown: means over seeds of both ends, how often they hold, and the width."""
    lines = [
        "| task | truth (nats) | method | runs | lower | value | upper | width | lower holds | upper holds |",
        "|" + "---|" * 10,
    ]
    for name, row in rows.items():
        for method, found in row.items():
            lines.append(
                f"| {name} | {found['truth']:.3f} | {method} | {found['seeds']} | {found['lower']:.3f} "
                f"| {found['value']:.3f} | {found['upper']:.3f} | {found['width']:.3f} "
                f"| {found['lower_holds']:.0%} | {found['upper_holds']:.0%} |"
            )
    every = [(m, found) for row in rows.values() for m, found in row.items()]
    lines += ["", "| method | runs | lower holds | upper holds | both hold |", "|---|---|---|---|---|"]
    for method in dict.fromkeys(m for m, _ in every):
        weights = [f["seeds"] for m, f in every if m == method]
        shares = {
            end: np.average([f[end] for m, f in every if m == method], weights=weights)
            for end in ("lower_holds", "upper_holds", "both_hold")
        }
        lines.append(f"| {method} | {sum(weights)} | " + " | ".join(f"{s:.1%}" for s in shares.values()) + " |")
    return "\n".join(lines) + "\n"


def figure(rows: dict[str, dict[str, dict[str, Any]]], path: Path) -> None:
    """Brackets less the truth, one line a task and method."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    lines = [(f"{name}: {m}", m, found) for name, row in rows.items() for m, found in row.items()]
    fig, axis = plt.subplots(figsize=(8, 1.5 + 0.18 * len(lines)), layout="constrained")
    for i, (_, method, found) in enumerate(lines):
        ends = [found[end] - found["truth"] for end in ("lower", "upper")]
        label = method if method not in [m for _, m, _ in lines[:i]] else None
        axis.plot(ends, [i, i], "-", color=COLOURS[method], lw=3, label=label)
        axis.plot(found["value"] - found["truth"], i, "k|")
    axis.axvline(0, color="k", lw=0.8)
    axis.set_yticks(range(len(lines)), [label for label, *_ in lines], fontsize=6)
    axis.margins(y=0.01)
    axis.invert_yaxis()
    axis.set_xscale("symlog", linthresh=0.1)
    axis.grid(axis="x", alpha=0.3)
    axis.legend(fontsize=8, loc="lower right")
    axis.set_xlabel("bracket less the true information (nats); tick: value")
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(
    preset: Literal["full", "smoke"] = "full",
    out: Path = Path("runs/bracket"),
    bmi_out: Path = Path("runs/bmi"),
    seeds: int = 5,
    overwrite: bool = False,
) -> None:
    """Coverage and width of the bracket: a table, a figure and result.json.

    Args:
        preset: What to measure.
        out: Folder of the results; estimates that it holds are not made again.
        bmi_out: Folder of ``benchmarks.bmi``; its estimates by "auto" are read, none is made.
        seeds: Samples of each Gaussian.
        overwrite: Make every estimate again.
    """
    which = problems(preset)
    rows: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in which}
    for name, method in tqdm([(n, m) for n in which for m in METHODS[preset]], desc="bracket"):
        of = [bmi.estimates(out / preset, (method,), which[name], seed, overwrite=overwrite) for seed in range(seeds)]
        runs = [run for (run,) in of]
        rows[name][method] = bmi.summarise(which[name], runs)
    for name, row in bmi.stored(bmi_out, preset, ("auto",)).items():
        rows.setdefault(name, {"auto": row["auto"]})
    figure(rows, out / "bracket.png")
    write(out, table(rows), {"tasks": rows})


if __name__ == "__main__":
    tyro.cli(main)
