"""Linear probes of a label or a value: block-wise held out, with chance, standard error and a permutation null."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.linear_model import RidgeCV

from pidjax._checks import InputError
from pidjax.evaluate.folds import Fold
from pidjax.evaluate.held_out import Features, against, of_fold, permuted, shifted, span


class ProbeResult(NamedTuple):
    """How well a target is read from features.

    Attributes
    ----------
    score : float
        Balanced accuracy, or the correlation of held-out predictions with the truth within blocks.
    chance, se : float
        1 / classes, or 0; and the standard error of the score.
    null95, p : float
        95th percentile of the permutation null, and (1 + #{null >= score}) / (1 + permutations).
    nats, nats_se : float
        Information about the target. For a label a lower bound in expectation: H(label) less the held-out
        cross-entropy of temperature-calibrated probabilities. For a number −½ ln(1 − max(r, 0)²), of a Gaussian
        (slope and variances) fitted to the tested trials, which bounds nothing.
    n : int
        Tested trials.
    pointwise : [n]
        The terms of ``nats``, one a tested trial, fold by fold.
    decoded : [n, 2]
        Held-out predictions of a number and the truth, both less their means within the block and recording, trials
        in the same order; [0, 2] for a label.
    """

    score: float
    chance: float
    se: float
    null95: float
    p: float
    nats: float
    nats_se: float
    n: int
    pointwise: np.ndarray
    decoded: np.ndarray


def probe_class(
    features: Features, label: np.ndarray, folds: list[Fold], *, permutations: int = 200, seed: int = 0
) -> ProbeResult:
    """Shrinkage linear discriminant analysis of a label.

    Ledoit–Wolf shrinkage, features standardised on the training trials. Labels are permuted within the tested
    stretches (across all trials where each holds one class), so drifts slower than these are in the null too.

    Raises
    ------
    InputError
        A label with fewer than two classes, or a fold whose training trials lack a class.
    """
    classes, y = np.unique(label, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"a probe needs at least two classes; found {list(classes)}.")
    for fold in folds:
        missing = sorted(set(range(len(classes))) - set(y[fold.train]))
        if missing:
            raise InputError(
                f"a fold has no training trial of class {classes[missing[0]]!r}: there are fewer trials than "
                "cross-validation needs."
            )
    rng = np.random.default_rng(seed)
    labels = np.stack([y, *(permuted(y, folds, rng) for _ in range(permutations))])
    prepared = [span(of_fold(features, i), fold) for i, fold in enumerate(folds)]
    held = [
        _posterior(train_x, test_x, labels[:, fold.train], len(classes), *shrinkage)
        for (train_x, test_x, shrinkage), fold in zip(prepared, folds, strict=True)
    ]
    posterior = np.concatenate(held, axis=1)  # [1 + permutations, tested, classes]
    tested = np.concatenate([fold.test for fold in folds])
    truth = labels[:, tested]
    hit = posterior.argmax(axis=2) == truth
    present = [k for k in range(len(classes)) if (y[tested] == k).any()]
    # (hits + 1) / (n + 2): the error of a perfect score of few trials is not zero
    rates = [((g.sum() + 1) / (len(g) + 2), len(g)) for g in (hit[0, truth[0] == k] for k in present)]
    se = np.sqrt(sum(r * (1 - r) / n for r, n in rates)) / len(present)
    score = np.mean([np.where(truth == k, hit, 0).sum(1) / (truth == k).sum(1) for k in present], axis=0)
    prior = np.bincount(y, minlength=len(classes)) / len(y)
    calibrated = np.concatenate(
        [_tempered(x, y[fold.train], one[0]) for x, fold, one in zip(prepared, folds, held, strict=True)]
    )
    # one per cent of the prior keeps a confident mistake finite, and the mixture a distribution
    mixed = 0.99 * calibrated[np.arange(len(tested)), y[tested]] + 0.01 * prior[y[tested]]
    pointwise = np.log(mixed / prior[y[tested]])
    return ProbeResult(
        float(score[0]),
        1 / len(classes),
        float(se),
        *against(score[1:], score[0]),
        *_mean_se(pointwise),
        len(tested),
        pointwise,
        np.zeros((0, 2)),
    )


def probe_value(
    features: Features, target: np.ndarray, folds: list[Fold], *, permutations: int = 200, seed: int = 0
) -> ProbeResult:
    """Ridge regression of a number; the penalty is chosen by leave-one-out within the training trials.

    The null shifts the numbers circularly within each block, which keeps their course in time; all shifts are
    fitted at once, as further targets of one regression.
    """
    y = np.asarray(target, float)
    rng = np.random.default_rng(seed)
    targets = np.column_stack([y, y[shifted(folds, len(y), rng, permutations)].T])
    predicted = np.full_like(targets, np.nan)
    for i, fold in enumerate(folds):
        train_x, test_x, _ = span(of_fold(features, i), fold)
        centre = targets[fold.train].mean(axis=0)
        model = RidgeCV(np.logspace(-1, 5, 13), alpha_per_target=True).fit(train_x, targets[fold.train] - centre)
        predicted[fold.test] = model.predict(test_x).reshape(len(test_x), -1) + centre
    # centred within each block: the mean of the training trials is high where that of the tested ones is
    # low, so predictions that know nothing would correlate negatively across blocks
    for x in (predicted, targets):
        for rows in (rows for fold in folds for rows in fold.stretches):
            x[rows] -= x[rows].mean(axis=0)
    tested = np.concatenate([fold.test for fold in folds])
    predicted, targets = predicted[tested], targets[tested]
    r = np.array([_correlation(a, b) for a, b in zip(predicted.T, targets.T, strict=True)])
    n, value = len(tested), float(r[0])
    se = (1 - value**2) / np.sqrt(max(n - 1, 1))
    nats = -0.5 * np.log(1 - max(value, 0.0) ** 2)
    return ProbeResult(
        value,
        0.0,
        float(se),
        *against(r[1:], value),
        float(nats),
        float(max(value, 0.0) * se / max(1 - value**2, 1e-9)),
        n,
        _gaussian_terms(predicted[:, 0], targets[:, 0]),
        np.stack([predicted[:, 0], targets[:, 0]], axis=1),
    )


def _gaussian_terms(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """ln q(truth | predicted) / q(truth) of the Gaussian that fits both, whose mean is −½ ln(1 − max(r, 0)²)."""
    slope = max((predicted * truth).sum(), 0.0) / max((predicted**2).sum(), 1e-300)
    residual = truth - slope * predicted
    before = max((truth**2).mean(), 1e-300)
    after = max((residual**2).mean(), 1e-9 * before)
    return 0.5 * (np.log(before / after) + truth**2 / before - residual**2 / after)


def _posterior(
    train: np.ndarray, test: np.ndarray, labels: np.ndarray, classes: int, shrinkage: float, d: int
) -> np.ndarray:
    """Class probabilities of shrinkage linear discriminants, one a row of ``labels``: [rows, tested, classes].

    Covariance (1 − λ) S + λ m I, S pooled within classes and m its mean variance over all ``d`` features, as
    scikit-learn's ``LinearDiscriminantAnalysis(solver="lsqr")``, for all permutations in one batched solve.
    """
    member = (labels[:, :, None] == np.arange(classes)).astype(float)  # [rows, trained, classes]
    prior = member.mean(axis=1)
    means = np.einsum("bnk,nd->bkd", member, train) / np.maximum(member.sum(axis=1), 1)[:, :, None]
    within = train.T @ train / len(train) - np.einsum("bk,bkd,bke->bde", prior, means, means)
    mean_variance = np.trace(within, axis1=1, axis2=2)[:, None, None] / d
    # features that are the same in all trials say nothing, whatever their variance is taken for
    least = np.where(mean_variance > 0, (shrinkage + 1e-9) * mean_variance, 1.0)
    sigma = (1 - shrinkage) * within + least * np.eye(train.shape[1])
    weights = np.linalg.solve(sigma, np.swapaxes(means, 1, 2))  # [rows, d, classes]
    offset = np.log(np.maximum(prior, 1e-12)) - 0.5 * np.einsum("bkd,bdk->bk", means, weights)
    return softmax(test @ weights + offset[:, None, :], axis=2)


def _tempered(prepared: tuple, y: np.ndarray, probability: np.ndarray, splits: int = 4) -> np.ndarray:
    """Class probabilities raised to the power that suits held-out quarters of the training trials best.

    A discriminant of many features and few trials is far too sure of itself (temperature scaling, Guo et al.
    2017); its order of the classes stays as it is.
    """
    x, _, shrinkage = prepared
    part = np.arange(len(y)) * splits // len(y)
    logits, truth = [], []
    for k in range(splits):
        inner = part != k
        if len(np.unique(y[inner])) == probability.shape[1] and not inner.all():
            one = _posterior(x[inner], x[~inner], y[None, inner], probability.shape[1], *shrinkage)[0]
            logits.append(np.log(one + 1e-12))
            truth.append(y[~inner])
    if not logits:
        return probability
    powers = np.linspace(0.0, 1.0, 41)
    graded = log_softmax(powers[:, None, None] * np.concatenate(logits), axis=2)
    best = powers[graded[:, np.arange(graded.shape[1]), np.concatenate(truth)].mean(axis=1).argmax()]
    return softmax(best * np.log(probability + 1e-12), axis=1)


def _mean_se(x: np.ndarray) -> tuple[float, float]:
    return float(x.mean()), float(x.std(ddof=1) / np.sqrt(len(x)))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 0 else 0.0
