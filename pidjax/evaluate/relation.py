"""How two sets of vectors of the same trials relate, without labels: retrieval and prediction."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import RidgeCV

from pidjax.evaluate.folds import Fold
from pidjax.evaluate.probe import Features, _against, _of_fold, _span


class RelationResult(NamedTuple):
    """``score``, its ``chance`` level and standard error, and the permutation null of the pairing."""

    score: float
    chance: float
    se: float
    null95: float
    p: float
    n: int


def retrieval(a: Features, b: Features, folds: list[Fold], *, permutations: int = 200, seed: int = 0) -> RelationResult:
    """How often a trial finds its own partner among the test trials of its block (top 1, both directions).

    Cosine similarity; chance is the mean of 1 / (trials in the block). The null re-pairs the test trials.
    """
    rng = np.random.default_rng(seed)
    hits, null, chance = [], np.zeros((permutations, 0)), []
    for i, fold in enumerate(folds):
        s = _unit(_of_fold(a, i)[fold.test]) @ _unit(_of_fold(b, i)[fold.test]).T
        rows, columns = s.argmax(axis=1), s.argmax(axis=0)
        here = np.arange(len(s))
        hits.append((rows == here) / 2 + (columns == here) / 2)
        orders = [rng.permutation(len(s)) for _ in range(permutations)]
        # order[k] is the partner of trial k: found by row when rows[k] == order[k], by column likewise
        block = [(rows == order) / 2 + (columns[order] == here) / 2 for order in orders]
        null = np.hstack([null, np.array(block).reshape(permutations, len(s))])
        chance += [1 / len(s)] * len(s)
    hit = np.concatenate(hits)
    value, n = float(hit.mean()), len(hit)
    rate = (hit.sum() + 1) / (n + 2)
    return RelationResult(
        value,
        float(np.mean(chance)),
        float(np.sqrt(rate * (1 - rate) / n)),
        *_against(null.mean(axis=1), value),
        n,
    )


def prediction(
    x: Features, z: Features, folds: list[Fold], *, permutations: int = 100, seed: int = 0
) -> RelationResult:
    """Share of the held-out variance of ``z`` that ridge regression predicts from ``x`` (R², mean over folds).

    Chance is 0 or below. The null re-pairs training trials, and test trials, each among themselves.
    """
    rng = np.random.default_rng(seed)
    scores = np.zeros((len(folds), 1 + permutations))
    for i, fold in enumerate(folds):
        train_x, test_x, _ = _span(_of_fold(x, i), fold)
        target = _of_fold(z, i)
        train_z, test_z = target[fold.train], target[fold.test]
        centre = train_z.mean(axis=0)
        variance = ((test_z - centre) ** 2).sum() or 1.0
        alpha = RidgeCV(np.logspace(-1, 5, 13)).fit(train_x, train_z - centre).alpha_
        gram = train_x.T @ train_x + alpha * np.eye(train_x.shape[1])
        smoother = test_x @ np.linalg.solve(gram, train_x.T)
        for k in range(1 + permutations):
            pairing = rng.permutation(len(train_z)) if k else slice(None)
            tested = rng.permutation(len(test_z)) if k else slice(None)
            residual = test_z[tested] - centre - smoother @ (train_z[pairing] - centre)
            scores[i, k] = 1 - (residual**2).sum() / variance
    mean = scores.mean(axis=0)
    se = scores[:, 0].std(ddof=1) / np.sqrt(len(folds))
    n = sum(len(fold.test) for fold in folds)
    return RelationResult(float(mean[0]), 0.0, float(se), *_against(mean[1:], float(mean[0])), n)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
