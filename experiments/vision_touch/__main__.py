"""The command; see the package."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from experiments.command import command
from experiments.full_shapes import compile_in_haste, two_steps
from experiments.multibench.config import methods_of
from experiments.multibench.measure import measured
from experiments.multibench.tables import OF_CLASSES, Scores, Shown, claims, figures, scores_tables, sets_table
from experiments.results import check_names, finish, folder_of, kept_part, of_seeds, opened
from experiments.vision_touch.config import FEW, PRESETS, READ, SETS, TUNED, Config
from experiments.vision_touch.methods import full, objective
from experiments.vision_touch.published import CAVEATS, PUBLISHED, RELEASED
from experiments.vision_touch.written import written
from pidjax._checks import one_of
from pidjax.data.multibench import vision_touch

SCORES = {
    "mse": Shown("Mean squared error", "1e-4", 1e4, 2, less=True),
    "r2": Shown("R2", "of 1", 1, 3),
    **OF_CLASSES,
}


def main(
    preset: Literal["full", "smoke"] = "full",
    data: Path = Path("../data/triangle_real_data"),
    out: Path = Path("runs/vision_touch"),
    sets: tuple[str, ...] = (),
    method: tuple[str, ...] = (),
    released: bool = False,
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Train every method on what is asked, probe it, and print what was published beside what came out.

    Args:
        preset: CoMM's settings and five seeds, or two steps on files that are written first.
        data: Folder of Vision & Touch's .h5 files; smoke writes its own.
        out: Folder of the results; what it holds is not made again.
        sets: Of end_effector, contact, contact3 (three modalities: cmc and comm); all by default, of smoke one.
        method: Of clip, cross_self, factorcl_ssl, cmc, comm; all by default, of smoke one.
        released: Divide files instead of trajectories and validate on test rows, as the released code does. Results
            are in a folder of their own.
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    sets = sets or (FEW["sets"] if preset == "smoke" else tuple(SETS))
    method = method or (FEW["method"] if preset == "smoke" else tuple(READ))
    check_names(method, READ)
    for name in sets:
        one_of("sets", name, tuple(SETS))
    methods = {name: methods_of(name, SETS[name].modalities, method) for name in sets}
    started, chosen, out = time.time(), config or PRESETS[preset], folder_of(out, preset, released)
    opened(out, chosen, data, resume=resume)
    if preset == "smoke":
        compile_in_haste()
        data = written(out / "written")
        kept_part(out, "full size", lambda _: two_steps(full()))
    found: Scores = {}
    for name, of in methods.items():
        task, modalities, _ = SETS[name]
        load = functools.cache(functools.partial(vision_touch, data, task, modalities, released=released))
        for one in of:
            compute = functools.partial(run, name, one, chosen, load)
            for row, seeds in of_seeds(out, f"{name}, {one}", chosen.seeds, compute).items():
                found.setdefault(row, {})[name] = seeds
    figures(found, sets, SCORES, PUBLISHED, out)
    tables = scores_tables(found, sets, SCORES, PUBLISHED)
    claimed = claims(found, SCORES, PUBLISHED, ("comm", TUNED), judged=preset == "full")
    notes = [RELEASED, CAVEATS] if released else [CAVEATS]
    finish(out, started, [*tables, sets_table(found, sets), *notes], claimed, {"released": released, "rows": found})


def run(
    name: str,
    method: str,
    config: Config,
    load: Callable[[], dict[str, dict[str, Any]]],
    seed: int,
    title: str,
    folder: Path,
) -> dict[str, dict[str, float]]:
    """Scores of one training, by row; CoMM's is fine-tuned too where a pose is predicted."""
    parts, made = load(), objective(method, name, config)
    task = "value" if SETS[name].task == "end_effector" else "class"
    tuned = TUNED if method == "comm" and task == "value" else ""
    return measured(made, READ[method], parts, config.setting(method), seed, title, folder, task=task, tuned=tuned)


if __name__ == "__main__":
    command(main)
