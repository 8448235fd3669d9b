"""Directions of two sets of features that are alike: canonical correlations, and the reproducible part of one set."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from pidjax.typing import Array


class Canonical(NamedTuple):
    """Canonical variates ``x @ x_weights`` and ``y @ y_weights``, of unit variance (but for the ridge).

    Attributes
    ----------
    x_weights : [d, d]
    y_weights : [e, e]
        Column i of one belongs to column i of the other, in falling order of correlation; columns beyond the
        smaller of d and e are uncorrelated with all of the other side.
    correlation : [min(d, e)]
    """

    x_weights: Array
    y_weights: Array
    correlation: Array


def canonical(x: Array, y: Array, *, ridge: float = 0.0) -> Canonical:
    r"""Canonical correlation analysis: pairs of directions, each uncorrelated with all others, that are most alike.

    .. math:: C_{xx}^{-1/2} C_{xy} C_{yy}^{-1/2} = U \operatorname{diag}(\rho) V^T, \qquad
              W_x = C_{xx}^{-1/2} U, \quad W_y = C_{yy}^{-1/2} V

    Of Gaussians :math:`-\frac12 \sum \ln(1 - \rho_i^2)` is their mutual information in nats.

    Parameters
    ----------
    x : [n, d]
    y : [n, e]
        Rows belong together; means are removed.
    ridge : float
        Share of every covariance that is replaced by its mean variance: 0 where n is many times d and e.

    References
    ----------
    Hotelling (1936), Relations between two sets of variates; Vinod (1976) for the ridge.
    """
    x, y = _centred(x), _centred(y)
    root_x, root_y = (_inverse_root(_covariance(z, ridge)) for z in (x, y))
    u, rho, vt = jnp.linalg.svd(root_x @ (x.T @ y / x.shape[0]) @ root_y, full_matrices=False)
    return Canonical(root_x @ _completed(u), root_y @ _completed(vt.T), rho)


def reproducible(first: Array, second: Array, *, ridge: float = 0.0) -> tuple[Array, Array]:
    r"""Directions of features that two measurements of the same thing agree on, and how well.

    .. math:: \max_w \frac{w^T (C_{12} + C_{21}) w}{w^T (C_{11} + C_{22}) w}

    The quotient is the reliability of one half: 1 where both are the same, 0 where they share nothing.

    Parameters
    ----------
    first, second : [n, d]
        The same features, from halves of a trial whose noise is independent.
    ridge : float
        As in ``canonical``.

    Returns
    -------
    weights : [d, d]
        Columns in falling order of reliability, each of unit variance (but for the ridge).
    reliability : [d]
    """
    first, second = _centred(first), _centred(second)
    cross = first.T @ second / first.shape[0]
    root = _inverse_root((_covariance(first, ridge) + _covariance(second, ridge)) / 2)
    reliability, u = jnp.linalg.eigh(root @ ((cross + cross.T) / 2) @ root)
    return root @ u[:, ::-1], reliability[::-1]


def _completed(u: Array) -> Array:
    """Orthonormal columns and a basis, any, of what is orthogonal to them; no gradient goes through its choice."""
    whole, _ = jnp.linalg.qr(jax.lax.stop_gradient(u), mode="complete")
    return jnp.concatenate([u, whole[:, u.shape[1] :]], axis=1)


def _centred(x: Array) -> Array:
    x = jnp.asarray(x)
    return x - x.mean(0, keepdims=True)


def _covariance(x: Array, ridge: float) -> Array:
    c = x.T @ x / x.shape[0]
    return (1 - ridge) * c + ridge * jnp.trace(c) / len(c) * jnp.eye(len(c))


def _inverse_root(c: Array) -> Array:
    value, vector = jnp.linalg.eigh(c)
    return (vector / jnp.sqrt(jnp.maximum(value, 1e-6 * value[-1]))[None]) @ vector.T
