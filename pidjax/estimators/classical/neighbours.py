"""Mutual information from nearest neighbours, after Kraskov, Stögbauer and Grassberger."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import digamma as host_digamma

from pidjax._checks import InputError, one_of
from pidjax.estimators.classical.gaussian import scores
from pidjax.estimators.classical.inputs import Nats, paired
from pidjax.math.gaussian import standardise
from pidjax.math.neighbours import check_k, count_closer, kth_distance
from pidjax.math.ranks import normal_scores, student_scores
from pidjax.typing import Array


def ksg_mi(x: Array, y: Array, k: int = 5, *, margins: str = "normal", key: Array | None = None) -> Nats:
    r"""Mutual information from the distances to nearest neighbours, in nats: the first estimator of KSG.

    .. math:: \hat I = \psi(k) + \psi(n) - \frac1n \sum_i [\psi(n_x(i) + 1) + \psi(n_y(i) + 1)]

    with n_x(i) the number of other points whose x is strictly closer to x_i than the k-th neighbour in (x, y) is,
    all under Chebyshev.

    Direction: **none**. Converges to the information of any law with a smooth density; at a given n the bias is
    towards 0 and grows with the information and the dimension: trust it up to about 4 dimensions in all. Small k
    has less bias and more variance. At independence it is nearly unbiased, hence negative half of the time.

    The standard error is the deviation of the n terms of the mean over √n. Neighbours share their terms' luck, so it
    is too small, by a fifth to a third; and the bias is not in it.

    Data must be continuous. Where k + 1 points coincide, the terms stay finite and mean nothing; coordinates that
    are rounded, or discrete, are served by a key: ties broken at random neither add information nor lose any.

    Source: Kraskov, Stögbauer & Grassberger 2004, Eq. 8.

    Parameters
    ----------
    x : [n, dx]
    y : [n, dy]
    k : int
        Neighbours, 1 to n - 1.
    margins : "normal" | "standard"
        What distances are taken of. "normal": normal scores of every coordinate, so that neither heavy tails nor
        monotone maps matter (the information is unchanged). "standard": coordinates less their mean, over their
        deviation.
    key : PRNG key, optional
        Breaks ties at random; for ``margins="normal"``.

    Returns
    -------
    Nats(value, std_error)

    Raises
    ------
    ValueError
        Not matrices of equally many rows; k without that many neighbours; unknown margins.
    """
    return _nats(ksg_terms(x, y, k, margins=margins, key=key))


def ksg_terms(x: Array, y: Array, k: int = 5, *, margins: str = "normal", key: Array | None = None) -> Array:
    """The n terms whose mean is ``ksg_mi``, [n]."""
    x, y = paired(x, y)
    one_of("margins", margins, ("normal", "standard"))
    check_k(k, x.shape[0])
    return _ksg(*(scores(x, y, key) if margins == "normal" else (standardise(x), standardise(y))), k)


def frenzel_pompe_cmi(
    x: Array, y: Array, z: Array, k: int = 5, *, margins: str = "normal", key: Array | None = None
) -> Nats:
    r"""Conditional mutual information from the distances to nearest neighbours, in nats.

    .. math:: \hat I = \psi(k) + \frac1n \sum_i [\psi(n_z(i) + 1) - \psi(n_{xz}(i) + 1) - \psi(n_{yz}(i) + 1)]

    with n_w(i) the number of other points whose w is strictly closer to w_i than the k-th neighbour in (x, y, z) is,
    all under Chebyshev.

    Direction: **none**. Converges for smooth densities; at a given n the bias is towards 0 and grows with the
    dimensions: trust it up to about 4 in all. Standard error and ``margins`` as for ``ksg_mi``.

    Source: Frenzel & Pompe 2007, Eq. 8.

    Parameters
    ----------
    x, y, z : [n, dx], [n, dy], [n, dz]
    k : int
        Neighbours, 1 to n - 1.
    margins, key
        As for ``ksg_mi``.

    Returns
    -------
    Nats(value, std_error)

    Raises
    ------
    ValueError
        Not matrices of equally many rows; k without that many neighbours; unknown margins.
    """
    x, y, z = paired(x, y, z)
    one_of("margins", margins, ("normal", "standard"))
    n = x.shape[0]
    check_k(k, n)
    keys = [None] * 3 if key is None else list(jax.random.split(key, 3))
    x, y, z = (
        normal_scores(w, for_w) if margins == "normal" else standardise(w)
        for w, for_w in zip((x, y, z), keys, strict=True)
    )
    xz, yz = jnp.concatenate([x, z], axis=1), jnp.concatenate([y, z], axis=1)
    distance = kth_distance(jnp.concatenate([x, yz], axis=1), k)
    of_z, of_xz, of_yz = (_digamma(count_closer(w, distance) + 1, n) for w in (z, xz, yz))
    return _nats(float(host_digamma(k)) + of_z - of_xz - of_yz)


def radial_ksg_mi(x: Array, y: Array, k: int = 10, *, dof: float | None = None, key: Array | None = None) -> Nats:
    r"""Mutual information of the lengths of x and y, in nats: ``ksg_mi`` of the normal scores of two radii.

    A radius is the Euclidean length of a row, by default after its coordinates lost their medians and were divided
    by their median absolute deviations, which heavy tails do not move. With ``dof`` every coordinate is given
    Student-t margins first, rank by rank, so that monotone maps of coordinates do not matter.

    Direction: **none** at a given n; converges to I(|x|; |y|), a **lower** bound of the information (radii are
    functions of x and y), and all of it where x and y depend on each other through their lengths alone: joint
    elliptical laws whose dispersion is the same for all coordinates and without correlations, such as Student-t
    vectors, scale mixtures, amplitudes with independent phases.

    Standard error as for ``ksg_mi``.

    Source: Kraskov, Stögbauer & Grassberger 2004, Eq. 8, applied to radii.

    Parameters
    ----------
    x : [n, dx]
    y : [n, dy]
    k : int
        Neighbours, 1 to n - 1.
    dof : float, optional
        Degrees of freedom of the margins; ``math.inf`` for normal ones.
    key : PRNG key, optional
        Breaks ties at random: of lengths, or with ``dof`` of coordinates.

    Returns
    -------
    Nats(value, std_error)

    Raises
    ------
    ValueError
        Not matrices of equally many rows; k without that many neighbours; ``dof`` that is not positive.
    """
    x, y = paired(x, y)
    check_k(k, x.shape[0])
    if dof is None:
        return _nats(_ksg(*scores(radius(x), radius(y), key), k))
    return _nats(radial_terms(x, y, k, dof=(dof,), key=key)[0])


def radial_terms(x: Array, y: Array, k: int = 10, *, dof: Sequence[float], key: Array | None = None) -> Array:
    """The n terms whose mean is ``radial_ksg_mi``, for several degrees of freedom, [len(dof), n]."""
    if not all(d > 0 for d in dof):
        raise InputError(f"dof must be positive; found {', '.join(map(str, dof))}.")
    x, y = paired(x, y)
    check_k(k, x.shape[0])
    for_x, for_y = (None, None) if key is None else jax.random.split(key)

    def lengths(z: Array, key: Array | None) -> Array:
        return jnp.stack([jnp.linalg.norm(student_scores(z, d, key), axis=1, keepdims=True) for d in dof])

    def terms(pair: tuple[Array, Array]) -> Array:
        return _ksg(normal_scores(pair[0]), normal_scores(pair[1]), k)

    return jax.lax.map(terms, (lengths(x, for_x), lengths(y, for_y)))


def _ksg(x: Array, y: Array, k: int) -> Array:
    n = x.shape[0]
    distance = kth_distance(jnp.concatenate([x, y], axis=1), k)
    terms = _digamma(count_closer(x, distance) + 1, n) + _digamma(count_closer(y, distance) + 1, n)
    constant = float(host_digamma(k) + host_digamma(n))
    return constant - terms


def _nats(terms: Array) -> Nats:
    return Nats(terms.mean(), terms.std() / np.sqrt(terms.shape[0]))


def _digamma(m: Array, n: int) -> Array:
    """ψ of whole numbers from 1 to n, out of a table in float64 on the host."""
    return jnp.asarray(host_digamma(np.arange(1, n + 1)), jnp.result_type(float))[m - 1]


def radius(x: Array) -> Array:
    """Lengths of rows, [n, 1], in robust units; a coordinate without spread is left out."""
    xp = np if isinstance(x, np.ndarray) else jnp  # float64 on the host until offset and scale are gone
    x = x - xp.median(x, axis=0, keepdims=True)
    spread = xp.median(abs(x), axis=0, keepdims=True)
    x = xp.where(spread > 0, x / xp.where(spread > 0, spread, 1), 0)
    largest = abs(x).max(axis=1, keepdims=True)  # squares of heavy tails would overflow
    return largest * xp.linalg.norm(x / xp.where(largest > 0, largest, 1), axis=1, keepdims=True)
