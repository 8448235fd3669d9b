"""Points near circles: a dependence with no correlation, and with no function that gives Y from X."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import simpson
from scipy.special import i0e

from pidjax._checks import InputError
from pidjax.data.synthetic.task import Task, at_least, checked
from pidjax.typing import Array


def rings(noise: float, radii: Sequence[float] = (1.0,), pairs: int = 1) -> Task:
    r"""(X_i, Y_i) near a circle about 0, one of ``radii`` at random: (R cos θ, R sin θ) + σ N(0, I).

    .. math:: p(x, y) = \Big\langle \frac{1}{2\pi\sigma^2} e^{-(\rho^2 + R^2)/2\sigma^2}
              I_0\Big(\frac{\rho R}{\sigma^2}\Big) \Big\rangle_R, \qquad
              p(x) = \Big\langle \frac1\pi \int_0^\pi N(x; R\cos\phi, \sigma^2)\, d\phi \Big\rangle_R

    with ρ² = x² + y². Each pair draws its own R and θ, so I is ``pairs`` times that of one, which is
    2 h(X) − h(X, Y), two integrals over a line.

    Parameters
    ----------
    noise : float
        σ, at least 1 % of the largest radius.
    radii : sequence of float
        Positive, equally likely; several make concentric circles.
    pairs : int

    Returns
    -------
    Task
        x [n, pairs], y [n, pairs]; the truth is a quadrature, in nats.

    Raises
    ------
    InputError
        Radii that are not positive, too little noise, or pairs < 1.
    """
    at_least("pairs", pairs, 1)
    r = np.asarray(radii, float)
    if r.ndim != 1 or r.size == 0 or not ((r > 0) & np.isfinite(r)).all():
        raise InputError(f"radii must be a non-empty list of positive numbers; found {radii!r}.")
    if not 0.01 * r.max() <= noise < math.inf:
        raise InputError(f"noise must be finite and at least {0.01 * r.max():g}, 1 % of a radius; found {noise!r}.")
    # the midpoint rule of a periodic function: its error is beyond rounding once steps are below noise / 2
    count = 32 + math.ceil(8 * r.max() / noise)
    nodes = np.outer(np.cos((np.arange(count) + 0.5) * np.pi / count), r).ravel()
    centres, circles = np.asarray(nodes, np.float32), np.asarray(r, np.float32)

    @checked
    def sample(key: Array, n: int) -> tuple[Array, Array]:
        for_radius, for_angle, for_noise = jax.random.split(key, 3)
        radius = jnp.asarray(circles)[jax.random.randint(for_radius, (n, pairs), 0, r.size)]
        angle = jax.random.uniform(for_angle, (n, pairs), jnp.float32, 0, 2 * math.pi)
        x, y = noise * jax.random.normal(for_noise, (2, n, pairs), jnp.float32)
        return x + radius * jnp.cos(angle), y + radius * jnp.sin(angle)

    def log_joint(x: Array, y: Array) -> Array:
        rho = jnp.sqrt(x**2 + y**2)[..., None]
        each = -0.5 * ((rho - circles[None, None]) / noise) ** 2
        each = each + jnp.log(jax.scipy.special.i0e(rho * circles[None, None] / noise**2))
        return jax.nn.logsumexp(each, axis=-1) - math.log(r.size * 2 * math.pi * noise**2)

    def log_margin(x: Array) -> Array:
        each = -0.5 * ((x[..., None] - centres[None, None]) / noise) ** 2
        return jax.nn.logsumexp(each, axis=-1) - math.log(nodes.size * math.sqrt(2 * math.pi) * noise)

    def log_ratio(x: Array, y: Array) -> Array:
        return (log_joint(x, y) - log_margin(x) - log_margin(y)).sum(1)

    circle = ", ".join(f"{v:g}" for v in r)
    name = f"Rings {pairs}x{pairs}, radii {circle}, noise {noise:g}"
    return Task(name, sample, pairs * _ring_mi(noise, r, nodes), log_ratio=log_ratio)


def _ring_mi(noise: float, r: np.ndarray, nodes: np.ndarray) -> float:
    """2 h(X) − h(X, Y) of one pair near circles, in double precision."""
    reach = r.max() + 10 * noise
    grid = np.linspace(0, reach, 2 * math.ceil(20 * reach / noise) + 1)
    p_x = np.zeros_like(grid)
    for centre in nodes:
        p_x += np.exp(-0.5 * ((grid - centre) / noise) ** 2)
    p_x /= nodes.size * math.sqrt(2 * math.pi) * noise
    each = np.exp(-0.5 * ((grid[:, None] - r) / noise) ** 2) * i0e(np.outer(grid, r) / noise**2)
    p_xy = each.mean(1) / (2 * math.pi * noise**2)
    h_x = -2 * simpson(_x_log_x(p_x), x=grid)
    return float(2 * h_x + 2 * math.pi * simpson(grid * _x_log_x(p_xy), x=grid))


def _x_log_x(p: np.ndarray) -> np.ndarray:
    return p * np.log(np.maximum(p, 1e-300))
