"""Information read off critics that were fitted on other rows: every row is held out once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pidjax import bounds
from pidjax._checks import InputError, one_of
from pidjax.bounds import ScoreStats, score_stats
from pidjax.critics import gaussian, separable
from pidjax.fit import fit
from pidjax.typing import Array, Critic, Params


class Method(NamedTuple):
    """A published estimator: what its critic maximises, and what is read off it afterwards.

    ``critic()`` is the usual critic; ``objective`` and ``read`` are functions of ``ScoreStats`` whose negatives
    are transformed as ``objective_transform`` and ``read_transform`` say; ``over`` is the side that the negatives
    of the reading come from; ``direction`` is what held-out values are, in words.
    """

    critic: Callable[[], Critic]
    objective: Callable[[ScoreStats], Array]
    read: Callable[[ScoreStats], Array]
    direction: str
    objective_transform: Any = "identity"
    read_transform: Any = "identity"
    over: str = "y"


METHODS = {
    "infonce": Method(separable, bounds.infonce, bounds.infonce, "lower bound in expectation, at most log K"),
    "dv": Method(separable, bounds.dv, bounds.dv, "lower bound in the population, biased upwards in finite samples"),
    "nwj": Method(separable, bounds.nwj, bounds.nwj, "lower bound in expectation, heavy-tailed"),
    "js": Method(separable, bounds.js, bounds.plug_in, "no direction", objective_transform="softplus"),
    "smile": Method(separable, bounds.js, bounds.smile, "no direction", "softplus", ("clip", 5.0)),
    "club": Method(
        gaussian, bounds.plug_in, bounds.club, "upper bound where q(y|x) is exact; estimates Jeffreys there"
    ),
    "nce_club": Method(
        separable, bounds.infonce, bounds.nce_club, "no direction; estimates the Jeffreys divergence, at least twice I"
    ),
    "l1out": Method(gaussian, bounds.plug_in, bounds.l1out, "upper bound where q(y|x) is exact", over="x"),
}
"""The published estimators by name."""


class Reading(NamedTuple):
    """A held-out value in nats, its standard error, and each row's share of it (influence), [n]."""

    value: Array
    std_error: Array
    influence: Array


def learned_mi(
    key: Array,
    x: Array,
    y: Array,
    method: str = "infonce",
    *,
    critic: Critic | None = None,
    folds: int = 5,
    line_up: int = 4096,
    **settings: Any,
) -> Reading:
    """Mutual information of x and y by a critic, in nats, never read on pairs it was fitted on.

    The rows are dealt into ``folds`` parts. For each, a critic is fitted on the others but for one eighth, which
    picks the moment to stop, and read on the part; the value is the mean of the readings. So the critic sees
    (folds − 1)/folds · 7/8 of the rows, and all of them are used as evidence.

    Direction: that of ``METHODS[method]``. The standard error is the root of the variance of the rows' influence
    over n: it counts what a row does as an anchor and as a candidate of other anchors, not what it does to the
    critic of the other folds, and not that the critic is imperfect, which shifts the value towards the direction
    of the bound.

    Parameters
    ----------
    key : PRNG key
    x, y : [n, dx], [n, dy]
        Of a scale that a network can digest: standardised, or normal scores.
    method : str
        A name of ``METHODS``.
    critic : Critic, optional
        Another critic than that of the method.
    folds : int
        At least 2.
    line_up : int
        The most rows that are scored against one another in a reading: held-out parts are read in pieces of that
        size at most. InfoNCE cannot exceed its logarithm.
    **settings
        Of ``pidjax.fit.fit``.

    Returns
    -------
    Reading

    Raises
    ------
    ValueError
        Unknown method; fewer than 2 folds, or fewer than 8 rows a fold.
    """
    one_of("method", method, tuple(METHODS))
    how = METHODS[method]
    critic = critic or how.critic()

    def loss(params: Params, rows: tuple[Array, Array]) -> Array:
        return -how.objective(critic.stats(params, *rows, transform=how.objective_transform))

    def read(params: Params, x: Array, y: Array) -> tuple[Array, Array]:
        scores = critic.scores(params, x, y)
        scores = scores if how.over == "y" else scores.T
        return with_influence(lambda stats: how.read(stats), scores, how.read_transform)

    return cross_fit(key, x, y, critic.init, loss, read, folds=folds, line_up=line_up, **settings)


def cross_fit(
    key: Array,
    x: Array,
    y: Array,
    init: Callable[[Array, Array, Array], Params],
    loss: Callable[[Params, tuple[Array, Array]], Array],
    read: Callable[[Params, Array, Array], tuple[Array, Array]],
    *,
    folds: int,
    line_up: int,
    **settings: Any,
) -> Reading:
    """Fit on all parts but one, ``read`` that one, in turn; ``read`` gives a value and each row's influence on it."""
    n = x.shape[0]
    size = n // folds
    if folds < 2 or size < 8:
        raise InputError(f"cross-fitting needs 2 folds of 8 rows or more; found {n} rows and {folds} folds.")
    pieces = -(-size // line_up)
    piece = size // pieces
    watched = max((n - size) // 8, 1)
    deal, start = jax.random.split(key)
    order = jax.random.permutation(deal, n)

    def part(k: Array, key: Array) -> tuple[Array, Array]:
        rows = jnp.roll(order, -k * size)
        held, watch, rest = rows[: pieces * piece], rows[size : size + watched], rows[size + watched :]
        for_init, for_fit = jax.random.split(key)
        params = init(for_init, x[:2], y[:2])
        found = fit(for_fit, loss, params, (x[rest], y[rest]), (x[watch], y[watch]), **settings)
        groups = held.reshape(pieces, piece)
        return jax.lax.map(lambda rows: read(found.params, x[rows], y[rows]), groups)

    keys = jax.random.split(start, folds)
    values, influence = jax.lax.map(lambda a: part(*a), (jnp.arange(folds), keys))
    influence = influence.reshape(-1)
    return Reading(values.mean(), influence.std() / influence.shape[0] ** 0.5, influence)


def with_influence(read: Callable[[ScoreStats], Array], scores: Array, transform: Any) -> tuple[Array, Array]:
    """A bound of square scores, and the infinitesimal jackknife: n ∂value/∂weight of row i, anchor and candidate."""
    n = scores.shape[0]

    def value(weight: Array, log_weight: Array) -> Array:
        log_weights = jnp.broadcast_to(log_weight[None, :], (n, n))
        return read(score_stats(scores, log_weights=log_weights, weight=weight, transform=transform))

    ones = jnp.ones(n, scores.dtype)
    found, (as_anchor, as_candidate) = jax.value_and_grad(value, (0, 1))(ones, jnp.zeros_like(ones))
    influence = n * (as_anchor + as_candidate)
    return found, influence - influence.mean()
