"""Uniform noise added to a uniform variable."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from pidjax.data.synthetic.task import Task, checked, inside
from pidjax.typing import Array


def additive_uniform(noise: float) -> Task:
    r"""X uniform on (0, 1), Y = X + a uniform draw from (−ε, ε).

    .. math:: I = \epsilon - \log 2\epsilon \ (\epsilon \le 1/2), \qquad I = 1/(4\epsilon) \ (\epsilon \ge 1/2)

    The Jeffreys divergence is infinite: pairs further apart than ε are possible only when independent.

    Parameters
    ----------
    noise : float
        ε > 0.

    Returns
    -------
    Task
        x [n, 1], y [n, 1].

    Raises
    ------
    InputError
        ``noise`` not positive.

    References
    ----------
    Czyż et al. 2023 (Beyond Normal), Sec. 3.
    """
    inside("noise", noise, 0, math.inf)
    truth = noise - math.log(2 * noise) if noise <= 0.5 else 1 / (4 * noise)

    @checked
    def sample(key: Array, n: int) -> tuple[Array, Array]:
        for_x, for_noise = jax.random.split(key)
        x = jax.random.uniform(for_x, (n, 1), jnp.float32)
        return x, x + jax.random.uniform(for_noise, (n, 1), jnp.float32, -noise, noise)

    def log_ratio(x: Array, y: Array) -> Array:
        # p(y | x) = 1/2ε where it is not 0, and p(y) = (length of (y − ε, y + ε) inside (0, 1)) / 2ε
        length = jnp.minimum(y + noise, 1) - jnp.maximum(y - noise, 0)
        possible = (jnp.abs(y - x) <= noise) & (length > 0)
        return jnp.where(possible, -jnp.log(jnp.where(possible, length, 1)), -jnp.inf)[:, 0]

    return Task(f"Uniform 1x1, additive noise {noise:g}", sample, truth, jeffreys=math.inf, log_ratio=log_ratio)
