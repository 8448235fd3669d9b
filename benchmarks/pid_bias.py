"""Bias of ``gaussian_broja`` from samples, corrected and not: x_i = h_i y + noise, ten dimensions each, 1,000 rows.

python -m benchmarks.pid_bias                  # a minute on 2 cores
python -m benchmarks.pid_bias --preset smoke   # seconds
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from tqdm import tqdm

from benchmarks.store import write
from pidjax.pid import gaussian_broja

BIT = np.log(2)
GOAL = 0.05
"""Bits, of the bias of R and S."""


def channels(d: int) -> dict[str, tuple[np.ndarray, np.ndarray, float]]:
    """Gains of both sources, and the correlation of their noises."""
    rng, one, none = np.random.default_rng(7), np.eye(d), np.zeros((d, d))
    half, rise = np.diag((np.arange(d) < d // 2).astype(float)), np.linspace(-1, 1, d)
    return {
        "dense": (0.3 * rng.normal(size=(d, d)), 0.3 * rng.normal(size=(d, d)), 0.0),
        "unrelated": (none, none, 0.0),
        "one source": (one, none, 0.0),
        "each half of y": (half, one - half, 0.0),
        "equal": (one, one, 0.0),
        "equal, weak": (0.3 * one, 0.3 * one, 0.0),
        "equal, strong": (3 * one, 3 * one, 0.0),
        "equal, noises alike": (one, one, 0.6),
        "equal, one source twice": (np.concatenate([one, one]) / 2**0.5, one, 0.0),
        "half of y equal": (one, half, 0.0),
        "nearly equal": (1.1 * one, one, 0.0),
        "one better": (1.3 * one, one, 0.0),
        "better in turns, 10 %": (np.diag(1 + 0.1 * rise), np.diag(1 - 0.1 * rise), 0.0),
        "better in turns, 50 %": (np.diag(1 + 0.5 * rise), np.diag(1 - 0.5 * rise), 0.0),
    }


def covariance(h1: np.ndarray, h2: np.ndarray, alike: float) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Of (x1, x2, y), y white."""
    h, cross = np.concatenate([h1, h2]), alike * np.eye(len(h1), len(h2))
    noise = np.block([[np.eye(len(h1)), cross], [cross.T, np.eye(len(h2))]])
    return np.block([[h @ h.T + noise, h], [h.T, np.eye(h.shape[1])]]), (len(h1), len(h2), h.shape[1])


def measure(channel: tuple[np.ndarray, np.ndarray, float], n: int, samples: int) -> dict[str, Any]:
    """Bits: atoms of the law; mean errors of R and S over samples, plain and corrected, and their standard errors."""
    cov, dims = covariance(*channel)
    truth, root = np.array(gaussian_broja(cov, dims)), np.linalg.cholesky(cov)
    rng = np.random.default_rng(0)
    drawn = [np.cov(root @ rng.normal(size=(len(cov), n))) for _ in range(samples)]
    row: dict[str, Any] = {"truth": list(truth / BIT)}
    for name, rows in (("plain", None), ("corrected", n)):
        off = (np.array([gaussian_broja(s, dims, rows) for s in drawn]) - truth)[:, [0, 3]] / BIT
        row[name] = {"bias": list(off.mean(0)), "error": list(off.std(0, ddof=1) / samples**0.5)}
    return row


def figure(rows: dict[str, Any], path: Path) -> None:
    """Bias of R and of S, channels down, with standard errors; the goal as a band."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(8, 1.5 + 0.25 * len(rows)), layout="constrained", sharey=True)
    for i, (axis, atom) in enumerate(zip(axes, "RS", strict=True)):
        for name, mark in (("plain", "x"), ("corrected", "o")):
            found = [row[name] for row in rows.values()]
            bias, error = ([f[what][i] for f in found] for what in ("bias", "error"))
            axis.errorbar(bias, range(len(rows)), xerr=error, fmt=mark, ms=4, label=name)
        axis.axvspan(-GOAL, GOAL, color="0.9", zorder=0)
        axis.set_xlabel(f"bias of {atom} (bits); band: goal")
    axes[0].set_yticks(range(len(rows)), list(rows), fontsize=8)
    axes[0].invert_yaxis()
    axes[1].legend(fontsize=8)
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(preset: Literal["full", "smoke"] = "full", out: Path = Path("runs/pid_bias")) -> None:
    """A table, a figure and result.json.

    Args:
        preset: 1,000 rows, ten dimensions, 150 samples; or 100 rows, two dimensions, 3 samples.
        out: Folder of the results.
    """
    n, d, samples = (1000, 10, 150) if preset == "full" else (100, 2, 3)
    rows = {name: measure(channel, n, samples) for name, channel in tqdm(channels(d).items(), desc="channels")}
    lines = [f"| n={n}, d={d} | R | U1 | U2 | S | plain: bias of R, of S | corrected: of R | of S |", "|" + "---|" * 8]
    for name, row in rows.items():
        truth, plain = (" | ".join(f"{v:.2f}" for v in row["truth"])), row["plain"]["bias"]
        now = [f"{b:+.3f} ± {e:.3f}" for b, e in zip(*row["corrected"].values(), strict=True)]
        lines.append(f"| {name} | {truth} | {plain[0]:+.3f}, {plain[1]:+.3f} | {now[0]} | {now[1]} |")
    worst = max(abs(b) for row in rows.values() for b in row["corrected"]["bias"])
    lines += ["", f"Worst bias of R or S after correction: {worst:.3f} bits (goal {GOAL})."]
    out.mkdir(parents=True, exist_ok=True)
    figure(rows, out / "pid_bias.png")
    write(out, "\n".join(lines) + "\n", {"rows": rows})


if __name__ == "__main__":
    tyro.cli(main)
