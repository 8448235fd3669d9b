"""The main job: an EEG file and an fNIRS file, or the folder of a data set, in; a decomposition report out."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import pidjax
from pidjax._checks import InputError
from pidjax.evaluate import Fold, blockwise_folds
from pidjax.neuro.assess import assess
from pidjax.neuro.datasets import Source, sources
from pidjax.neuro.folder import check_place, is_done, swap, write_json
from pidjax.neuro.joined import join
from pidjax.neuro.known import Known, known_of
from pidjax.neuro.learn import learner
from pidjax.neuro.paired import PairedEpochs
from pidjax.neuro.prepare import prepare_recording
from pidjax.neuro.recordings import read_eeg, read_fnirs
from pidjax.neuro.settings import DecomposeSettings, check_settings


class Prepared(NamedTuple):
    """What is known before anything is learned or written.

    Attributes
    ----------
    pairs : PairedEpochs
        Trials of all recordings.
    folds : list of Fold
        The k-th tests the k-th block of every recording, or the k-th subject.
    choices : dict
        In words, by kind; of several recordings by "subject 1, wg: kind".
    quality : dict
        Figures and tables of every recording, by title.
    known : Known, optional
        What is true of simulated trials.
    """

    pairs: PairedEpochs
    folds: list[Fold]
    choices: dict[str, dict[str, str]]
    quality: dict[str, list[tuple[str, Any]]]
    known: Known | None


def decompose(
    eeg_file: str | Path,
    fnirs_file: str | Path | None,
    out: str | Path,
    settings: DecomposeSettings | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    command: str | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Read, preprocess, pair, train, evaluate and report; returns the path of ``report.html``.

    ``out`` appears whole or not at all: work goes on in ``out.partial``, which an interrupted run leaves
    behind for ``resume`` to finish with the numbers of an uninterrupted one; ``command`` is what to say then.
    Without ``fnirs_file``, ``eeg_file`` is the folder of all subjects of ``settings.dataset``.

    Raises
    ------
    InputError
        Whatever is wrong with the input, in one sentence; nothing has been written then (what is resumed is kept).
    """
    settings, out = settings or DecomposeSettings(), Path(out).resolve()
    check_settings(settings)
    config = _config(eeg_file, fnirs_file, settings)
    partial = out.with_name(out.name + ".partial")
    files = [path for path in (eeg_file, fnirs_file) if path is not None]
    check_place(out, (*files, settings.events))
    if is_done(out, partial, config, resume, overwrite):
        say(f"{out} is complete: nothing to resume.")
        return out / "report.html"
    prepared = prepare(eeg_file, fnirs_file, settings, say)

    if partial.exists() and not resume:
        shutil.rmtree(partial)
    partial.mkdir(parents=True, exist_ok=True)
    write_json(partial / "config.json", config | {"choices": prepared.choices})
    of = learner(settings.preset)
    try:
        model, fold_models = _learn(prepared, settings, partial / "checkpoints", command, say)
        config |= {"choices": prepared.choices, "model": of.configuration(model)}
        write_json(partial / "config.json", config)
        embeddings = model.transform(prepared.pairs)
        say("evaluating: probes, retrieval, prediction across modalities")
        metrics = assess(
            prepared.pairs,
            [fold_model.transform(prepared.pairs) for fold_model in fold_models],
            prepared.folds,
            hidden=prepared.known.factors if prepared.known else None,
            permutations=settings.permutations,
            seed=settings.seed,
        )
        claims = of.claims(fold_models, prepared.pairs, prepared.folds, settings.permutations, settings.seed)
    except InputError:
        if not resume:  # it would be raised again
            shutil.rmtree(partial)
        raise

    from pidjax.neuro.report import write_report
    from pidjax.neuro.summary import report_sections, summary_html

    say("writing the report")
    metadata = prepared.pairs.metadata
    arrays = {**embeddings, **{f"meta_{c}": _plain(metadata[c]) for c in metadata}}
    np.savez(partial / "embeddings.npz", allow_pickle=False, **arrays)
    learned = {"synergy_claims": {label: c._asdict() for label, c in claims.items()}, "training": of.numbers(model)}
    write_json(partial / "metrics.json", metrics.as_dict() | learned)
    write_report(
        partial / "report.html",
        title=f"pidjax: {' and '.join(Path(path).name for path in files)}",
        summary=summary_html(prepared, metrics, settings, config),
        sections=report_sections(prepared, metrics, claims, of.section(model), embeddings, settings.seed),
    )
    shutil.rmtree(partial / "checkpoints", ignore_errors=True)
    swap(partial, out)
    return out / "report.html"


def prepare(
    eeg_file: str | Path,
    fnirs_file: str | Path | None,
    settings: DecomposeSettings,
    say: Callable[[str], None] = print,
) -> Prepared:
    """Everything up to training: reads only, writes nothing."""
    from pidjax.neuro.report import quality_section, table

    found = _sources(eeg_file, fnirs_file, settings)
    alone = len(found) == 1
    parts: dict[str, PairedEpochs] = {}
    choices: dict[str, dict[str, str]] = {}
    quality, length = {}, 0.0
    for source in found:
        name = f"subject {source.subject}, {source.session}"
        say(f"reading and preprocessing {eeg_file if alone else name}")
        try:
            one = prepare_recording(*source.read(), settings, subject=source.subject, session=source.session)
        except InputError as error:
            others = [other for other in dict.fromkeys(s.subject for s in found) if other != source.subject]
            if not others:
                raise
            raise InputError(f"{name}: {error} Without it: --subjects {' '.join(others)}.") from error
        if alone:
            one.choices["events"] |= learner(settings.preset).choices(one.pairs, settings)
            one.choices["events"] |= _tested(one.pairs, settings)
        parts[name], length = one.pairs, one.length
        choices |= {kind if alone else f"{name}: {kind}": words for kind, words in one.choices.items()}
        quality["Quality control" if alone else f"Quality control: {name}"] = quality_section(
            one.eeg.raw, one.fnirs.raw, one.fnirs.quality, one.pairs, one.choices, one.clock
        )
    pairs = one.pairs if alone else join(parts)
    if not alone:
        choices["all recordings"] = _joint_choices(pairs, settings)
        rows = [{"step": step, "choice": words} for step, words in choices["all recordings"].items()]
        quality["All recordings"] = [("Choices: all recordings", table(rows))]
    folds = _folds(pairs, settings, length)
    for kind, steps in choices.items():
        for step, words in steps.items():
            say(f"  {kind}: {step}: {words}")
    return Prepared(pairs, folds, choices, quality, known_of(pairs, settings.events))


def _sources(eeg_file: str | Path, fnirs_file: str | Path | None, settings: DecomposeSettings) -> list[Source]:
    """What there is to read: two files, or the recordings of a data set."""
    if settings.dataset != "files":
        return sources(settings.dataset, eeg_file, fnirs_file, settings.subjects, task_offset=settings.task_offset)
    if fnirs_file is None or settings.subjects or settings.task_offset:
        raise InputError(
            "an EEG file needs its fNIRS file, --subjects and --task-offset a --dataset: give EEG_FILE FNIRS_FILE, or "
            "name the data set that the folder holds."
        )
    return [Source("1", "1", lambda: (read_eeg(eeg_file), read_fnirs(fnirs_file)))]


def _joint_choices(pairs: PairedEpochs, settings: DecomposeSettings) -> dict[str, str]:
    recordings, made = pairs.log["recordings"], pairs.log["interpolated"]
    filled = "; ".join(f"{name}: {', '.join(channels)}" for name, channels in made.items())
    return {
        "trials": f"{pairs.log['trials']['kept']} good in both modalities, of {len(recordings)} recordings",
        **_tested(pairs, settings),
        "channels": f"interpolated where they are bad in one recording alone: {filled or 'none'}",
        **learner(settings.preset).choices(pairs, settings),
    }


def _by_subject(pairs: PairedEpochs, settings: DecomposeSettings) -> bool:
    return settings.leave_out == "subject" and pairs.metadata.subject.nunique() > 1


def _tested(pairs: PairedEpochs, settings: DecomposeSettings) -> dict[str, str]:
    """What a fold tests, in words; and a warning where it is not what was asked for."""
    if _by_subject(pairs, settings):
        return {"folds": "every fold tests one subject and trains on all others"}
    choices = {"folds": "every fold tests one block of every recording and trains on the other blocks of all"}
    if settings.leave_out == "subject":
        choices["warning: folds"] = "there is one subject, so that none can be left out: blocks are"
    return choices


def _folds(pairs: PairedEpochs, settings: DecomposeSettings, gap: float) -> list[Fold]:
    n_folds = settings.folds
    if n_folds < 2:
        raise InputError(f"cross-validation needs at least 2 folds; found --folds {n_folds}.")
    by_subject = _by_subject(pairs, settings)
    if len(pairs) < 2 * n_folds and not by_subject:
        raise InputError(
            f"cross-validation in {n_folds} blocks needs at least {2 * n_folds} good trials; found {len(pairs)} of "
            f"{pairs.log['trials']['found']}: record more, shorten --epoch, or lower --folds."
        )
    trials = pairs.metadata
    tested = (trials.subject if by_subject else trials.block).to_numpy()
    onset, block = trials.onset_eeg.to_numpy(), trials.block.to_numpy()
    folds = blockwise_folds(tested, onset, gap=gap, recording=pairs.recording, stretch=block)
    fewest = min(len(fold.train) for fold in folds)
    if fewest < 4:
        raise InputError(
            f"only {fewest} trials are left to train on beside what a fold tests: record more, or shorten the windows."
        )
    return folds


def _learn(prepared: Prepared, settings: DecomposeSettings, checkpoints: Path, command: str | None, say):
    """The model of all trials, and that of every fold."""
    pairs, folds, of = prepared.pairs, prepared.folds, learner(settings.preset)
    smallest = min(len(fold.train) for fold in folds)

    def fit(rows, name: str):
        kept = checkpoints / name
        return of.fit(pairs, settings, rows, smallest=smallest, checkpoints=kept, title=name, resume=command)

    say(f"learning from all {len(pairs)} trials, then once for each of {len(folds)} folds")
    model = fit(slice(None), "all trials")
    say(f"  {of.words(model)}")
    return model, [fit(fold.train, f"fold {i + 1} of {len(folds)}") for i, fold in enumerate(folds)]


def _config(eeg_file: str | Path, fnirs_file: str | Path | None, settings: DecomposeSettings) -> dict[str, Any]:
    config = {
        "pidjax": pidjax.__version__,
        "eeg_file": str(Path(eeg_file).absolute()),
        "fnirs_file": None if fnirs_file is None else str(Path(fnirs_file).absolute()),
        "settings": dataclasses.asdict(settings),
    }
    return json.loads(json.dumps(config))  # as it reads back: tuples become lists


def _plain(column: pd.Series) -> np.ndarray:
    """An array that np.load reads without pickle."""
    return column.to_numpy() if pd.api.types.is_numeric_dtype(column) else column.astype(str).to_numpy(dtype=str)
