"""Jointly Gaussian laws: everything about them is a function of their canonical correlations."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from pidjax._checks import InputError
from pidjax.data.synthetic.task import Task, at_least, checked, inside
from pidjax.typing import Array


def gaussian(r: np.typing.ArrayLike, name: str | None = None) -> Task:
    r"""Pairs (X_i, Y_i) of unit variance and correlation r_i, independent of one another.

    .. math:: I = -\tfrac12 \sum_i \log(1 - r_i^2), \qquad J = \sum_i \frac{r_i^2}{1 - r_i^2}

    Parameters
    ----------
    r : [d]
        Correlations inside (-1, 1); one number makes d = 1.
    name : str, optional

    Returns
    -------
    Task
        x [n, d], y [n, d]; truth and Jeffreys exact, in nats.

    Raises
    ------
    InputError
        ``r`` is empty, of more than one axis, or not inside (-1, 1).

    References
    ----------
    Kullback, Information Theory and Statistics, Ch. 9.
    """
    r = np.atleast_1d(np.asarray(r, float))
    if r.ndim != 1 or r.size == 0 or not (np.abs(r) < 1).all():
        raise InputError(f"r must be a non-empty list of correlations inside (-1, 1); found {r.tolist()}.")
    correlation, noise = (np.asarray(v[None], np.float32) for v in (r, np.sqrt((1 - r) * (1 + r))))
    gain, slope = (np.asarray(v[None], np.float32) for v in (r / (1 - r**2), r**2 / (1 - r**2) / 2))
    mi, jeffreys = _from_correlations(r)

    @checked
    def sample(key: Array, n: int) -> tuple[Array, Array]:
        x, own = jax.random.normal(key, (2, n, r.size), jnp.float32)
        return x, correlation * x + noise * own

    def log_ratio(x: Array, y: Array) -> Array:
        return mi + (gain * x * y - slope * (x**2 + y**2)).sum(1)

    return Task(name or f"Gaussian {r.size}x{r.size}", sample, mi, 0.0, jeffreys, log_ratio)


def gaussian_with_mi(d: int, mi: float) -> Task:
    r"""d pairs of equal correlation that share ``mi`` nats together.

    .. math:: r^2 = 1 - e^{-2 I / d}, \qquad J = d\,(e^{2 I / d} - 1)

    Parameters
    ----------
    d : int
    mi : float
        Nats, >= 0. Above about 15 nats a pair the noise drowns in the rounding of float32.

    Returns
    -------
    Task
        x [n, d], y [n, d].

    Raises
    ------
    InputError
        d < 1, ``mi`` negative, or so large that the correlation rounds to 1.
    """
    at_least("d", d, 1)
    if not 0 <= mi < math.inf:
        raise InputError(f"mi must be a finite number of nats, at least 0; found {mi!r}.")
    return gaussian(np.full(d, math.sqrt(-math.expm1(-2 * mi / d))), f"Gaussian {d}x{d}, {mi:g} nats")


def multinormal(covariance: np.typing.ArrayLike, dx: int, name: str | None = None) -> Task:
    r"""Any joint Gaussian law of mean 0: the first ``dx`` coordinates are X, the others Y.

    The canonical correlations r_i, singular values of Lx⁻¹ Σxy Ly⁻ᵀ with Σx = Lx Lxᵀ and Σy = Ly Lyᵀ, give I
    and J as in ``gaussian``.

    Parameters
    ----------
    covariance : [dx + dy, dx + dy]
        Symmetric and positive definite.
    dx : int
    name : str, optional

    Returns
    -------
    Task
        x [n, dx], y [n, dy]; truth and Jeffreys exact, in nats.

    Raises
    ------
    InputError
        A covariance that is not square, symmetric and positive definite, or a ``dx`` that leaves no Y.
    """
    covariance = np.asarray(covariance, float)
    root = cholesky("covariance", covariance)
    dy = len(covariance) - at_least("dx", dx, 1)
    if dy < 1:
        raise InputError(f"dx must leave at least one coordinate for Y; found {dx} of {len(covariance)}.")
    cov_x, cov_y, cross = covariance[:dx, :dx], covariance[dx:, dx:], covariance[:dx, dx:]
    half = scipy.linalg.solve_triangular(np.linalg.cholesky(cov_x), cross, lower=True)
    whitened = scipy.linalg.solve_triangular(np.linalg.cholesky(cov_y), half.T, lower=True)
    mi, jeffreys = _from_correlations(np.linalg.svd(whitened, compute_uv=False))
    # log r is a quadratic form in (x, y): the difference of the precisions of the two laws
    independent = scipy.linalg.block_diag(np.linalg.inv(cov_x), np.linalg.inv(cov_y))
    form = np.asarray((independent - np.linalg.inv(covariance)) / 2, np.float32)
    mixing = np.asarray(root.T, np.float32)

    @checked
    def sample(key: Array, n: int) -> tuple[Array, Array]:
        z = jax.random.normal(key, (n, dx + dy), jnp.float32)
        z = jnp.matmul(z, mixing, precision="highest")
        return z[:, :dx], z[:, dx:]

    def log_ratio(x: Array, y: Array) -> Array:
        z = jnp.concatenate([x, y], 1)
        return mi + (jnp.matmul(z, form, precision="highest") * z).sum(1)

    return Task(name or f"Gaussian {dx}x{dy}", sample, mi, 0.0, jeffreys, log_ratio)


def dense(d: int) -> Task:
    r"""Unit variances, and every two of the 2d coordinates correlated by 1/2: bmi's "Mn dxd dense".

    .. math:: I = \tfrac12 \log \frac{(d+1)^2}{2d+1}

    Parameters
    ----------
    d : int

    Returns
    -------
    Task
        x [n, d], y [n, d].

    References
    ----------
    Czyż et al. 2023 (Beyond Normal), Sec. 3.
    """
    at_least("d", d, 1)
    return multinormal((np.eye(2 * d) + 1) / 2, d, f"Mn {d}x{d} dense")


def two_pair(d: int) -> Task:
    r"""Unit variances, corr(X_i, Y_i) = 4/5 for i <= 2, all else independent: bmi's "Mn dxd 2-pair".

    .. math:: I = \log(25/9)

    Parameters
    ----------
    d : int
        At least 2.

    Returns
    -------
    Task
        x [n, d], y [n, d].

    References
    ----------
    Czyż et al. 2023 (Beyond Normal), Sec. 3. Transforms act on unit variances there, not on the variances 5 of
    the latent-variable form, which matters to the spiral and to the normal CDF.
    """
    at_least("d", d, 2)
    return gaussian([0.8, 0.8] + [0.0] * (d - 2), f"Mn {d}x{d} 2-pair")


def bivariate_normal(r: float) -> Task:
    """X and Y standard normal, of correlation ``r`` inside (-1, 1): ``gaussian`` of one pair, by bmi's name."""
    return gaussian(inside("r", r, -1, 1), "Bivariate normal 1x1")


def cholesky(name: str, covariance: np.ndarray) -> np.ndarray:
    """Lower root of ``covariance``, refused in words unless symmetric positive definite."""
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1]:
        raise InputError(f"{name} must be a square matrix; found shape {covariance.shape}.")
    if not np.isfinite(covariance).all():
        raise InputError(f"{name} must be finite; found NaN or infinity.")
    if not np.allclose(covariance, covariance.T):
        raise InputError(
            f"{name} must be symmetric; the largest difference from its transpose is "
            f"{np.abs(covariance - covariance.T).max():.3g}."
        )
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        smallest = np.linalg.eigvalsh(covariance)[0]
        raise InputError(f"{name} must be positive definite; its smallest eigenvalue is {smallest:.3g}.") from None


def _from_correlations(r: np.ndarray) -> tuple[float, float]:
    """I and the Jeffreys divergence of canonical correlations, in nats."""
    return float(-0.5 * np.log1p(-(r**2)).sum()), float((r**2 / (1 - r**2)).sum())
