"""Linear probes on a fixed division: fitted on training rows, stopped on validation rows, scored on test rows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, log_loss, roc_auc_score
from sklearn.preprocessing import StandardScaler

from pidjax._checks import InputError, one_of
from pidjax.evaluate.class_scores import check_shared, class_scores
from pidjax.evaluate.whitened import whitened

TASKS = ("class", "labels", "value")
STRENGTHS = np.logspace(-4, 4, 9)
"""Inverse penalties, tried from the strictest on."""
PATIENCE = 2
"""Penalties in a row without a better validation loss, after which no further is tried; see ``FOUND``."""
FOUND = 0.99
"""Share of the strictest penalty's validation loss below which something is found, and ``PATIENCE`` counts.

What varies little beside other things is read by loose penalties alone. (If strict ones read a little of it already,
the path can still end early: ``whiten`` is for such features.)
"""

Part = tuple[np.ndarray, np.ndarray]
Score = Callable[[np.ndarray, np.ndarray], dict[str, float]]


class LinearResult(NamedTuple):
    """What a linear probe reads from test rows.

    Attributes
    ----------
    scores : dict
        Of "class": ``accuracy``, ``balanced_accuracy``, ``auc`` (one against the rest, mean over classes), ``majority``
        (the accuracy of the largest class) and ``chance`` (1 / classes); with two classes ``auc_se``. Of "labels":
        ``macro_f1``, ``weighted_f1``, ``auc`` (mean over labels). Of "value": ``mse``, ``r2``. Errors (``_se``) are of
        independent rows, or of rows that share what they are said to.
    validation : dict
        The same of the rows that chose the strength: to choose between probes by.
    strength : float
        The inverse penalty that validation chose.
    output : [test rows, ...]
        Class probabilities, label probabilities or predictions.
    """

    scores: dict[str, float]
    validation: dict[str, float]
    strength: float
    output: np.ndarray


def linear_probe(
    train: Part,
    validation: Part,
    test: Part,
    *,
    task: str = "class",
    weighted: bool = True,
    whiten: bool = False,
    shared: np.ndarray | None = None,
) -> LinearResult:
    """Linear model of features, its L2 penalty loosened as far as the validation loss falls (early stopping).

    Features are standardised on training rows, or whitened. Test rows enter neither a fit nor a choice, and nothing is
    fitted anew on validation rows.

    Parameters
    ----------
    train, validation, test : (features [n, d], target)
        Target: classes [n] ("class"), 0 and 1 [n, labels] ("labels"), or numbers [n] or [n, k] ("value").
    task : "class" | "labels" | "value"
        Multinomial logistic regression; a logistic regression a label; ridge regression.
    weighted : bool
        Classes count alike however large they are, in the fit and, for "class", in its validation loss: where one in
        ten is positive, an unweighted probe may call none so.
    whiten : bool
        Features become principal components of variance one (``whitened``), so that what is read does not depend on
        how they are scaled and mixed; of features whose small directions are noise, and few rows, this reads less.
    shared : [test rows] or [test rows, 1 or 2], optional
        Names, whole numbers or strings, of one thing or two that a test row of "class" is made of, such as its subject
        or the two pictures of its pair: rows with one in common may err together, and errors of ``scores`` then say so
        (``class_scores``). Names of pictures and of sounds, say, must differ.

    Raises
    ------
    InputError
        An unknown task, rows that do not match, features or targets that are not finite, one class, or one that
        training lacks; ``shared`` of other rows or of another task, or the same in all rows.
    """
    one_of("task", task, TASKS)
    features, targets = ([np.asarray(part[i]) for part in (train, validation, test)] for i in (0, 1))
    for name, z, y in zip(("train", "validation", "test"), features, targets, strict=True):
        _check(name, z, y, features[0].shape[-1])
    if shared is not None:
        if task != "class":
            raise InputError(f"errors of rows that share content are of task 'class'; found shared, and task {task!r}.")
        shared = check_shared(shared, len(targets[2]))
    scaled = (whitened if whiten else _standardised)(*features)
    fitted, stopped, tested = zip(scaled, targets, strict=True)
    if task == "class":
        return _classes(fitted, stopped, tested, weighted, shared)
    if task == "labels":
        return _labels(fitted, stopped, tested, weighted)
    return _values(fitted, stopped, tested)


def _standardised(train: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    scaler = StandardScaler().fit(train)
    return tuple(scaler.transform(z) for z in (train, *others))


def _path(
    fit: Callable[[float], tuple[float, list[np.ndarray]]],
    told: tuple[np.ndarray, np.ndarray],
    score: Score,
    tested: Score | None = None,
) -> LinearResult:
    """The probe of the lowest validation loss along the path; ``told`` are targets of validation and test.

    Test rows are scored by ``tested``, or as validation rows.
    """
    strictest, outputs = fit(float(STRENGTHS[0]))
    best, kept, since = strictest, (float(STRENGTHS[0]), outputs), 0
    for strength in STRENGTHS[1:]:
        loss, outputs = fit(float(strength))
        if loss < best:
            best, kept, since = loss, (float(strength), outputs), 0
        elif best < FOUND * strictest:
            since += 1
            if since == PATIENCE:
                break
    strength, outputs = kept
    validation, scores = (
        {name: float(value) for name, value in of(y, output).items()}
        for of, y, output in zip((score, tested or score), told, outputs, strict=True)
    )
    return LinearResult(scores, validation, strength, outputs[1])


def _logistic(strength: float, weighted: bool) -> LogisticRegression:
    return LogisticRegression(C=strength, class_weight="balanced" if weighted else None, max_iter=1000, tol=1e-3)


def _classes(train: Part, validation: Part, test: Part, weighted: bool, shared: np.ndarray | None) -> LinearResult:
    names = np.unique(train[1])
    if len(names) < 2:
        raise InputError(f"a probe needs at least two classes; found {list(names)}.")
    missing = sorted((set(validation[1].tolist()) | set(test[1].tolist())) - set(names.tolist()))
    if missing:
        raise InputError(f"class {missing[0]!r} is not among the training rows: divide the rows by class.")
    sizes = {name: (validation[1] == name).sum() for name in names}
    weights = np.array([1 / sizes[y] for y in validation[1]]) if weighted else None

    def fit(strength: float) -> tuple[float, list[np.ndarray]]:
        model = _logistic(strength, weighted).fit(*train)
        outputs = [model.predict_proba(z) for z, _ in (validation, test)]
        return log_loss(validation[1], outputs[0], sample_weight=weights, labels=names), outputs

    score = functools.partial(class_scores, names)
    return _path(fit, (validation[1], test[1]), score, functools.partial(score, shared=shared))


def _labels(train: Part, validation: Part, test: Part, weighted: bool) -> LinearResult:
    for y in (train[1], validation[1], test[1]):
        if y.ndim != 2 or not np.isin(y, (0, 1)).all():
            raise InputError(f"labels must be 0 and 1, [n, labels]; found shape {y.shape} of {y.min()} to {y.max()}.")
    empty = [k for k, column in enumerate(train[1].T) if len(np.unique(column)) < 2]
    if empty:
        raise InputError(f"label {empty[0]} is the same in all training rows: leave it out.")

    def fit(strength: float) -> tuple[float, list[np.ndarray]]:
        models = [_logistic(strength, weighted).fit(train[0], column) for column in train[1].T]
        outputs = [np.stack([m.predict_proba(z)[:, 1] for m in models], 1) for z, _ in (validation, test)]
        p = np.clip(outputs[0], 1e-7, 1 - 1e-7)
        return float(-np.where(validation[1] == 1, np.log(p), np.log1p(-p)).mean()), outputs

    return _path(fit, (validation[1], test[1]), _label_scores)


def _label_scores(y: np.ndarray, output: np.ndarray) -> dict[str, float]:
    called = output > 0.5
    varying = [k for k, column in enumerate(y.T) if len(np.unique(column)) > 1]
    return {
        "macro_f1": f1_score(y, called, average="macro", zero_division=0),
        "weighted_f1": f1_score(y, called, average="weighted", zero_division=0),
        "auc": roc_auc_score(y[:, varying], output[:, varying], average="macro") if varying else np.nan,
        "n": len(y),
    }


def _values(train: Part, validation: Part, test: Part) -> LinearResult:
    def fit(strength: float) -> tuple[float, list[np.ndarray]]:
        model = Ridge(alpha=1 / strength).fit(*train)
        outputs = [model.predict(z) for z, _ in (validation, test)]
        return float(((outputs[0] - validation[1]) ** 2).mean()), outputs

    middle = train[1].reshape(len(train[1]), -1).mean(0)
    return _path(fit, (validation[1], test[1]), functools.partial(_value_scores, middle))


def _value_scores(middle: np.ndarray, y: np.ndarray, output: np.ndarray) -> dict[str, float]:
    y = y.reshape(len(y), -1)
    error = ((output.reshape(y.shape) - y) ** 2).mean(1)
    variance = ((y - middle) ** 2).mean()
    return {
        "mse": error.mean(),
        "mse_se": error.std(ddof=1) / np.sqrt(len(y)) if len(y) > 1 else np.nan,
        "r2": 1 - error.mean() / variance if variance > 0 else 0.0,
        "n": len(y),
    }


def _check(name: str, z: np.ndarray, y: np.ndarray, width: int) -> None:
    if z.ndim != 2 or len(z) != len(y) or len(z) == 0 or z.shape[1] != width:
        raise InputError(f"{name} must be features [n, {width}] and n targets, n >= 1; found {z.shape} and {y.shape}.")
    for what, x in (("features", z), ("targets", y)):
        if x.dtype.kind in "fc" and not np.isfinite(x).all():
            raise InputError(f"{what} of {name} must be finite; found NaN or infinity.")
