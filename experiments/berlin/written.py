"""Small recordings written in both published layouts, as MATLAB would have: what tests and the smoke preset read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

EEG = ("F3", "F4", "Cz", "Pz", "VEOG", "HEOG")
PAIRS = ("AF7Fp1", "AF3Fp1", "C5CP5")
SITES = ("AF7", "AFF5h", "C3h")
EEG_RATE, NIRS_RATE = 200.0, 10.0


def names(labels: Sequence[str]) -> np.ndarray:
    return np.array(labels, object)[None]


def cells(runs: Sequence[Any]) -> np.ndarray:
    found = np.empty((1, len(runs)), object)
    for i, run in enumerate(runs):
        found[0, i] = run
    return found


def markers(onset: np.ndarray, classes: Sequence[str] = ("MA", "BL"), codes: Sequence[int] = (16, 32)) -> dict:
    """Two classes in turn."""
    y = np.eye(2)[np.arange(len(onset)) % 2].T
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
) -> None:
    """One subject; the fNIRS began ``lag`` s later and runs fast by ``drift``; its third marker ``jump`` s late.

    In trials of the first class alpha grows by ``effect`` times the noise, and less light arrives.
    """
    onset = 8.0 + spaced * np.arange(trials) + rng.uniform(0, 1, trials)
    seen = (onset - lag) * (1 + drift) + jump * (np.arange(trials) == 2)
    last = onset[-1] + spaced
    stored: dict[str, list] = {"eeg cnt": [], "eeg mrk": [], "nirs cnt": [], "nirs mrk": []}
    labels = [f"{p}lowWL" for p in PAIRS] + [f"{p}highWL" for p in PAIRS]
    for k in range(runs):
        classes = ("MA", "BL") if k % 2 else ("LMI", "RMI")
        t = np.arange(int(EEG_RATE * last)) / EEG_RATE
        x = rng.normal(0, 20, (len(t), len(EEG)))
        x[:, :4] += 20 * effect * (_during(t, onset[::2]) * np.sin(20 * np.pi * t))[:, None]
        stored["eeg cnt"].append({"fs": EEG_RATE, "x": x, "clab": names(EEG), "yUnit": "uV"})
        stored["eeg mrk"].append(markers(onset, classes))
        t = np.arange(int(NIRS_RATE * last)) / NIRS_RATE
        x = 1 + 0.01 * rng.normal(size=(len(t), len(labels)))
        x[:, len(PAIRS) :] -= 0.01 * effect * _during(t - 2, seen[::2])[:, None]
        stored["nirs cnt"].append(
            {"fs": NIRS_RATE, "x": x, "clab": names(labels), "wavelengths": np.array([[760, 850]])}
        )
        stored["nirs mrk"].append(markers(seen, classes, codes))
    for key, value in stored.items():
        of, name = key.split()
        folder = eeg if of == "eeg" else nirs
        folder.mkdir(parents=True, exist_ok=True)
        savemat(folder / f"{name}.mat", {name: cells(value)})


def shin2018(eeg: Path, nirs: Path, rng: np.random.Generator, *, lengths: bool = True) -> None:
    """One subject: three runs of four trials joined, their ``lengths`` told; in pauses the fNIRS stood less long."""
    onset = np.concatenate([start + 10 + 25.0 * np.arange(4) for start in (0, 200, 400)])
    seen = onset - np.repeat([1.0, 1.7, 2.5], 4)
    for folder, rate, at in ((eeg, EEG_RATE, onset), (nirs, NIRS_RATE, seen)):
        folder.mkdir(parents=True, exist_ok=True)
        n = int(600 * rate)
        cnt: dict[str, Any]
        if folder == eeg:
            cnt = {"fs": rate, "x": rng.normal(0, 20, (n, len(EEG))), "clab": names(EEG)}
        else:
            cnt = {
                kind: {"fs": rate, "x": rng.normal(0, 3e-3, (n, 3)), "clab": names([f"{s}{kind}" for s in SITES])}
                for kind in ("oxy", "deoxy")
            }
        if lengths:
            cnt["T"] = np.full((1, 3), n // 3)
        savemat(folder / "cnt_wg.mat", {"cnt_wg": cnt})
        savemat(folder / "mrk_wg.mat", {"mrk_wg": markers(at, ("WG", "BL"))})


def release2017(folder: Path, rng: np.random.Generator, subjects: Sequence[int] = (1, 2), **settings: Any) -> Path:
    """Both trees of the release of 2017, as its archives unpack."""
    for k in subjects:
        of = f"subject {k:02d}"
        shin2017(folder / "EEG" / of / "with occular artifact", folder / "NIRS" / of, rng, **settings)
    return folder


def release2018(folder: Path, rng: np.random.Generator, subjects: Sequence[int] = (1, 2)) -> Path:
    """Both folders of every subject of 2018."""
    for k in subjects:
        shin2018(folder / f"VP{k:03d}-EEG", folder / f"VP{k:03d}-NIRS", rng)
    return folder


def _during(t: np.ndarray, onset: np.ndarray, lasts: float = 5.0) -> np.ndarray:
    return ((t[:, None] >= onset) & (t[:, None] < onset + lasts)).any(1)
