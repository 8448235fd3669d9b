"""Negatives that share their anchor's condition, as ``log_weights`` of a batch: groups, kernels, neighbours, ridge."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.bounds.club import l1out
from pidjax.bounds.infonce import infonce
from pidjax.bounds.stats import ScoreStats, score_stats
from pidjax.typing import Array


def same_group(groups: Array) -> Array:
    """Negatives of an anchor are the rows of its own group: log_weights 0 there and -inf elsewhere, [n, n].

    Rows alone in their group have no negative: give them weight 0 (under ``jit`` they get it).

    Parameters
    ----------
    groups : [n] integer or bool
        A discrete condition.

    Raises
    ------
    ValueError
        Not a vector.
    TypeError
        Not integers.
    """
    groups = jnp.asarray(groups)
    if groups.ndim != 1:
        raise InputError(f"groups must be one label a row, [n]; found shape {groups.shape}.")
    if not (jnp.issubdtype(groups.dtype, jnp.integer) or groups.dtype == bool):
        raise TypeError(f"groups must be integer labels; found {groups.dtype}.")
    return jnp.where(groups[:, None] == groups[None, :], 0.0, -jnp.inf)


def near(z: Array, bandwidth: float | None = None) -> Array:
    r"""Negatives weigh as much as their condition is near: log_weights −|z_i − z_j|² / (2 h²), [n, n].

    What contrasts with such negatives is about the information that is left when the condition is known to within h:
    between I(X; Y | Z) (h → 0) and I(X, Z; Y) (h → ∞). ``effective_negatives`` says how many are left.

    Parameters
    ----------
    z : [n, dz]
        Columns of comparable scale.
    bandwidth : float, optional
        h; the median distance between different rows when None.

    Raises
    ------
    ValueError
        Not a matrix; a bandwidth that is not positive.
    """
    z = jnp.asarray(z)
    if z.ndim != 2:
        raise InputError(f"z must be a matrix [n, dz]; found shape {z.shape}.")
    if bandwidth is not None and not bandwidth > 0:
        raise InputError(f"bandwidth must be positive; found {bandwidth}.")
    square = _squared_distances(z)
    scale = jnp.median(square) if bandwidth is None else bandwidth**2
    return -square / (2 * scale)


def nearest(z: Array, k: int) -> Array:
    """Negatives are the k rows whose condition is nearest (Euclidean), and ties: log_weights 0, -inf elsewhere, [n, n].

    Raises
    ------
    ValueError
        Not a matrix; k not between 1 and n − 1.
    """
    z = jnp.asarray(z)
    if z.ndim != 2 or not 1 <= k < z.shape[0]:
        raise InputError(f"z must be a matrix [n, dz] and k from 1 to n - 1; found shape {z.shape} and k = {k}.")
    square = jnp.where(jnp.eye(z.shape[0], dtype=bool), jnp.inf, _squared_distances(z))
    farthest = -jax.lax.top_k(-square, k)[0][:, -1:]
    return jnp.where(square <= farthest, 0.0, -jnp.inf)


def ridge(gram: Array, regularisation: float) -> Array:
    r"""Negatives weigh as kernel ridge regression on the condition weighs them: the weights of a conditional mean.

    .. math:: W = (G + λ I)^{-1} G

    of the symmetrised G; own index left out, negative weights set to 0, rows scaled to sum n − 1. So a conditional
    mean of positive numbers is positive: with the weights as they come, E[exp f | z] is negative for some rows and
    its logarithm NaN, and the positive is its own negative.

    Source: Liang et al. 2023 (FactorCL), App. C.2.1, after Tsai et al. 2022; the clipping is ours.

    Parameters
    ----------
    gram : [n, n]
        k(z_i, z_j), positive semi-definite.
    regularisation : float
        λ > 0. The larger, the closer to equal weights of similar rows; a value of Eqs. 70 and 71 moves with it, so
        report it.

    Returns
    -------
    log_weights [n, n]
        -inf in a whole row where no other row is similar.

    Raises
    ------
    ValueError
        Not square; λ not positive.
    """
    gram = jnp.asarray(gram)
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or gram.shape[0] < 2:
        raise InputError(f"gram must be a square matrix of 2 rows or more; found shape {gram.shape}.")
    if not regularisation > 0:
        raise InputError(f"regularisation must be positive; found {regularisation}.")
    n = gram.shape[0]
    gram = (gram + gram.T) / 2
    shifted = gram + regularisation * jnp.eye(n, dtype=gram.dtype)
    weights = jax.scipy.linalg.solve(shifted, gram, assume_a="pos")
    weights = jnp.maximum(jnp.where(jnp.eye(n, dtype=bool), 0, (weights + weights.T) / 2), 0)
    total = weights.sum(1, keepdims=True)
    scaled = weights * (n - 1) / jnp.where(total > 0, total, 1)
    return jnp.where(scaled > 0, jnp.log(jnp.where(scaled > 0, scaled, 1)), -jnp.inf)


def effective_negatives(log_weights: Array) -> Array:
    """(Σ w)² / Σ w² of each row, its own index left out, [n]: how many equal negatives would be as many."""
    w = jnp.exp(log_weights)
    w = jnp.where(jnp.eye(w.shape[0], dtype=bool), 0, w)
    square = (w**2).sum(1)
    return w.sum(1) ** 2 / jnp.where(square > 0, square, 1)


def kernel_infonce(scores: Array, gram: Array, regularisation: float) -> Array:
    r"""Conditional InfoNCE with kernel weights, in nats: Eq. 70 of FactorCL, its constant restored.

    .. math:: \frac1n \sum_i \log \frac{e^{f_{ii}}}{e^{f_{ii}} + \sum_j w_{ij} e^{f_{ij}}} + \log n

    Estimates a **lower** bound of I(X; Y | Z) in so far as the weights make negatives draws of p(y | z), which
    depends on n, on the kernel and on λ: **no** direction is certain. f(x, y) that does not see z has a supremum
    below I(X; Y | Z) in general.

    Parameters
    ----------
    scores : [n, n]
        f(x_i, y_j).
    gram, regularisation
        As for ``ridge``.

    Returns
    -------
    scalar, nats
    """
    return infonce(_weighted(scores, gram, regularisation))


def kernel_l1out(scores: Array, gram: Array, regularisation: float) -> Array:
    r"""Conditional leave-one-out with kernel weights, in nats: Eq. 71 of FactorCL.

    .. math:: \frac1n \sum_i \Big[ f_{ii} - \log \frac1{n - 1} \sum_j w_{ij} e^{f_{ij}} \Big]

    Published as a conditional CLUB, which it is not: the logarithm stands outside the mean. With the exact critic
    and exact weights it is I(X; Y | Z) itself, the form of L1Out and DV. **No** direction; moves with λ.

    Parameters
    ----------
    scores, gram, regularisation
        As for ``kernel_infonce``.

    Returns
    -------
    scalar, nats
    """
    return l1out(_weighted(scores, gram, regularisation))


def _weighted(scores: Array, gram: Array, regularisation: float) -> ScoreStats:
    return score_stats(scores, log_weights=ridge(gram, regularisation))


def _squared_distances(z: Array) -> Array:
    """By differences of one coordinate at a time: no cancellation of large squares, no [n, n, dz]."""

    def add(total: Array, column: Array) -> tuple[Array, None]:
        return total + (column[:, None] - column[None, :]) ** 2, None

    return jax.lax.scan(add, jnp.zeros((z.shape[0], z.shape[0]), z.dtype), z.T)[0]
