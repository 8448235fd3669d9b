"""The supervised contrastive objective: many positives an anchor, those of its own class."""

from __future__ import annotations

import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.bounds.rows import row_mean
from pidjax.bounds.stats import check_rows, floating
from pidjax.math.logspace import logsumexp_or_empty
from pidjax.typing import Array


def supcon(
    scores: Array,
    labels: Array,
    *,
    candidate_labels: Array | None = None,
    own: Array | None = None,
    axis_name: str | None = None,
) -> Array:
    r"""Supervised contrastive objective (to be maximised), in nats.

    .. math:: \frac1n \sum_i \Big[ \frac1{|P(i)|} \sum_{j \in P(i)} f_{ij} - \log \sum_{j \ne i} e^{f_{ij}} \Big]

    with P(i) the candidates of the anchor's class but itself; anchors without one are left out. The published
    loss is −T/T₀ times this, with scores that are cosines divided by the temperature T.

    Direction: **none**, a training objective. With one positive a row, adding log(candidates) makes it InfoNCE
    on X – Y – X⁺, a lower bound of I(X; Y) ≤ H(Y); the batch form only approximates that. At most 0.

    Source: Khosla et al. 2020, Eq. 2.

    Parameters
    ----------
    scores : [n, m] floating
        Row i is an anchor, column j a candidate: ``critic.scores(params, z, z)``.
    labels : [n]
        Classes of the anchors.
    candidate_labels : [m], optional
        Classes of the candidates; ``labels`` when ``scores`` is square.
    own : [n] int, optional
        Column in which the anchor itself stands; the diagonal when ``scores`` is square.
    axis_name : str, optional
        Axis of devices, each with its own anchors and all candidates; the mean over devices of what is
        returned is the value of the whole batch.

    Returns
    -------
    scalar, nats

    Raises
    ------
    ValueError
        ``scores`` is not a matrix, or not square and without ``candidate_labels`` and ``own``; shapes that do
        not match.
    TypeError
        ``scores`` is not floating.
    """
    (scores,) = floating(scores=scores)
    if scores.ndim != 2:
        raise InputError(f"scores must be a matrix [anchors, candidates]; found shape {scores.shape}.")
    n, m = scores.shape
    if candidate_labels is None or own is None:
        if n != m:
            raise InputError(
                f"scores of shape {scores.shape} are not square: pass candidate_labels, the class of each column, "
                "and own, the column of each anchor itself."
            )
        candidate_labels = labels if candidate_labels is None else candidate_labels
        own = jnp.arange(n) if own is None else own
    labels, candidate_labels = jnp.asarray(labels), jnp.asarray(candidate_labels)
    own, _, _ = check_rows(n, m, own, None, None, name="own")
    if labels.shape != (n,) or candidate_labels.shape != (m,):
        raise InputError(
            f"scores of shape {scores.shape} need labels [{n}] and candidate_labels [{m}]; "
            f"found {labels.shape} and {candidate_labels.shape}."
        )
    other = jnp.arange(m)[None, :] != own[:, None]
    positive = other & (labels[:, None] == candidate_labels[None, :])
    count = positive.sum(axis=1)
    mean_positive = jnp.where(positive, scores, 0.0).sum(axis=1) / jnp.maximum(count, 1)
    total = logsumexp_or_empty(scores, jnp.where(other, 0.0, -jnp.inf).astype(scores.dtype), 1)
    return row_mean(mean_positive - total, (count > 0).astype(scores.dtype), axis_name)
