"""The command; see the package."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from experiments.representation import learned, with_progress
from experiments.results import Claim, check_names, finish, kept_part, matrix, opened, spread
from experiments.trifeature.config import AUGMENTS, METHODS, PRESETS, Config
from experiments.trifeature.methods import objective, optimiser
from experiments.trifeature.world import CHANCE, TASKS, World
from pidjax._checks import InputError, one_of
from pidjax.evaluate import linear_probe

PUBLISHED = {
    "cross": ("100.0", "11.6", "50.0"),
    "cross_self": ("99.7", "86.9", "50.0"),
    "factorcl": ("99.8", "62.5", "46.5"),
    "comm": ("99.9", "87.8", "71.9"),
    "comm_linear": ("99.7", "81.5", "50.0"),
    "infmasking": ("99.9", "90.6", "77.0"),
}
"""R, U, S accuracy at 224 pixels: Dufumier et al. 2025, Wen et al. 2025. Their Cross is CLIP, ours NT-Xent."""


def main(
    preset: Literal["full", "small", "smoke"] = "small",
    out: Path = Path("runs/trifeature"),
    method: tuple[str, ...] = ("cross", "cross_self", "factorcl", "comm", "infmasking"),
    seed: tuple[int, ...] = (0,),
    augments: str = "all",
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Train, probe, and print what was published beside what came out.

    Args:
        preset: The paper's setting, one for 2 CPU cores, or one of seconds.
        out: Folder of the results; what it holds is not made again.
        method: Of cross, cross_self, factorcl, comm, comm_joint, comm_unimodal, comm_linear, comm_paper, infmasking.
        seed: Seeds of training; pictures and pairs are the same.
        augments: Of Table 5 and Fig. 7, such as "all, none" or "no crop on 1".
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    check_names(method, METHODS)
    one_of("augments", augments, tuple(AUGMENTS))
    started, chosen, out = time.time(), config or PRESETS[preset], out / preset
    opened(out, chosen, resume=resume)
    world = functools.cache(lambda: World(chosen.size))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in method}
    for name in method:
        for one in seed:
            scores: dict[str, Any] = {}
            for biased in (False, True):
                title = f"{name}, {augments}, {'biased' if biased else 'unbiased'}, seed {one}"
                compute = functools.partial(measured, name, augments, biased, chosen, world, one, title)
                scores |= kept_part(out, title, compute)
            found[name].append(scores)
    tables = [scores_table(found)]
    finish(out, started, tables, claims(preset, found), {"augments": augments, "methods": found})


def measured(
    name: str,
    augments: str,
    biased: bool,
    config: Config,
    make_world: Callable[[], World],
    seed: int,
    title: str,
    folder: Path,
) -> dict[str, Any]:
    """Scores of the tasks that a representation of (un)biased pairs is probed for; its terms of the last epoch."""
    world = make_world()
    batches, per_epoch = world.batches(biased, config.pairs, config.batch, seed)
    start = time.time()
    made, steps = objective(name, config, augments), config.epochs * per_epoch
    encode, history = learned(
        made, with_progress(batches, steps), steps, optimiser(config), seed=seed, folder=folder, title=title
    )
    seconds = time.time() - start
    probed = world.probed(config.probed)
    vectors = {}
    for part, (of, pairs) in probed.items():
        pictures = world.pictures[of]
        pieces = [
            seen_by_probe(encode({"x1": pictures[rows[:, 0]], "x2": pictures[rows[:, 1]]}))
            for rows in np.array_split(pairs, -(-len(pairs) // 1024))
        ]
        vectors[part] = np.concatenate(pieces)
    scores: dict[str, Any] = {}
    for task, on_biased in TASKS.items():
        if on_biased == biased:
            parts = [(vectors[part], world.ask(task, of, pairs)) for part, (of, pairs) in probed.items()]
            scores[task] = linear_probe(*parts).scores
    last = {term: float(np.mean([line[term] for line in history[-per_epoch:]])) for term in history[-1]}
    return scores | {f"{'biased' if biased else 'unbiased'} training": {"seconds": seconds, **last}}


def seen_by_probe(z: dict[str, np.ndarray]) -> np.ndarray:
    """Z where there is one, FactorCL's four parts, else both encoders' vectors."""
    for heads in (("joint",), ("shared1", "unique1", "shared2", "unique2"), ("backbone1", "backbone2")):
        if all(head in z for head in heads):
            return np.hstack([z[head] for head in heads])
    raise InputError(f"nothing to probe among {', '.join(z)}.")


def scores_table(found: dict[str, list[dict[str, Any]]]) -> str:
    """Balanced accuracy and AUC of every task, mean and standard error over seeds."""
    columns, rows = [], {}
    for task in TASKS:
        columns += [f"{task} (chance {CHANCE[task]})", "AUC"]
    for name, seeds in found.items():
        cells = []
        for task in TASKS:
            cells += [spread([100 * s[task][what] for s in seeds], 1) for what in ("balanced_accuracy", "auc")]
        rows[name] = [*cells, " / ".join(PUBLISHED.get(name, ("–",)))]
    title = "Linear probes of unbiased test pairs: balanced accuracy and AUC, %\n\n"
    return title + matrix("method", [*columns, "published R / U / S"], rows)


def claims(preset: str, found: dict[str, list[dict[str, Any]]]) -> list[Claim]:
    """The goals of the preset."""

    def mean(name: str, *tasks: str) -> float:
        return 100 * float(np.mean([scores[task]["balanced_accuracy"] for scores in found[name] for task in tasks]))

    ours = [name for name in found if name.startswith("comm") or name == "infmasking"]
    if not ours:
        return []
    error = 100 * max(scores["synergy"]["balanced_accuracy_se"] for name in ours for scores in found[name])
    goals = {"full": (99.9, 96.5, 77.5), "small": (95.0, 60.0, 50 + 4 * error), "smoke": (None,) * 3}[preset]
    out = []
    for what, tasks, goal in zip("RUS", (("share",), ("unique1", "unique2"), ("synergy",)), goals, strict=True):
        value = max(mean(name, *tasks) for name in ours)
        expected, holds = ("–", None) if goal is None else (f">= {goal:.1f}", value >= goal)
        out.append(Claim(f"best of CoMM's family, {what}", expected, f"{value:.1f}", holds))
    return out


if __name__ == "__main__":
    tyro.cli(main)
