"""One recording from its files to trials that are good in both modalities; every choice in words."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import mne
import numpy as np
import pandas as pd

from pidjax._checks import InputError
from pidjax.neuro.clock import Clock, clock_of
from pidjax.neuro.confounds import measure
from pidjax.neuro.events import annotation_table, bad_segments, is_state, read_events_tsv, window_table
from pidjax.neuro.paired import PairedEpochs
from pidjax.neuro.preprocess import EEG, FNIRS, PreprocessConfig, preprocess_eeg, preprocess_fnirs
from pidjax.neuro.settings import FNIRS_BAND, DecomposeSettings


class Recording(NamedTuple):
    """What one recording came to."""

    eeg: EEG
    fnirs: FNIRS
    clock: Clock
    pairs: PairedEpochs
    length: float
    """Of the longer window (s)."""
    choices: dict[str, dict[str, str]]


def prepare_recording(
    raw_eeg: mne.io.BaseRaw,
    raw_fnirs: mne.io.BaseRaw,
    settings: DecomposeSettings,
    *,
    subject: str = "1",
    session: str = "1",
) -> Recording:
    """Find the clock and the events, preprocess, and cut the trials."""
    choices: dict[str, dict[str, str]] = {"events": {}}
    clock, events = _events(raw_eeg, raw_fnirs, settings, choices["events"])
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
        subject=subject,
        session=session,
    )
    pairs, choices["confounds"] = measure(pairs, raw_eeg, raw_fnirs, eeg, fnirs, settings.line)
    _describe_trials(pairs, epoch, fnirs_epoch, choices["events"])
    length = max(epoch[1] - epoch[0], fnirs_epoch[1] - fnirs_epoch[0])
    return Recording(eeg, fnirs, clock, pairs, length, choices)


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
        table["events_row"] = np.arange(len(table))
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
        choices["warning: overlap"] = (
            f"trials are {np.median(between):.1f} s apart (median) and fNIRS windows {length:g} s long: neighbouring "
            "responses overlap; overlapping trials are never split between training and test"
        )
