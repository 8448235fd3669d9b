"""What chance adds to the unique atoms of a Gaussian sample: the eigenvalues of a sample spread."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax.math.factor import eigh
from pidjax.typing import Array

ROUNDS = 3
"""Of fitting the population."""
NOISE = 0.85
"""Mean square, in standard errors, of what is missing that is taken for noise: more would favour populations without
unique atoms."""


def uniques(log_ratio: Array) -> tuple[Array, Array]:
    """U1 = ½ Σ (log λ)_+ and U2 = ½ Σ (−log λ)_+, nats."""
    return jnp.maximum(log_ratio, 0).sum() / 2, jnp.maximum(-log_ratio, 0).sum() / 2


def chance(log_ratio: Array, correlation: Array, n: Array, freedom: Array, shared: Array) -> tuple[Array, Array]:
    r"""By how much a sample's U1 and U2 are expected to exceed the population's, nats.

    To the order in 1/n that matters, the logarithm of the pencil (S2, S1) in its own basis is diag(µ), µ = log λ of
    the population, plus a symmetric Gaussian matrix whose entries have the variances

    .. math:: v_{ij} = \frac{2}{(n-1)^2}\left(q \cosh\tfrac{\delta}{2} - r_i r_j q'\right)
                       \frac{\delta / 2}{\sinh(\delta / 2)}, \quad \delta = \mu_i - \mu_j

    (twice that on the diagonal), so its eigenvalues' mean spread, and that of U, is simulated with fixed draws. The
    population that they are simulated of is the one closest to no unique atoms that the sample allows: µ shrunk to 0
    by the width of the spectrum of noise alone, then moved towards what gives the sample's eigenvalues on average,
    less where the mean square of what is missing nearby, and that of the spread as a whole, is within its own noise
    (James–Stein). So where both sources
    see every direction equally well, U loses what chance adds; where eigenvalues are apart, the second-order shift.

    Parameters
    ----------
    log_ratio : [d]
        log λ of the sample, less the bias of its mean.
    correlation : [d]
        r: of the residuals of y on x1 with those on x2, in the directions of the eigenvectors.
    n : scalar
        Rows.
    freedom, shared : scalar
        q and q', degrees of freedom: of a residual covariance, and of those that both have in common.
    """
    order = jnp.argsort(log_ratio)
    seen, correlation = log_ratio[order], correlation[order]
    d = len(seen)
    half = jax.random.normal(jax.random.key(0), (max(2, min(32, 512 // d)), d, d), seen.dtype)
    half = half + jnp.swapaxes(half, 1, 2)
    # of mean 0, and of exactly the mean square that it should have: fewer draws do
    noise = jnp.concatenate([half, -half]) * jnp.sqrt((d + 1) / d / (half**2).mean())
    tiny = jnp.finfo(seen.dtype).tiny

    def variances(mu: Array) -> Array:
        apart = jnp.abs(mu[:, None] - mu[None]) / 2
        wide = apart > 1e-4
        safe = jnp.where(wide, apart, 1.0)
        ratio = jnp.where(wide, safe / jnp.sinh(safe), 1.0)
        both = correlation[:, None] * correlation[None] * shared
        return jnp.maximum(2 * (freedom * jnp.cosh(apart) - both) * ratio / (n - 1) ** 2, 0)

    def simulated(mu: Array) -> Array:
        """Sorted eigenvalues of samples, [draws, d]."""
        return jax.vmap(eigh)(jnp.diag(mu)[None] + jnp.sqrt(variances(mu))[None] * noise)[0]

    width = variances(seen).sum(1)  # the spectrum of noise alone ends at twice its root

    def closer(_, mu: Array) -> Array:
        draws = simulated(mu)
        missing = seen - draws.mean(0)
        near = jnp.exp(-((mu[:, None] - mu[None]) ** 2) / (2 * width[:, None] + tiny))
        square = near @ (missing**2 / (draws.var(0) + tiny)) / near.sum(1)
        spread = jnp.abs(draws).sum(1)
        whole = (jnp.abs(seen).sum() - spread.mean()) ** 2 / (spread.var() + tiny)
        return jnp.sort(mu + jnp.maximum(1 - NOISE / (jnp.maximum(square, whole) + tiny), 0) * missing)

    start = jnp.sort(seen * jnp.maximum(1 - 4 * width / (seen**2 + tiny), 0))
    mu = jax.lax.fori_loop(0, ROUNDS, closer, start)
    (drawn1, drawn2), (unique1, unique2) = jax.vmap(uniques)(simulated(mu)), uniques(mu)
    return drawn1.mean() - unique1, drawn2.mean() - unique2
