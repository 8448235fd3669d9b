"""Scores of predicted classes and their standard errors, of rows that are independent or share content."""

from __future__ import annotations

import functools

import numpy as np

from pidjax._checks import InputError


def class_scores(
    names: np.ndarray, y: np.ndarray, output: np.ndarray, shared: np.ndarray | None = None
) -> dict[str, float]:
    r"""Accuracies and area under the ROC curve of probabilities [n, classes], as ``LinearResult`` lists them.

    Each score is a mean to which row i adds an influence e_i. Of independent rows its variance is :math:`\sum_i e_i^2`
    (of accuracies binomial, with a row right and one wrong added; DeLong et al. 1988 for the AUC). Rows that share
    content may err together: :math:`\sum_{i \sim j} e_i e_j / (1 - p)` over all rows i and j that do, a share p of all
    pairs (Aronow, Samii & Assenova 2015; of G groups of one size 1 - p is their (G - 1) / G), and no less than the
    former. It is too small where few names are shared.

    Parameters
    ----------
    names : [classes]
    y : [n]
        The true ones.
    output : [n, classes]
    shared : [n, 1 or 2], optional
        Names of what a row is made of.
    """
    n = len(y)
    hit = names[output.argmax(1)] == y
    classes = [y == name for name in names if (y == name).any()]
    influence = np.sum([(hit - hit[of].mean()) * of / of.sum() for of in classes], axis=0) / len(classes)
    alone = float(np.linalg.norm([_binomial(hit[of]) for of in classes])) / len(classes)
    scores = {
        "accuracy": hit.mean(),
        "accuracy_se": _error(_binomial(hit), (hit - hit.mean()) / n, shared),
        "balanced_accuracy": np.mean([hit[of].mean() for of in classes]),
        "balanced_accuracy_se": _error(alone, influence, shared),
        "majority": max(of.sum() for of in classes) / n,
        "chance": 1 / len(names),
        "n": n,
    }
    aucs = [_auc(y == name, output[:, k]) for k, name in enumerate(names) if 0 < (y == name).sum() < n]
    if aucs:
        scores["auc"] = np.mean([auc for auc, *_ in aucs])
        if len(names) == 2:
            scores["auc_se"] = _error(*aucs[0][1:], shared)
    return scores


def check_shared(shared: np.ndarray, n: int) -> np.ndarray:
    """``shared`` [n] or [n, 1 or 2] as [n, 1 or 2], or an ``InputError``."""
    found = np.asarray(shared)
    names = found[:, None] if found.ndim == 1 else found
    if names.ndim != 2 or len(names) != n or names.shape[1] not in (1, 2) or names.dtype.kind not in "iuUS":
        raise InputError(
            f"shared must be whole numbers or strings, one or two for each of {n} test rows; found shape {found.shape} "
            f"of {found.dtype}."
        )
    if _together(np.ones(n), names) == n**2:
        raise InputError("all test rows share something: no error can be told; leave shared out.")
    return names


def _error(alone: float, influence: np.ndarray, shared: np.ndarray | None) -> float:
    """Of rows that share content; ``alone`` is that of independent ones, and the least."""
    if shared is None:
        return alone
    share = _together(np.ones(len(shared)), shared) / len(shared) ** 2
    return max(alone, (max(_together(influence, shared), 0.0) / (1 - share)) ** 0.5)


def _together(x: np.ndarray, shared: np.ndarray) -> float:
    """Sum of x_i x_j over all rows i and j with a name in common: by names, less by pairs of them, counted twice."""
    names, at = np.unique(shared, return_inverse=True)
    at = np.sort(at.reshape(shared.shape))
    two = at[:, 0] != at[:, -1]
    of_name = np.bincount(at[:, 0], x, len(names)) + np.bincount(at[two, -1], x[two], len(names))
    _, pair = np.unique(at[two], axis=0, return_inverse=True)
    return float((of_name**2).sum() - (np.bincount(pair.ravel(), x[two]) ** 2).sum())


def _binomial(hit: np.ndarray) -> float:
    # (hits + 1) / (n + 2): the error of a perfect score of few rows is not zero
    r = (hit.sum() + 1) / (len(hit) + 2)
    return float(np.sqrt(r * (1 - r) / len(hit)))


def _auc(positive: np.ndarray, score: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Area under the ROC curve, its standard error (DeLong et al. 1988), and the influence of every row."""
    order = functools.partial(np.searchsorted, np.sort(score[~positive]))
    above = (order(score[positive], "left") + order(score[positive], "right")) / 2 / (~positive).sum()
    order = functools.partial(np.searchsorted, np.sort(score[positive]))
    below = 1 - (order(score[~positive], "left") + order(score[~positive], "right")) / 2 / positive.sum()
    variance = sum(v.var(ddof=1) / len(v) for v in (above, below) if len(v) > 1)
    influence = np.empty(len(score))
    for rows, v in ((positive, above), (~positive, below)):
        influence[rows] = (v - v.mean()) / len(v)
    return float(above.mean()), float(np.sqrt(variance)), influence
