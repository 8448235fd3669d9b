"""The anchored estimator: the Gaussian copula in closed form, what it leaves unsaid by a critic."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from pidjax import bounds
from pidjax.critics import residual
from pidjax.estimators.anchors import anchors, infonce_terms, length
from pidjax.estimators.classical.gaussian import scores
from pidjax.estimators.classical.inputs import paired
from pidjax.estimators.crossfit import FOLDS, WATCHED, Rows, cross_fit, line_ups, mean_and_error, row_terms
from pidjax.fit import fit
from pidjax.math.gaussian import check_rows, information_bias, information_rows
from pidjax.typing import Array, Params

KEPT = 8
"""Canonical variates that the residual sees."""


class Anchored(NamedTuple):
    """Readings of the anchored estimator; terms are values plus the influence of each row.

    Attributes
    ----------
    value, std_error : scalars
        Nats.
    terms : [n]
        Their mean is ``value``.
    infonce, l1out : [n]
        Terms of InfoNCE and of L1Out of the cross-fitted critic, which is the log density ratio where it is right.
    gaussian : scalar
        The part of ``value`` that the Gaussian copula has.
    """

    value: Array
    std_error: Array
    terms: Array
    infonce: Array
    l1out: Array
    gaussian: Array


def anchored_mi(
    key: Array,
    x: Array,
    y: Array,
    *,
    hints: Callable[[Array], tuple[Array, Array]] | None = None,
    folds: int = FOLDS,
    steps: int = 500,
    batch: int = 256,
    learning_rate: Array | float = 6e-3,
    weight_decay: Array | float = 0.05,
) -> Anchored:
    r"""Mutual information by a closed form for the Gaussian copula and a learned residual, in nats.

    .. math:: \hat I = \hat I_{GC} + \frac12 \sum_{sides} [\text{InfoNCE}(f) - \text{InfoNCE}(f_G)]

    with Î_GC = ``copula_mi``, f_G the log density ratio of the Gaussian that fits the normal scores, and f a critic
    that starts from the best of a few in closed form and adds a perceptron's residual. Both InfoNCE are read on the
    same rows, held out from both critics (cross-fitting), with negatives from either side in turn. The logarithm of
    the line-up, which stops InfoNCE, cancels as far as the copula is Gaussian: where it is, f = f_G and the value is
    Î_GC.

    Where f starts is a Gaussian critic of canonical variates of features: coordinates, these by bands of the row's
    length, squares and products (``pidjax.estimators.anchors``). The residual comes in three: it sees the strongest
    variates, the lengths and ``hints``; these and all coordinates; the mean of both. What wins is what does best on an
    eighth of the rows, and f_G unless it is beaten by a standard error.

    Direction: **none**: a difference of lower bounds. Under-fitted critics miss information that is not of the
    Gaussian copula, so mostly the value is too small where that is much and n is little; where the copulas of x or of
    y alone are far from Gaussian, Î_GC itself may be too large, and the residual does not take that back. Unchanged by
    strictly increasing maps of coordinates. Rows are ranked together before they are held out, which moves margins by
    O(1/n). The standard error is that of the rows' terms (see ``learned_mi``).

    Source: the sum is ours; van den Oord et al. 2018 (InfoNCE), Ince et al. 2017 (Gaussian copula), Chernozhukov et
    al. 2018 (cross-fitting).

    Parameters
    ----------
    key : PRNG key
        Also breaks ties.
    x, y : [n, dx], [n, dy]
    hints : callable, optional
        ``hints(rows)``, of indices of rows, are columns [n, k] and [n, m] of all rows, functions of x and of y learned
        from ``rows`` alone and of a scale like theirs, that every residual sees: what is likely to matter, where it
        would be hard to find among many columns.
    folds : int
        At least 2.
    steps, batch, learning_rate, weight_decay
        Of ``pidjax.fit.fit``.

    Returns
    -------
    Anchored

    Raises
    ------
    ValueError
        Not matrices of equally many rows; fewer rows than a Gaussian needs in every fold.
    """
    x, y = paired(x, y)
    (n, dx), dy = x.shape, y.shape[1]
    ties, start = jax.random.split(key)
    x, y = scores(x, y, ties)
    _, shares = information_rows(x, y)
    closed_form = shares - information_bias(n, dx, dy)
    length_x, length_y = length(x), length(y)

    def part(key: Array, rows: Rows) -> tuple[Array, Array, Array]:
        check_rows(x[rows.fit], y[rows.fit])
        f_gaussian, (u, v), (a, c, r) = anchors(x, y, rows)
        a, c = (_first(jnp.where((r > 0)[None], z, 0.0), KEPT) for z in (a, c))
        hint_x, hint_y = hints(rows.fit) if hints else (x[:, :0], y[:, :0])

        def inputs(sees: Array) -> tuple[Array, Array]:
            left = jnp.concatenate([sees * x, hint_x, length_x, a, u], 1)
            return left, jnp.concatenate([sees * y, hint_y, length_y, c, v], 1)

        critic = residual(u.shape[1])

        def loss(params: Params, pairs: tuple[Array, Array]) -> Array:
            return -bounds.infonce(critic.stats(params, *pairs, over="both"))

        def fitted_residual(key: Array, sees: Array) -> Params:
            pairs = inputs(sees)
            for_init, for_fit = jax.random.split(key)
            params = critic.init(for_init, *(z[:2] for z in pairs))
            fit_on, watch_on = (tuple(z[r] for z in pairs) for r in (rows.fit, rows.watch[:WATCHED]))
            found = fit(
                for_fit,
                loss,
                params,
                fit_on,
                watch_on,
                steps=steps,
                batch=batch,
                learning_rate=learning_rate,
                weight_decay=weight_decay,
            )
            return found.params

        sees = jnp.asarray([0.0, 1.0], x.dtype)
        found = jax.lax.map(lambda args: fitted_residual(*args), (jax.random.split(key), sees))

        def tables(r: Array) -> Array:
            """Scores of f_G and of the three candidates, [4, rows, rows]."""

            def scored(params: Params, sees: Array) -> Array:
                left, right = inputs(sees)
                return critic.scores(params, left[r], right[r])

            few, all_ = jax.lax.map(lambda args: scored(*args), (found, sees))
            return jnp.stack([f_gaussian[0][r] @ f_gaussian[1][r].T, few, all_, (few + all_) / 2])

        each = line_ups(tables, rows.watch, lambda found: jax.vmap(infonce_terms)(found).T).T
        gain = each - each[:1]
        best = gain.mean(1).argmax()
        clear = gain[best].mean() > gain[best].std() / rows.watch.shape[0] ** 0.5
        chosen = jnp.where(clear, best, 0)

        def read(tables: Array) -> tuple[Array, Array, Array]:
            held, gaussian = jax.lax.map(infonce_terms, tables[jnp.stack([chosen, jnp.zeros_like(chosen)])])
            return held - gaussian, held, row_terms(bounds.l1out, tables[chosen], over="both")

        return line_ups(tables, rows.held, read)

    gain, infonce, l1out = cross_fit(start, n, folds, part)
    terms = closed_form + gain
    return Anchored(*mean_and_error(terms), terms, infonce, l1out, closed_form.mean())


def _first(x: Array, columns: int) -> Array:
    """The first columns, zeros where there are fewer."""
    return jnp.pad(x[:, :columns], [(0, 0), (0, max(columns - x.shape[1], 0))])
