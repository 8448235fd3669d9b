"""ScoreStats, the waist of the house: the per-row reductions that every contrastive bound reads."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from pidjax.typing import Array


class ScoreStats(NamedTuple):
    """Reductions of a score matrix F[i, j] = f(x_i, y_j), one entry a row (anchor).

    Attributes
    ----------
    positive : [n]
        Score of the true pair, F[i, positive_i].
    neg_logsumexp : [n]
        log Σ_j w_ij exp F[i, j] over negatives (the positive excluded).
    neg_mean : [n]
        Σ_j w_ij F[i, j] / Σ_j w_ij over negatives.
    num_neg : [n]
        Σ_j w_ij, the number of negatives where weights are 0 or 1.
    weight : [n]
        Weight of the row in means over rows.
    """

    positive: Array
    neg_logsumexp: Array
    neg_mean: Array
    num_neg: Array
    weight: Array


def score_stats(scores: Array, *, positive: Array | None = None, log_weights: Array | None = None) -> ScoreStats:
    """Reduce a dense score matrix to the statistics that bounds read.

    Parameters
    ----------
    scores : [n, m] floating
        Row i is an anchor, column j a candidate.
    positive : [n] int, optional
        Column of each row's positive; the diagonal when ``scores`` is square.
    log_weights : [n, m], optional
        log w_ij of the negatives; -inf removes a candidate. Entries at positives are ignored.

    Raises
    ------
    ValueError
        If ``scores`` is not a matrix, or not square and without ``positive``.
    TypeError
        If ``scores`` is not floating.
    """
    if scores.ndim != 2:
        raise ValueError(f"scores must be a matrix [anchors, candidates]; found shape {scores.shape}.")
    if not jnp.issubdtype(scores.dtype, jnp.floating):
        raise TypeError(f"scores must be floating; found {scores.dtype}.")
    n, m = scores.shape
    if positive is None:
        if n != m:
            raise ValueError(
                f"scores of shape {scores.shape} are not square, so the positives are not on the diagonal: "
                "pass positive, the column of each row's true pair."
            )
        positive = jnp.arange(n)
    is_positive = jnp.arange(m)[None, :] == positive[:, None]
    log_w = jnp.zeros_like(scores) if log_weights is None else log_weights
    log_w = jnp.where(is_positive, -jnp.inf, log_w)
    w = jnp.exp(log_w)
    num_neg = w.sum(axis=1)
    some = (num_neg > 0)[:, None]  # a row without negatives has an empty sum, and must not give NaN gradients
    return ScoreStats(
        positive=jnp.take_along_axis(scores, positive[:, None], axis=1)[:, 0],
        neg_logsumexp=jnp.where(some[:, 0], jax.nn.logsumexp(scores, axis=1, b=jnp.where(some, w, 1.0)), -jnp.inf),
        neg_mean=(w * scores).sum(axis=1) / jnp.maximum(num_neg, jnp.finfo(scores.dtype).tiny),
        num_neg=num_neg,
        weight=jnp.ones(n, scores.dtype),
    )
