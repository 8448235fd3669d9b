"""ScoreStats, the waist of the house: the per-row reductions that every contrastive bound reads."""

from __future__ import annotations

import dataclasses
import numbers
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from pidjax._checks import InputError
from pidjax.math.logspace import logsumexp_or_empty
from pidjax.math.pairwise.dot import accumulator
from pidjax.typing import Array

Transform: TypeAlias = str | tuple[str, float]
"""What is done to the scores of negatives before they are reduced: "identity", "softplus" or ("clip", τ)."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ScoreStats:
    """Reductions of a score matrix F[i, j] = f(x_i, y_j), one entry a row (anchor).

    φ is the transform; weights w_ij are 1 unless given, and 0 at the positive.

    Attributes
    ----------
    positive : [n]
        Score of the true pair, F[i, positive_i], not transformed.
    neg_logsumexp : [n]
        log Σ_j w_ij exp φ(F[i, j]); -inf in a row without negatives.
    neg_mean : [n]
        Σ_j w_ij φ(F[i, j]) / Σ_j w_ij; 0 in a row without negatives.
    num_neg : [n]
        Σ_j w_ij, the number of negatives where weights are 0 or 1.
    weight : [n]
        Weight of the row in means over rows; 0 masks it.
    transform : "identity" | "softplus" | ("clip", τ)
        φ. Static: part of the type, so that a bound refuses statistics of another transform when it is traced.
    """

    positive: Array
    neg_logsumexp: Array
    neg_mean: Array
    num_neg: Array
    weight: Array
    transform: Transform = dataclasses.field(default="identity", metadata={"static": True})

    @property
    def counted(self) -> Array:
        """Weights that bounds use, [n]: 0 also in a row without negatives, about which no bound can speak."""
        return jnp.where(self.num_neg > 0, self.weight, 0.0)

    @property
    def neg_logmeanexp(self) -> Array:
        """log of the weighted mean of exp φ(F) over negatives, [n]; 0 in a row without negatives."""
        some = self.num_neg > 0
        return jnp.where(some, self.neg_logsumexp, 0.0) - jnp.log(jnp.where(some, self.num_neg, 1.0))


def score_stats(
    scores: Array,
    *,
    positive: Array | None = None,
    log_weights: Array | None = None,
    weight: Array | None = None,
    transform: Transform = "identity",
) -> ScoreStats:
    """Reduce a dense score matrix to the statistics that bounds read.

    Parameters
    ----------
    scores : [n, m] floating
        Row i is an anchor, column j a candidate.
    positive : [n] int, optional
        Column of each row's positive; the diagonal when ``scores`` is square.
    log_weights : [n, m], optional
        log w_ij of the negatives (groups, kernels, neighbours); -inf removes a candidate. Entries at
        positives are ignored.
    weight : [n], optional
        Weight of each row in means over rows; 0 masks it as an anchor. It stays a candidate of the others: where a
        row is padding, take it from them too, by ``log_weights`` of -inf.
    transform : "identity" | "softplus" | ("clip", τ)
        Applied to the scores of negatives: JS reads softplus, SMILE reads clip, everything else identity.

    Raises
    ------
    ValueError
        ``scores`` is not a matrix, or not square and without ``positive``; shapes that do not match; an
        unknown transform; ``log_weights`` that leave a row of positive weight without negatives (checked
        where they are not traced; under ``jit`` such a row gets weight 0).
    TypeError
        ``scores`` or ``log_weights`` are not floating, ``positive`` is not integer.
    """
    scores = floating(scores=scores)[0]
    if scores.ndim != 2:
        raise InputError(f"scores must be a matrix [anchors, candidates]; found shape {scores.shape}.")
    n, m = scores.shape
    if positive is None:
        if n != m:
            raise InputError(
                f"scores of shape {scores.shape} are not square, so the positives are not on the diagonal: "
                "pass positive, the column of each row's true pair."
            )
        positive = jnp.arange(n)
    positive, log_weights, weight = check_rows(n, m, positive, log_weights, weight)
    return assemble(*reduce_table(scores, positive, log_weights, transform), weight=weight, transform=transform)


def negative_stats(
    positive: Array,
    negatives: Array,
    *,
    log_weights: Array | None = None,
    weight: Array | None = None,
    transform: Transform = "identity",
) -> ScoreStats:
    """Statistics of anchors that come with K explicit negatives each.

    Parameters
    ----------
    positive : [n] floating
        Scores of the true pairs.
    negatives : [n, K] floating
        Scores of each anchor with its own negatives.
    log_weights : [n, K], optional
        log w of the negatives; -inf removes one.
    weight, transform
        As for ``score_stats``.

    Raises
    ------
    ValueError
        Shapes that do not match; an unknown transform.
    TypeError
        Scores are not floating.
    """
    positive, negatives = floating(positive=positive, negatives=negatives)
    if negatives.ndim != 2 or positive.shape != negatives.shape[:1]:
        raise InputError(
            "positive must be [n] and negatives [n, K]; "
            f"found shapes {tuple(positive.shape)} and {tuple(negatives.shape)}."
        )
    n, k = negatives.shape
    _, log_weights, weight = check_rows(n, k, None, log_weights, weight)
    return assemble(positive, *_reduce(negatives, log_weights, transform), weight=weight, transform=transform)


def join_negatives(stats: ScoreStats, more: ScoreStats) -> ScoreStats:
    """The anchors, positives and weights of ``stats`` with the negatives of both.

    Same-view negatives, a memory bank, negatives of another sampler: whatever was reduced apart.
    """
    if stats.transform != more.transform:
        raise InputError(f"both statistics must be of one transform; found {stats.transform!r} and {more.transform!r}.")
    if stats.positive.shape != more.positive.shape:
        raise InputError(
            f"both statistics must have the same anchors; found {stats.positive.shape} and {more.positive.shape}."
        )
    num_neg = stats.num_neg + more.num_neg
    total = stats.num_neg * stats.neg_mean + more.num_neg * more.neg_mean
    return ScoreStats(
        positive=stats.positive,
        neg_logsumexp=jnp.logaddexp(stats.neg_logsumexp, more.neg_logsumexp),
        neg_mean=total / jnp.where(num_neg > 0, num_neg, 1.0),
        num_neg=num_neg,
        weight=stats.weight,
        transform=stats.transform,
    )


def assemble(
    positive: Array,
    neg_logsumexp: Array,
    neg_mean: Array,
    num_neg: Array,
    *,
    weight: Array | None,
    transform: Transform,
) -> ScoreStats:
    """Statistics of rows whose parts are known."""
    weight = jnp.ones_like(positive) if weight is None else weight.astype(positive.dtype)
    return ScoreStats(positive, neg_logsumexp, neg_mean, num_neg, weight, transform)


def reduce_table(scores: Array, positive: Array, log_weights: Array | None, transform: Transform):
    """(positive, neg_logsumexp, neg_mean, num_neg) of rows whose positive stands in a given column; unchecked."""
    n, m = scores.shape
    is_positive = jnp.arange(m)[None, :] == positive[:, None]
    p = jnp.where(is_positive, scores, 0.0).sum(axis=1)  # no gather, whose gradient is a scatter
    if log_weights is not None or m == 1:
        log_w = jnp.where(is_positive, -jnp.inf, 0.0 if log_weights is None else log_weights)
        return p, *_reduce(scores, log_w, transform)
    f = _transformed(scores, transform)
    total = jax.nn.logsumexp(jnp.where(is_positive, -jnp.inf, f), axis=1)
    return p, total, jnp.where(is_positive, 0.0, f).sum(axis=1) / (m - 1), jnp.full(n, m - 1, f.dtype)


def floating(**arrays: Array) -> list[Array]:
    """The arrays in the type that sums are held in; ``TypeError`` unless each is floating."""
    found = []
    for name, array in arrays.items():
        array = jnp.asarray(array)
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"{name} must be floating; found {array.dtype}.")
        found.append(array.astype(accumulator(array)))
    return found


def check_rows(n: int, m: int, positive, log_weights, weight, name: str = "positive"):
    """(positive, log_weights, weight) as arrays, where given; messages call the first by ``name``.

    Raises unless they fit a table of n anchors and m candidates. Where they are not traced, also unless positives
    lie in the table, weights are not negative, and every row that counts keeps a negative.
    """
    positive, log_weights, weight = (a if a is None else jnp.asarray(a) for a in (positive, log_weights, weight))
    if positive is not None:
        if positive.shape != (n,):
            raise InputError(f"{name} must be one column a row, [{n}]; found shape {positive.shape}.")
        if not jnp.issubdtype(positive.dtype, jnp.integer):
            raise TypeError(f"{name} must be integer, a column for each row; found {positive.dtype}.")
        if not _traced(positive) and n and not 0 <= np.min(positive) <= np.max(positive) < m:
            raise InputError(f"{name} must name columns 0 to {m - 1}; found {np.min(positive)} to {np.max(positive)}.")
    if weight is not None:
        if weight.shape != (n,):
            raise InputError(f"weight must be one number a row, [{n}]; found shape {weight.shape}.")
        if not _traced(weight) and not ((np.asarray(weight) >= 0) & np.isfinite(weight)).all():
            raise InputError(
                f"weights of rows must be finite and at least 0; found {np.min(weight)} to {np.max(weight)}."
            )
    if log_weights is not None:
        if log_weights.shape != (n, m):
            raise InputError(
                f"log_weights must have the shape of the scores, [{n}, {m}]; found shape {log_weights.shape}."
            )
        if not jnp.issubdtype(log_weights.dtype, jnp.floating):
            raise TypeError(
                f"log_weights must be floating; found {log_weights.dtype}: of a mask of the candidates to keep, pass "
                "jnp.where(mask, 0.0, -jnp.inf)."
            )
        if not _traced(positive, log_weights, weight):
            _check_negatives(positive, log_weights, weight)
    return positive, log_weights, weight


def _check_negatives(positive, log_weights, weight) -> None:
    if not (np.asarray(log_weights) < np.inf).all():
        raise InputError("log_weights must be numbers below infinity, or -inf; found NaN or +inf.")
    kept = np.asarray(log_weights) > -np.inf
    if positive is not None:
        kept[np.arange(len(kept)), np.asarray(positive)] = False
    counts = np.ones(len(kept), bool) if weight is None else np.asarray(weight) > 0
    (empty,) = np.nonzero(counts & ~kept.any(axis=1))
    if empty.size:
        raise InputError(
            f"log_weights leave row {empty[0]} (and {empty.size - 1} more) without a negative: "
            "keep one in every row, or give such rows weight 0."
        )


def _traced(*arrays) -> bool:
    return any(isinstance(array, jax.core.Tracer) for array in arrays)


def _reduce(scores: Array, log_weights: Array | None, transform: Transform):
    f = _transformed(scores, transform)
    if log_weights is None:
        num_neg = jnp.full(f.shape[:1], f.shape[1], f.dtype)
        return logsumexp_or_empty(f, None, 1), f.sum(axis=1) / max(f.shape[1], 1), num_neg
    w = jnp.exp(log_weights)
    num_neg = w.sum(axis=1)
    neg_mean = jnp.where(w > 0, w * f, 0.0).sum(axis=1) / jnp.where(num_neg > 0, num_neg, 1.0)
    return logsumexp_or_empty(f, log_weights, 1), neg_mean, num_neg


def _transformed(scores: Array, transform: Transform) -> Array:
    match transform:
        case "identity":
            return scores
        case "softplus":
            return jax.nn.softplus(scores)
        case ("clip", tau) if isinstance(transform, tuple) and isinstance(tau, numbers.Real) and tau > 0:
            return jnp.clip(scores, -float(tau), float(tau))
    raise InputError(
        f"transform must be 'identity', 'softplus' or ('clip', τ) with a number τ > 0; found {transform!r}."
    )
