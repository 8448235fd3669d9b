"""Published data sets by name: where the folders of every subject lie, who reads them, which tasks they hold."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import mne

from pidjax._checks import InputError, one_of
from pidjax.neuro.berlin import SOURCE_2017, SOURCE_2018, read_shin2017, read_shin2018
from pidjax.neuro.recordings import mark_dead

Raws = tuple[mne.io.BaseRaw, mne.io.BaseRaw]


class Source(NamedTuple):
    """One recording of EEG and fNIRS, not read yet."""

    subject: str
    session: str
    read: Callable[[], Raws]


class Release(NamedTuple):
    """How a published data set is read, the files by which a subject's folders are known (NN is the subject), and
    where it is."""

    read: Callable[..., Raws]
    tasks: tuple[str, ...]
    eeg: str
    nirs: str
    source: str


_2017 = ("subject NN/with occular artifact/cnt.mat", "subject NN/cnt.mat", SOURCE_2017)


def _release2018(task: str) -> Release:
    eeg, nirs = (f"VPNNN-{kind}/cnt_{task}.mat" for kind in ("EEG", "NIRS"))
    return Release(read_shin2018, (task,), eeg, nirs, SOURCE_2018)


DATASETS = {
    "shin2017": Release(read_shin2017, ("imagery", "arithmetic"), *_2017),
    "shin2017_imagery": Release(read_shin2017, ("imagery",), *_2017),
    "shin2017_arithmetic": Release(read_shin2017, ("arithmetic",), *_2017),
    "shin2018_cognitive": _release2018("wg"),
    "shin2018_nback": _release2018("nback"),
}
"""Whose trials are of more than one class: of the cognitive tasks of 2018 word generation and n-back. The series of
discrimination and selection are all alike, nine a subject: ``read_shin2018(..., "dsr")`` reads them."""


def sources(
    name: str,
    eeg: str | Path,
    nirs: str | Path | None = None,
    subjects: Sequence[int] = (),
    *,
    task_offset: float = 0.0,
) -> list[Source]:
    """Recordings of a data set, one a subject and task (its session), to be read one by one; dead channels are bad.

    Parameters
    ----------
    name : str
        One of ``DATASETS``.
    eeg, nirs : str or Path
        The two folders of one subject, or the folder of all of them alone, see ``find_subjects``.
    subjects : sequence of int
        Which of the folder's; all by default.
    task_offset : float
        Seconds from a marker to the beginning of the task.

    Raises
    ------
    InputError
        An unknown name, ``subjects`` beside the folders of one, or what ``find_subjects`` refuses.
    """
    one_of("dataset", name, tuple(DATASETS))
    if nirs is None:
        places = find_subjects(name, eeg, subjects)
    elif subjects:
        raise InputError("--subjects chooses from the folder of all subjects: give that folder alone.")
    else:
        places = {1: (Path(eeg), Path(nirs))}
    return [
        Source(str(number), task, functools.partial(_read, DATASETS[name].read, *folders, task, task_offset))
        for number, folders in places.items()
        for task in DATASETS[name].tasks
    ]


def find_subjects(name: str, folder: str | Path, subjects: Sequence[int] = ()) -> dict[int, tuple[Path, Path]]:
    """EEG and fNIRS folders of the subjects below ``folder``, by number; archives may be unpacked into any tree.

    Of 2017 the folders that hold "subject 01/with occular artifact/cnt.mat" (spelt as published) and "subject
    01/cnt.mat", of 2018 "VP001-EEG/cnt_wg.mat" and "VP001-NIRS/cnt_wg.mat",
    or "cnt_nback.mat".

    Raises
    ------
    InputError
        A folder or a subject that is absent, EEG or fNIRS of a subject alone or twice; says what was found, and where
        the recordings are.
    """
    folder, release = Path(folder), DATASETS[name]
    if not folder.is_dir():
        raise InputError(
            f"{folder} is no folder: give the one that holds all subjects of {name}, or two of one, as unpacked from "
            f"{release.source}."
        )
    found: dict[str, dict[int, Path]] = {"EEG": {}, "fNIRS": {}}
    patterns = [re.sub("N{2,}", r"(\\d+)", f"/{re.escape(known)}$") for known in (release.eeg, release.nirs)]
    for path in sorted(folder.resolve().rglob("*.mat")):
        for (kind, places), pattern in zip(found.items(), patterns, strict=True):
            match = re.search(pattern, path.as_posix(), re.IGNORECASE)
            if match and places.setdefault(int(match[1]), path.parent) != path.parent:
                raise InputError(
                    f"there are two {kind} folders of subject {int(match[1])}, {places[int(match[1])]} and "
                    f"{path.parent}: leave one."
                )
    eeg, nirs = found.values()
    wanted = sorted(set(subjects) or set(eeg) | set(nirs))
    lacking = [number for number in wanted if number not in eeg or number not in nirs]
    if lacking or not wanted:
        raise InputError(
            f"{folder} must hold {release.eeg} and {release.nirs} of every subject"
            f"{f', and does not of {_listed(lacking)}' if lacking else ''}; found EEG of {_listed(eeg)} and fNIRS of "
            f"{_listed(nirs)}: unpack the rest of {release.source}, or choose subjects that are whole."
        )
    return {number: (eeg[number], nirs[number]) for number in wanted}


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers))) or "none"


def _read(read: Callable[..., Raws], eeg: Path, nirs: Path, task: str, task_offset: float) -> Raws:
    found = read(eeg, nirs, task, task_offset=task_offset)
    for raw, path, kind in zip(found, (eeg, nirs), ("eeg", "fnirs"), strict=True):
        mark_dead(raw, path, kind)
    return found
