"""The command; see the package."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any, Literal

from experiments.command import command
from experiments.full_shapes import compile_in_haste, two_steps
from experiments.multibench.config import FEW, OF_SENTIMENT, PRESETS, READ, SETS, TUNED, Config, methods_of
from experiments.multibench.grid import DEFAULT, augments_of, grid_figure, grid_table, matrices, row_of
from experiments.multibench.measure import measured
from experiments.multibench.methods import Load, full, objective
from experiments.multibench.published import CAVEATS, PUBLISHED, RELEASED
from experiments.multibench.tables import OF_CLASSES, Scores, claims, figures, scores_tables, sets_table
from experiments.multibench.written import written
from experiments.results import check_names, finish, folder_of, kept_part, of_seeds, opened
from pidjax._checks import InputError, one_of
from pidjax.data import multibench
from pidjax.data.multibench.affect import SOURCE as OF_AFFECT
from pidjax.data.multibench.mimic import SOURCE as OF_MIMIC

JUDGED = ("factorcl_ssl", "factorcl_sup", "comm", TUNED)


def main(
    preset: Literal["full", "smoke"] = "full",
    data: Path = Path("../data/multibench"),
    out: Path = Path("runs/multibench"),
    sets: tuple[str, ...] = (),
    method: tuple[str, ...] = (),
    grid: bool = False,
    released: bool = False,
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Train every method on every set, probe it, and print what was published beside what came out.

    Args:
        preset: The papers' settings and five seeds, or two steps on files that are written first.
        data: Folder of im.pk, mosei_senti_data.pkl, mosi_data.pkl, humor.pkl, sarcasm.pkl; smoke writes its own.
        out: Folder of the results; what it holds is not made again.
        sets: Of mimic, mosei, mosi, urfunny, mustard, urfunny3 (three modalities: cmc and comm); all by default, of
            smoke two.
        method: Of simclr, cross_self, cross_self_fact, factorcl_ssl, clip, cmc, comm, supcon, factorcl_sup; all by
            default, of smoke one.
        grid: CoMM under every augmentation of sequences as well (CoMM, Fig. 6), on mimic, mosi, urfunny and mustard.
        released: With what leaks in the released code: MIMIC standardised by all rows, tested ones too; and with its
            labels of mosei and mosi, positive from 0 on, and FactorCL's augmentations of it. Results are in a folder
            of their own.
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    sets = sets or (FEW["sets"] if preset == "smoke" else tuple(SETS))
    method = method or (FEW["method"] if preset == "smoke" else tuple(READ))
    check_names(method, READ)
    for name in sets:
        one_of("sets", name, tuple(SETS))
        methods_of(name, SETS[name].modalities, method)
    started, chosen, out = time.time(), config or PRESETS[preset], folder_of(out, preset, released)
    opened(out, chosen, data, resume=resume)
    if preset == "smoke":
        compile_in_haste()
        data = written(out / "written")
        kept_part(out, "full size", lambda _: two_steps(full()))
    present(data, sets)
    found: Scores = {}
    default: Scores = {}
    for name in sets:
        load = functools.cache(functools.partial(loaded, data, name, released=released))
        for one, augments in trainings(name, method, grid=grid):
            compute = functools.partial(run, name, one, augments, chosen, load, released)
            for row, seeds in of_seeds(out, f"{name}, {row_of(one, augments)}", chosen.seeds, compute).items():
                found.setdefault(row_of(row, augments), {})[name] = seeds
                if augments == DEFAULT:
                    default[row] = found[row]
    figures(default, sets, OF_CLASSES, PUBLISHED, out)
    tables = scores_tables(found, sets, OF_CLASSES, PUBLISHED)
    if grid and (by_set := matrices(found, sets)):
        grid_figure(by_set).savefig(out / "grid.png", dpi=120)
        tables.append(grid_table(by_set))
    claimed = claims(found, OF_CLASSES, PUBLISHED, JUDGED, judged=preset == "full")
    notes = [RELEASED, CAVEATS] if released else [CAVEATS]
    finish(out, started, [*tables, sets_table(found, sets), *notes], claimed, {"released": released, "rows": found})


def present(data: Path, sets: tuple[str, ...]) -> None:
    """Refuse sets whose files are absent, before anything is trained."""
    for name in sets:
        path = data / SETS[name].file
        if not path.is_file():
            source = OF_MIMIC if name == "mimic" else OF_AFFECT
            raise InputError(
                f"{path} is absent: {source}. Put it there under that name, or leave {name} out of --sets."
            )


def loaded(data: Path, name: str, *, released: bool = False) -> dict[str, dict[str, Any]]:
    """The set's parts; sequences stay on disk."""
    of = SETS[name]
    if of.key is None:
        return multibench.mimic(data / of.file, released=released)
    return multibench.affect(data / of.file, of.key, of.modalities, released=released and name in OF_SENTIMENT)


def trainings(name: str, method: tuple[str, ...], *, grid: bool) -> list[tuple[str, str]]:
    """Methods and augmentations of a set, and CoMM's of the grid."""
    found = [(one, DEFAULT) for one in methods_of(name, SETS[name].modalities, method)]
    if grid:
        found += [("comm", augments) for augments in augments_of(name) if ("comm", augments) not in found]
    return found


def run(
    name: str,
    method: str,
    augments: str,
    config: Config,
    load: Load,
    released: bool,
    seed: int,
    title: str,
    folder: Path,
) -> dict[str, dict[str, float]]:
    """Scores of one training, by row; CoMM's is fine-tuned too, but for the grid."""
    tuned = TUNED if method == "comm" and augments == DEFAULT else ""
    made = objective(method, name, config, load, augments, released=released)
    return measured(made, READ[method], load(), config.setting(name, method), seed, title, folder, tuned=tuned)


if __name__ == "__main__":
    command(main)
