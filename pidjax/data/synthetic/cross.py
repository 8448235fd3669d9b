"""Two lines that cross: a dependence whose sign is not told."""

from __future__ import annotations

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
from scipy.integrate import quad
from scipy.special import psi

from pidjax.data.synthetic.task import Task, at_least, checked, inside
from pidjax.typing import Array


def cross(r: float, pairs: int = 1) -> Task:
    r"""(X_i, Y_i) of correlation r or −r, at random: an X of two Gaussians, with margins N(0, 1) and no correlation.

    .. math:: \log r(x, y) = -\tfrac12 \log(1 - r^2) - \frac{r^2 (x^2 + y^2)}{2 (1 - r^2)}
              + \log\cosh\frac{r x y}{1 - r^2}

    Each pair draws its own sign, so I is ``pairs`` times that of one. Its only hard term is split,
    log cosh v = |v| − log 2 + log(1 + e^{−2|v|}): the mean of |xy| is (2/π)(√(1 − r²) + r asin r), and the last
    logarithm, in polar coordinates, has a radial integral in digamma functions; one integral over angles is left.

    Parameters
    ----------
    r : float
        Inside (-1, 1).
    pairs : int

    Returns
    -------
    Task
        x [n, pairs], y [n, pairs]; the truth is a quadrature, in nats.

    Raises
    ------
    InputError
        ``r`` not inside (-1, 1), or pairs < 1.
    """
    at_least("pairs", pairs, 1), inside("r", r, -1, 1)
    left = (1 - r) * (1 + r)

    @checked
    def sample(key: Array, n: int) -> tuple[Array, Array]:
        for_sign, for_noise = jax.random.split(key)
        sign = jax.random.rademacher(for_sign, (n, pairs), jnp.float32)
        x, own = jax.random.normal(for_noise, (2, n, pairs), jnp.float32)
        return x, sign * r * x + math.sqrt(left) * own

    def log_ratio(x: Array, y: Array) -> Array:
        v = jnp.abs(r * x * y / left)
        log_cosh = v + jnp.log1p(jnp.exp(-2 * v)) - math.log(2)
        return (log_cosh - r**2 * (x**2 + y**2) / (2 * left) - 0.5 * math.log(left)).sum(1)

    return Task(f"Cross {pairs}x{pairs}, r {r:g}", sample, pairs * _cross_mi(abs(r)), log_ratio=log_ratio)


def _cross_mi(r: float) -> float:
    """I of one pair of ``cross``, for 0 <= r < 1."""
    if r == 0:
        return 0.0
    left = (1 - r) * (1 + r)

    def radial(angle: float) -> float:
        # ½ ∫ e^{−a q} log(1 + e^{−b q}) dq over q = x² + y² > 0, by the alternating series of the logarithm
        a = (1 - r * math.sin(2 * angle)) / (2 * left)
        b = r * abs(math.sin(2 * angle)) / left
        if b < 1e-12 * a:
            return math.log(2) / (2 * a)
        c = a / b
        return (math.log(2) - 0.5 * (psi(c / 2 + 1) - psi((c + 1) / 2))) / (2 * a)

    # both ends of a quadrant and its middle are where the integrand is narrow
    pieces = (-math.pi / 2, -math.pi / 4, 0, math.pi / 4, math.pi / 2)
    total = sum(quad(radial, *ends, epsabs=1e-12, limit=200)[0] for ends in pairwise(pieces))
    log_term = 2 * total / (2 * math.pi * math.sqrt(left))
    mean_abs = 2 / math.pi * (math.sqrt(left) + r * math.asin(r))
    return -0.5 * math.log(left) - r**2 / left + r / left * mean_abs - math.log(2) + log_term
