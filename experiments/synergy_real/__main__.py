"""The command; see the package."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from sklearn.decomposition import PCA

from experiments.command import command
from experiments.full_shapes import compile_in_haste
from experiments.representation import learned, with_progress
from experiments.results import Claim, check_names, finish, kept_part, matrix, opened, spread
from experiments.synergy_real.config import FEW, METHODS, PRESETS, Config
from experiments.synergy_real.methods import objective, optimiser
from experiments.synergy_real.pairs import TASKS, Digits, truth
from pidjax import pid
from pidjax.data import array_batches
from pidjax.evaluate import linear_probe

VIEWS = ("Z", "both", "outer")
"""What is probed: the method's representation, both encoders' vectors side by side, their outer product."""
OUTER = 24
"""Principal components of each side of the outer product."""


def main(
    preset: Literal["full", "smoke"] = "full",
    out: Path = Path("runs/synergy_real"),
    data: Path = Path("../shared/data"),
    method: tuple[str, ...] = (),
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Train, probe, and print what was asked for beside what came out.

    Args:
        preset: Three seeds, or seconds.
        out: Folder of the results; what it holds is not made again.
        data: Folder of the recordings.
        method: Of cross, cross_self, comm, infmasking; all by default, of smoke cross and comm.
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    method = method or (FEW if preset == "smoke" else METHODS)
    check_names(method, METHODS)
    started, chosen, out = time.time(), config or PRESETS[preset], out / preset
    opened(out, chosen, resume=resume)
    if preset == "smoke":
        compile_in_haste()
    digits = Digits(data)
    found: dict[str, list[dict[str, Any]]] = {}
    for name in method:
        found[name] = []
        for seed in range(chosen.seeds):
            one: dict[str, Any] = {}
            for rule in dict.fromkeys(TASKS.values()):
                title = f"{name}, {rule}, seed {seed}"
                compute = functools.partial(measured, name, rule, chosen, digits, seed, title)
                one |= kept_part(out, title, compute)
            found[name].append(one)
    tables = [scores_table(found), truth_table()]
    figure(found, out / "scores.png")
    finish(out, started, tables, claims(found, judged=preset != "smoke"), {"methods": found})


def measured(
    name: str, rule: str, config: Config, digits: Digits, seed: int, title: str, folder: Path
) -> dict[str, dict[str, dict[str, float]]]:
    """Scores by task and view, of the representation learned from pairs of one rule."""
    batches = array_batches(
        jax.random.key(seed), digits.batch(digits.pairs("train", rule, config.pairs, seed)), config.batch
    )
    encode = learned(
        objective(name, config),
        with_progress(batches, config.steps),
        config.steps,
        optimiser(config),
        seed=seed,
        folder=folder,
        title=title,
    ).encode
    scores: dict[str, dict[str, dict[str, float]]] = {}
    encoded: dict[str, Any] = {}
    for task in (task for task, of in TASKS.items() if of == rule):
        asked = "same" if task == "redundancy" else "none"
        if asked not in encoded:
            pairs = {part: digits.pairs(part, asked, config.probed, 100 + seed) for part in digits.rows}
            encoded[asked] = pairs, seen_by_probes({part: encode(digits.batch(p)) for part, p in pairs.items()})
        pairs, views = encoded[asked]
        y = {part: digits.ask(task, p) for part, p in pairs.items()}
        shared = pairs["test"] + [0, len(digits.image)]  # both are in many pairs; numbers of sounds follow
        scores[task] = {
            view: linear_probe(
                *((views[view][part], y[part]) for part in ("train", "validation", "test")), shared=shared
            ).scores
            for view in VIEWS
        }
    return scores


def seen_by_probes(encoded: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, np.ndarray]]:
    """Arrays by view and part."""
    both = {part: np.hstack([z["backbone1"], z["backbone2"]]) for part, z in encoded.items()}
    # methods that do not fuse are probed on both vectors
    whole = {part: z.get("joint", both[part]) for part, z in encoded.items()}
    sides = []
    for side in ("backbone1", "backbone2"):
        first = encoded["train"][side]
        model = PCA(min(OUTER, first.shape[1]), whiten=True).fit(first)
        sides.append({part: model.transform(z[side]) for part, z in encoded.items()})
    outer = {
        part: np.einsum("na,nb->nab", *(side[part] for side in sides)).reshape(len(both[part]), -1) for part in both
    }
    return {"Z": whole, "both": both, "outer": outer}


def scores_table(found: dict[str, list[dict[str, Any]]]) -> str:
    """Balanced accuracy of every task, and the AUC of synergy, mean and standard error over seeds."""
    rows = {}
    for name, seeds in found.items():
        for view in VIEWS:
            cells = [spread([100 * one[task][view]["balanced_accuracy"] for one in seeds], 1) for task in TASKS]
            auc = spread([100 * one["synergy"][view]["auc"] for one in seeds], 1)
            rows[f"{name}, {view}"] = [*cells, auc]
    columns = [f"{task} (chance {50 if task == 'synergy' else 10})" for task in TASKS]
    title = "Balanced accuracy of linear probes on test content, %, and the AUC of synergy, %\n\n"
    return title + matrix("probe of", [*columns, "synergy, AUC"], rows)


def figure(found: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """AUC of synergy by method and view, mean and standard error over seeds."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axis = plt.subplots(figsize=(1.5 + 1.3 * len(found), 3.2), layout="constrained")
    for k, view in enumerate(VIEWS):
        auc = np.array([[100 * one["synergy"][view]["auc"] for one in seeds] for seeds in found.values()])
        error = auc.std(1, ddof=1) / auc.shape[1] ** 0.5 if auc.shape[1] > 1 else None
        axis.bar(np.arange(len(found)) + 0.27 * (k - 1), auc.mean(1), 0.25, yerr=error, capsize=3, label=view)
    axis.axhline(50, color="k", lw=0.8, ls="--")
    axis.set_xticks(range(len(found)), list(found))
    axis.set_ylabel("synergy, AUC (%); dashed: chance")
    axis.set_ylim(40, 100)
    axis.legend(title="linear probe of", fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    fig.savefig(path, dpi=120)
    plt.close(fig)


def truth_table() -> str:
    """What two who know the digits can say of each answer: exact PID, in nats."""
    rows = {}
    for task in TASKS:
        atoms = pid.broja(truth(task))
        rows[task] = [f"{float(getattr(atoms, name)):.3f}" for name in ("redundancy", "unique1", "unique2", "synergy")]
    return "Exact PID of the answers given both digits, nats\n\n" + matrix("task", ["R", "U1", "U2", "S"], rows)


def claims(found: dict[str, list[dict[str, Any]]], *, judged: bool) -> list[Claim]:
    """CoMM's family against the contrast of modalities, on the linear probe of Z, by standard errors over seeds."""
    out = []
    for ours in ("comm", "infmasking"):
        for theirs in ("cross", "cross_self"):
            if ours not in found or theirs not in found:
                continue
            a, b = (np.array([one["synergy"]["Z"]["auc"] for one in found[name]]) for name in (ours, theirs))
            error = np.hypot(a.std(ddof=1), b.std(ddof=1)) / len(a) ** 0.5 if len(a) > 1 else np.nan
            gap = 100 * (a.mean() - b.mean())
            # never less than the error of one test set
            error = 100 * max(np.nan_to_num(error), np.mean([one["synergy"]["Z"]["auc_se"] for one in found[ours]]))
            out.append(
                Claim(
                    f"synergy, AUC of {ours} above {theirs} by 4 standard errors",
                    f"> {4 * error:.1f}",
                    f"{gap:.1f}",
                    bool(gap > 4 * error) if judged else None,
                )
            )
    return out


if __name__ == "__main__":
    command(main)
