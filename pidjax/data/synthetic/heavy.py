"""Heavy tails: Student's t, where X and Y share a scale and no correlation, and its independent counterpart."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from scipy.special import gammaln, psi

from pidjax.data.synthetic.task import Task, at_least, checked
from pidjax.typing import Array


def student(dx: int, dy: int, dof: int) -> Task:
    r"""(X, Y) jointly t with ``dof`` degrees of freedom and identity dispersion: uncorrelated, of one scale.

    .. math:: I = h(d_x) + h(d_y) - h(d_x + d_y), \quad
              h(k) = -\log\frac{\Gamma(\frac{\nu+k}2)}{\Gamma(\frac\nu2)} + \frac k2 \log(\nu\pi)
              + \frac{\nu+k}2 \Big[\psi\Big(\frac{\nu+k}2\Big) - \psi\Big(\frac\nu2\Big)\Big]

    Parameters
    ----------
    dx, dy : int
    dof : int
        ν >= 1; no mean exists for ν = 1, no variance for ν <= 2.

    Returns
    -------
    Task
        x [n, dx], y [n, dy].

    Raises
    ------
    InputError
        A dimension or ``dof`` that is not an integer of at least 1.

    References
    ----------
    Arellano-Valle et al. 2013, Scand. J. Stat. 40; Czyż et al. 2023 (Beyond Normal), App. C.
    """
    at_least("dx", dx, 1), at_least("dy", dy, 1), at_least("dof", dof, 1)
    truth = float(_entropy(dx, dof) + _entropy(dy, dof) - _entropy(dx + dy, dof))

    @checked
    def sample(key: Array, n: int) -> tuple[Array, Array]:
        normals = jax.random.normal(key, (n, dx + dy + dof), jnp.float32)
        z = normals[:, : dx + dy] * _inverse_scale(normals[:, dx + dy :], 1)
        return z[:, :dx], z[:, dx:]

    def log_density(z: Array) -> Array:
        return _log_peak(z.shape[1], dof) - (dof + z.shape[1]) / 2 * jnp.log1p((z**2).sum(1) / dof)

    def log_ratio(x: Array, y: Array) -> Array:
        return log_density(jnp.concatenate([x, y], 1)) - log_density(x) - log_density(y)

    return Task(f"St {dx}x{dy} dof {dof}", sample, truth, log_ratio=log_ratio)


def independent_heavy(d: int, dof: int = 1) -> Task:
    """X standard normal, Y with independent t coordinates, nothing shared: what must come out as 0.

    Parameters
    ----------
    d : int
        Dimension of both.
    dof : int
        Degrees of freedom of each coordinate of Y; 1 is Cauchy.

    Returns
    -------
    Task
        x [n, d], y [n, d]; I = J = 0 nats.

    Raises
    ------
    InputError
        ``d`` or ``dof`` is not an integer of at least 1.
    """
    at_least("d", d, 1), at_least("dof", dof, 1)

    @checked
    def sample(key: Array, n: int) -> tuple[Array, Array]:
        x, y, *others = jax.random.normal(key, (2 + dof, n, d), jnp.float32)
        return x, y * _inverse_scale(jnp.stack(others), 0)[0]

    return Task(
        f"Independent {d}x{d}, t dof {dof}",
        sample,
        0.0,
        jeffreys=0.0,
        log_ratio=lambda x, y: jnp.zeros(len(x), jnp.float32),
    )


def _inverse_scale(normals: Array, axis: int) -> Array:
    """1 / sqrt(χ²_ν / ν) of ν normals: a gamma sampler, which rejects, takes several times longer to compile."""
    return jax.lax.rsqrt((normals**2).mean(axis, keepdims=True))


def _log_peak(k: int, dof: int) -> float:
    """Logarithm of the t density of dimension k at 0."""
    return float(gammaln((dof + k) / 2) - gammaln(dof / 2) - k / 2 * math.log(dof * math.pi))


def _entropy(k: int, dof: int) -> float:
    """Differential entropy of t in k dimensions, nats."""
    return -_log_peak(k, dof) + (dof + k) / 2 * (psi((dof + k) / 2) - psi(dof / 2))
