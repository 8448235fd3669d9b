"""A scale that depends on a radius: directions say nothing, lengths do."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import gammaln

from pidjax.data.synthetic.task import Task, at_least, checked, inside
from pidjax.typing import Array


def concentric(dx: int, dy: int, strength: float) -> Task:
    r"""Y is noise whose scale depends on the radius of X: X ~ N(0, I), Y = s(|X|) N(0, I).

    .. math:: s^2 = 1 - a + a\,|x|^2 / d_x, \qquad
              I = E \log \frac{N(y; 0, s^2 I)}{\int N(y; 0, s(w)^2 I)\, p_\chi(w)\, dw}

    Directions say nothing; |Y| says something about |X|. p(y) is an integral over the radius w of X (chi with
    dx degrees of freedom), I one more over w and |Y| / s (chi with dy).

    Parameters
    ----------
    dx, dy : int
    strength : float
        a, inside (0, 1): the share of the variance of Y that |X| decides.

    Returns
    -------
    Task
        x [n, dx], y [n, dy]; the truth is a quadrature, in nats.

    Raises
    ------
    InputError
        A dimension below 1, or ``strength`` not inside (0, 1).
    """
    at_least("dx", dx, 1), at_least("dy", dy, 1), inside("strength", strength, 0, 1)
    w, log_mass = _chi_nodes(dx)
    variances = 1 - strength + strength * w**2 / dx
    log_peaks = log_mass - dy / 2 * np.log(variances)
    rates, peaks = np.asarray(0.5 / variances, np.float32), np.asarray(log_peaks, np.float32)

    def variance(x: Array) -> Array:
        return 1 - strength + strength * (x**2).mean(1, keepdims=True)

    @checked
    def sample(key: Array, n: int) -> tuple[Array, Array]:
        z = jax.random.normal(key, (n, dx + dy), jnp.float32)
        x, noise = z[:, :dx], z[:, dx:]
        return x, jnp.sqrt(variance(x)) * noise

    def log_ratio(x: Array, y: Array) -> Array:
        squared, s2 = (y**2).sum(1), variance(x)[:, 0]
        margin = jax.nn.logsumexp(peaks[None] - squared[:, None] * rates[None], axis=1)
        return -dy / 2 * jnp.log(s2) - squared / (2 * s2) - margin

    v, log_mass_v = _chi_nodes(dy)
    squared = np.outer(variances, v**2)  # |y|² at each radius of X and of the noise
    margin = np.empty_like(squared)
    for i, row in enumerate(squared):
        each = log_peaks[:, None] - row / (2 * variances[:, None])
        highest = each.max(0)
        margin[i] = highest + np.log(np.exp(each - highest).sum(0))
    ratio = -dy / 2 * np.log(variances)[:, None] - v**2 / 2 - margin
    truth = float(np.exp(log_mass) @ ratio @ np.exp(log_mass_v))
    return Task(f"Concentric {dx}x{dy}, strength {strength:g}", sample, truth, log_ratio=log_ratio)


def _chi_nodes(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes of the length of a standard normal vector in d dimensions, and log probabilities."""
    t, weight = np.polynomial.legendre.leggauss(256)
    low, high = max(0.0, math.sqrt(d) - 9), math.sqrt(d) + 9
    w = low + (high - low) * (t + 1) / 2
    log_density = (d - 1) * np.log(w) - w**2 / 2 - (d / 2 - 1) * math.log(2) - gammaln(d / 2)
    return w, log_density + np.log(weight * (high - low) / 2)
