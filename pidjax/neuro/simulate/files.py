"""Simulated sessions as the files a laboratory would have: EDF or FIF, SNIRF, tables of events, a BIDS folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from pidjax._checks import one_of
from pidjax.neuro.simulate.montage import short_pairs
from pidjax.neuro.simulate.sessions import Session

FORMATS = ("edf", "fif")
_ENDINGS = {
    "eeg": "eeg.edf eeg.json events.tsv channels.tsv",
    "nirs": "nirs.snirf nirs.json events.tsv channels.tsv optodes.tsv coordsystem.json",
}
"""Of the files of a session in a study."""


def save_session(session: Session, folder: str | Path, *, eeg_format: str = "edf") -> dict[str, Path]:
    """Write ``eeg.edf`` (or ``eeg_raw.fif``), ``fnirs.snirf``, ``events.tsv`` (BIDS, EEG clock) and ``factors.tsv``.

    EDF keeps 16 bits a sample, FIF 32. ``factors.tsv`` holds what no laboratory knows.
    """
    one_of("eeg_format", eeg_format, FORMATS)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    eeg = "eeg.edf" if eeg_format == "edf" else "eeg_raw.fif"
    paths = {name: folder / name for name in (eeg, "fnirs.snirf", "events.tsv", "factors.tsv")}
    _write_eeg(session, paths[eeg])
    _write_fnirs(session, paths["fnirs.snirf"])
    _write_table(session.trials, paths["events.tsv"])
    _write_table(session.factors, paths["factors.tsv"])
    return paths


def save_study(sessions: Iterable[Session], root: str | Path, *, task: str = "simulated") -> list[Path]:
    """Write a BIDS folder, one subject and session after the other; returns the paths of all recordings.

    EEG as EDF, fNIRS as SNIRF, each with its channels and its events on its own clock; the hidden factors under
    ``derivatives/factors``.
    """
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    name = task.replace("_", "")
    _write_json(root / "dataset_description.json", {"Name": f"pidjax {task}", "BIDSVersion": "1.9.0"})
    found: list[Path] = []
    subjects: list[str] = []
    for session in sessions:
        stem = f"sub-{session.subject}_ses-{session.session}_task-{name}"
        base = root / f"sub-{session.subject}" / f"ses-{session.session}"
        for kind in ("eeg", "nirs"):
            (base / kind).mkdir(parents=True, exist_ok=True)
        eeg, nirs = base / "eeg" / f"{stem}_eeg.edf", base / "nirs" / f"{stem}_nirs.snirf"
        _write_eeg(session, eeg)
        _write_fnirs(session, nirs)
        _describe_eeg(session, base / "eeg" / stem, task)
        _describe_nirs(session, base / "nirs" / stem, task)
        hidden = root / "derivatives" / "factors"
        hidden.mkdir(parents=True, exist_ok=True)
        _write_table(session.factors, hidden / f"{stem}_factors.tsv")
        found += [eeg, nirs]
        subjects += [] if f"sub-{session.subject}" in subjects else [f"sub-{session.subject}"]
    _write_table(pd.DataFrame({"participant_id": subjects}), root / "participants.tsv")
    return found


def remove_simulated(root: Path) -> None:
    """Remove what ``save_session`` and ``save_study`` wrote below ``root``, and nothing else.

    A recording is theirs where its hidden factors are found, which no laboratory has.
    """
    if (root / "factors.tsv").is_file():
        for name in ("eeg.edf", "eeg_raw.fif", "fnirs.snirf", "events.tsv", "factors.tsv"):
            (root / name).unlink(missing_ok=True)
    hidden = sorted((root / "derivatives" / "factors").glob("sub-*_ses-*_task-*_factors.tsv"))
    for factors in hidden:
        stem = factors.name.removesuffix("_factors.tsv")
        base = root.joinpath(*stem.split("_")[:2])
        for kind, endings in _ENDINGS.items():
            for ending in endings.split():
                (base / kind / f"{stem}_{ending}").unlink(missing_ok=True)
        factors.unlink()
        for folder in (base / "eeg", base / "nirs", base, base.parent, factors.parent, factors.parent.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    if hidden and not any(root.glob("sub-*")):  # other recordings may need them
        for name in ("dataset_description.json", "participants.tsv"):
            (root / name).unlink(missing_ok=True)


def _describe_eeg(session: Session, stem: Path, task: str) -> None:
    raw = session.raw_eeg
    _write_table(session.trials, _named(stem, "events.tsv"))
    channels = pd.DataFrame({"name": raw.ch_names, "type": "EEG", "units": "V"})
    _write_table(channels, _named(stem, "channels.tsv"))
    facts = {"TaskName": task, "SamplingFrequency": raw.info["sfreq"], "PowerLineFrequency": 50}
    _write_json(_named(stem, "eeg.json"), facts | {"EEGReference": "n/a", "SoftwareFilters": "n/a"})


def _describe_nirs(session: Session, stem: Path, task: str) -> None:
    raw = session.raw_fnirs
    notes = raw.annotations
    _write_table(session.trials.assign(onset=notes.onset), _named(stem, "events.tsv"))
    ends = [name.split(" ")[0].split("_") for name in raw.ch_names]
    channels = {
        "name": raw.ch_names,
        "type": "NIRSCWAMPLITUDE",
        "source": [source for source, _ in ends],
        "detector": [detector for _, detector in ends],
        "wavelength_nominal": [int(channel["loc"][9]) for channel in raw.info["chs"]],
        "units": "V",
        "short_channel": np.repeat(short_pairs(raw.info), 2),
    }
    _write_table(pd.DataFrame(channels), _named(stem, "channels.tsv"))
    places = {}
    for (source, detector), channel in zip(ends, raw.info["chs"], strict=True):
        places[source] = ("source", *channel["loc"][3:6])
        places[detector] = ("detector", *channel["loc"][6:9])
    optodes = pd.DataFrame([(name, *rest) for name, rest in places.items()], columns=["name", "type", "x", "y", "z"])
    _write_table(optodes, _named(stem, "optodes.tsv"))
    _write_json(_named(stem, "coordsystem.json"), {"NIRSCoordinateSystem": "CapTrak", "NIRSCoordinateUnits": "m"})
    facts = {
        "TaskName": task,
        "SamplingFrequency": raw.info["sfreq"],
        "NIRSChannelCount": len(raw.ch_names),
        "NIRSSourceOptodeCount": int((optodes.type == "source").sum()),
        "NIRSDetectorOptodeCount": int((optodes.type == "detector").sum()),
    }
    _write_json(_named(stem, "nirs.json"), facts)


def _named(stem: Path, ending: str) -> Path:
    return stem.with_name(f"{stem.name}_{ending}")


def _write_eeg(session: Session, path: Path) -> None:
    if path.suffix == ".fif":
        session.raw_eeg.save(path, overwrite=True, verbose="error")
    else:
        mne.export.export_raw(path, session.raw_eeg, overwrite=True, verbose="error")


def _write_fnirs(session: Session, path: Path) -> None:
    from mne_nirs.io.snirf import write_raw_snirf

    path.unlink(missing_ok=True)
    write_raw_snirf(session.raw_fnirs, str(path))


def _write_table(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, sep="\t", index=False, na_rep="n/a", float_format="%.6f")


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
