"""The command; see the package."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from experiments.command import command
from experiments.results import check_names, finish, kept_part, matrix, opened, spread
from experiments.synthetic_factors import report
from experiments.synthetic_factors.ablations import ABLATIONS, ablation_table
from experiments.synthetic_factors.config import PRESETS, SELF_SUPERVISED, SUPERVISED, Config
from experiments.synthetic_factors.data import Data, draw, labels, task_of
from experiments.synthetic_factors.measure import accuracy, given_the_other, held
from experiments.synthetic_factors.training import representations
from pidjax.data import synthetic
from pidjax.objectives import METHODS


def main(
    preset: Literal["full", "small", "notebook", "smoke"] = "small",
    out: Path = Path("runs/synthetic_factors"),
    method: tuple[str, ...] = (*SELF_SUPERVISED, *SUPERVISED),
    label: Literal["sum", "planar"] | None = None,
    noise: float | None = None,
    encoder: tuple[int, ...] | None = None,
    engine: str = "auto",
    ablations: bool = False,
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Train, probe, and print what the paper says beside what came out.

    Args:
        preset: The paper's sizes, one that two CPU cores do in an hour, the released notebook's, or one of seconds.
        out: Folder of the results; what it holds is not made again.
        method: Names of ``pidjax.objectives.METHODS``, of those that keep the sides apart.
        label: Whether a sum of the factors' coordinates is positive, or one of 20 classes that a planar flow makes.
        noise: Of the observations, instead of the preset's; with 0 every information is infinite.
        encoder: Hidden widths and width of the output, instead of the preset's.
        engine: Of the training step: auto, jit, pmap or shard_map.
        ablations: Also FactorCL-SSL with each term off, other weights, k, negatives, and less data.
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    check_names(method, [name for name, recipe in METHODS.items() if "joint" not in recipe.heads])
    given = {"label": label, "noise": noise, "encoder": encoder}
    changes = {name: value for name, value in given.items() if value is not None}
    started, chosen = time.time(), dataclasses.replace(config or PRESETS[preset], **changes)
    out = out / "-".join([preset, *(f"{name}-{value}".replace(" ", "") for name, value in changes.items())])
    opened(out, chosen, resume=resume)
    task = task_of(chosen)
    drawn = [draw(chosen, task, seed) for seed in range(chosen.seeds)]

    part = functools.partial(kept_part, out)
    found = {name: measured(name, chosen, task, drawn, part, engine) for name in method}
    tables = [report.accuracies(chosen, task, found), report.informations(task, found)]
    if chosen.label == "sum" and not chosen.whole_label:
        tables.append(table_11(chosen, task, found))
    removed = {}
    if ablations:
        ends = dataclasses.replace(chosen, ratios=chosen.ratios[:: len(chosen.ratios) - 1 or 1])
        if "factorcl_ssl" in found:
            removed["nothing"] = found["factorcl_ssl"]
        for name, change in ABLATIONS.items():
            changed = dataclasses.replace(ends, **change(ends))
            fewer = [Data({k: v[: changed.train_rows] for k, v in d.train.items()}, d.test) for d in drawn]
            run = functools.partial(part_named, part, f"{name}, ")
            removed[name] = measured("factorcl_ssl", changed, task, fewer, run, engine, whole=False)
        tables.append(ablation_table(ends, removed))
    report.figures(chosen, task, found, out)
    claims = report.claims(chosen, task, found, judged=preset != "smoke")
    finish(out, started, tables, claims, {"methods": found, "ablations": removed, "shared": repr(task.shared)})


def part_named(part: Callable[..., Any], prefix: str, name: str, compute: Callable[[Path], Any]) -> Any:
    return part(prefix + name, compute)


def measured(
    name: str,
    config: Config,
    task: Any,
    drawn: list[Data],
    part: Callable[..., Any],
    engine: str,
    whole: bool = True,
) -> dict[str, Any]:
    """Accuracy at every ratio, and nats of every factor in every head; a supervised method is trained once a ratio.

    Not ``whole``: of side 1 alone, without what the other side lacks.
    """
    heads, once = METHODS[name].heads, not METHODS[name].supervised
    groups = [config.ratios] if once else [(ratio,) for ratio in config.ratios]
    both: dict[str, Any] = {"accuracy": {}, "seconds": 0.0}
    for ratios in groups:
        title = name if once else f"{name}, {ratios[0]:g} unique"

        def compute(folder: Path, ratios: tuple[float, ...] = ratios, title: str = title) -> dict[str, Any]:
            start = time.time()
            y = None if once else [labels(config, task, d.train, ratios[0]) for d in drawn]
            encoded = representations(name, config, drawn, y, folder=folder, engine=engine, title=title)
            seconds = time.time() - start
            scores: dict[str, Any] = {"accuracy": {}, "seconds": seconds, "excess": []}
            for ratio in ratios:
                scores["accuracy"][str(ratio)] = [
                    accuracy(np.hstack([z[h] for h in heads]), labels(config, task, d.test, ratio))
                    for z, d in zip(encoded, drawn, strict=True)
                ]
            if once or ratios[0] == middle(config):
                factors = [{w: d.test[w] for w in (("w1", "w2", "ws") if whole else ("w1", "ws"))} for d in drawn]
                steps = config.probe_steps
                scores["nats"] = {
                    head: gathered([held(z[head], f, steps) for z, f in zip(encoded, factors, strict=True)])
                    for head in heads
                    if whole or head.endswith("1")
                }
            if once and whole and config.label == "sum" and not config.whole_label:
                y_test = [labels(config, task, d.test, 0.0) for d in drawn]
                first = [h for h in heads if h.endswith("1")]
                scores["excess"] = [
                    given_the_other(np.hstack([z[h] for h in first]), d.test["x2"], y)
                    for z, d, y in zip(encoded, drawn, y_test, strict=True)
                ]
            return scores

        one = part(title, compute)
        both["accuracy"].update(one["accuracy"])
        both["seconds"] += one["seconds"]
        for what in ("nats", "excess"):
            if one.get(what):
                both[what] = one[what]
    return both


def middle(config: Config) -> float:
    """The ratio whose labels train what Table 1 shows of supervised methods."""
    return config.ratios[len(config.ratios) // 2]


def gathered(seeds: list[dict[str, tuple[float, float]]]) -> dict[str, list[float]]:
    return {w: [found[w][0] for found in seeds] for w in seeds[0]}


def table_11(config: Config, task: Any, found: dict[str, dict[str, Any]]) -> str:
    """Whether Z1 says anything of a shared label that X2 does not (InfoMin): Table 11, and the exact value for X1."""
    rows = {name: [spread(by["excess"])] for name, by in found.items() if by.get("excess")}
    of = synthetic.label_dims(task.dims, 0.0)
    both, alone = (synthetic.label_ceiling(task, of, seen)[1] for seen in ("both", "x2"))
    rows["all of X1 (exact)"] = [f"{both - alone:.3f}"]
    rows["published, of MI estimates 12.69 and 12.29"] = ["0.40"]
    return "I(Z1; Y | X2) of a label that is shared alone, nats (Table 11)\n\n" + matrix("Z1 of", ["nats"], rows)


if __name__ == "__main__":
    with jax.default_matmul_precision("highest"):
        command(main)
