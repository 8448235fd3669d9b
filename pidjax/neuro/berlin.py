"""Simultaneous EEG and fNIRS of the TU Berlin, as published in MATLAB's format: Shin et al. 2017 and 2018."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mne
import numpy as np
from scipy.io import loadmat

from pidjax._checks import InputError, one_of
from pidjax.neuro.recordings import MONTAGE, OTHER

RUNS_2018 = 3
MOST_DRIFT = 5e-3
RUNS_2017 = {"imagery": (0, 2, 4), "arithmetic": (1, 3, 5)}
"""Cells of ``cnt`` and ``mrk``, from 0."""
TASKS_2018: dict[str, tuple[float, tuple[str, ...]]] = {
    "nback": (40.0, ("0-back", "2-back", "3-back")),
    "dsr": (0.0, ("series",)),
    "wg": (10.0, ()),
}
"""Seconds of a trial, and which classes are blocks: all of the fNIRS, in this order, and the last of the EEG, whose
others are stimuli. The release does not tell how long a series lasts."""
TASK_2017 = 10.0
OPTODE_DISTANCE = 0.03
SOURCE_2017 = (
    'doc.ml.tu-berlin.de/hBCI (EEG_01-05.zip ...: "subject 01/with occular artifact"; NIRS_01-29.zip: "subject 01")'
)
SOURCE_2018 = 'doc.ml.tu-berlin.de/simultaneous_EEG_NIRS ("VP001-EEG", "VP001-NIRS" ...)'
"""Where the recordings are, and what their folders are called."""


def read_shin2017(
    eeg: str | Path, nirs: str | Path, task: str = "arithmetic", *, task_offset: float = 0.0
) -> tuple[mne.io.BaseRaw, mne.io.BaseRaw]:
    """EEG (V) and fNIRS (intensities) of one subject's three runs of a task, with annotations of its trials.

    Runs are joined, with mne's annotations of their boundaries. Trials are named by their class and last 10 s; EEG and
    fNIRS keep their own clocks, which the shared markers tie together. Optodes stand where the labels of the channels
    say, ``AF7Fp1`` at AF7 and Fp1, so ``mnt.mat`` is not needed; wavelengths are the file's.

    The recordings are at doc.ml.tu-berlin.de/hBCI, EEG_01-05.zip ... and NIRS_01-29.zip.

    Parameters
    ----------
    eeg, nirs : str or Path
        Folders with ``cnt.mat`` and ``mrk.mat``: ".../subject 01/with occular artifact" and ".../subject 01".
    task : "arithmetic" | "imagery"
    task_offset : float
        Seconds from a marker to the beginning of the task: 0 where markers are at the task, 2 where at the instruction.

    Raises
    ------
    InputError
        A file, a field or a run that is absent; markers that differ between the modalities; unknown labels.
    """
    one_of("task", task, tuple(RUNS_2017))
    stored = {
        (kind, name): np.atleast_1d(_loaded(Path(folder) / f"{name}.mat", name, SOURCE_2017))
        for kind, folder in (("EEG", eeg), ("fNIRS", nirs))
        for name in ("cnt", "mrk")
    }
    for (kind, name), cells in stored.items():
        if len(cells) != 6:
            raise InputError(f"{name}.mat of the {kind} must hold six runs; found {len(cells)}.")
    made: dict[str, list[mne.io.BaseRaw]] = {"EEG": [], "fNIRS": []}
    for run in RUNS_2017[task]:
        marks = {kind: _markers(stored[kind, "mrk"][run], f"the {kind} of run {run + 1}") for kind in made}
        _agree(marks, f"run {run + 1}")
        for kind, make in (("EEG", _eeg), ("fNIRS", _intensities)):
            raw = make(stored[kind, "cnt"][run], f"the {kind} of run {run + 1}")
            onset, names = marks[kind]
            raw.set_annotations(mne.Annotations(onset + task_offset, TASK_2017, names))
            made[kind].append(raw)
    return tuple(mne.concatenate_raws(runs, verbose="error") for runs in made.values())


def read_shin2018(
    eeg: str | Path, nirs: str | Path, task: str = "wg", *, task_offset: float = 0.0
) -> tuple[mne.io.BaseRaw, mne.io.BaseRaw]:
    """EEG (V) and fNIRS (concentrations, M) of one subject and task, with annotations of what the markers begin.

    The published fNIRS are concentrations already; a channel's label is the site of its middle, and source and
    detector are put 30 mm apart around it. Three runs are published as one: their boundaries are annotated as mne does,
    where ``cnt.T`` holds their lengths there, else in the middle of the two longest pauses between markers, which must
    leave as many markers in every run (one number in ``T`` is of the first run: the authors' tools join no lengths).

    The recordings are at doc.ml.tu-berlin.de/simultaneous_EEG_NIRS.

    Parameters
    ----------
    eeg, nirs : str or Path
        Folders ``VP001-EEG`` and ``VP001-NIRS``, with ``cnt_TASK.mat`` and ``mrk_TASK.mat``.
    task : "nback" | "dsr" | "wg"
        Trials of word generation; blocks of n-back, "0-back" to "3-back"; series of discrimination and selection, all
        one class. Blocks and series are marked in both; of these tasks the EEG has the stimuli too, under their names.
    task_offset : float
        As ``read_shin2017``.

    Raises
    ------
    InputError
        As ``read_shin2017``; runs that are not three.
    """
    one_of("task", task, tuple(TASKS_2018))
    eeg, nirs = Path(eeg), Path(nirs)
    of = {
        (kind, name): _loaded(folder / f"{name}_{task}.mat", f"{name}_{task}", SOURCE_2018)
        for kind, folder in (("EEG", eeg), ("fNIRS", nirs))
        for name in ("cnt", "mrk")
    }
    lasts, blocks = TASKS_2018[task]
    marks = {kind: _markers(of[kind, "mrk"], f"the {kind}", blocks) for kind in ("EEG", "fNIRS")}
    trials = {kind: _chosen(mark, np.isin(mark[1], blocks)) if blocks else mark for kind, mark in marks.items()}
    found = _eeg(of["EEG", "cnt"], "the EEG"), _concentrations(of["fNIRS", "cnt"], "the fNIRS")
    begins = [
        _begins(of[kind, "cnt"], raw, onset, f"the {kind}")
        for (kind, (onset, _)), raw in zip(trials.items(), found, strict=True)
    ]
    run = [np.searchsorted(begin, onset) for begin, (onset, _) in zip(begins, trials.values(), strict=True)]
    for k in range(RUNS_2018):
        here = {kind: _chosen(trials[kind], of_run == k) for kind, of_run in zip(trials, run, strict=True)}
        _agree(here, f"run {k + 1}")
    for raw, begin, (onset, names) in zip(found, begins, marks.values(), strict=True):
        duration = np.where(np.isin(names, blocks or names), lasts, 0.0)
        raw.set_annotations(mne.Annotations(onset + task_offset, duration, names))
        for boundary in ("BAD boundary", "EDGE boundary"):
            raw.annotations.append(begin, 0.0, boundary)
    return found


def _begins(stored: Any, raw: mne.io.BaseRaw, onset: np.ndarray, where: str) -> np.ndarray:
    """Times (s) at which the second and the third of the joined runs begin."""
    lengths = np.atleast_1d(getattr(stored, "T", 0)).astype(int)
    if len(lengths) == RUNS_2018 and lengths.sum() == raw.n_times:
        return np.cumsum(lengths)[:-1] / raw.info["sfreq"]
    if len(lengths) > 1 or lengths.sum() == raw.n_times:
        raise InputError(
            f"{where} must be {RUNS_2018} runs whose lengths T make up its {raw.n_times} samples; found T of "
            f"{', '.join(map(str, lengths))}: a run is missing, or T is of another copy."
        )
    pauses = np.sort(np.argsort(np.diff(onset))[1 - RUNS_2018 :])
    many = np.diff([0, *(pauses + 1), len(onset)])
    if len(many) != RUNS_2018 or len(set(many)) > 1:
        raise InputError(
            f"{where} must be {RUNS_2018} runs of as many markers each; its longest pauses leave "
            f"{', '.join(map(str, many))}: a run is missing or cut short."
        )
    return (onset[pauses] + onset[pauses + 1]) / 2


def _chosen(marks: tuple[np.ndarray, list[str]], which: np.ndarray) -> tuple[np.ndarray, list[str]]:
    return marks[0][which], list(np.array(marks[1], object)[which])


def _loaded(path: Path, name: str, source: str) -> Any:
    if not path.is_file():
        raise InputError(
            f"{path} is absent: give the folder of one subject that holds {path.name}, as unpacked from {source}."
        )
    try:
        stored = loadmat(path, squeeze_me=True, struct_as_record=False, variable_names=[name])
    except Exception as error:  # scipy raises whatever it stumbles over
        raise InputError(f"{path} is no MATLAB file that can be read ({error}): copy it again.") from None
    if name not in stored:
        raise InputError(f"{path} must hold the variable {name}.")
    return stored[name]


def _field(stored: Any, name: str, where: str) -> Any:
    if not hasattr(stored, name):
        raise InputError(f"{where} lacks the field {name!r}: this run is missing or stored in another way.")
    return getattr(stored, name)


def _markers(stored: Any, where: str, blocks: tuple[str, ...] = ()) -> tuple[np.ndarray, list[str]]:
    """Onsets (s) and classes, by the rows of y: numbers of ``event.desc`` differ between copies of the data.

    The last classes are called ``blocks``, whatever their names.
    """
    onset = np.atleast_1d(_field(stored, "time", where)).astype(float) / 1000
    names = [str(name) for name in np.atleast_1d(_field(stored, "className", where))]
    stored_as = names[len(names) - len(blocks) :]
    if any(block[0].isdigit() and block[0] not in name for block, name in zip(blocks, stored_as, strict=False)):
        raise InputError(f"{where}: its last classes must be {', '.join(blocks)}, in this order; found {stored_as}.")
    names = [*names[: len(names) - len(blocks)], *blocks]
    y = np.asarray(_field(stored, "y", where))
    y = y.reshape(len(names), -1) if y.size == len(names) * len(onset) else y
    if y.shape != (len(names), len(onset)) or not (y.sum(0) == 1).all():
        raise InputError(
            f"{where}: y must mark one of {len(names)} classes for each of {len(onset)} markers; found shape {y.shape}."
        )
    return onset, [names[k] for k in y.argmax(0)]


def _agree(marks: dict[str, tuple[np.ndarray, list[str]]], where: str) -> None:
    """Refuse modalities that saw other trials: with a straight line between their clocks, none is 0.1 s off."""
    (a, names), (b, others) = marks.values()
    if names != others:
        raise InputError(
            f"{where}: the {len(names)} markers of the EEG and {len(others)} of the fNIRS differ in number or class: "
            "give folders of one subject."
        )
    if len(a) < 3:
        return
    line = np.polyfit(a, b, 1)
    if abs(line[0] - 1) > MOST_DRIFT:
        raise InputError(f"{where}: a second of the EEG is {line[0]:.4f} s of the fNIRS: these are not one recording.")
    off = np.abs(b - np.polyval(line, a)).max()
    if off > 0.1:
        raise InputError(f"{where}: markers of EEG and fNIRS are up to {off:.2f} s apart; 0.1 s are allowed.")


def _eeg(stored: Any, where: str) -> mne.io.BaseRaw:
    labels, x = _labelled(stored, where)
    kinds = ["eog" if re.search(OTHER["eog"], name, re.I) else "eeg" for name in labels]
    raw = mne.io.RawArray(1e-6 * x, mne.create_info(labels, float(_field(stored, "fs", where)), kinds), verbose="error")
    return raw.set_montage(MONTAGE, match_case=False, on_missing="ignore", verbose="error")


def _intensities(stored: Any, where: str) -> mne.io.BaseRaw:
    labels, x = _labelled(stored, where)
    wavelengths = np.atleast_1d(_field(stored, "wavelengths", where)).astype(int)
    if len(wavelengths) != 2 or len(labels) % 2:
        raise InputError(
            f"{where} must hold every pair at two wavelengths; found {len(labels)} channels at {wavelengths}."
        )
    pairs = [label.removesuffix("lowWL") for label in labels[: len(labels) // 2]]
    if [label.removesuffix("highWL") for label in labels[len(pairs) :]] != pairs:
        raise InputError(f"{where} must hold all pairs at the low wavelength, then the same at the high one.")
    sites = [_two_sites(pair, where) for pair in pairs]
    return _paired_raw(stored, where, x, sites, [str(w) for w in wavelengths], "fnirs_cw_amplitude")


def _concentrations(stored: Any, where: str) -> mne.io.BaseRaw:
    parts = {name: _labelled(_field(stored, name, where), f"{where}, {name}") for name in ("oxy", "deoxy")}
    (labels, oxy), (others, deoxy) = parts.values()
    pairs = [label.removesuffix("oxy") for label in labels]
    if [label.removesuffix("deoxy") for label in others] != pairs:
        raise InputError(f"{where} must hold oxy and deoxy of the same channels in the same order.")
    if oxy.shape != deoxy.shape:
        raise InputError(f"{where}: oxy has {oxy.shape[1]} samples, deoxy {deoxy.shape[1]}: copy the file again.")
    known = _sites()
    sites = []
    for pair in pairs:
        if pair.lower() not in known:
            raise InputError(f"{where}: {pair!r} is no site of the 10-05 system.")
        middle = known[pair.lower()]
        sideways = np.cross(middle, [0.0, 0.0, 1.0])
        half = OPTODE_DISTANCE / 2 * sideways / max(float(np.linalg.norm(sideways)), 1e-9)
        sites.append(((f"{pair}-", middle - half), (f"{pair}+", middle + half)))
    x = 1e-3 * np.concatenate([oxy, deoxy])
    return _paired_raw(stored.oxy, where, x, sites, ["hbo", "hbr"], None)


def _labelled(stored: Any, where: str) -> tuple[list[str], np.ndarray]:
    labels = [str(name) for name in np.atleast_1d(_field(stored, "clab", where))]
    x = np.asarray(_field(stored, "x", where), np.float64)
    if x.ndim != 2 or x.shape[1] != len(labels):
        raise InputError(f"{where} must hold x of [samples, {len(labels)} channels]; found shape {x.shape}.")
    return labels, x.T


@functools.cache
def _sites() -> dict[str, np.ndarray]:
    """Places of the 10-05 system in the frame of the head, where mne puts electrodes."""
    names = mne.channels.make_standard_montage(MONTAGE).ch_names
    info = mne.create_info(names, 1.0, "eeg").set_montage(MONTAGE)
    return {name.lower(): channel["loc"][:3] for name, channel in zip(names, info["chs"], strict=True)}


def _two_sites(pair: str, where: str) -> tuple[tuple[str, np.ndarray], tuple[str, np.ndarray]]:
    """Source and detector of a label that joins their sites."""
    known = _sites()
    for cut in range(1, len(pair)):
        ends = pair[:cut], pair[cut:]
        if all(end.lower() in known for end in ends):
            return (ends[0], known[ends[0].lower()]), (ends[1], known[ends[1].lower()])
    raise InputError(f"{where}: {pair!r} does not join two sites of the 10-05 system, a source's and a detector's.")


def _paired_raw(
    stored: Any, where: str, x: np.ndarray, sites: Sequence[Any], ends: Sequence[str], kind: str | None
) -> mne.io.BaseRaw:
    """Channels of all pairs at the first wavelength or haemoglobin, then the second, to mne's names and order."""
    numbers: list[dict[str, int]] = [{}, {}]
    names, places, kinds = [], [], []
    for pair, end in itertools.product(sites, ends):
        source, detector = (numbers[i].setdefault(pair[i][0], len(numbers[i]) + 1) for i in range(2))
        names.append(f"S{source}_D{detector} {end}")
        middle = (pair[0][1] + pair[1][1]) / 2
        wavelength = float(end) if kind else np.nan
        places.append(np.concatenate([middle, pair[0][1], pair[1][1], [wavelength, np.nan, np.nan]]))
        kinds.append(kind or end)
    if len(set(names)) != len(names):
        raise InputError(f"{where} holds one source-detector pair twice.")
    order = np.arange(len(names)).reshape(2, len(sites)).T.ravel()
    raw = mne.io.RawArray(x[order], mne.create_info(names, float(_field(stored, "fs", where)), kinds), verbose="error")
    for channel, place in zip(raw.info["chs"], places, strict=True):
        channel["loc"][:] = place
        channel["coord_frame"] = mne.io.constants.FIFF.FIFFV_COORD_HEAD
    return raw
