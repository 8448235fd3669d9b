"""The command; see the package."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optax

from benchmarks.store import kept
from experiments.command import command
from experiments.figures import score_of, score_panels
from experiments.full_shapes import compile_in_haste
from experiments.representation import learned, optimiser, warm_cosine, with_progress
from experiments.results import Claim, check_names, finish, kept_part, matrix, opened, spread
from experiments.trifeature.config import AUGMENTS, FEW, METHODS, PRESETS, SHOWN, WHOLE, Config
from experiments.trifeature.methods import objective
from experiments.trifeature.world import CHANCE, TASKS, World
from pidjax._checks import InputError, one_of
from pidjax.evaluate import linear_probe
from pidjax.objectives.pair import joined
from pidjax.typing import Batch

PUBLISHED = {
    "cross": ("100.0", "11.6", "50.0"),
    "cross_self": ("99.7", "86.9", "50.0"),
    "factorcl": ("99.8", "62.5", "46.5"),
    "comm": ("99.9", "87.8", "71.9"),
    "comm_linear": ("99.7", "81.5", "50.0"),
    "infmasking": ("99.9", "90.6", "77.0"),
}
"""R, U, S accuracy at 224 pixels: Dufumier et al. 2025, Wen et al. 2025. Cross is CLIP."""
SEEN = {
    "cross": (("projection1",), ("projection2",)),
    "cross_self": (("backbone1",), ("backbone2",)),
    "factorcl": (("shared1", "unique1"), ("shared2", "unique2")),
}
"""What probes see of each picture if nothing is fused: CLIP's projections, encoders' vectors, FactorCL's parts."""


def main(
    preset: Literal["full", "small", "smoke"] = "small",
    out: Path = Path("runs/trifeature"),
    method: tuple[str, ...] = (),
    seed: tuple[int, ...] = (0,),
    augments: str = "all",
    stages: int = 1,
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Train, probe, and print what was published beside what came out.

    Args:
        preset: The paper's setting, one for 2 CPU cores, or one of seconds.
        out: Folder of the results; what it holds is not made again.
        method: Of cross, cross_self, factorcl, comm, comm_joint, comm_unimodal, comm_linear, comm_paper, infmasking; by
            default the three first, comm and infmasking, of smoke cross and comm.
        seed: Seeds of training; pictures and pairs are the same.
        augments: Of Table 5 and Fig. 7, such as "all, none" or "no crop on 1".
        stages: Times that a representation is probed while it is trained, the last at its end (Fig. 5).
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    method = method or (FEW if preset == "smoke" else SHOWN)
    check_names(method, METHODS)
    one_of("augments", augments, tuple(AUGMENTS))
    started, chosen, out = time.time(), config or PRESETS[preset], out / preset
    opened(out, chosen, resume=resume)
    if preset == "smoke":
        compile_in_haste()
    world = functools.cache(lambda: World(*chosen.sizes))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in method}
    for name in method:
        for one in seed:
            scores: dict[str, Any] = {}
            for biased in (False, True):
                title = f"{name}, {augments}, {'biased' if biased else 'unbiased'}, seed {one}"
                if stages > 1:
                    title += f", {stages} stages"
                compute = functools.partial(measured, name, augments, biased, chosen, world, one, stages, title)
                scores |= kept_part(out, title, compute)
            found[name].append(scores)
    tables = [scores_table(found)]
    figures(found, stages, out)
    finish(out, started, tables, claims(preset, found), {"augments": augments, "methods": found})


def measured(
    name: str,
    augments: str,
    biased: bool,
    config: Config,
    make_world: Callable[[], World],
    seed: int,
    stages: int,
    title: str,
    folder: Path,
) -> dict[str, Any]:
    """Scores of the tasks that a representation of (un)biased pairs is probed for; its terms of the last epoch."""
    world = make_world()
    batches, per_epoch = world.batches(biased, config.pairs, config.batch, seed)
    made, steps = objective(name, config, augments), config.epochs * per_epoch
    rows, probed = with_progress(batches, steps), world.probed(config.probed)
    if not 1 <= stages <= steps:
        raise InputError(f"stages must be 1 to {steps}, the number of steps; found {stages}.")
    asked = [task for task, on_biased in TASKS.items() if on_biased == biased]
    sizes = (config.view,) if name in WHOLE else config.sizes

    def probe(upto: int) -> dict[str, Any]:
        start = time.time()
        tx = optimiser(rate(config, steps), config.cross_decay if name in WHOLE else config.weight_decay)
        encode, _, history = learned(made, rows, upto, tx, seed=seed, folder=folder / "training", title=title)
        last = {term: float(np.mean([line[term] for line in history[-per_epoch:]])) for term in history[-1]}
        vectors = [
            np.mean([encoded(name, encode, world.pictures[size][part], pairs) for size in sizes], axis=0)
            for part, pairs in probed.values()
        ]
        labels = {task: [world.ask(task, *of) for of in probed.values()] for task in asked}
        shared = probed["test"][1]  # a picture is in many pairs
        scores = {task: linear_probe(*zip(vectors, labels[task], strict=True), shared=shared).scores for task in asked}
        return {"scores": scores, "training": {"seconds": time.time() - start, **last}}

    found = {}
    for upto in (steps * stage // stages for stage in range(1, stages + 1)):
        found[upto] = kept(folder / f"probed-{upto}.json", functools.partial(probe, upto))
    curve = [
        {"step": upto} | {task: one["scores"][task]["balanced_accuracy"] for task in asked}
        for upto, one in found.items()
    ]
    training = found[steps]["training"] | {"seconds": sum(one["training"]["seconds"] for one in found.values())}
    return found[steps]["scores"] | {f"{'biased' if biased else 'unbiased'} training": training | {"curve": curve}}


def rate(config: Config, steps: int) -> optax.ScalarOrSchedule:
    """Of learning: constant, or up and down again."""
    if not config.warm:
        return config.learning_rate
    if config.warm >= steps:
        raise InputError(f"the rate rises for {config.warm} steps of {steps}: lower warm, or train longer.")
    return warm_cosine(config.learning_rate, config.warm, steps)


def encoded(
    name: str, encode: Callable[[Batch], dict[str, np.ndarray]], pictures: np.ndarray, pairs: np.ndarray
) -> np.ndarray:
    """What a probe sees, [m, d], of pairs [m, 2] of pictures [n, h, w, 3] of one size: Z, or vectors of each."""
    if name in SEEN:
        once, at = np.unique(pairs, return_inverse=True)  # a picture is in many pairs
        z = encode(dict.fromkeys(("x1", "x2"), pictures[once]))
        sides = zip(SEEN[name], at.reshape(pairs.shape).T, strict=True)
        return np.hstack([np.asarray(joined(z, heads))[rows] for heads, rows in sides])
    pieces = np.array_split(pairs, -(-len(pairs) // 1024))  # copies of pictures, some at a time
    return np.concatenate([encode({"x1": pictures[a], "x2": pictures[b]})["joint"] for a, b in (x.T for x in pieces)])


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


def figures(found: dict[str, list[dict[str, Any]]], stages: int, out: Path) -> None:
    """Balanced accuracy of every task by method (Fig. 4); over training, where there are stages (Fig. 5)."""
    published = dict(zip(TASKS, (0, 1, 1, 2), strict=True))  # U is of both unique tasks
    panels = {
        task: {
            name: score_of(
                [one[task] for one in seeds],
                "balanced_accuracy",
                PUBLISHED[name][published[task]] if name in PUBLISHED else "",
            )
            for name, seeds in found.items()
        }
        for task in TASKS
    }
    lines = {task: (float(chance), 0.0) for task, chance in CHANCE.items()}
    score_panels(panels, "balanced accuracy (%)", lines=lines, line="chance").savefig(out / "scores.png", dpi=120)
    if stages == 1:
        return
    from matplotlib.figure import Figure

    fig = Figure(figsize=(3 * len(TASKS), 3), layout="constrained")
    axes = fig.subplots(1, len(TASKS))
    for (task, biased), axis in zip(TASKS.items(), axes, strict=True):
        for name, seeds in found.items():
            curves = [one[f"{'biased' if biased else 'unbiased'} training"]["curve"] for one in seeds]
            mean = np.mean([[100 * point[task] for point in curve] for curve in curves], axis=0)
            axis.plot([point["step"] for point in curves[0]], mean, marker="o", ms=3, label=name)
        axis.axhline(CHANCE[task], color="k", lw=0.8, ls="--")
        axis.set_title(task)
        axis.set_xlabel("steps")
    axes[0].set_ylabel("balanced accuracy (%)")
    axes[-1].legend(fontsize=7)
    fig.savefig(out / "curves.png", dpi=120)


def claims(preset: str, found: dict[str, list[dict[str, Any]]]) -> list[Claim]:
    """The goals of the preset: of CoMM's family, and that Cross tells neither what one picture alone shows nor S."""

    def mean(name: str, *tasks: str) -> float:
        return 100 * float(np.mean([scores[task]["balanced_accuracy"] for scores in found[name] for task in tasks]))

    def errors(names: Sequence[str], *tasks: str) -> list[float]:
        """Of every method and seed, of the mean of tasks that may err together."""
        return [
            100 * float(np.mean([scores[task]["balanced_accuracy_se"] for task in tasks]))
            for name in names
            for scores in found[name]
        ]

    parts = {"R": ("share",), "U": ("unique1", "unique2"), "S": ("synergy",)}
    out = []
    ours = [name for name in found if name.startswith("comm") or name == "infmasking"]
    if ours:
        least = CHANCE["synergy"] + 4 * max(errors(ours, "synergy"))
        goals = {"full": (99.9, 96.5, 77.5), "small": (95.0, 60.0, least), "smoke": (None,) * 3}[preset]
        for (what, tasks), goal in zip(parts.items(), goals, strict=True):
            value = max(mean(name, *tasks) for name in ours)
            expected, holds = ("–", None) if goal is None else (f">= {goal:.1f}", value >= goal)
            out.append(Claim(f"best of CoMM's family, {what}", expected, f"{value:.1f}", holds))
    if "cross" in found:
        for what in ("U", "S"):
            tasks = parts[what]
            value, most = mean("cross", *tasks), CHANCE[tasks[0]] + 2 * min(errors(["cross"], *tasks))
            holds = None if preset == "smoke" else value <= most
            name = f"Cross, {what}, not above chance by two standard errors"
            out.append(Claim(name, f"<= {most:.1f}", f"{value:.1f}", holds))
    return out


if __name__ == "__main__":
    command(main)
