"""Short recordings written in both published layouts, as MATLAB would have: what tests and the smoke preset read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.io import savemat


class Montage(NamedTuple):
    """Labels of the EEG, the first four of which see the task and the last two the eyes, and of the fNIRS."""

    eeg: tuple[str, ...]
    nirs: tuple[str, ...]


EYES = ("VEOG", "HEOG")
FEW_2017 = Montage(("F3", "F4", "Cz", "Pz", *EYES), ("AF7Fp1", "AF3Fp1", "C5CP5"))
FEW_2018 = Montage(FEW_2017.eeg, ("AF7", "AFF5h", "C3h"))
ALL_2017 = Montage(
    (
        *("F3", "F4", "Cz", "Pz", "AFp1", "AFp2", "AFF1h", "AFF2h", "AFF5h", "AFF6h", "F7", "F8", "FCC3h", "FCC4h"),
        *("FCC5h", "FCC6h", "T7", "T8", "CCP3h", "CCP4h", "CCP5h", "CCP6h", "P3", "P4", "P7", "P8", "PPO1h", "PPO2h"),
        *("POO1", "POO2", *EYES),
    ),
    (
        *("AF7Fp1", "AF3Fp1", "AF3AFz", "FpzFp1", "FpzAFz", "FpzFp2", "AF4AFz", "AF4Fp2", "AF8Fp2", "OzPOz", "OzO1"),
        *("OzO2", "C5CP5", "C5FC5", "C5C3", "FC3FC5", "FC3C3", "FC3FC1", "CP3CP5", "CP3C3", "CP3CP1", "C1C3", "C1FC1"),
        *("C1CP1", "C2FC2", "C2CP2", "C2C4", "FC4FC2", "FC4C4", "FC4FC6", "CP4CP6", "CP4CP2", "CP4C4", "C6CP6"),
        *("C6C4", "C6FC6"),
    ),
)
ALL_2018 = Montage(
    (
        *("Fp1", "AFF5h", "AFz", "F1", "FC5", "FC1", "T7", "C3", "Cz", "CP5", "CP1", "P7", "P3", "Pz", "POz", "O1"),
        *("Fp2", "AFF6h", "F2", "FC2", "FC6", "C4", "T8", "CP2", "CP6", "P4", "P8", "O2", *EYES),
    ),
    (
        *("AF7", "AFF5", "AFp7", "AF5h", "AFp3", "AFF3h", "AF1", "AFFz", "AFpz", "AF2", "AFp4", "FCC3", "C3h", "C5h"),
        *("CCP3", "CPP3", "P3h", "P5h", "PPO3", "AFF4h", "AF6h", "AFF6", "AFp8", "AF8", "FCC4", "C6h", "C4h", "CCP4"),
        *("CPP4", "P6h", "P4h", "PPO4", "PPOz", "PO1", "PO2", "POOz"),
    ),
)
EEG_RATE, NIRS_RATE = 200.0, 10.0


def names(labels: Sequence[str]) -> np.ndarray:
    return np.array(labels, object)[None]


def cells(runs: Sequence[Any]) -> np.ndarray:
    found = np.empty((1, len(runs)), object)
    for i, run in enumerate(runs):
        found[0, i] = run
    return found


def markers(
    onset: np.ndarray,
    classes: Sequence[str] = ("MA", "BL"),
    codes: Sequence[int] = (16, 32),
    which: np.ndarray | None = None,
) -> dict:
    """Of the classes ``which`` says; by default of all in turn."""
    which = np.arange(len(onset)) % len(classes) if which is None else which
    y = np.eye(len(classes))[which].T
    return {
        "time": 1000 * onset[None],
        "y": y,
        "className": names(classes),
        "event": {"desc": (np.array(codes) @ y)[:, None]},
    }


def shin2017(
    eeg: Path,
    nirs: Path,
    rng: np.random.Generator,
    *,
    drift: float = 0.0,
    lag: float = 1.5,
    runs: int = 6,
    codes: Sequence[int] = (1, 2),
    jump: float = 0.0,
    spaced: float = 12.0,
    trials: int = 4,
    effect: float = 0.0,
    montage: Montage = FEW_2017,
) -> None:
    """One subject; the fNIRS began ``lag`` s later and runs fast by ``drift``; its third marker ``jump`` s late.

    In trials of the first class alpha grows by ``effect`` times the noise, and less light arrives.
    """
    onset = 8.0 + spaced * np.arange(trials) + rng.uniform(0, 1, trials)
    seen = (onset - lag) * (1 + drift) + jump * (np.arange(trials) == 2)
    last = onset[-1] + spaced
    stored: dict[str, list] = {"eeg cnt": [], "eeg mrk": [], "nirs cnt": [], "nirs mrk": []}
    pairs = montage.nirs
    labels = [f"{p}lowWL" for p in pairs] + [f"{p}highWL" for p in pairs]
    for k in range(runs):
        classes = ("MA", "BL") if k % 2 else ("LMI", "RMI")
        t = np.arange(int(EEG_RATE * last)) / EEG_RATE
        x = rng.normal(0, 20, (len(t), len(montage.eeg)))
        x[:, :4] += 20 * effect * (_during(t, onset[::2]) * np.sin(20 * np.pi * t))[:, None]
        stored["eeg cnt"].append({"fs": EEG_RATE, "x": x, "clab": names(montage.eeg), "yUnit": "uV"})
        stored["eeg mrk"].append(markers(onset, classes))
        t = np.arange(int(NIRS_RATE * last)) / NIRS_RATE
        x = 1 + 0.01 * rng.normal(size=(len(t), len(labels)))
        x[:, len(pairs) :] -= 0.01 * effect * _during(t - 2, seen[::2])[:, None]
        stored["nirs cnt"].append(
            {"fs": NIRS_RATE, "x": x, "clab": names(labels), "wavelengths": np.array([[760, 850]])}
        )
        stored["nirs mrk"].append(markers(seen, classes, codes))
    for key, value in stored.items():
        of, name = key.split()
        folder = eeg if of == "eeg" else nirs
        folder.mkdir(parents=True, exist_ok=True)
        savemat(folder / f"{name}.mat", {name: cells(value)})


def shin2018(
    eeg: Path,
    nirs: Path,
    rng: np.random.Generator,
    *,
    task: str = "wg",
    runs: int = 3,
    lengths: int = 3,
    drift: float = 0.0,
    spaced: float = 25.0,
    trials: int = 4,
    montage: Montage = FEW_2018,
) -> None:
    """One subject: runs joined, the first ``lengths`` of theirs told; in pauses the fNIRS stood less.

    It runs fast by ``drift`` within a run.
    """
    begins, within = spaced * (trials + 4) * np.arange(runs)[:, None], 10 + spaced * np.arange(trials)
    seen = (within - np.array([1.0, 1.7, 2.5])[:runs, None]) * (1 + drift)
    for folder, rate, at in ((eeg, EEG_RATE, begins + within), (nirs, NIRS_RATE, begins + seen)):
        folder.mkdir(parents=True, exist_ok=True)
        n = runs * int(spaced * (trials + 4) * rate)
        cnt: dict[str, Any]
        if folder == eeg:
            cnt = {"fs": rate, "x": rng.normal(0, 20, (n, len(montage.eeg))), "clab": names(montage.eeg)}
        else:
            cnt = {
                kind: {
                    "fs": rate,
                    "x": rng.normal(0, 3e-3, (n, len(montage.nirs))),
                    "clab": names([f"{site}{kind}" for site in montage.nirs]),
                }
                for kind in ("oxy", "deoxy")
            }
        if lengths:
            cnt["T"] = np.full((1, min(lengths, runs)), n // runs)
        savemat(folder / f"cnt_{task}.mat", {f"cnt_{task}": cnt})
        savemat(folder / f"mrk_{task}.mat", {f"mrk_{task}": _markers2018(task, at.ravel(), stimuli=folder == eeg)})


STIMULI = {
    "nback": {16: "0-back target", 48: "2-back target", 64: "2-back non-target", 80: "3-back target"}
    | {96: "3-back non-target"},
    "dsr": {16: "O", 32: "X"},
}
BLOCKS = {
    "nback": {7: "0-back session", 8: "2-back session", 9: "3-back session"},
    "dsr": {3: "session"},
}
"""Classes of the EEG alone, and of both, by the fNIRS's codes; the EEG's are 16 times as large."""


def _markers2018(task: str, onset: np.ndarray, *, stimuli: bool) -> dict:
    """Trials; or blocks whose classes come in turn, in the EEG with three stimuli each."""
    if task == "wg":
        return markers(onset, ("WG", "BL"))
    blocks = BLOCKS[task]
    if not stimuli:
        return markers(onset, list(blocks.values()), list(blocks))
    classes = STIMULI[task] | {16 * code: name for code, name in blocks.items()}
    first = len(STIMULI[task])
    which = [(first + k % len(blocks), *(k + np.arange(3)) % first) for k in range(len(onset))]
    time = onset[:, None] + [0.0, 2.0, 4.0, 6.0]
    return markers(time.ravel(), list(classes.values()), list(classes), np.ravel(which))


def release2017(folder: Path, rng: np.random.Generator, subjects: Sequence[int] = (1, 2), **settings: Any) -> Path:
    """Both trees of the release of 2017, as its archives unpack."""
    for k in subjects:
        of = f"subject {k:02d}"
        shin2017(folder / "EEG" / of / "with occular artifact", folder / "NIRS" / of, rng, **settings)
    return folder


def release2018(folder: Path, rng: np.random.Generator, subjects: Sequence[int] = (1, 2), **settings: Any) -> Path:
    """Both folders of every subject of 2018."""
    for k in subjects:
        shin2018(folder / f"VP{k:03d}-EEG", folder / f"VP{k:03d}-NIRS", rng, **settings)
    return folder


def _during(t: np.ndarray, onset: np.ndarray, lasts: float = 5.0) -> np.ndarray:
    return ((t[:, None] >= onset) & (t[:, None] < onset + lasts)).any(1)
