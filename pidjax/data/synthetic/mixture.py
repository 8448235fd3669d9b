"""Mixtures of Gaussians: any dependence, an exact log-ratio, and the truth by drawing from it."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from pidjax._checks import InputError
from pidjax.data.synthetic.gaussian import cholesky
from pidjax.data.synthetic.monte_carlo import monte_carlo_mi
from pidjax.data.synthetic.task import Task, at_least, checked
from pidjax.typing import Array


def mixture(
    weights: np.typing.ArrayLike,
    means: np.typing.ArrayLike,
    covariances: np.typing.ArrayLike,
    dx: int,
    *,
    name: str | None = None,
    error: float = 1e-3,
) -> Task:
    r"""(X, Y) drawn from one of k joint Gaussians; which one is not told.

    .. math:: \log r(x, y) = \log \sum_k w_k N(x, y; \mu_k, \Sigma_k)
              - \log \sum_k w_k N(x; \mu_k^x, \Sigma_k^x) - \log \sum_k w_k N(y; \mu_k^y, \Sigma_k^y)

    The truth is the mean of log r over draws with a fixed key, made here.

    Parameters
    ----------
    weights : [k]
        Positive; scaled to sum to 1.
    means : [k, dx + dy]
    covariances : [k, dx + dy, dx + dy]
        Each symmetric and positive definite.
    dx : int
        The first ``dx`` coordinates are X, the others Y.
    name : str, optional
    error : float
        Standard error of the truth to reach, nats; see ``monte_carlo_mi``.

    Returns
    -------
    Task
        x [n, dx], y [n, dy]; ``truth_error`` says what was reached.

    Raises
    ------
    InputError
        Shapes that do not fit, weights not positive, a covariance not positive definite, no coordinate for Y.

    References
    ----------
    Czyż et al. 2024 (On the Properties and Estimation of Pointwise Mutual Information Profiles), Sec. 3.
    """
    weights, means, covariances = (np.asarray(v, float) for v in (weights, means, covariances))
    if means.ndim != 2 or weights.shape != means.shape[:1] or covariances.shape != (*means.shape, means.shape[-1]):
        raise InputError(
            "a mixture takes weights [k], means [k, d] and covariances [k, d, d]; "
            f"found shapes {weights.shape}, {means.shape} and {covariances.shape}."
        )
    if not (weights > 0).all() or not np.isfinite(weights).all() or not np.isfinite(means).all():
        raise InputError("weights of a mixture must be positive, and they and the means finite.")
    k, d = means.shape
    if at_least("dx", dx, 1) >= d:
        raise InputError(f"dx must leave at least one coordinate for Y; found {dx} of {d}.")
    mixing = np.stack([cholesky(f"covariances[{i}]", c) for i, c in enumerate(covariances)])
    log_weights = np.log(weights / weights.sum())
    centres, roots = np.asarray(means, np.float32), np.asarray(mixing, np.float32)
    logits = np.asarray(log_weights, np.float32)

    @checked
    def sample(key: Array, n: int) -> tuple[Array, Array]:
        for_component, for_noise = jax.random.split(key)
        component = jax.random.categorical(for_component, logits, shape=(n,))
        noise = jax.random.normal(for_noise, (n, d), jnp.float32)
        # every component of every row, then one chosen: k products of [n, d] against n gathered matrices [d, d]
        all_k = jnp.einsum("nj,kij->kni", noise, roots, precision="highest") + centres[:, None]
        z = jnp.take_along_axis(all_k, component[None, :, None], 0)[0]
        return z[:, :dx], z[:, dx:]

    joint = _log_density(log_weights, means, covariances)
    of_x = _log_density(log_weights, means[:, :dx], covariances[:, :dx, :dx])
    of_y = _log_density(log_weights, means[:, dx:], covariances[:, dx:, dx:])

    def log_ratio(x: Array, y: Array) -> Array:
        return joint(jnp.concatenate([x, y], 1)) - of_x(x) - of_y(y)

    truth, reached = monte_carlo_mi(sample, log_ratio, error)
    return Task(name or f"Mixture of {k}, {dx}x{d - dx}", sample, truth, reached, log_ratio=log_ratio)


def _log_density(log_weights: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> Callable[[Array], Array]:
    """log Σ_k w_k N(z; μ_k, Σ_k) as a function of z [n, d], from inverse roots in double precision."""
    roots = np.linalg.cholesky(covariances)
    log_peaks = (
        log_weights - np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(1) - means.shape[1] / 2 * math.log(2 * math.pi)
    )
    whiten, centres, peaks = (np.asarray(v, np.float32) for v in (np.linalg.inv(roots), means, log_peaks))

    def log_density(z: Array) -> Array:
        white = jnp.einsum("knj,kij->kni", z[None] - centres[:, None], whiten, precision="highest")
        return jax.nn.logsumexp(peaks[:, None] - 0.5 * (white**2).sum(2), axis=0)

    return log_density
