"""Cross-fitting: every row is read once, by a critic that was fitted on other rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.bounds import ScoreStats, score_stats
from pidjax.typing import Array

FOLDS = 5
"""Parts that rows are dealt into unless told."""
LINE_UP = 4096
"""The most rows that are scored against one another in a reading."""
WATCHED = 1024
"""The most rows that a fit watches to stop by: it scores all pairs of them again and again."""

Read = Callable[[ScoreStats], Array]


class Rows(NamedTuple):
    """Indices of the rows of one fold: to ``fit``, to ``watch`` while fitting, and to be ``held`` out."""

    fit: Array
    watch: Array
    held: Array


def cross_fit(
    key: Array, n: int, folds: int, part: Callable[[Array, Rows], Any], *, strata: Array | None = None
) -> Any:
    """Call ``part(key, rows)`` for every fold and put what it says of held-out rows back into their order.

    A fold holds n/folds rows out, watches an eighth of the others and fits the rest.

    Parameters
    ----------
    key : PRNG key
    n, folds : int
    part : callable
        Returns a pytree of [held, ...].
    strata : int [n], optional
        Labels that every fold shall hold in equal shares: else the rows fitted on lack what those held out have too
        much of, and a classifier's prior tells the fold.

    Returns
    -------
    The pytree, [n, ...]. Up to folds - 1 rows that fit no fold get the mean of the others.

    Raises
    ------
    ValueError
        Fewer than 2 folds, or than 8 rows a fold.
    """
    size = n // folds if folds > 0 else 0
    if folds < 2 or size < 8:
        raise InputError(f"cross-fitting needs 2 folds of 8 rows or more; found {n} rows and {folds} folds.")
    watched = (n - size) // 8
    deal, start = jax.random.split(key)
    order = jax.random.permutation(deal, n)
    if strata is not None:
        by_label = order[jnp.argsort(strata[order], stable=True)]
        shuffle = jax.random.uniform(jax.random.fold_in(deal, 1), (n,))
        order = by_label[jnp.lexsort((shuffle, jnp.arange(n) % folds))]

    def one(k: Array, key: Array) -> Any:
        rows = jnp.roll(order, -k * size)
        return part(key, Rows(rows[size + watched :], rows[size : size + watched], rows[:size]))

    found = jax.lax.map(lambda a: one(*a), (jnp.arange(folds), jax.random.split(start, folds)))

    def in_order(values: Array) -> Array:
        flat = values.reshape(folds * size, *values.shape[2:])
        whole = jnp.broadcast_to(flat.mean(0), (n, *flat.shape[1:]))
        return whole.at[order[: folds * size]].set(flat)

    return jax.tree.map(in_order, found)


def line_ups(scores: Callable[[Array], Array], held: Array, read: Callable[[Array], Any]) -> Any:
    """``read(scores(rows))`` of equal pieces of the held-out rows, ``LINE_UP`` at most, joined again, [held, ...].

    Rows that do not fill a piece get the mean of the others.
    """
    size = held.shape[0]
    pieces = -(-size // LINE_UP)
    piece = size // pieces
    found = jax.lax.map(lambda rows: read(scores(rows)), held[: pieces * piece].reshape(pieces, piece))

    def joined(values: Array) -> Array:
        flat = values.reshape(pieces * piece, *values.shape[2:])
        rest = jnp.broadcast_to(flat.mean(0), (size - pieces * piece, *flat.shape[1:]))
        return jnp.concatenate([flat, rest])

    return jax.tree.map(joined, found)


def row_terms(read: Read, scores: Array, *, over: str = "y", transform: Any = "identity") -> Array:
    """A bound of square scores spread over rows: its value plus each row's influence on it, [n].

    The mean is the value; the variance over n is the infinitesimal jackknife's variance, which counts what a row
    does as an anchor and as a candidate of other anchors. Influence: n ∂value/∂(weight of row i), in both roles.

    Parameters
    ----------
    read : callable
        ScoreStats to nats.
    scores : [n, n]
        f(x_i, y_j).
    over : "y" | "x" | "both"
        The side that negatives are taken from; for "both", the mean of the two readings.
    transform
        As for ``score_stats``.
    """
    if over == "both":
        sides = jnp.stack([scores, scores.T])  # in turn, by one program: compiling is what takes long
        return jax.lax.map(lambda s: row_terms(read, s, transform=transform), sides).mean(0)
    scores = scores if over == "y" else scores.T
    n = scores.shape[0]

    def value(weight: Array, log_weight: Array) -> Array:
        log_weights = jnp.broadcast_to(log_weight[None, :], (n, n))
        return read(score_stats(scores, log_weights=log_weights, weight=weight, transform=transform))

    ones = jnp.ones(n, scores.dtype)
    found, (as_anchor, as_candidate) = jax.value_and_grad(value, (0, 1))(ones, jnp.zeros_like(ones))
    influence = n * (as_anchor + as_candidate)
    return found + influence - influence.mean()


def mean_and_error(terms: Array) -> tuple[Array, Array]:
    """The mean of row terms and its standard error."""
    return terms.mean(), terms.std() / terms.shape[0] ** 0.5
