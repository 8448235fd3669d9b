"""Scores of predicted classes and their standard errors, of rows that are independent or share content."""

from __future__ import annotations

import functools

import numpy as np
from scipy import sparse


def class_scores(
    names: np.ndarray, y: np.ndarray, output: np.ndarray, shared: np.ndarray | None = None
) -> dict[str, float]:
    r"""Accuracies and area under the ROC curve of probabilities [n, classes], as ``LinearResult`` lists them.

    Each score is a mean to which row i adds an influence e_i. Of independent rows its variance is :math:`\sum_i e_i^2`
    (of accuracies binomial, with a row right and one wrong added; DeLong et al. 1988 for the AUC). Rows that share
    content may err together: :math:`\sum_{ij} e_i e_j` over all rows i and j that do (Aronow, Samii & Assenova 2015),
    and no less than the former.

    Parameters
    ----------
    names : [classes]
    y : [n]
        The true ones.
    output : [n, classes]
    shared : [n] or [n, k], optional
        Names of what a row is made of, such as its subject, or the two pictures of its pair.
    """
    n, together = len(y), None if shared is None else _together(shared)
    hit = names[output.argmax(1)] == y
    classes = [y == name for name in names if (y == name).any()]
    shares = np.sum([(hit - hit[of].mean()) * of / of.sum() for of in classes], axis=0) / len(classes)
    smooth = [(hit[of].sum() + 1) / (of.sum() + 2) for of in classes]
    alone = np.sum([r * (1 - r) / of.sum() for r, of in zip(smooth, classes, strict=True)]) ** 0.5 / len(classes)
    scores = {
        "accuracy": hit.mean(),
        "accuracy_se": _error(_binomial(hit), (hit - hit.mean()) / n, together),
        "balanced_accuracy": np.mean([hit[of].mean() for of in classes]),
        "balanced_accuracy_se": _error(alone, shares, together),
        "majority": max(of.sum() for of in classes) / n,
        "chance": 1 / len(names),
        "n": n,
    }
    aucs = [_auc(y == name, output[:, k]) for k, name in enumerate(names) if 0 < (y == name).sum() < n]
    if aucs:
        scores["auc"] = np.mean([auc for auc, *_ in aucs])
        if len(names) == 2:
            scores["auc_se"] = _error(*aucs[0][1:], together)
    return {name: float(value) for name, value in scores.items()}


def _together(shared: np.ndarray) -> sparse.csr_array:
    """[n, n], 1 where two rows have a name in common."""
    shared = np.asarray(shared).reshape(len(shared), -1)
    _, at = np.unique(shared, return_inverse=True)
    rows = np.repeat(np.arange(len(shared)), shared.shape[1])
    made_of = sparse.csr_array((np.ones(shared.size), (rows, at.ravel())))
    return (made_of @ made_of.T).sign()


def _error(alone: float, influence: np.ndarray, together: sparse.csr_array | None) -> float:
    """``alone`` is that of independent rows."""
    return alone if together is None else max(alone, max(influence @ (together @ influence), 0.0) ** 0.5)


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
