"""Audit of raw pictures and sounds of digits: PID of either digit and of their sum, against measured confusions.

python -m benchmarks.digits --data ../shared/data   # minutes on 2 cores
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from sklearn.decomposition import PCA

from benchmarks.store import write
from pidjax.evaluate import Fold, audit
from pidjax.pid import broja

RULES = {"image": lambda a, b: a, "audio": lambda a, b: b, "sum": lambda a, b: (a + b) % 10}


def law(confusion1: np.ndarray, confusion2: np.ndarray, rule: str) -> Any:
    """p[read1, read2, y] of joint shares of a digit and of what is read of it."""
    p = np.zeros((10, 10, 10))
    for a, b in np.ndindex(10, 10):
        p[:, :, RULES[rule](a, b)] += np.outer(confusion1[a], confusion2[b])
    return p


def main(data: Path = Path("../shared/data"), out: Path = Path("runs/digits"), n: int = 3000, seed: int = 0) -> None:
    """A table and result.json.

    Args:
        data: Folder that holds multimodal/av_digits.npz.
        out: Folder of the results.
        n: Pairs; every recording is used once.
        seed: Of the pairs.
    """
    digits, rng = np.load(data / "multimodal/av_digits.npz"), np.random.default_rng(seed)
    heads, label = {}, {}
    for name, raw in (("image", digits["image"]), ("audio", digits["audio_logmel"])):
        rows = rng.permutation(len(raw))[:n]
        label[name] = digits[f"{name}_label"][rows].astype(int)
        heads[name] = PCA(20).fit_transform(raw[rows].reshape(n, -1) / 255.0)
    factors = {name: rule(label["image"], label["audio"]) for name, rule in RULES.items()}
    halves = np.arange(n // 2), np.arange(n // 2, n)
    found = audit(
        jax.random.key(seed),
        heads,
        factors,
        folds=[Fold(*halves), Fold(*halves[::-1])],
        pairs=[(name, "image", "audio") for name in RULES],
        through={name: name for name in heads},
    )
    confusions = [
        np.histogram2d(label[name], found.read[name], bins=(np.arange(11), np.arange(11)))[0] / n for name in heads
    ]
    lines = [found.table(), "| label | atom | of the confusions | audit | ± | null |", "|" + "---|" * 6]
    for name in RULES:
        estimate, truth = found.pid[name, "image", "audio"], broja(law(confusions[0], confusions[1], name))
        for atom in truth._fields:
            value, error, null = (getattr(part, atom) for part in (estimate.atoms, estimate.std_error, estimate.null))
            lines.append(f"| {name} | {atom} | {getattr(truth, atom):.3f} | {value:.3f} | {error:.3f} | {null:.3f} |")
    out.mkdir(parents=True, exist_ok=True)
    pid = {name: {k: float(v) for k, v in found.pid[name, "image", "audio"].atoms._asdict().items()} for name in RULES}
    write(out, "\n".join(lines) + "\n", {"pid": pid})


if __name__ == "__main__":
    tyro.cli(main)
