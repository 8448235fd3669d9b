"""The command; see the package."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Literal

import jax

from experiments.command import command
from experiments.full_shapes import compile_in_haste
from experiments.results import check_names, finish, opened
from experiments.synthetic_factors import report
from experiments.synthetic_factors.ablations import ablated, ablation_table
from experiments.synthetic_factors.claims import claims
from experiments.synthetic_factors.config import FEW, PRESETS, SELF_SUPERVISED, SUPERVISED, Config
from experiments.synthetic_factors.data import draw, task_of
from experiments.synthetic_factors.methods import measured, references
from pidjax.objectives import METHODS


def main(
    preset: Literal["full", "small", "notebook", "smoke"] = "small",
    out: Path = Path("runs/synthetic_factors"),
    method: tuple[str, ...] = (),
    label: Literal["sum", "planar"] | None = None,
    noise: float | None = None,
    mixing: Literal["uniform", "orthogonal"] | None = None,
    encoder: tuple[int, ...] | None = None,
    seeds: int | None = None,
    engine: str = "auto",
    ablations: bool = False,
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Train, probe, and print what the paper says beside what came out.

    Args:
        preset: The paper's sizes (a seed takes one core half an hour), smaller ones, the notebook's, or one of seconds.
        out: Folder of the results; what it holds is not made again.
        method: Names of ``pidjax.objectives.METHODS``, of those that keep the sides apart; six by default, of smoke
            two.
        label: Whether a sum of the factors' coordinates is positive, or one of 20 classes that a planar flow makes.
        noise: Of the observations, instead of the preset's; with 0 every information is infinite.
        mixing: Of the factors in the observations, instead of the preset's: from U(0, 1), or at right angles.
        encoder: Hidden widths and width of the output, instead of the preset's.
        seeds: How many are trained side by side, instead of the preset's number.
        engine: Of the training step: auto, jit, pmap or shard_map.
        ablations: Instead of methods FactorCL with each term off, other weights, k, negatives, and less data; in a
            folder of their own.
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    method = method or (FEW if preset == "smoke" else (*SELF_SUPERVISED, *SUPERVISED))
    check_names(method, [name for name, recipe in METHODS.items() if "joint" not in recipe.heads])
    given = {"label": label, "noise": noise, "mixing": mixing, "encoder": encoder, "seeds": seeds}
    changes = {name: value for name, value in given.items() if value is not None}
    started, chosen = time.time(), dataclasses.replace(config or PRESETS[preset], **changes)
    words = [preset, *(f"{name}-{value}".replace(" ", "") for name, value in changes.items())]
    out = out / "-".join([*words, "ablations"] if ablations else words)
    opened(out, chosen, resume=resume)
    if preset == "smoke":
        compile_in_haste()
    task = task_of(chosen)
    drawn = [draw(chosen, task, seed) for seed in range(chosen.seeds)]
    if ablations:
        removed = ablated(out, chosen, drawn, engine)
        tables = [ablation_table(name, by) for name, by in removed.items()]
        return finish(out, started, tables, [], {"ablations": removed})

    beside = references(out, chosen, drawn)
    found = {name: measured(out, name, chosen, drawn, engine) for name in method}
    tables = [report.accuracies(chosen, task, found | beside), report.informations(task, found)]
    if any("excess" in by for by in found.values()):
        tables.append(report.table_11(task, found))
    report.figures(chosen, task, found, beside, out)
    said = claims(chosen, found, judged=preset != "smoke")
    finish(out, started, tables, said, {"methods": found, "references": beside, "shared": repr(task.shared)})


if __name__ == "__main__":
    with jax.default_matmul_precision("highest"):
        command(main)
