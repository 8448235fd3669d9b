"""The command; see the package."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from experiments.berlin import written
from experiments.berlin.published import TASKS
from experiments.berlin.tables import claims, figure, table
from experiments.command import command
from experiments.full_shapes import compile_in_haste
from experiments.results import finish, kept_part, opened
from pidjax._checks import InputError, one_of
from pidjax.evaluate import Fold, blockwise_folds, probe_class
from pidjax.neuro import EEGfNIRSDecomposer, PairedEpochs, PreprocessConfig, preprocess_eeg, preprocess_fnirs
from pidjax.neuro.berlin import SOURCE_2017, SOURCE_2018
from pidjax.neuro.datasets import find_subjects, sources
from pidjax.neuro.features import raw_features
from pidjax.neuro.joined import join
from pidjax.objectives import HEADS

PROTOCOLS = ("session", "subject")


@dataclasses.dataclass(frozen=True)
class Config:
    """Of trials and training.

    Attributes
    ----------
    eeg_window, fnirs_window : (start, stop)
        Around the onset (s); classical features read what comes after it.
    task_offset : float
        Seconds from a marker to the onset: 2 where a copy's markers are at the instruction.
    steps : int
    batch, per_subject : int
        Trials of a batch: ``batch``, or ``per_subject`` times the training subjects where that is more, since
        negatives come from the same subject.
    min_gap : float
        Seconds between negatives.
    seed : int
    subjects : tuple of int
        All by default.
    """

    eeg_window: tuple[float, float] = (-1.0, 10.0)
    fnirs_window: tuple[float, float] = (-5.0, 20.0)
    task_offset: float = 0.0
    steps: int = 120
    batch: int = 32
    per_subject: int = 8
    min_gap: float = 30.0
    seed: int = 0
    subjects: tuple[int, ...] = ()


PRESETS = {
    "full": Config(),
    "smoke": Config(steps=2, batch=8, per_subject=4, min_gap=10.0),
}


def main(
    preset: Literal["full", "smoke"] = "full",
    data: Path | None = None,
    out: Path = Path("runs/berlin"),
    protocol: tuple[str, ...] = PROTOCOLS,
    sets: tuple[str, ...] = (),
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Decode every task by every protocol, and print it with chance and the published beside.

    Args:
        preset: Real recordings; or, by two steps, two short ones of all channels that are written first.
        data: Folder of the recordings.
        out: Folder of the results; what it holds is not made again.
        protocol: Of session (a subject's runs by its others) and subject (a subject by the others).
        sets: Of shin2017_arithmetic, shin2017_imagery, shin2018_cognitive; all by default, of smoke the first.
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    sets = sets or (tuple(TASKS)[:1] if preset == "smoke" else tuple(TASKS))
    for name in protocol:
        one_of("protocol", name, PROTOCOLS)
    for name in sets:
        one_of("sets", name, tuple(TASKS))
    started, chosen, out = time.time(), config or PRESETS[preset], out / preset
    opened(out, chosen, data, resume=resume)
    if preset == "smoke":
        compile_in_haste()
    if data is None:
        data = _written(preset, out, sets)
    there = {name: subjects_of(name, data, protocol, chosen) for name in sets}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name, subjects in there.items():
        load = functools.cache(functools.partial(loaded, name, data, chosen))
        for one in protocol:
            found[name, one] = {
                str(k): kept_part(
                    out, f"{name}, {one}, subject {k}", functools.partial(decoded, one, str(k), load, chosen)
                )
                for k in subjects
            }
    figure(found, out / "subjects.png")
    tables = [table(name, one, by) for (name, one), by in found.items()]
    result = {f"{name}, {one}": by for (name, one), by in found.items()}
    finish(out, started, tables, claims(found, judged=preset != "smoke"), {"accuracy": result})


def subjects_of(name: str, data: Path, protocol: tuple[str, ...], config: Config) -> list[int]:
    """Whom a set has; refused before anything is computed, where it is absent or too few for a protocol."""
    try:
        subjects = list(find_subjects(name, data, config.subjects))
    except InputError as error:
        raise InputError(f"{name}: {error} Or leave it out of --sets.") from None
    if "subject" in protocol and len(subjects) < 2:
        raise InputError(
            f"to test a subject by the others takes two of {name} or more; found {len(subjects)}: leave it out of "
            "--sets, or take --protocol session."
        )
    return subjects


def loaded(name: str, data: Path, config: Config) -> PairedEpochs:
    """All trials of all subjects; none is rejected, so that accuracies are of all."""
    parts = {}
    for source in sources(name, data, subjects=config.subjects, task_offset=config.task_offset):
        print(f"reading and preprocessing {name}, subject {source.subject}", flush=True)
        raw_eeg, raw_fnirs = source.read()
        eeg, fnirs = preprocess_eeg(raw_eeg), preprocess_fnirs(raw_fnirs, PreprocessConfig(motion_z=np.inf))
        parts[f"subject {source.subject}"] = PairedEpochs.from_raw(
            eeg.raw,
            fnirs.raw,
            eeg_window=config.eeg_window,
            fnirs_window=config.fnirs_window,
            raw_erp=eeg.erp,
            reject_eeg=None,
            reject_fnirs_z=None,
            subject=source.subject,
            session=source.session,
        )
    return join(parts)


def decoded(
    protocol: str, subject: str, load: Callable[[], PairedEpochs], config: Config, folder: Path
) -> dict[str, Any]:
    """Balanced accuracy of one subject's trials from every kind of features, and how many were tested."""
    pairs = load()
    mine = (pairs.metadata.subject == subject).to_numpy()
    if protocol == "session":
        pairs = pairs[mine]
        folds = blockwise_folds(pairs.metadata.run.to_numpy(), pairs.metadata.onset_eeg.to_numpy())
    else:
        folds = [Fold(np.flatnonzero(~mine), np.flatnonzero(mine))]
    heads = [encoded(pairs, fold, config, folder / f"fold {k}", subject) for k, fold in enumerate(folds)]
    raw = raw_features(pairs)
    features: dict[str, Any] = {
        "EEG": raw["eeg"],
        "fNIRS": raw["fnirs"],
        "both": np.hstack([raw["eeg"], raw["fnirs"]]),
        **{head: [z[head] for z in heads] for head in HEADS},
        "all heads": [np.hstack([z[head] for head in HEADS]) for z in heads],
    }
    label = pairs.metadata.trial_type.to_numpy(str)
    return {
        "scores": {name: probe_class(x, label, folds, permutations=0).score for name, x in features.items()},
        "trials": sum(len(fold.test) for fold in folds),
    }


def encoded(pairs: PairedEpochs, fold: Fold, config: Config, folder: Path, subject: str) -> dict[str, np.ndarray]:
    """Heads of all trials, by a decomposer that saw the training trials alone, and no label."""
    seen = pairs[fold.train]
    model = EEGfNIRSDecomposer(
        min_gap=config.min_gap,
        steps=config.steps,
        batch_size=max(config.batch, config.per_subject * seen.metadata.subject.nunique()),
        random_state=config.seed,
    )
    return model.fit(seen, checkpoints=folder, title=f"subject {subject}, {folder.name}").transform(pairs)


def _written(preset: str, out: Path, sets: tuple[str, ...]) -> Path:
    """The smoke preset's recordings, of the releases that the sets are in."""
    if preset != "smoke":
        raise InputError(
            f"--data is needed: a folder anywhere below which the archives of {SOURCE_2017} and {SOURCE_2018} are "
            "unpacked."
        )
    rng, folder = np.random.default_rng(0), out / "recordings"
    if any(name.startswith("shin2017") for name in sets):
        written.release2017(folder, rng, effect=1.0, spaced=25.0, montage=written.ALL_2017)
    if any(name.startswith("shin2018") for name in sets):
        written.release2018(folder, rng, montage=written.ALL_2018)
    return folder


if __name__ == "__main__":
    command(main)
