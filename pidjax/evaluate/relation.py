"""How two sets of vectors of the same trials relate, without labels: retrieval and prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pidjax.evaluate.folds import Fold
from pidjax.evaluate.held_out import Features, against, of_fold, shifted, span


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

    Cosine similarity; chance is the mean of 1 / (trials in the block, of its recording). The null re-pairs these.
    """
    rng = np.random.default_rng(seed)
    hits, null, chance = [], np.zeros((permutations, 0)), []
    for i, tested in ((i, rows) for i, fold in enumerate(folds) for rows in fold.stretches):
        s = _unit(of_fold(a, i)[tested]) @ _unit(of_fold(b, i)[tested]).T
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
        *against(null.mean(axis=1), value),
        n,
    )


def prediction(
    x: Features, z: Features, folds: list[Fold], *, permutations: int = 100, seed: int = 0
) -> RelationResult:
    """Share of the held-out variance of ``z`` that ridge regression predicts from ``x`` (R², mean over folds).

    Both sides are taken from their mean in each block of a recording, since what drifts over a session predicts
    whatever else drifts. Chance is 0 or below. The null shifts ``z`` circularly against ``x`` within the blocks.
    """
    rng = np.random.default_rng(seed)
    n = len(of_fold(x, 0))
    block = np.zeros(n, int)
    for i, fold in enumerate(folds):
        block[fold.test] = i
    orders = np.vstack([np.arange(n), shifted(folds, n, rng, permutations)])
    scores = np.zeros((len(folds), len(orders)))
    for i, fold in enumerate(folds):
        train_x, test_x, _ = span(_within_blocks(of_fold(x, i), folds), fold)
        target = _within_blocks(of_fold(z, i), folds)
        alpha = _penalty(train_x, target[fold.train], block[fold.train])
        gram = train_x.T @ train_x + alpha * np.eye(train_x.shape[1])
        smoother = test_x @ np.linalg.solve(gram, train_x.T)
        for k, order in enumerate(orders):
            held = target[order][fold.test]
            residual = held - smoother @ target[order][fold.train]
            variance = (held**2).sum()
            scores[i, k] = 1 - (residual**2).sum() / variance if variance > 0 else 0.0
    mean = scores.mean(axis=0)
    se = scores[:, 0].std(ddof=1) / np.sqrt(len(folds))
    tested = sum(len(fold.test) for fold in folds)
    return RelationResult(float(mean[0]), 0.0, float(se), *against(mean[1:], float(mean[0])), tested)


def leakage(heads: Mapping[str, Features], folds: list[Fold]) -> np.ndarray:
    """What heads hold of one another, by ``prediction`` without its null.

    Parameters
    ----------
    heads : {head: [n, d] or one a fold}
    folds : list of Fold

    Returns
    -------
    [heads, heads]
        Share of the variance of one head (column) that ridge regression of another (row) predicts, held out.
    """
    return np.array([[prediction(a, b, folds, permutations=0).score for b in heads.values()] for a in heads.values()])


def _penalty(x: np.ndarray, y: np.ndarray, block: np.ndarray) -> float:
    """The ridge penalty with the least squared error in blocks left out in turn, in halves where there is one block.

    By blocks: trials of a block sum to zero, so each would give away the one left out. One SVD a block serves all
    penalties, where a grid search fits each anew.
    """
    penalties, parts = np.logspace(0, 6, 13), np.unique(block, return_inverse=True)[1]
    if parts.max() == 0:
        parts = (2 * np.arange(len(y)) >= len(y)).astype(int)
    error = np.zeros(len(penalties))
    for part in range(parts.max() + 1):
        held = parts == part
        u, s, axes = np.linalg.svd(x[~held], full_matrices=False)
        shrunk = s / (s**2 + penalties[:, None])
        found = np.einsum("hr,pr,ro->pho", x[held] @ axes.T, shrunk, u.T @ y[~held], optimize=True)
        error += ((y[held] - found) ** 2).mean(axis=(1, 2))
    return float(penalties[error.argmin()])


def _within_blocks(x: np.ndarray, folds: list[Fold]) -> np.ndarray:
    """Trials less the mean of their block."""
    out = np.array(x, float)
    for rows in (rows for fold in folds for rows in fold.stretches):
        out[rows] -= out[rows].mean(axis=0)
    return out


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
