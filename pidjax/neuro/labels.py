"""Which columns of a table can be probed, and in which of its trials."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from pidjax._checks import InputError
from pidjax.evaluate import Fold
from pidjax.evaluate.held_out import Features

_NOT_LABELS = {
    *("subject", "session", "run", "block", "trial", "onset_eeg", "onset_fnirs", "duration", "events_row"),
    *("sample", "value", "stim_file", "HED", "identifier"),
    *("muscle_eeg", "motion_fnirs", "heart_rate"),
}
MANY = 6
"""A numeric column with more different values than this is a number to predict, not a class."""


class Label(NamedTuple):
    """One column of the metadata that can be probed, and the trials that have it."""

    name: str
    values: np.ndarray
    rows: np.ndarray
    is_class: bool


def checked_labels(y: np.ndarray, n: int) -> np.ndarray:
    """Labels of n trials for training, int32: 0, 1, ... of two classes or more, −1 where none is told.

    Raises
    ------
    InputError
        Of other trials, words, fractions, or one class.
    """
    y = np.asarray(y)
    whole = y.dtype.kind in "biuf" and np.isfinite(y).all() and np.equal(y, np.floor(y)).all()
    if y.shape != (n,) or not (whole and y.min() >= -1 and len(np.unique(y[y >= 0])) > 1):
        raise InputError(
            f"y has a label 0, 1, ... of two classes or more, or −1, for each of {n} trials; found shape {y.shape} and "
            f"values {', '.join(list(dict.fromkeys(map(str, y.ravel())))[:5])}."
        )
    return y.astype(np.int32)


def labels_of(metadata: pd.DataFrame, folds: list[Fold]) -> tuple[list[Label], dict[str, str]]:
    """Columns that can be probed in every fold, and why the others cannot."""
    found, skipped = [], {}
    for name in metadata.columns:
        if name in _NOT_LABELS:
            continue
        column = metadata[name]
        rows = np.flatnonzero(column.notna())
        numeric = pd.api.types.is_numeric_dtype(column) and column.nunique() > MANY
        if numeric:
            kept, inner = restrict(folds, rows)
            values = column.to_numpy(float)[rows]
            if len(rows) < 10 or len(kept) < 2:
                skipped[name] = f"{len(rows)} trials have a value, 10 in 2 folds are needed"
            elif all(np.ptp(values[part]) == 0 for fold in inner for part in fold.stretches):
                skipped[name] = "it is the same in all trials of a block, and blocks are compared with their own mean"
            else:
                found.append(Label(name, values, rows, False))
            continue
        text = column.astype(str)
        for suffix, of in _sessions(metadata, text.where(column.notna())).items():
            seen = text.where(of)
            trainable = [v for v in seen.dropna().unique() if all((seen.iloc[f.train] == v).sum() >= 2 for f in folds)]
            if len(trainable) < 2:
                if seen.nunique() > 1:
                    skipped[name + suffix] = (
                        "fewer than two classes have at least 2 training trials beside what a fold tests"
                    )
                elif text[column.notna()].nunique() > 1 and name not in skipped:
                    skipped[name] = "every session has one class of its own, so the session tells it all"
                elif column.nunique() == 1:
                    skipped[name] = f"all trials have the same, {text[column.notna()].iloc[0]}"
                continue
            rows = np.flatnonzero(seen.isin(trainable))
            found.append(Label(name + suffix, text.to_numpy(dtype=str)[rows], rows, True))
    return found, skipped


def _sessions(metadata: pd.DataFrame, label: pd.Series) -> dict[str, np.ndarray]:
    """Rows of a label that are one question, by what its name gains.

    Where sessions have no class in common (imagery here, arithmetic there), the session alone would tell most of the
    label: each has a label of its own then.
    """
    if "session" not in metadata:
        return {"": label.notna().to_numpy()}
    groups: list[tuple[set, set]] = []  # classes, sessions
    of = metadata.session.astype(str)
    for session, values in label.groupby(of.to_numpy(), sort=False):
        classes, sessions = set(values.dropna()), {session}
        for other in [group for group in groups if group[0] & classes]:
            groups.remove(other)
            classes, sessions = classes | other[0], sessions | other[1]
        groups.append((classes, sessions))
    groups = [group for group in groups if group[0]]
    if len(groups) < 2:
        return {"": label.notna().to_numpy()}
    known = label.notna()
    return {f" of {', '.join(sorted(names))}": (known & of.isin(names)).to_numpy() for _, names in groups}


def restrict(folds: list[Fold], rows: np.ndarray) -> tuple[list[int], list[Fold]]:
    """The folds within ``rows``, renumbered, and which ones they were: some may have no such trial."""
    position = {row: i for i, row in enumerate(rows)}

    def within(trials: np.ndarray) -> np.ndarray:
        return np.array([position[t] for t in trials if t in position], int)

    inner = [
        Fold(within(fold.train), within(fold.test), tuple(p for p in map(within, fold.parts) if len(p)))
        for fold in folds
    ]
    kept = [i for i, fold in enumerate(inner) if len(fold.test) and len(fold.train) > 3]
    return kept, [inner[i] for i in kept]


def restrict_features(x: Features, kept: list[int], rows: np.ndarray) -> Features:
    """Features of the trials ``rows``, of one set or of each fold that ``restrict`` kept."""
    return x[rows] if isinstance(x, np.ndarray) else [x[i][rows] for i in kept]
