"""Critics in closed form: Gaussian in canonical variates of features, and which of them fits the data best."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from pidjax import bounds
from pidjax.estimators.classical.gaussian import deflated
from pidjax.estimators.crossfit import Rows, line_ups, row_terms
from pidjax.math.gaussian import canonical
from pidjax.math.ranks import normal_scores
from pidjax.typing import Array

ROWS_A_COLUMN = 16
"""Rows to fit that features need for every column of both sides."""
SLACK = 1.05
"""Times the edge that a canonical correlation must reach: features have longer tails than a normal."""


class Pairs(NamedTuple):
    """Pairs of variates a_i, c_i, [n, m], taken for normal and independent of one another, of correlations r_i, [m]."""

    a: Array
    c: Array
    r: Array


class Anchors(NamedTuple):
    """The Gaussian copula's critic, and the best one; scores are u · v.

    Attributes
    ----------
    gaussian, best : (u, v), [n, m + 2] both
    pairs : Pairs
        Those of the best, with all their correlations.
    """

    gaussian: tuple[Array, Array]
    best: tuple[Array, Array]
    pairs: Pairs


def anchors(x: Array, y: Array, rows: Rows) -> Anchors:
    r"""Gaussian critics of canonical variates; the best by InfoNCE of the watched rows.

    The log density ratio of a Gaussian is a sum over its canonical pairs,

    .. math:: \sum_i [r_i a_i c_i - r_i^2 (a_i^2 + c_i^2) / 2] / (1 - r_i^2),

    and so it is wherever the variates of some features are normal after monotone maps of each, and pairs do not
    depend on one another. Features are: the coordinates; coordinates weighed by in which of 2 or 4 bands the
    row's length lies, in which dependence that turns or grows with amplitude is linear; coordinates, their squares
    and products, of normal and of uniform scores. Variates of all but the plain Gaussian are put to normal scores,
    and the 1, 2, 4, ... strongest pairs are tried, for weak ones often depend on strong ones.

    Parameters
    ----------
    x, y : [n, dx], [n, dy]
        Normal scores.
    rows : Rows
        Canonical variates are fitted to ``rows.fit``; ``rows.watch`` choose.

    Returns
    -------
    Anchors
    """
    plain = variates(x, y, rows.fit)
    families = [plain]
    for features, columns in _FEATURES:
        if ROWS_A_COLUMN * (columns(x.shape[1]) + columns(y.shape[1])) < rows.fit.shape[0]:
            families.append(variates(features(x), features(y), rows.fit))
    width = max(pairs.r.shape[0] for pairs in families)
    raw = jax.tree.map(lambda *of: jnp.stack(of), *(_padded(pairs, width) for pairs in families))
    ranked = jax.vmap(lambda pairs: _scored(pairs, rows.fit))(raw)
    stacked = jax.tree.map(lambda plain, ranked: jnp.concatenate([plain[:1], ranked]), raw, ranked)
    strongest = [2**i for i in range(width.bit_length()) if 2**i < width] + [width]
    tried = [(0, width), *((family, k) for family in range(1, len(families) + 1) for k in strongest)]

    def candidate(family: Array, k: Array) -> tuple[Array, Array]:
        a, c, r = jax.tree.map(lambda z: z[family], stacked)
        return _critic(Pairs(a, c, jnp.where(jnp.arange(width) < k, r, 0)))

    def watched(which: Array) -> Array:
        u, v = candidate(*which)
        return line_ups(lambda r: u[r] @ v[r].T, rows.watch, infonce_terms).mean()

    family, k = jnp.asarray(tried)[jax.lax.map(watched, jnp.asarray(tried)).argmax()]
    return Anchors(_critic(plain), candidate(family, k), jax.tree.map(lambda z: z[family], stacked))


def infonce_terms(scores: Array) -> Array:
    """Terms of InfoNCE of a square table, negatives from either side in turn, [n]."""
    return row_terms(bounds.infonce, scores, over="both")


def length(x: Array) -> Array:
    """Normal scores of the rows' lengths, [n, 1]."""
    return normal_scores(jnp.linalg.norm(x, axis=1, keepdims=True))


def _banded(x: Array, bands: int) -> Array:
    """x times how much its row belongs to each band of length, [n, bands d]; Gaussian bumps that sum to 1."""
    centres = jnp.linspace(-2.2, 2.2, bands)
    bumps = jax.nn.softmax(-(((length(x) - centres[None]) / (centres[1] - centres[0])) ** 2) / 2, axis=1)
    return (bumps[:, :, None] * x[:, None, :]).reshape(x.shape[0], -1)


def squared(x: Array) -> Array:
    """x, its squares and its products, [n, d + d (d + 1) / 2]."""
    i, j = jnp.triu_indices(x.shape[1])
    return jnp.concatenate([x, x[:, i] * x[:, j]], 1)


def _uniform(scores: Array) -> Array:
    """Uniform on (-1, 1) from normal scores."""
    return jax.scipy.special.erf(scores / math.sqrt(2))


_FEATURES: list[tuple[Callable[[Array], Array], Callable[[int], int]]] = [
    (lambda x: _banded(x, 2), lambda d: 2 * d),
    (lambda x: _banded(x, 4), lambda d: 4 * d),
    (squared, lambda d: d * (d + 3) // 2),
    (lambda x: squared(_uniform(x)), lambda d: d * (d + 3) // 2),
]
"""Features of one side, and how many they are of d coordinates."""


def variates(x: Array, y: Array, rows: Array) -> Pairs:
    """Canonical variates, fitted to some rows, of all; their correlations deflated, 0 where they may be chance."""
    found = canonical(x[rows], y[rows])
    r = deflated(found.r, rows.shape[0], x.shape[1], y.shape[1], SLACK)[0]
    return Pairs((x - found.x_mean[None]) @ found.x_weights, (y - found.y_mean[None]) @ found.y_weights, r)


def _scored(pairs: Pairs, rows: Array) -> Pairs:
    """Pairs of normal scores: their correlation in some rows, deflated by the factor that the pair's own was."""
    a, c = normal_scores(pairs.a), normal_scores(pairs.c)
    before, after = _correlations(pairs.a[rows], pairs.c[rows]), _correlations(a[rows], c[rows])
    return Pairs(a, c, jnp.clip(after * pairs.r / jnp.maximum(before, jnp.finfo(a.dtype).tiny), 0, 1))


def _correlations(a: Array, c: Array) -> Array:
    """Of column with column, [m]; 0 where they are negative, or a column is constant."""
    a, c = (z - z.mean(0, keepdims=True) for z in (a, c))
    return jnp.maximum((a * c).mean(0), 0) / jnp.maximum(a.std(0) * c.std(0), jnp.finfo(a.dtype).tiny)


def _critic(pairs: Pairs) -> tuple[Array, Array]:
    """(u, v): u · v is the log density ratio of normal pairs, up to a constant."""
    a, c, r = pairs
    rest = jnp.maximum(1 - r**2, jnp.finfo(r.dtype).eps)
    square = r**2 / rest / 2
    u0, v0 = (-(z**2 @ square)[:, None] for z in (a, c))
    one = jnp.ones_like(u0)
    return jnp.concatenate([a * (r / rest)[None], u0, one], 1), jnp.concatenate([c, one, v0], 1)


def _padded(pairs: Pairs, width: int) -> Pairs:
    """With pairs that are 0."""
    return Pairs(*(jnp.pad(z, [(0, 0)] * (z.ndim - 1) + [(0, width - z.shape[-1])]) for z in pairs))
