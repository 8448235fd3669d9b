"""Audit of raw pictures and sounds of digits: PID of either digit and of their sum, against measured confusions.

python -m benchmarks.digits --data ../shared/data                  # minutes on 2 cores
python -m benchmarks.digits --data ../shared/data --preset smoke   # half a minute
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import tyro
from sklearn.decomposition import PCA

from benchmarks.store import write
from pidjax.evaluate import Audit, Fold, audit
from pidjax.pid import broja

RULES = {"image": lambda a, b: a, "audio": lambda a, b: b, "sum": lambda a, b: (a + b) % 10}


def law(confusion1: np.ndarray, confusion2: np.ndarray, rule: str) -> Any:
    """p[read1, read2, y] of joint shares of a digit and of what is read of it."""
    p = np.zeros((10, 10, 10))
    for a, b in np.ndindex(10, 10):
        p[:, :, RULES[rule](a, b)] += np.outer(confusion1[a], confusion2[b])
    return p


def figure(audited: Audit, truths: dict[str, Any], path: Path) -> None:
    """Atoms of every label with their errors, beside those of the measured confusions."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(truths), figsize=(3 * len(truths), 2.8), layout="constrained", sharey=True)
    for axis, (name, truth) in zip(axes, truths.items(), strict=True):
        estimate = audited.pid[name, "image", "audio"]
        axis.bar(range(4), truth, color="0.8", label="of the confusions")
        axis.errorbar(range(4), estimate.atoms, estimate.std_error, fmt="ko", ms=4, capsize=3, label="audit")
        axis.set_xticks(range(4), ["R", "U image", "U audio", "S"])
        axis.set_title(name)
    axes[0].set_ylabel("nats (bars of points: standard error)")
    axes[0].legend(fontsize=8)
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(
    preset: Literal["full", "smoke"] = "full",
    data: Path = Path("../shared/data"),
    out: Path = Path("runs/digits"),
    seed: int = 0,
) -> None:
    """A table, a figure and result.json.

    Args:
        preset: 3,000 pairs, every recording used once, 20 principal components of each; or 1,000 and 10.
        data: Folder that holds multimodal/av_digits.npz.
        out: Folder of the results.
        seed: Of the pairs.
    """
    n, components = (3000, 20) if preset == "full" else (1000, 10)
    digits, rng = np.load(data / "multimodal/av_digits.npz"), np.random.default_rng(seed)
    heads, label = {}, {}
    for name, raw in (("image", digits["image"]), ("audio", digits["audio_logmel"])):
        rows = rng.permutation(len(raw))[:n]
        label[name] = digits[f"{name}_label"][rows].astype(int)
        heads[name] = PCA(components).fit_transform(raw[rows].reshape(n, -1) / 255.0)
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
    truths = {name: broja(law(confusions[0], confusions[1], name)) for name in RULES}
    for name, truth in truths.items():
        estimate = found.pid[name, "image", "audio"]
        for atom in truth._fields:
            value, error, null = (getattr(part, atom) for part in (estimate.atoms, estimate.std_error, estimate.null))
            lines.append(f"| {name} | {atom} | {getattr(truth, atom):.3f} | {value:.3f} | {error:.3f} | {null:.3f} |")
    out.mkdir(parents=True, exist_ok=True)
    figure(found, truths, out / "digits.png")
    pid = {
        name: {
            part: [float(v) for v in value]
            for part, value in (("truth", truth), ("atoms", estimate.atoms), ("std_error", estimate.std_error))
        }
        for (name, truth), estimate in zip(truths.items(), found.pid.values(), strict=True)
    }
    write(out, "\n".join(lines) + "\n", {"nats": found.nats.tolist(), "entropy": found.entropy.tolist(), "pid": pid})


if __name__ == "__main__":
    tyro.cli(main)
