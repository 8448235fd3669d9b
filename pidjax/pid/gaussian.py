"""PID of jointly Gaussian vectors in closed form: informations, MMI atoms, and the least informative coupling."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pidjax._checks import InputError
from pidjax.math.factor import eigh
from pidjax.math.gaussian import information_bias
from pidjax.math.precision import in_double, traced
from pidjax.pid.atoms import PIDAtoms, atoms_mmi
from pidjax.typing import Array

fixed = jax.lax.stop_gradient


class _Posterior(NamedTuple):
    """Of the whitened target given sources.

    Attributes
    ----------
    covariance : [dy, dy]
    log_volume : scalar
        ½ log |covariance|.
    half : [dy, dy]
        A root of its inverse: half' covariance half = 1. No gradient.
    regression : [dy, d]
        Of the target on the sources.
    """

    covariance: Array
    log_volume: Array
    half: Array
    regression: Array


class _Parts(NamedTuple):
    """What the covariance says, nats, before any correction."""

    mi1: Array
    mi2: Array
    total: Array
    unique1: Array
    unique2: Array
    excess: Array
    """By how much a sample's unique atoms exceed the population's, times the number of rows; second order."""


def gaussian_mmi(cov: Array, dims: tuple[int, int, int], n: int | None = None) -> PIDAtoms:
    """Atoms of jointly Gaussian sources and target by minimum mutual information (Barrett 2015), nats.

    For a scalar target this is every PID whose unique information depends on the pairs (x1, y) and (x2, y) alone,
    so ``gaussian_broja`` too. For a vector it calls redundant what two sources say about different directions.

    Parameters, results and errors as for ``gaussian_broja``.
    """
    parts = _of_covariance(cov, dims, n)
    return atoms_mmi(parts.mi1, parts.mi2, parts.total)


def gaussian_broja(cov: Array, dims: tuple[int, int, int], n: int | None = None) -> PIDAtoms:
    r"""Atoms of jointly Gaussian sources and target: the ~ definition of Venkatesh et al. (2023), exactly, nats.

    The union information is that of the least informative Gaussian with the given pairs (x1, y) and (x2, y). Its
    posterior covariance V of y lies below both given ones, S1 = cov(y | x1) and S2 = cov(y | x2), and every such V
    belongs to one, so V is the largest matrix below both:

    .. math:: I_\cup = \tfrac12 \log|\Sigma_y| - \max_{V \preceq S_1, V \preceq S_2} \tfrac12 \log|V|
              = I_1 + \tfrac12 \sum_i (-\log \lambda_i)_+ = I_2 + \tfrac12 \sum_i (\log \lambda_i)_+

    with λ the generalised eigenvalues of (S2, S1): where both are diagonal, Hadamard's inequality says that V is
    their smaller one. (If V is below S1 and S2, then x1 and x2 are noisy linear functions of one observation with
    posterior V, and data processing does the rest; no source states this, the tests minimise over couplings
    instead.) So U1 = ½ Σ (log λ)_+ and U2 = ½ Σ (−log λ)_+: each source is unique in the directions of y that it
    sees better. No iteration, no tolerance; differentiable once.

    A covariance has no digits for a direction with less than about 1e-13 (in float64) of the variance: sources
    vary in it by rounding alone and it is left out, and no direction of y has more than about 15 nats (6 in float32).

    With ``n``, the informations lose their bias exactly for Gaussian rows (``information_bias``), U1 and U2 what
    chance adds to them: eigenvalues of a sample spread, by second-order perturbation by

    .. math:: \tfrac12 \sum_{\lambda_i > 1 > \lambda_j} \frac{w_{ij}}{\lambda_i - \lambda_j}, \quad
              w_{ij} = \frac{\lambda_i + \lambda_j - 2 c_i c_j}{n}

    with c the covariances of the two sources' residuals of y. Corrected atoms may be negative. Where both sources
    see every direction equally well (λ = 1 all over) about half of the bias stays, R and S being too small.

    Parameters
    ----------
    cov : [d1 + d2 + dy, d1 + d2 + dy]
        Covariance of (x1, x2, y), in that order; may be singular.
    dims : (d1, d2, dy)
    n : int, optional
        The number of rows that ``cov`` was estimated from; none for an exact covariance.

    Returns
    -------
    PIDAtoms of scalars: numpy float64 outside a trace, in 64 bit whatever JAX's setting.

    Raises
    ------
    ValueError
        cov is not square, symmetric and positive semi-definite, dims do not add up to its size, n is too small.
    """
    parts = _of_covariance(cov, dims, n)
    redundancy = (parts.mi1 - parts.unique1 + parts.mi2 - parts.unique2) / 2  # equal but for the corrections
    unique1, unique2 = parts.mi1 - redundancy, parts.mi2 - redundancy
    return PIDAtoms(redundancy, unique1, unique2, parts.total - redundancy - unique1 - unique2)


def gaussian_informations(cov: Array, dims: tuple[int, int, int], n: int | None = None) -> tuple[Array, Array, Array]:
    """I(X1; Y), I(X2; Y) and I(X1, X2; Y) of jointly Gaussian vectors, nats; as for ``gaussian_broja``."""
    return _of_covariance(cov, dims, n)[:3]


def _of_covariance(cov: Any, dims: tuple[int, int, int], n: int | None) -> _Parts:
    dims = _checked(cov, dims, n)
    parts = in_double(_parts, cov, jnp.inf if n is None else n, dims=dims)
    if n is None:
        return parts
    d1, d2, dy = dims
    excess = parts.excess / n
    return _Parts(
        parts.mi1 - information_bias(n, d1, dy),
        parts.mi2 - information_bias(n, d2, dy),
        parts.total - information_bias(n, d1 + d2, dy),
        parts.unique1 - excess,
        parts.unique2 - excess,
        excess,
    )


def _checked(cov: Any, dims: tuple[int, int, int], n: int | None) -> tuple[int, int, int]:
    shape = np.shape(cov)
    if len(shape) != 2 or shape[0] != shape[1]:
        raise InputError(f"cov must be a square matrix, of (x1, x2, y); found shape {shape}.")
    if len(dims) != 3 or any(d != int(d) or d < 1 for d in dims) or sum(dims) != shape[0]:
        raise InputError(
            f"dims must be the numbers of columns of x1, x2 and y, at least 1 each and {shape[0]} in all; "
            f"found {tuple(dims)}."
        )
    if n is not None and n <= shape[0] + 1:
        raise InputError(f"a covariance in {shape[0]} dimensions needs more than {shape[0] + 1} rows; found n = {n}.")
    if not traced(cov):
        value = np.asarray(cov)
        if not np.isfinite(value).all():
            raise InputError("cov must be finite; found NaN or infinity: remove the rows that hold them.")
        largest = np.abs(value).max()
        if np.abs(value - value.T).max() > 1e-5 * largest:
            raise InputError("cov must be symmetric; it is not: take (cov + cov.T) / 2 if rounding is to blame.")
        scale = np.sqrt(np.where(np.diagonal(value) > 0, np.diagonal(value), 1.0))
        correlation = value.astype(np.float64) / scale / scale[:, None]
        try:
            np.linalg.cholesky(correlation + 1e-5 * np.eye(len(scale)))
        except np.linalg.LinAlgError:
            lowest = np.linalg.eigvalsh(correlation)[0]
            raise InputError(
                f"cov must be positive semi-definite; found an eigenvalue of {lowest:.3g} among variances of 1: "
                "estimate it from complete rows."
            ) from None
    d1, d2, dy = map(int, dims)
    return d1, d2, dy


@functools.partial(jax.jit, static_argnames="dims")
def _parts(cov: Array, n: Array, *, dims: tuple[int, int, int]) -> _Parts:
    with jax.default_matmul_precision("highest"):
        cov = (cov + cov.T) / 2
        scale = _units(jnp.diagonal(cov))
        cov = cov * scale[:, None] * scale[None]
        d1, d12 = dims[0], dims[0] + dims[1]
        # the target in directions of variance 1; those it does not vary in stay 0
        values, vectors = eigh(fixed(cov[d12:, d12:]))
        whiten = vectors * _power(values, -0.5)[None]
        to_target = whiten.T @ cov[d12:, :d12]  # of the sources
        empty = jnp.diag(jnp.where(_power(values, -0.5) > 0, 0.0, 1.0))
        target = whiten.T @ cov[d12:, d12:] @ whiten + empty
        sources = cov[:d12, :d12]

        first, second = slice(0, d1), slice(d1, d12)
        given1 = _posterior(target, to_target[:, first], sources[first, first])
        given2 = _posterior(target, to_target[:, second], sources[second, second])
        given12 = _posterior(target, to_target, sources)
        prior = jnp.log(jnp.diagonal(target)).sum() / 2  # the target is 1: its value, 0, and its gradient
        unique1, unique2, excess = _unique(given1, given2, target, to_target, sources, d1, n)
        return _Parts(
            prior - given1.log_volume,
            prior - given2.log_volume,
            prior - given12.log_volume,
            unique1,
            unique2,
            excess,
        )


def _units(variances: Array) -> Array:
    """What gives columns a variance of 1; 0 for columns that are constant but for the rounding of their mean."""
    variances = fixed(variances)
    real = variances > (10 * jnp.finfo(variances.dtype).eps) ** 2 * variances.max()
    return jnp.where(real, jax.lax.rsqrt(jnp.where(real, variances, 1.0)), 0.0)


def _floor(x: Array) -> Array:
    """Below this, of 1, there is rounding only."""
    return 100 * jnp.finfo(x.dtype).eps * x.shape[-1] ** 0.5


def _power(values: Array, exponent: float) -> Array:
    """values ** exponent, 0 for what is 0 but for rounding. No gradient: informations depend on no scale."""
    values = fixed(values)
    real = values > _floor(values) * jnp.maximum(values.max(), 0)
    return jnp.where(real, jnp.where(real, values, 1.0) ** exponent, 0.0)


def _posterior(target: Array, cross: Array, source: Array) -> _Posterior:
    """cov(y) − cov(y, x) cov(x)⁺ cov(x, y), its eigenvalues not below what rounding leaves."""
    values, vectors = eigh(fixed(source))
    inverse = (vectors * _power(values, -1.0)[None]) @ vectors.T
    inverse = 2 * inverse - inverse @ source @ inverse  # has the value and the gradient of the pseudo-inverse
    covariance = target - cross @ inverse @ cross.T
    values, vectors = eigh(fixed(covariance))
    values = jnp.maximum(values, _floor(values))
    clipped = (vectors * values[None]) @ vectors.T
    covariance = covariance + fixed(clipped - covariance)
    volume = jnp.log(_diagonal_of(covariance, vectors)).sum() / 2
    return _Posterior(covariance, volume, vectors * values[None] ** -0.5, cross @ inverse)


def _diagonal_of(a: Array, vectors: Array) -> Array:
    """v' a v for every column; of eigenvectors the eigenvalues, and in the gradient, degenerate or not."""
    return jnp.einsum("ik,ij,jk->k", vectors, a, vectors)


def _unique(
    given1: _Posterior, given2: _Posterior, target: Array, to_target: Array, sources: Array, d1: int, n: Array
) -> tuple[Array, Array, Array]:
    """U1, U2 from the generalised eigenvalues of (S2, S1), and n times what chance adds to each."""
    basis = given1.half @ eigh(fixed(given1.half.T @ given2.covariance @ given1.half))[1]
    log_ratio = jnp.log(_diagonal_of(given2.covariance, basis)) - jnp.log(_diagonal_of(given1.covariance, basis))
    unique1, unique2 = jnp.maximum(log_ratio, 0).sum() / 2, jnp.maximum(-log_ratio, 0).sum() / 2

    # covariance of y − E[y | x1] with y − E[y | x2]
    k1, k2, c1, c2 = given1.regression, given2.regression, to_target[:, :d1], to_target[:, d1:]
    residuals = target - k1 @ c1.T - c2 @ k2.T + k1 @ sources[:d1, d1:] @ k2.T
    c, ratio = _diagonal_of(residuals, basis), jnp.exp(log_ratio)
    spread = jnp.maximum(ratio[:, None] + ratio[None] - 2 * c[:, None] * c[None], 0)
    gap = ratio[:, None] - ratio[None]
    # perturbation theory ends where the gap is what chance makes of none: there 1 / gap is kept from growing
    inverse = gap / (gap**2 + spread / n + jnp.finfo(ratio.dtype).tiny)
    across = (log_ratio[:, None] > 0) & (log_ratio[None] < 0)
    return unique1, unique2, jnp.where(across, spread * inverse, 0).sum() / 2
