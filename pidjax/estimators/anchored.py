"""The anchored estimator: the Gaussian copula in closed form, what it leaves unsaid by a critic."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from pidjax import bounds
from pidjax.critics import residual
from pidjax.estimators.classical.gaussian import deflated, scores
from pidjax.estimators.classical.inputs import paired
from pidjax.estimators.crossfit import FOLDS, Rows, cross_fit, line_ups, mean_and_error, row_terms
from pidjax.fit import fit
from pidjax.math.gaussian import canonical, check_rows, information_bias, information_rows
from pidjax.math.ranks import normal_scores
from pidjax.typing import Array, Params

BANDS = (1, 2, 4)
"""Into how many bands of length the linear anchors divide rows; those that fit the data best win."""
KEPT = 8
"""Canonical variates that the residual sees."""
SLACK = 1.05
"""Times the edge that a canonical correlation must reach: banded columns have longer tails than a normal."""


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
    folds: int = FOLDS,
    steps: int = 500,
    batch: int = 256,
    learning_rate: Array | float = 2e-3,
    weight_decay: Array | float = 0.05,
) -> Anchored:
    r"""Mutual information by a closed form for the Gaussian copula and a learned residual, in nats.

    .. math:: \hat I = \hat I_{GC} + \frac12 \sum_{sides} [\text{InfoNCE}(f) - \text{InfoNCE}(f_G)]

    with Î_GC = ``copula_mi``, f_G the log density ratio of the Gaussian that fits the normal scores, and f a critic
    that starts from the best of a few linear ones and adds a perceptron's residual. Both InfoNCE are read on the
    same rows, held out from both critics (cross-fitting), with negatives from either side in turn. The logarithm of
    the line-up, which stops InfoNCE, cancels as far as the copula is Gaussian: where it is, f = f_G and the value is
    Î_GC.

    The linear critics are Gaussian critics of canonical variates of b_k(|x|) x: coordinates weighed by in which of
    1, 2 or 4 bands the row's length lies. Dependence that turns, grows or changes sign with amplitude is linear in
    them. The residual comes in three: it sees the strongest variates and the length; these and all coordinates; the
    mean of both. What wins is what does best on an eighth of the rows, and f_G unless it is beaten by a standard error.

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
    length_x, length_y = _length(x), _length(y)

    def part(key: Array, rows: Rows) -> tuple[Array, Array, Array]:
        check_rows(x[rows.fit], y[rows.fit])
        bands = [k for k in BANDS if k == 1 or 8 * k * (dx + dy) < rows.fit.shape[0]]
        linear = [_linear(_banded(x, length_x, k), _banded(y, length_y, k), rows.fit) for k in bands]
        width = max(u.shape[1] for u, *_ in linear)
        linear = [(_padded(u, width), _padded(v, width), a, c) for u, v, a, c in linear]

        def watched(u: Array, v: Array) -> Array:
            return line_ups(lambda r: u[r] @ v[r].T, rows.watch, _infonce).mean()

        value = jnp.stack([watched(u, v) for u, v, *_ in linear])
        u, v, a, c = jax.tree.map(lambda *parts: jnp.stack(parts)[value.argmax()], *linear)
        inputs = [
            (jnp.concatenate([a, length_x, u], 1), jnp.concatenate([c, length_y, v], 1)),
            (jnp.concatenate([x, length_x, a, u], 1), jnp.concatenate([y, length_y, c, v], 1)),
        ]
        critic = residual(width)

        def loss(params: Params, pairs: tuple[Array, Array]) -> Array:
            return -bounds.infonce(critic.stats(params, *pairs, over="both"))

        def fitted_residual(key: Array, pairs: tuple[Array, Array]) -> Params:
            for_init, for_fit = jax.random.split(key)
            params = critic.init(for_init, *(z[:2] for z in pairs))
            fit_on, watch_on = (tuple(z[r] for z in pairs) for r in (rows.fit, rows.watch))
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

        found = [fitted_residual(k, pairs) for k, pairs in zip(jax.random.split(key), inputs, strict=True)]
        gaussian_u, gaussian_v = linear[0][:2]

        def tables(r: Array) -> Array:
            """Scores of f_G and of the three candidates, [4, rows, rows]."""
            few, all_ = (critic.scores(p, a[r], c[r]) for p, (a, c) in zip(found, inputs, strict=True))
            return jnp.stack([gaussian_u[r] @ gaussian_v[r].T, few, all_, (few + all_) / 2])

        each = line_ups(tables, rows.watch, lambda found: jax.vmap(_infonce)(found).T).T
        gain = each - each[:1]
        best = gain.mean(1).argmax()
        clear = gain[best].mean() > gain[best].std() / rows.watch.shape[0] ** 0.5
        chosen = jnp.where(clear, best, 0)

        def read(tables: Array) -> tuple[Array, Array, Array]:
            f = tables[chosen]
            held, gaussian = (row_terms(bounds.infonce, s, over="both") for s in (f, tables[0]))
            return held - gaussian, held, row_terms(bounds.l1out, f, over="both")

        return line_ups(tables, rows.held, read)

    gain, infonce, l1out = cross_fit(start, n, folds, part)
    terms = closed_form + gain
    return Anchored(*mean_and_error(terms), terms, infonce, l1out, closed_form.mean())


def _length(x: Array) -> Array:
    """Normal scores of the rows' lengths, [n, 1]."""
    return normal_scores(jnp.linalg.norm(x, axis=1, keepdims=True))


def _banded(x: Array, length: Array, bands: int) -> Array:
    """x times how much its row belongs to each band of length, [n, bands d]; Gaussian bumps that sum to 1."""
    if bands == 1:
        return x
    centres = jnp.linspace(-2.2, 2.2, bands)
    bumps = jax.nn.softmax(-(((length - centres[None]) / (centres[1] - centres[0])) ** 2) / 2, axis=1)
    return (bumps[:, :, None] * x[:, None, :]).reshape(x.shape[0], -1)


def _linear(x: Array, y: Array, rows: Array) -> tuple[Array, Array, Array, Array]:
    """(u, v, a, c): u · v is the log density ratio of the Gaussian fitted to some rows; the strongest variates.

    With canonical variates a_i, c_i of correlation r_i it is
    Σ_i [r_i a_i c_i − r_i² (a_i² + c_i²) / 2] / (1 − r_i²), up to a constant.
    """
    pairs = canonical(x[rows], y[rows])
    r = deflated(pairs.r, rows.shape[0], x.shape[1], y.shape[1], SLACK)[0]
    a, c = (x - pairs.x_mean[None]) @ pairs.x_weights, (y - pairs.y_mean[None]) @ pairs.y_weights
    rest = jnp.maximum(1 - r**2, jnp.finfo(r.dtype).eps)
    square = r**2 / rest / 2
    u0, v0 = (-(z**2 @ square)[:, None] for z in (a, c))
    one = jnp.ones_like(u0)
    u, v = jnp.concatenate([a * (r / rest)[None], u0, one], 1), jnp.concatenate([c, one, v0], 1)
    a, c = (_padded(jnp.where((r > 0)[None], z, 0.0)[:, :KEPT], KEPT) for z in (a, c))
    return u, v, a, c


def _padded(x: Array, width: int) -> Array:
    return jnp.pad(x, [(0, 0), (0, width - x.shape[1])])


def _infonce(scores: Array) -> Array:
    """InfoNCE of each pair of a square table, both sides' mean, [n]."""
    own = jnp.diagonal(scores)
    return own - (jax.nn.logsumexp(scores, 1) + jax.nn.logsumexp(scores, 0)) / 2 + jnp.log(scores.shape[0])
