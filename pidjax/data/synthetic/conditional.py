"""Laws of (X, Y, Z) whose conditional mutual information is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pidjax._checks import InputError
from pidjax.data.synthetic.task import at_least
from pidjax.typing import Array

Triple = tuple[Array, Array, Array]


class ConditionalTask(NamedTuple):
    """Triples (X, Y, Z) to draw, with what is known about them.

    ``sample(key, n) -> (x [n, dx], y [n, dy], z [n, dz])``
        float32, rows independent; pure, so it jits (``n`` static) and vmaps over keys.
    ``truth``
        I(X; Y | Z) in nats; a closed form, or a quadrature good to 1e-6.
    ``mi``
        I(X; Y) in nats: what a method that ignores Z is about.
    ``joint``
        I(X, Z; Y) in nats, where it is known: what InfoNCE with marginal negatives is about.
    ``jeffreys``
        Jeffreys divergence of p(x, y | z) and p(x | z) p(y | z), mean over Z, in nats, where it is known: what
        NCE-CLUB with conditional negatives is about.
    ``draw_y(key, z, k) -> [n, k, dy]``
        Exact draws of p(y | z), k for each row: true conditional negatives.
    ``log_ratio(x, y, z) -> [n]``
        log p(y | x, z) − log p(y | z) of each row, in nats, where densities are known: the ideal critic.
    """

    name: str
    sample: Callable[[Array, int], Triple]
    truth: float
    mi: float
    joint: float | None = None
    jeffreys: float | None = None
    draw_y: Callable[[Array, Array, int], Array] | None = None
    log_ratio: Callable[[Array, Array, Array], Array] | None = None


NOISE = 0.1
"""Standard deviation of the noise of Models I and II."""


def model_one(dz: int) -> ConditionalTask:
    r"""Model I: Y = X + Z_1 + ε/10, with X and ε standard normal, Z uniform on (−½, ½)^dz.

    .. math:: I(X; Y | Z) = \tfrac12 \log 101, \quad I(X, Z; Y) = h(Y) - h(ε/10)

    I(X, Z; Y) exceeds it by 0.04 nats only: this model hardly tells conditional from marginal negatives.

    Source: Mukherjee, Asnani & Kannan 2020 (CCMI), Sec. 5.1; Liang et al. 2023 (FactorCL), Tables 9 and 10.

    Parameters
    ----------
    dz : int
        At least 1.

    Returns
    -------
    ConditionalTask
        x [n, 1], y [n, 1], z [n, dz].

    Raises
    ------
    ValueError
        ``dz`` not a positive integer.
    """
    at_least("dz", dz, 1)

    def draw_z(key: Array, n: int) -> Array:
        return jax.random.uniform(key, (n, dz), jnp.float32, -0.5, 0.5)

    of_y, of_shift = _blurred_uniform_entropy(math.hypot(1, NOISE)), _blurred_uniform_entropy(NOISE)
    joint = of_y - _normal_entropy(NOISE**2)
    return _linear(f"Model I, dz={dz}", draw_z, np.eye(dz)[0], mi=of_y - of_shift, joint=joint)


def model_two(dz: int, seed: int = 0) -> ConditionalTask:
    r"""Model II: Y = X + w·Z + ε/10, all standard normal, w a unit vector.

    .. math:: I(X; Y | Z) = \tfrac12 \log 101, \quad I(X, Z; Y) = \tfrac12 \log 201

    Source: as for ``model_one``.

    Parameters
    ----------
    dz : int
        At least 1.
    seed : int
        Of w, uniform on (−1, 1)^dz and scaled.

    Returns
    -------
    ConditionalTask
        x [n, 1], y [n, 1], z [n, dz].

    Raises
    ------
    ValueError
        ``dz`` not a positive integer.
    """
    w = np.random.default_rng(seed).uniform(-1, 1, at_least("dz", dz, 1))

    def draw_z(key: Array, n: int) -> Array:
        return jax.random.normal(key, (n, dz), jnp.float32)

    mi, joint = math.log((2 + NOISE**2) / (1 + NOISE**2)) / 2, math.log((2 + NOISE**2) / NOISE**2) / 2
    return _linear(f"Model II, dz={dz}", draw_z, w / np.linalg.norm(w), mi=mi, joint=joint)


def _linear(
    name: str, draw_z: Callable[[Array, int], Array], weights: np.ndarray, *, mi: float, joint: float
) -> ConditionalTask:
    """Y = X + weights · Z + ε/10."""
    w = jnp.asarray(weights, jnp.float32)
    of_z = math.hypot(1, NOISE)

    def sample(key: Array, n: int) -> Triple:
        for_x, for_z, for_noise = jax.random.split(key, 3)
        x = jax.random.normal(for_x, (at_least("n", n, 1), 1), jnp.float32)
        z = draw_z(for_z, n)
        return x, x + (z @ w)[:, None] + NOISE * jax.random.normal(for_noise, (n, 1), jnp.float32), z

    def draw_y(key: Array, z: Array, k: int) -> Array:
        return (z @ w)[:, None, None] + of_z * jax.random.normal(key, (z.shape[0], k, 1), jnp.float32)

    def log_ratio(x: Array, y: Array, z: Array) -> Array:
        rest = y[:, 0] - z @ w
        return ((rest / of_z) ** 2 - ((rest - x[:, 0]) / NOISE) ** 2) / 2 + math.log(of_z / NOISE)

    truth = math.log(1 + NOISE**-2) / 2
    return ConditionalTask(name, sample, truth, mi, joint, NOISE**-2, draw_y, log_ratio)


def conditionally_independent(dz: int) -> ConditionalTask:
    r"""X = tanh 2S + 0.3 ε and Y = S + 0.3 ε', S = (Z_1 + ... + Z_dz)/√dz: Z explains all that X and Y share.

    I(X; Y | Z) = 0, though I(X; Y), a quadrature, is large.

    Parameters
    ----------
    dz : int
        At least 1.

    Returns
    -------
    ConditionalTask
        x [n, 1], y [n, 1], z [n, dz].

    Raises
    ------
    ValueError
        ``dz`` not a positive integer.
    """
    at_least("dz", dz, 1)
    noise = 0.3

    def y_of(key: Array, s: Array) -> Array:
        return s + noise * jax.random.normal(key, s.shape, jnp.float32)

    def index(z: Array) -> Array:
        return z.sum(1, keepdims=True) / math.sqrt(dz)

    def sample(key: Array, n: int) -> Triple:
        for_x, for_y, for_z = jax.random.split(key, 3)
        z = jax.random.normal(for_z, (at_least("n", n, 1), dz), jnp.float32)
        s = index(z)
        return jnp.tanh(2 * s) + noise * jax.random.normal(for_x, s.shape, jnp.float32), y_of(for_y, s), z

    def draw_y(key: Array, z: Array, k: int) -> Array:
        return y_of(key, jnp.broadcast_to(index(z)[:, None], (z.shape[0], k, 1)))

    s, weight = np.polynomial.hermite_e.hermegauss(120)
    x, y = np.linspace(-3, 3, 401), np.linspace(-7, 7, 801)
    of_x = _normal_density(x[:, None] - np.tanh(2 * s), noise)
    of_y = _normal_density(y[:, None] - s, noise)
    both = (of_x * (weight / weight.sum())) @ of_y.T
    mi = table_information(both / both.sum())
    zero = jax.jit(lambda x, y, z: jnp.zeros(x.shape[0]))
    return ConditionalTask(f"conditionally independent, dz={dz}", sample, 0.0, mi, None, 0.0, draw_y, zero)


def discrete(p: np.ndarray, name: str = "discrete") -> ConditionalTask:
    """X, Y and Z take the values 0, 1, 2, ... with probabilities ``p[x, y, z]``; x, y and z are [n, 1] floats.

    Raises
    ------
    ValueError
        ``p`` not [nx, ny, nz], not a distribution.
    """
    p = np.asarray(p, np.float64)
    if p.ndim != 3 or (p < 0).any() or not math.isclose(p.sum(), 1, rel_tol=1e-6):
        raise InputError(f"p must be probabilities [nx, ny, nz] that sum to 1; found shape {p.shape}, sum {p.sum():g}.")
    of_z = p.sum((0, 1))
    truth = float(sum(q * table_information(p[:, :, i] / q) for i, q in enumerate(of_z) if q > 0))
    joint = table_information(p.transpose(0, 2, 1).reshape(-1, p.shape[1]))
    with np.errstate(divide="ignore"):
        logits, of_y = (jnp.asarray(np.log(q), jnp.float32) for q in (p.reshape(-1), p.sum(0).T))

    def sample(key: Array, n: int) -> Triple:
        drawn = jax.random.categorical(key, logits, shape=(at_least("n", n, 1),))
        x, y, z = (value[:, None].astype(jnp.float32) for value in jnp.unravel_index(drawn, p.shape))
        return x, y, z

    def draw_y(key: Array, z: Array, k: int) -> Array:
        logits = of_y[z[:, 0].astype(int)]
        return jax.random.categorical(key, logits[:, None], shape=(z.shape[0], k))[:, :, None].astype(jnp.float32)

    return ConditionalTask(name, sample, truth, table_information(p.sum(2)), joint, None, draw_y)


def discrete_chain(a: float, b: float) -> ConditionalTask:
    """Fair bit X, Z = X flipped with probability a, Y = Z flipped with probability b: I(X; Y | Z) = 0, I(X; Y) > 0."""
    flip_a, flip_b = (np.array([[1 - q, q], [q, 1 - q]]) for q in (a, b))
    return discrete(0.5 * np.einsum("xz,zy->xyz", flip_a, flip_b), f"chain, flips {a:g} and {b:g}")


def table_information(p: np.ndarray) -> float:
    """I of a table p[x, y], nats."""
    product = p.sum(1, keepdims=True) * p.sum(0, keepdims=True)
    some = p > 0
    return float((p[some] * np.log(p[some] / product[some])).sum())


def _normal_density(x: np.ndarray, sd: float) -> np.ndarray:
    return np.exp(-((x / sd) ** 2) / 2) / sd / math.sqrt(2 * math.pi)


def _normal_entropy(variance: float) -> float:
    return math.log(2 * math.pi * math.e * variance) / 2


def _blurred_uniform_entropy(sd: float) -> float:
    """h of a uniform on (−½, ½) plus N(0, sd²), by the trapezoid rule, which is exact to rounding for such tails."""
    x = np.linspace(-0.5 - 12 * sd, 0.5 + 12 * sd, 20_001)
    erf = np.vectorize(math.erf)
    p = (erf((x + 0.5) / sd / math.sqrt(2)) - erf((x - 0.5) / sd / math.sqrt(2))) / 2
    return float(-(p * np.log(np.where(p > 0, p, 1))).sum() * (x[1] - x[0]))
