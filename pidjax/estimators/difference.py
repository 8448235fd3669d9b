"""Conditional information of partial residuals: the chain rule on the same rows, and conditional InfoNCE."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pidjax.critics import gaussian
from pidjax.estimators.anchored import anchored_mi
from pidjax.estimators.anchors import ROWS_A_COLUMN, squared, variates
from pidjax.estimators.classical.inputs import paired
from pidjax.estimators.crossfit import mean_and_error
from pidjax.estimators.learned import Reading, learned_mi
from pidjax.math.gaussian import regressed
from pidjax.math.ranks import normal_scores
from pidjax.typing import Array

DIRECTIONS = 4
"""Directions of z that are hinted at, beside one for every column of x and y."""
CLEAR = 0.98
"""Share of the variance left by values below which that left by scores must lie."""
Triple = tuple[Array, Array, Array]


class Difference(NamedTuple):
    """Conditional information, and the two informations it is the difference of.

    Attributes
    ----------
    value, std_error : scalars
        Nats.
    terms : [n]
        Their mean is ``value``: row by row, what all of (y, z) says of x less what z alone says.
    whole, part : scalars
        I(x; y, z) and I(x; z) of partial residuals x and y, as read.
    """

    value: Array
    std_error: Array
    terms: Array
    whole: Array
    part: Array


def difference_cmi(
    key: Array,
    x: Array,
    y: Array,
    z: Array,
    ranked: Triple | None = None,
    *,
    method: str | None = None,
    **settings: Any,
) -> Difference:
    r"""Conditional mutual information as a difference of informations, in nats.

    .. math:: I(X; Y | Z) = I(X'; Y', Z) - I(X'; Y^*, Z), \quad X' = X - a(Z), \; Y' = Y - b(Z)

    with a and b linear regressions on z: given z they only shift x and y, so nothing is lost, and what z says
    linearly is gone from both terms (all of it, for linear models with independent noise). Where normal scores of a
    column are clearly better regressed on those of z than its values on values, X' or Y' is what is left of the scores,
    which given z are as good as the column. Y* are the rows of Y' in another order, which say nothing: the second term
    is I(X'; Z), by an estimator that has as many inputs as the first. Both are read with the same folds, rows and
    negatives, so that noise and much of the bias cancel; the standard error is that of the differences row by row.

    ``anchored_mi`` is hinted at X', Y' and the few directions of z that are most correlated with x, y, their squares
    and products: of many columns of z mostly a few matter, and a network finds them late.

    Direction: **none**, also where the estimator is a bound: a difference of two bounds is none. Where I(X'; Z) is
    beyond what the estimator can see, both terms saturate and the difference goes to 0.

    Source: Mukherjee, Asnani & Kannan 2020 (CCMI), Sec. 3 (the difference); the partial residuals are ours.

    Parameters
    ----------
    key : PRNG key
        Splits the rows, alike for both terms, and breaks ties.
    x, y, z : [n, dx], [n, dy], [n, dz]
    ranked : three such arrays, optional
        Normal scores of x, y and z, where those are of more digits than float32 holds.
    method : str, optional
        A name of ``METHODS``, read by ``learned_mi``; ``anchored_mi`` when None.
    **settings
        Of ``learned_mi`` or ``anchored_mi``.

    Returns
    -------
    Difference

    Raises
    ------
    ValueError
        Not matrices of equally many rows; whatever the reading raises.
    """
    x, y, z = paired(x, y, z)
    ranked = ranked or triple_scores(key, x, y, z)
    x, y, z = residuals(key, x, y, z, ranked)
    both = jnp.concatenate(ranked[:2], 1)

    def reading(y: Array) -> Any:
        yz = jnp.concatenate([y, z], 1)
        if method is not None:
            return learned_mi(key, x, yz, method, **settings)

        def hints(rows: Array) -> tuple[Array, Array]:
            return x, jnp.concatenate([y, directions(z, both, rows)], 1)

        return anchored_mi(key, x, yz, hints=hints, **settings)

    shuffled = jax.random.permutation(jax.random.fold_in(key, 3), y)
    found = jax.lax.map(reading, jnp.stack([y, shuffled]))
    terms = found.terms[0] - found.terms[1]
    return Difference(*mean_and_error(terms), terms, *found.value)


def conditional_infonce_cmi(
    key: Array, x: Array, y: Array, z: Array, ranked: Triple | None = None, **settings: Any
) -> Reading:
    r"""InfoNCE of f([x, z], y) with negatives from a fitted p(y | z), in nats.

    The fitted law is a linear regression on z, of values or of normal scores, whose residuals y' are drawn anew,
    whatever z. Of residuals that is a line-up of the batch, so this is ``learned_mi`` of ([x', z], y'): no draw is
    made twice, and each of n/folds rows is a negative of the others.

    Direction: **lower** bound in expectation of I(X; Y | Z) + I(Y'; Z), and the second is what the regression leaves:
    0 for linear models with independent noise. ``difference_cmi`` takes it off.

    Parameters
    ----------
    key, x, y, z, ranked
        As for ``difference_cmi``.
    **settings
        Of ``learned_mi``. Without a ``critic`` it is log q(y' | x', z), q a Gaussian about an affine mean, fitted at a
        learning rate of 0.01: it sees distances of y' however small, where a perceptron of few rows or many columns
        of z does not, and sees no other dependence.

    Returns
    -------
    Reading
    """
    x, y, z = residuals(key, x, y, z, ranked or triple_scores(key, x, y, z))
    if "critic" not in settings:
        settings = {"critic": gaussian(), "learning_rate": 1e-2, **settings}
    return learned_mi(key, jnp.concatenate([x, z], 1), y, "infonce", **settings)


def residuals(key: Array, x: Array, y: Array, z: Array, ranked: Triple) -> Triple:
    """Normal scores of what linear regression on z leaves of x and of y, and those of z.

    A column is regressed on z by values, unless its normal scores (``ranked``) leave clearly less of it: scores are
    off by some 0.03 deviations, which is much where the noise is small.
    """
    *_, z_scores = ranked

    def left(key: Array, w: Array, w_scores: Array) -> Array:
        linear, monotone = regressed(w, z), regressed(w_scores, z_scores)
        return normal_scores(jnp.where((monotone.var(0) < CLEAR * linear.var(0))[None], monotone, linear), key)

    for_x, for_y = jax.random.split(jax.random.fold_in(key, 2))
    return left(for_x, x, ranked[0]), left(for_y, y, ranked[1]), z_scores


def directions(z: Array, both: Array, rows: Array) -> Array:
    """Directions of z, most correlated with [x, y], squares and products in some rows; 0 for such as may be chance.

    As many as [x, y] has columns, for what is linear, and ``DIRECTIONS`` more.
    """
    features = squared(both)
    if ROWS_A_COLUMN * (features.shape[1] + z.shape[1]) >= rows.shape[0]:
        features = both
    found = variates(features, z, rows)
    return jnp.where((found.r > 0)[None], found.c, 0)[:, : both.shape[1] + DIRECTIONS]


def triple_scores(key: Array, *arrays: Array) -> Triple:
    """Normal scores of x, y and z, ties of each broken apart from the others'."""
    x, y, z = (
        normal_scores(w, k) for w, k in zip(arrays, jax.random.split(jax.random.fold_in(key, 4), 3), strict=True)
    )
    return x, y, z
