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
from pidjax.pid.spread import chance, uniques
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
    inverse : [d, d]
        Of the covariance of the sources.
    """

    covariance: Array
    log_volume: Array
    half: Array
    inverse: Array


class _Parts(NamedTuple):
    """What the covariance says.

    Attributes
    ----------
    mi1, mi2, total : scalars
        Informations, nats.
    log_ratio : [dy]
        Logarithms of the generalised eigenvalues of (S2, S1).
    correlation : [dy]
        Of the residuals of y on x1 with those on x2, in the directions of the eigenvectors. No gradient.
    overlap : scalar
        Sum of the squared canonical correlations of x1 and x2. No gradient.
    """

    mi1: Array
    mi2: Array
    total: Array
    log_ratio: Array
    correlation: Array
    overlap: Array


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
    chance adds to them by spreading the eigenvalues, which is simulated (``pidjax.pid.spread``; no gradient): the
    draws are always the same. Corrected atoms may be negative.

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
    if n is None:
        unique1, unique2 = in_double(_uniques, parts.log_ratio)
    else:
        d1, d2, _ = dims
        freedom, shared = n - 1 - (d1 + d2) / 2, n - 1 - d1 - d2 + parts.overlap
        unique1, unique2 = in_double(_corrected, parts.log_ratio, parts.correlation, n, freedom, shared)
    redundancy = (parts.mi1 - unique1 + parts.mi2 - unique2) / 2  # equal but for the draws
    unique1, unique2 = parts.mi1 - redundancy, parts.mi2 - redundancy
    return PIDAtoms(redundancy, unique1, unique2, parts.total - redundancy - unique1 - unique2)


def gaussian_informations(cov: Array, dims: tuple[int, int, int], n: int | None = None) -> tuple[Array, Array, Array]:
    """I(X1; Y), I(X2; Y) and I(X1, X2; Y) of jointly Gaussian vectors, nats; as for ``gaussian_broja``."""
    return _of_covariance(cov, dims, n)[:3]


def _of_covariance(cov: Any, dims: tuple[int, int, int], n: int | None) -> _Parts:
    dims = _checked(cov, dims, n)
    parts = in_double(_parts, cov, dims=dims)
    if n is None:
        return parts
    d1, d2, dy = dims
    bias1, bias2 = information_bias(n, d1, dy), information_bias(n, d2, dy)
    return parts._replace(
        mi1=parts.mi1 - bias1,
        mi2=parts.mi2 - bias2,
        total=parts.total - information_bias(n, d1 + d2, dy),
        log_ratio=parts.log_ratio - 2 * (bias1 - bias2) / dy,  # whose sum is 2 (I1 - I2)
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
def _parts(cov: Array, *, dims: tuple[int, int, int]) -> _Parts:
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
        return _Parts(
            prior - given1.log_volume,
            prior - given2.log_volume,
            prior - given12.log_volume,
            *_compared(given1, given2, target, to_target, sources, d1),
        )


_uniques = jax.jit(uniques)


@jax.jit
def _corrected(log_ratio: Array, *sample: Array) -> tuple[Array, Array]:
    by_chance = chance(fixed(log_ratio), *sample)
    unique1, unique2 = uniques(log_ratio)
    return unique1 - by_chance[0], unique2 - by_chance[1]


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
    return _Posterior(covariance, volume, vectors * values[None] ** -0.5, inverse)


def _diagonal_of(a: Array, vectors: Array) -> Array:
    """v' a v for every column; of eigenvectors the eigenvalues, and in the gradient, degenerate or not."""
    return jnp.einsum("ik,ij,jk->k", vectors, a, vectors)


def _compared(
    given1: _Posterior, given2: _Posterior, target: Array, to_target: Array, sources: Array, d1: int
) -> tuple[Array, Array, Array]:
    """log λ, correlation of residuals and overlap of the sources, as in ``_Parts``."""
    basis = given1.half @ eigh(fixed(given1.half.T @ given2.covariance @ given1.half))[1]
    variance1, variance2 = (_diagonal_of(g.covariance, basis) for g in (given1, given2))
    c1, c2, between = to_target[:, :d1], to_target[:, d1:], sources[:d1, d1:]
    k1, k2 = c1 @ given1.inverse, c2 @ given2.inverse
    residuals = target - k1 @ c1.T - c2 @ k2.T + k1 @ between @ k2.T
    correlation = _diagonal_of(residuals, basis) / jnp.sqrt(variance1 * variance2)
    overlap = jnp.trace(given1.inverse @ between @ given2.inverse @ between.T)
    return jnp.log(variance2) - jnp.log(variance1), fixed(jnp.clip(correlation, -1, 1)), fixed(overlap)
