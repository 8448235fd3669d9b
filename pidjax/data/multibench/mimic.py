"""MIMIC-III as MultiBench stores it: a day of twelve signals, five numbers of the admission, diagnoses and deaths."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from pidjax._checks import InputError
from pidjax.data.multibench.unpickle import load_arrays

KEYS = {"ep_tdata": (24, 12), "adm_features_all": (5,), "adm_labels_all": (None,), "y_icd9": (None,)}
"""Arrays of ``im.pk``, and the sizes of an admission's; None may be any."""
SOURCE = "MultiBench (github.com/pliang279/MultiBench) makes im.pk of MIMIC-III (physionet.org/content/mimiciii)"
LEAST = 10
"""Admissions, for a tenth to validate and a tenth to test."""


def mimic(path: str | Path, task: int = 7, *, released: bool = False) -> dict[str, dict[str, np.ndarray]]:
    """``{"train" | "validation" | "test": {"x1" [n, 5], "x2" [n, 24, 12], "y"}}`` of MultiBench's ``im.pk``.

    What is infinite or missing is 0; features are standardised by means and deviations of the **training** rows.
    The division is MultiBench's (shuffled by Python's generator from 10; a tenth to validate, a tenth to test).

    ``im.pk`` is made from MIMIC-III, which PhysioNet gives to those who sign its agreement.

    Parameters
    ----------
    path : str or Path
    task : int
        −1: death within 1, 2, 3, 7 days or a year, or none, in six classes; otherwise the group of diagnoses (7 and 1
        are published), two classes.
    released : bool
        Means and deviations of all rows, tested ones too, as MultiBench has it.

    Raises
    ------
    InputError
        A file that cannot be opened; arrays missing or of other dimensions or lengths; no such task.
    """
    path = Path(path)
    stored = load_arrays(path, SOURCE)
    for key, sizes in KEYS.items():
        if not isinstance(stored, dict) or key not in stored:
            raise InputError(f"{path} lacks {key!r}: it must hold {', '.join(KEYS)}.")
        x = np.asarray(stored[key])
        if x.ndim != 1 + len(sizes) or any(s not in (None, k) for s, k in zip(sizes, x.shape[1:], strict=True)):
            raise InputError(
                f"{path}: {key} must be [n, {', '.join(str(s or '...') for s in sizes)}]; found {x.shape}."
            )
        if x.dtype.kind not in "biuf":
            raise InputError(f"{path}: {key} must hold numbers; found {x.dtype}.")
    arrays = {key: np.asarray(stored[key], np.float64) for key in KEYS}
    lengths = {key: len(x) for key, x in arrays.items()}
    n = lengths["ep_tdata"]
    if len(set(lengths.values())) != 1:
        raise InputError(f"{path}: arrays must be of one length, the number of admissions; found {lengths}.")
    if n < LEAST:
        raise InputError(f"{path} must hold {LEAST} admissions or more; found {n}.")
    y = _label(path, arrays, task)
    order = list(range(n))
    random.Random(10).shuffle(order)
    ends = {"validation": (0, n // 10), "test": (n // 10, n // 5), "train": (n // 5, n)}
    rows = {part: np.array(order[a:b], int) for part, (a, b) in ends.items()}
    fitted = np.arange(n) if released else rows["train"]
    x1, x2 = (np.nan_to_num(arrays[key], posinf=0, neginf=0) for key in ("adm_features_all", "ep_tdata"))
    x1, x2 = _standard(x1, x1[fitted].reshape(-1, x1.shape[1])), _standard(x2, x2[fitted].reshape(-1, x2.shape[2]))
    return {part: {"x1": x1[of], "x2": x2[of], "y": y[of]} for part, of in rows.items()}


def _label(path: Path, arrays: dict[str, np.ndarray], task: int) -> np.ndarray:
    groups = arrays["y_icd9"].shape[1]
    if task not in range(-1, groups):
        raise InputError(f"task is -1 (death, six classes) or one of {groups} groups of diagnoses; found {task}.")
    if task >= 0:
        return (arrays["y_icd9"][:, task] > 0).astype(np.int32)
    deaths = arrays["adm_labels_all"]
    if deaths.shape[1] < 6:
        raise InputError(f"{path}: adm_labels_all needs columns 1 to 5 of deaths; found {deaths.shape[1]} columns.")
    died = deaths[:, 1:6] > 0
    return np.where(died.any(1), died.argmax(1) + 1, 0).astype(np.int32)


def _standard(x: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    deviation = fitted.std(0)
    # a column that never varies says nothing
    return ((x - fitted.mean(0)) / np.where(deviation > 0, deviation, np.inf)).astype(np.float32)
