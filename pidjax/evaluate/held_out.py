"""What every held-out measure needs: features of a fold, their span, nulls of the labels and the pairing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.preprocessing import StandardScaler

from pidjax.evaluate.folds import Fold

Features = np.ndarray | Sequence[np.ndarray]
"""[n, d], or one [n, d] a fold where each fold has a representation of its own."""


def of_fold(features: Features, i: int) -> np.ndarray:
    return features if isinstance(features, np.ndarray) else features[i]


def span(x: np.ndarray, fold: Fold) -> tuple[np.ndarray, np.ndarray, tuple[float, int]]:
    """Standardised training and test trials in the span of the training trials, and (λ, features) of the whole.

    With fewer trials than features a regularised linear model lives in the span of the training trials, so
    rotating into it changes nothing and costs a fraction.
    """
    scaler = StandardScaler().fit(x[fold.train])
    train, test = scaler.transform(x[fold.train]), scaler.transform(x[fold.test])
    shrinkage = float(ledoit_wolf_shrinkage(train)), train.shape[1]
    if train.shape[1] >= len(train):
        _, s, axes = np.linalg.svd(train, full_matrices=False)
        axes = axes[s > 1e-6 * s[0]]
        train, test = train @ axes.T, test @ axes.T
    return train, test, shrinkage


def permuted(y: np.ndarray, folds: list[Fold], rng: np.random.Generator) -> np.ndarray:
    """Permuted within every tested stretch that varies, across all trials where none does."""
    out = y.copy()
    varying = [rows for fold in folds for rows in fold.stretches if len(np.unique(y[rows])) > 1]
    for rows in varying or [np.arange(len(y))]:
        out[rows] = y[rng.permutation(rows)]
    return out


def shuffled_within(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An order [n] that permutes the rows of every group among themselves."""
    order = np.arange(len(groups))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        order[members] = rng.permutation(members)
    return order


def against(null: np.ndarray, value: float) -> tuple[float, float]:
    if null.size == 0:
        return float("nan"), float("nan")
    return float(np.quantile(null, 0.95)), float((1 + (null >= value - 1e-12).sum()) / (1 + null.size))


def shifted(folds: list[Fold], n: int, rng: np.random.Generator, count: int) -> np.ndarray:
    """Positions of all trials, shifted circularly by a random step within every tested stretch, [count, n].

    A null of the pairing that keeps the slow course of both sides, which a permutation would destroy.
    """
    stretches = [rows for fold in folds for rows in fold.stretches]
    steps = rng.integers(np.broadcast_to([len(rows) for rows in stretches], (count, len(stretches))))
    order = np.tile(np.arange(n), (count, 1))
    for step, rows in zip(steps.T, stretches, strict=True):
        order[:, rows] = rows[(np.arange(len(rows)) - step[:, None]) % len(rows)]
    return order
