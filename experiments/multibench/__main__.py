"""The command; see the package."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import tyro

from experiments.multibench.config import PRESETS, READ, SETS, TUNED, Config, methods_of
from experiments.multibench.measure import measured
from experiments.multibench.methods import DEFAULT, GRID, objective
from experiments.multibench.published import CAVEATS, PUBLISHED
from experiments.results import Claim, check_names, finish, kept_part, matrix, opened, spread
from pidjax._checks import InputError
from pidjax.data import multibench
from pidjax.data.multibench.affect import SOURCE as OF_AFFECT
from pidjax.data.multibench.mimic import SOURCE as OF_MIMIC

Scores = dict[str, dict[str, list[dict[str, float]]]]
"""By row of the tables and set: the scores of every seed."""
SCORES = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "auc": "AUC"}
JUDGED = ("factorcl_ssl", "factorcl_sup", "comm", TUNED)


def main(
    data: Path,
    preset: Literal["full", "smoke"] = "full",
    out: Path = Path("runs/multibench"),
    sets: tuple[str, ...] = tuple(SETS),
    method: tuple[str, ...] = tuple(READ),
    grid: bool = False,
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Train every method on every set, probe it, and print what was published beside what came out.

    Args:
        data: Folder of im.pk, mosei_senti_data.pkl, mosi_data.pkl, humor.pkl, sarcasm.pkl.
        preset: The papers' settings and five seeds, or two steps.
        out: Folder of the results; what it holds is not made again.
        sets: Of mimic, mosei, mosi, urfunny, mustard, urfunny3 (three modalities: cmc and comm).
        method: Of simclr, cross_self, cross_self_fact, factorcl_ssl, clip, cmc, comm, supcon, factorcl_sup.
        grid: CoMM under every augmentation of sequences as well (CoMM, Fig. 6), on sets of two sequences.
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    check_names(method, READ)
    present(data, sets, method)
    started, chosen, out = time.time(), config or PRESETS[preset], out / preset
    opened(out, chosen, resume=resume)
    found: Scores = {}
    for name in sets:
        load = functools.cache(functools.partial(loaded, data, name))
        for one, augments in trainings(name, method, grid=grid):
            for seed in range(chosen.seeds):
                title = ", ".join([name, one, *([augments] if augments != DEFAULT else []), f"seed {seed}"])
                compute = functools.partial(run, name, one, augments, chosen, load, seed, title)
                for row, scores in kept_part(out, title, compute).items():
                    called = row if augments == DEFAULT else f"{row}, {augments}"
                    found.setdefault(called, {}).setdefault(name, []).append(scores)
    tables = [scores_table(found, sets, score) for score in SCORES] + [rows_table(found, sets), CAVEATS]
    finish(out, started, tables, claims(found, judged=preset == "full"), {"rows": found})


def present(data: Path, sets: tuple[str, ...], method: tuple[str, ...]) -> None:
    """Refuse sets that there are not, before anything is trained."""
    for name in sets:
        if name not in SETS:
            raise InputError(f"there is no set {name!r}: choose among {', '.join(SETS)}.")
        if not methods_of(name, method):
            raise InputError(
                f"none of the methods {', '.join(method)} takes {name}: cmc is for three modalities, comm for any, the "
                "others for two."
            )
        path = data / SETS[name].file
        if not path.is_file():
            source = OF_MIMIC if name == "mimic" else OF_AFFECT
            raise InputError(
                f"{path} is absent: {source}. Put it there under that name, or leave {name} out of --sets."
            )


def loaded(data: Path, name: str) -> dict[str, dict[str, Any]]:
    """The set's parts; sequences stay on disk."""
    of = SETS[name]
    if of.key is None:
        return multibench.mimic(data / of.file)
    return multibench.affect(data / of.file, of.key, of.modalities)


def trainings(name: str, method: tuple[str, ...], *, grid: bool) -> list[tuple[str, str]]:
    """Methods and augmentations of a set; the grid's where both modalities are sequences."""
    found = [(one, DEFAULT) for one in methods_of(name, method)]
    if grid and [len(shape) for shape in SETS[name].shapes] == [2, 2]:
        found += [("comm", augments) for augments in GRID if ("comm", augments) not in found]
    return found


def run(
    name: str,
    method: str,
    augments: str,
    config: Config,
    load: Callable[[], dict[str, dict[str, Any]]],
    seed: int,
    title: str,
    folder: Path,
) -> dict[str, dict[str, float]]:
    """Scores of one training, by row; CoMM's is fine-tuned too, but for the grid."""
    tuned = TUNED if method == "comm" and augments == DEFAULT else ""
    made = objective(method, name, config, augments)
    return measured(made, READ[method], load(), config.setting(name, method), seed, title, folder, tuned=tuned)


def scores_table(found: Scores, sets: tuple[str, ...], score: str) -> str:
    """One score (%) of every row and set, mean and standard error over seeds; published in brackets."""
    rows = {}
    for row, by in found.items():
        published = PUBLISHED.get(score, {}).get(row, {})
        rows[row] = []
        for name in sets:
            values = [100 * one[score] for one in by.get(name, []) if score in one]
            beside = f" [{published[name]}]" if name in published else ""
            rows[row].append(spread(values, 1) + beside if values else "–")
    return f"{SCORES[score]} (%)\n\n" + matrix("probe of", sets, rows)


def rows_table(found: Scores, sets: tuple[str, ...]) -> str:
    """Test rows, the accuracy of the largest class, and two binomial errors of one test set."""
    first = {name: next(by[name][0] for by in found.values() if name in by) for name in sets}
    cells = {
        "test rows": [f"{one['n']:.0f}" for one in first.values()],
        "largest class (%)": [f"{100 * one['majority']:.1f}" for one in first.values()],
        "two errors of an accuracy (%)": [f"{200 * one['accuracy_se']:.1f}" for one in first.values()],
    }
    return "Sets\n\n" + matrix("", sets, cells)


def claims(found: Scores, *, judged: bool) -> list[Claim]:
    """FactorCL and CoMM against what they published, less two errors of one test set."""
    out = []
    for score, rows in PUBLISHED.items():
        for row in (row for row in JUDGED if row in rows and row in found):
            for name, seeds in found[row].items():
                if name not in rows[row]:
                    continue
                mean = 100 * sum(one[score] for one in seeds) / len(seeds)
                least = float(rows[row][name]) - 200 * seeds[0][f"{score}_se"]
                holds = mean >= least if judged else None
                out.append(Claim(f"{name}: {row}, {SCORES[score].lower()}", f">= {least:.1f}", f"{mean:.1f}", holds))
    return out


if __name__ == "__main__":
    tyro.cli(main)
