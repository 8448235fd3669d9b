"""The main job: an EEG file and an fNIRS file in, a folder with a decomposition report out."""

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
from pidjax.neuro.berlin import read_dataset
from pidjax.neuro.clock import Clock, clock_of
from pidjax.neuro.decomposer import MIN_GAP, EEGfNIRSDecomposer
from pidjax.neuro.events import (
    annotation_table,
    bad_segments,
    is_state,
    read_events_tsv,
    window_table,
)
from pidjax.neuro.folder import check_place, is_done, swap, write_json
from pidjax.neuro.paired import PairedEpochs
from pidjax.neuro.preprocess import EEG, FNIRS, PreprocessConfig, preprocess_eeg, preprocess_fnirs
from pidjax.neuro.recordings import read_eeg, read_fnirs
from pidjax.neuro.settings import FNIRS_BAND, DecomposeSettings, check_settings


class Prepared(NamedTuple):
    """What is known before anything is learned or written."""

    eeg: EEG
    fnirs: FNIRS
    clock: Clock
    pairs: PairedEpochs
    folds: list[Fold]
    choices: dict[str, dict[str, str]]


def decompose(
    eeg_file: str | Path,
    fnirs_file: str | Path,
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

    Raises
    ------
    InputError
        Whatever is wrong with the input, in one sentence; nothing has been written then.
    """
    settings, out = settings or DecomposeSettings(), Path(out).resolve()
    check_settings(settings)
    config = _config(eeg_file, fnirs_file, settings)
    partial = out.with_name(out.name + ".partial")
    check_place(out, (eeg_file, fnirs_file, settings.events))
    if is_done(out, partial, config, resume, overwrite):
        say(f"{out} is complete: nothing to resume.")
        return out / "report.html"
    prepared = prepare(eeg_file, fnirs_file, settings, say)

    if partial.exists() and not resume:
        shutil.rmtree(partial)
    partial.mkdir(parents=True, exist_ok=True)
    write_json(partial / "config.json", config | {"choices": prepared.choices})
    model, fold_embeddings = _train(prepared, settings, partial / "checkpoints", command, say)
    config |= {"choices": prepared.choices, "model": dataclasses.asdict(model.config_)}
    write_json(partial / "config.json", config)
    embeddings = model.transform(prepared.pairs)
    say("evaluating: probes, retrieval, prediction across modalities")
    metrics = assess(
        prepared.pairs,
        fold_embeddings,
        prepared.folds,
        permutations=settings.permutations,
        seed=settings.seed,
    )

    from pidjax.neuro.report import write_report
    from pidjax.neuro.summary import report_sections, summary_html

    say("writing the report")
    metadata = prepared.pairs.metadata
    arrays = {**embeddings, **{f"meta_{c}": _plain(metadata[c]) for c in metadata}}
    np.savez(partial / "embeddings.npz", allow_pickle=False, **arrays)
    write_json(partial / "metrics.json", metrics.as_dict() | {"training": model.history_[-1]})
    write_report(
        partial / "report.html",
        title=f"pidjax: {Path(eeg_file).name} and {Path(fnirs_file).name}",
        summary=summary_html(prepared, metrics, settings, config),
        sections=report_sections(prepared, metrics, model, embeddings, settings),
    )
    shutil.rmtree(partial / "checkpoints")
    swap(partial, out)
    return out / "report.html"


def prepare(eeg_file, fnirs_file, settings: DecomposeSettings, say: Callable[[str], None] = print) -> Prepared:
    """Everything up to training: reads only, writes nothing."""
    say(f"reading {eeg_file} and {fnirs_file}")
    if settings.dataset == "files":
        raw_eeg, raw_fnirs = read_eeg(eeg_file), read_fnirs(fnirs_file)
    else:
        raw_eeg, raw_fnirs = read_dataset(settings.dataset, eeg_file, fnirs_file)
    choices: dict[str, dict[str, str]] = {"events": {}}
    clock, events = _events(raw_eeg, raw_fnirs, settings, choices["events"])
    say("preprocessing")
    config = PreprocessConfig(
        reference=settings.reference,
        line=settings.line,
        ppf=settings.ppf,
        min_sci=settings.min_sci,
        tddr=settings.tddr,
        fnirs_band=FNIRS_BAND[settings.preset],
    )
    eeg, fnirs = preprocess_eeg(raw_eeg, config), preprocess_fnirs(raw_fnirs, config)
    choices |= {"EEG": eeg.choices, "fNIRS": fnirs.choices}
    locked = "window" not in choices["events"]
    epoch = settings.epoch or ((-1.0, 10.0) if locked else (0.0, 10.0))
    fnirs_epoch = settings.fnirs_epoch or ((-5.0, 20.0) if locked else epoch)
    pairs = PairedEpochs.from_raw(
        eeg.raw,
        fnirs.raw,
        events,
        epoch,
        fnirs_epoch,
        clock,
        raw_erp=eeg.erp if locked else None,
        reject_eeg=1e-6 * settings.reject_eeg,
        n_blocks=settings.folds,
    )
    _describe_trials(pairs, epoch, fnirs_epoch, choices["events"])
    choices["events"]["negatives"] = f"trials at least {_min_gap(pairs, settings.preset):.3g} s apart"
    folds = _folds(pairs, settings.folds, max(epoch[1] - epoch[0], fnirs_epoch[1] - fnirs_epoch[0]))
    for kind, found in choices.items():
        for step, words in found.items():
            say(f"  {kind}: {step}: {words}")
    return Prepared(eeg, fnirs, clock, pairs, folds, choices)


def _events(raw_eeg, raw_fnirs, settings: DecomposeSettings, choices: dict[str, str]) -> tuple[Clock, pd.DataFrame]:
    """The clock, and the trials on the EEG clock."""
    length = float(np.diff(settings.epoch or (0.0, 10.0))[0])
    notes = {"eeg": annotation_table(raw_eeg), "fnirs": annotation_table(raw_fnirs)}
    clock = clock_of(raw_eeg, raw_fnirs, settings.clock)
    run = clock.runs[0]
    choices["clock"] = {
        "fit": f"offset {run.offset:.3f} s, drift {1e6 * run.drift:.0f} ppm on {len(run.eeg)} shared markers",
        "offset": f"offset {run.offset:.3f} s on {len(run.eeg)} shared markers, no drift",
        "start": f"start times of the files: the EEG began {run.offset:.3f} s after the fNIRS",
        "none": "assumed: both recordings began together and share one clock",
    }[clock.mode] + ("" if len(clock.runs) == 1 else f" (first of {len(clock.runs)} runs; all in the clock's table)")
    if clock.mode == "none":
        choices["warning: clock"] = "no shared markers were used: a delay between the recordings would not be seen"
    notes["fnirs"] = notes["fnirs"].assign(onset=clock.to_eeg(notes["fnirs"].onset))
    if settings.events not in ("auto", "annotations", "windows"):
        table = read_events_tsv(settings.events)
        if settings.events_clock == "fnirs":
            table["onset"] = clock.to_eeg(table.onset)
        choices["events"] = f"{len(table)} from {Path(settings.events).name}"
        return clock, _chosen(table, settings.conditions, choices)
    windows = settings.events == "windows"
    if settings.events == "auto" and not settings.conditions:
        marks = {name: table[~is_state(table, length)] for name, table in notes.items()}
    else:
        marks = notes
    names = {name: set(table.trial_type) for name, table in marks.items()}
    if not windows and (names["eeg"] or names["fnirs"]):
        shared = names["eeg"] & names["fnirs"]
        source = "eeg" if names["eeg"] else "fnirs"
        table = marks[source]
        choices["events"] = f"{len(table)} annotations of the {'EEG' if source == 'eeg' else 'fNIRS'} file"
        if shared:
            table = table[table.trial_type.isin(shared)]
            choices["events"] = f"{len(table)} annotations whose names both files share"
        return clock, _chosen(table, settings.conditions, choices)
    if settings.conditions or settings.events == "annotations":
        raise InputError("no file holds annotations that name events: pass --events events.tsv, or --events windows.")
    states = max((table[table.duration >= length] for table in notes.values()), key=len)
    bad = bad_segments(raw_eeg) + [tuple(clock.to_eeg(segment)) for segment in bad_segments(raw_fnirs)]
    begin, end = clock.to_eeg([0.0, raw_fnirs.n_times / raw_fnirs.info["sfreq"]])
    span = (max(0.0, float(begin)), min(raw_eeg.n_times / raw_eeg.info["sfreq"], float(end)))
    table = window_table(settings.epoch or (0.0, 10.0), span, bad, states)
    if table.empty:
        raise InputError(
            f"no good stretch of the {max(0.0, span[1] - span[0]):.0f} s that both recordings cover holds a window "
            f"of {length:g} s: shorten --epoch."
        )
    choices["window"] = f"no events: {len(table)} fixed-length windows of {length:g} s"
    if len(states):
        choices["states"] = (
            f"windows are labelled by the lasting annotations {', '.join(sorted(set(states.trial_type)))}"
        )
    return clock, table


def _chosen(table: pd.DataFrame, conditions: tuple[str, ...], choices: dict[str, str]) -> pd.DataFrame:
    missing = set(conditions) - set(table.trial_type)
    if missing:
        found = ", ".join(sorted(set(table.trial_type))[:8])
        raise InputError(f"--conditions names {', '.join(sorted(missing))}, which is not among the events: {found}.")
    if conditions:
        table = table[table.trial_type.isin(conditions)]
    counts = table.trial_type.value_counts()
    choices["conditions"] = ", ".join(f"{name} {n}" for name, n in counts.items())
    return table.reset_index(drop=True)


def _describe_trials(pairs: PairedEpochs, epoch, fnirs_epoch, choices: dict[str, str]) -> None:
    trials, between = pairs.log["trials"], np.diff(np.sort(pairs.metadata.onset_eeg))
    choices["windows"] = f"EEG {epoch[0]:g}…{epoch[1]:g} s, fNIRS {fnirs_epoch[0]:g}…{fnirs_epoch[1]:g} s"
    choices["trials"] = f"{trials['kept']} of {trials['found']} good in both modalities"
    if pairs.log["eeg channels dropped"]:
        choices["EEG channels dropped"] = (
            f"{', '.join(pairs.log['eeg channels dropped'])}: beyond the limit in most trials"
        )
    length = fnirs_epoch[1] - fnirs_epoch[0]
    if len(between) and np.median(between) < length - 1e-6:
        choices["overlap"] = (
            f"trials are {np.median(between):.1f} s apart (median) and fNIRS windows {length:g} s long: neighbouring "
            "responses overlap; overlapping trials are never split between training and test"
        )


def _folds(pairs: PairedEpochs, n_folds: int, gap: float) -> list[Fold]:
    if n_folds < 2:
        raise InputError(f"cross-validation needs at least 2 folds; found --folds {n_folds}.")
    if len(pairs) < 2 * n_folds:
        raise InputError(
            f"cross-validation in {n_folds} blocks needs at least {2 * n_folds} good trials; found {len(pairs)} of "
            f"{pairs.log['trials']['found']}: record more, shorten --epoch, or lower --folds."
        )
    folds = blockwise_folds(pairs.metadata.block.to_numpy(), pairs.metadata.onset_eeg.to_numpy(), gap=gap)
    fewest = min(len(fold.train) for fold in folds)
    if fewest < 4:
        raise InputError(
            f"only {fewest} trials are left to train on beside a tested block: record more, or shorten the windows."
        )
    return folds


def _train(prepared: Prepared, settings: DecomposeSettings, checkpoints: Path, command: str | None, say):
    """The model of all trials, and the embeddings of all trials by the model of every fold."""
    smallest = min(len(fold.train) for fold in prepared.folds)
    min_gap = _min_gap(prepared.pairs, settings.preset)

    def fit(rows, name: str) -> EEGfNIRSDecomposer:
        model = EEGfNIRSDecomposer(
            settings.preset,
            encoder=settings.encoder,
            fusion=settings.fusion,
            n_dims=settings.n_dims,
            min_gap=min_gap,
            steps=settings.steps,
            batch_size=min(settings.batch_size, smallest),
            random_state=settings.seed,
        )
        kept = checkpoints / name
        return model.fit(prepared.pairs[rows], checkpoints=kept, title=name, progress=True, resume=command)

    say(f"training on all {len(prepared.pairs)} trials, then once for each of {len(prepared.folds)} folds")
    model = fit(slice(None), "all trials")
    last = model.history_[-1]
    say(
        f"  lower bounds on training trials: redundancy {last['redundancy']:.2f} nats, "
        f"synergy {last['synergy']:.2f} nats (neither can pass {last['ceiling']:.2f})"
    )
    folds = [fit(fold.train, f"fold {i + 1} of {len(prepared.folds)}") for i, fold in enumerate(prepared.folds)]
    return model, [fold_model.transform(prepared.pairs) for fold_model in folds]


def _min_gap(pairs: PairedEpochs, preset: str) -> float:
    """The preset's distance between negatives, less where the recording is too short to have any."""
    return min(MIN_GAP[preset], float(np.ptp(pairs.metadata.onset_eeg)) / 4)


def _config(eeg_file, fnirs_file, settings: DecomposeSettings) -> dict[str, Any]:
    config = {
        "pidjax": pidjax.__version__,
        "eeg_file": str(Path(eeg_file).absolute()),
        "fnirs_file": str(Path(fnirs_file).absolute()),
        "settings": dataclasses.asdict(settings),
    }
    return json.loads(json.dumps(config))  # as it reads back: tuples become lists


def _plain(column: pd.Series) -> np.ndarray:
    """An array that np.load reads without pickle."""
    return column.to_numpy() if pd.api.types.is_numeric_dtype(column) else column.astype(str).to_numpy(dtype=str)
