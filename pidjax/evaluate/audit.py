"""What every head of a representation holds: nats of every factor, leakage between heads, PID of a factor given two."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from scipy import stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from pidjax._checks import InputError
from pidjax.estimators import PIDEstimate, counted_pid, estimate_pid
from pidjax.estimators.samples import FEW_VALUES
from pidjax.evaluate.folds import Fold
from pidjax.evaluate.held_out import Features, of_fold
from pidjax.evaluate.relation import leakage
from pidjax.evaluate.vectors import vector_information
from pidjax.typing import Array

BINS = 8
"""Equal shares into which a factor of many values is cut: ln 8 nats are there to be found."""
PARTS = 3
"""Of the trained rows, by which a probe is chosen: of every class that many are needed."""


class Audit(NamedTuple):
    """The table of an audit, by ``audit``; that of ``pidjax decompose`` is of its linear probes.

    Attributes
    ----------
    heads, factors : tuple of str
    entropy : [factors]
        Of every factor, nats: what there is to be found; NaN of a vector, and of a number that is not cut into
        classes, whose differential entropy bounds nothing.
    nats, std_error, upper : [heads, factors]
        Held-out information of the factor in the head: a lower bound in expectation; and its one-sided 95 % limit,
        which limits what this probe finds, not what a better one would.
    leakage : [heads, heads]
        Share of the variance of one head (column) that ridge regression of another (row) predicts, held out.
    pid : {(factor, head1, head2): PIDEstimate}
    read : {head: [n]}
        Codes of the classes that were read of heads in ``through``. Both are empty where none were asked for.
    """

    heads: tuple[str, ...]
    factors: tuple[str, ...]
    entropy: np.ndarray
    nats: np.ndarray
    std_error: np.ndarray
    upper: np.ndarray
    leakage: np.ndarray
    pid: dict[tuple[str, str, str], PIDEstimate]
    read: dict[str, np.ndarray]

    @property
    def share(self) -> np.ndarray:
        """Of the available entropy, [heads, factors]."""
        return self.nats / self.entropy[None]

    def table(self) -> str:
        """Markdown: nats ± standard error (share of the entropy; upper limit), heads down, factors across."""
        known = [f"{f} ({h:.2f})" if h == h else f for f, h in zip(self.factors, self.entropy, strict=True)]
        lines = ["| head | " + " | ".join(known)]
        lines = [lines[0] + " |", "|" + "---|" * (len(self.factors) + 1)]
        for i, head in enumerate(self.heads):
            cells = [
                f"{self.nats[i, j]:.3f} ± {self.std_error[i, j]:.3f} ("
                + (f"{self.share[i, j]:.0%}; " if self.entropy[j] == self.entropy[j] else "")
                + f"< {self.upper[i, j]:.3f})"
                for j in range(len(self.factors))
            ]
            lines.append(f"| {head} | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"


def audit(
    key: Array,
    representations: Mapping[str, np.ndarray],
    factors: Mapping[str, np.ndarray],
    *,
    folds: Sequence[Fold] | None = None,
    pairs: Sequence[tuple[str, str, str]] = (),
    through: Mapping[str, str] | None = None,
) -> Audit:
    r"""Nats of every factor in every head, by a held-out non-linear probe.

    .. math:: H(y) - \mathbb{E}[-\log q(y \mid z)] \le I(Z; Y) \quad \text{in expectation}

    q is a logistic regression or a perceptron, whichever has the lower log-loss within the other folds, mixed with one
    per cent of their prior. A vector-valued factor is read by ``vector_information``.

    Parameters
    ----------
    key : PRNG key
    representations : {head: [n, d]}
    factors : {factor: [n] or [n, k]}
        Labels; numbers with more than 32 values, which are cut into eight equal shares; or vectors of numbers.
    folds : sequence of Fold, optional
        Five random ones by default. Trials that follow each other in time want ``blockwise_folds``; errors are those
        of independent rows all the same.
    pairs : sequence of (factor, head1, head2)
        Whose PID is estimated (``estimate_pid``).
    through : {head: factor}, optional
        Heads that enter ``pairs`` as what the probe reads of this factor in them, held out. Information lost in
        reading is in no atom; but synergy of raw features about a label of many classes, such as the sum of two digits
        modulo ten, is out of reach of a joint classifier of some thousand rows, and not of tables of what was read.

    Returns
    -------
    Audit

    Raises
    ------
    InputError
        Nothing to audit, lengths that differ, a constant factor, a class that a fold does not train on, an unknown
        name in ``pairs``.
    """
    heads = {name: np.asarray(z, float).reshape(len(z), -1) for name, z in representations.items()}
    labels = {name: _label(name, value) for name, value in factors.items()}
    through = through or {}
    _check(heads, labels, pairs, through)
    if folds is not None and any({a, b} - set(through) for _, a, b in pairs):
        raise InputError(
            "pairs are cross-fitted on random rows, which folds are there to avoid: give one of the two, or read both "
            "heads through a factor."
        )
    seed = int(np.asarray(jax.random.key_data(key)).ravel()[-1])
    found = np.zeros((2, len(heads), len(labels)))
    entropy = np.zeros(len(labels))
    read: dict[str, np.ndarray] = {}
    for j, (name, y) in enumerate(labels.items()):
        if y.ndim == 2:
            entropy[j] = np.nan
            parts = folds if folds is not None else _random_folds(np.zeros(len(y)), seed)
            for i, z in enumerate(heads.values()):
                terms, _ = vector_information(jax.random.fold_in(key, j), z, y, parts)
                found[:, i, j] = terms.mean(), terms.std(ddof=1) / len(terms) ** 0.5
            continue
        entropy[j] = stats.entropy(np.bincount(y))
        parts = folds if folds is not None else _random_folds(y, seed)
        tested = np.concatenate([fold.test for fold in parts])
        for i, (head, z) in enumerate(heads.items()):
            terms, q = label_information(z, y, parts, name=name, seed=seed)
            found[:, i, j] = terms.mean(), terms.std(ddof=1) / len(terms) ** 0.5
            if through.get(head) == name:
                read[head] = _in_order(q.argmax(1), tested, len(y), head)
    nats, error = found
    first = next(iter(labels.values()))
    parts = list(folds) if folds is not None else _random_folds(np.zeros(len(first)), seed)
    pid, sources = {}, heads | read
    for k, (factor, a, b) in enumerate(pairs):
        # what is read may be one class throughout, which is no mistake of the caller's
        estimate = counted_pid if {a, b} <= set(through) else estimate_pid
        pid[factor, a, b] = estimate(jax.random.fold_in(key, k), sources[a], sources[b], labels[factor])
    return Audit(
        tuple(heads), tuple(labels), entropy, nats, error, nats + 1.645 * error, leakage(heads, parts), pid, read
    )


def label_information(
    z: Features, y: np.ndarray, folds: Sequence[Fold], *, name: str = "the label", seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    r"""Nats of a label in a representation, by a held-out non-linear probe.

    .. math:: H(y) - \mathbb{E}[-\log q(y \mid z)] \le I(Z; Y) \quad \text{in expectation}

    q is a logistic regression or a perceptron, whichever has the lower log-loss within the trained rows, mixed with one
    per cent of their prior. It is chosen in three parts of the trained rows, which want ``PARTS`` rows of every class.

    Parameters
    ----------
    z : [n, d] or one a fold
    y : int [n]
        Codes of classes.
    folds : sequence of Fold
    name : str
        Of the label, in errors.
    seed : int

    Returns
    -------
    terms : [tested]
        Pointwise; their mean is the information, fold by fold in the order of its tested rows.
    probability : [tested, classes]
        q of every tested row.

    Raises
    ------
    InputError
        A class that is tested in a fold that does not train on it.
    """
    found = []
    for i, fold in enumerate(folds):
        x = of_fold(z, i)
        prior = np.bincount(y[fold.train], minlength=y.max() + 1) / len(fold.train)
        if (prior[y[fold.test]] == 0).any():
            raise InputError(f"a class of {name} is tested in a fold that does not train on it: join or drop it.")
        kinds = [
            LogisticRegression(max_iter=1000),
            MLPClassifier((32,), solver="lbfgs", alpha=3.0, max_iter=200, random_state=seed),
        ]
        pipeline = Pipeline([("scale", StandardScaler()), ("probe", kinds[0])])
        search = GridSearchCV(pipeline, {"probe": kinds}, scoring="neg_log_loss", cv=PARTS)
        with warnings.catch_warnings():
            # a perceptron that stops after 200 iterations has been stopped early, which is meant
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = search.fit(x[fold.train], y[fold.train])
        q = np.zeros((len(fold.test), len(prior)))
        q[:, model.classes_] = model.predict_proba(x[fold.test])
        found.append(0.99 * q + 0.01 * prior)
    probability = np.concatenate(found)
    tested = np.concatenate([fold.test for fold in folds])
    share = np.bincount(y) / len(y)
    return np.log(probability[np.arange(len(tested)), y[tested]] / share[y[tested]]), probability


def _in_order(read: np.ndarray, tested: np.ndarray, n: int, head: str) -> np.ndarray:
    """What was read, row by row."""
    if not np.array_equal(np.sort(tested), np.arange(n)):
        raise InputError(
            f"{head} is read where it is tested: folds must test every row once; found {len(tested)} of {n}."
        )
    rows = np.empty(n, int)
    rows[tested] = read
    return rows


def _random_folds(y: np.ndarray, seed: int) -> list[Fold]:
    splits = StratifiedKFold(5, shuffle=True, random_state=seed).split(np.zeros(len(y)), y)
    return [Fold(train, test) for train, test in splits]


def _label(name: str, value: np.ndarray) -> np.ndarray:
    """Codes of a factor's classes, or of the eighths of its numbers."""
    value = np.asarray(value)
    if value.ndim == 2 and value.shape[1] > 1 and value.dtype.kind == "f":
        if not np.isfinite(value).all() or not np.ptp(value, axis=0).all():
            raise InputError(f"the factor {name} has columns that are constant, NaN or infinite: drop them.")
        return value
    if value.ndim != 1:
        raise InputError(
            f"the factor {name} must be one number or label a row, [n], or floats [n, k]; found shape {value.shape}."
        )
    classes, codes = np.unique(value, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"the factor {name} is constant: there is nothing to find.")
    if len(classes) <= FEW_VALUES or value.dtype.kind not in "fiu":
        return codes
    if not np.isfinite(value).all():
        raise InputError(f"the factor {name} holds values that are NaN or infinite: drop those rows.")
    edges = np.quantile(value, np.arange(1, BINS) / BINS)
    cut, codes = np.unique(np.searchsorted(edges, value), return_inverse=True)
    if len(cut) < 2:
        raise InputError(f"nearly all values of the factor {name} are the same: give it as a label.")
    return codes


def _check(heads: Mapping, labels: Mapping, pairs: Sequence[tuple[str, str, str]], through: Mapping[str, str]) -> None:
    if not heads or not labels:
        raise InputError("give at least one representation and one factor.")
    lengths = {name: len(v) for name, v in (*heads.items(), *labels.items())}
    if len(set(lengths.values())) > 1:
        raise InputError(f"rows belong together; found lengths {lengths}.")
    for name, z in heads.items():
        if not np.isfinite(z).all():
            raise InputError(f"the representation {name} holds values that are NaN or infinite.")
    for factor, a, b in pairs:
        if factor in labels and labels[factor].ndim == 2:
            raise InputError(f"pairs take labels; {factor} is a vector.")
        for what, given, known in (("factor", factor, labels), ("head", a, heads), ("head", b, heads)):
            if given not in known:
                raise InputError(f"pairs names the {what} {given!r}, which is not among {', '.join(known)}.")
    vectors = [factor for factor in through.values() if factor in labels and labels[factor].ndim == 2]
    if vectors:
        raise InputError(f"through takes labels; {vectors[0]} is a vector.")
    for head, factor in through.items():
        for what, given, known in (("head", head, heads), ("factor", factor, labels)):
            if given not in known:
                raise InputError(f"through names the {what} {given!r}, which is not among {', '.join(known)}.")
