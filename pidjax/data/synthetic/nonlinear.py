"""Non-linear triples: Y is a function, perhaps not one-to-one, of X, of Z and of noise."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from pidjax._checks import one_of
from pidjax.data.synthetic.conditional import ConditionalTask, Triple
from pidjax.data.synthetic.task import at_least
from pidjax.typing import Array

VARIANCE = 0.1
"""Of both noises."""

LINKS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "exp_abs": lambda x: jnp.exp(-jnp.abs(x)),
    "cos": jnp.cos,
}
_ON_HOST: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "exp_abs": lambda x: np.exp(-np.abs(x)),
    "cos": np.cos,
}


def nonlinear(f1: str, f2: str, dz: int) -> ConditionalTask:
    r"""X = f1(η), Y = f2(2 X + A·Z + η'), with Z ~ N(1, I), A = (1/dz, ..., 1/dz), η and η' ~ N(0, 0.1).

    .. math:: I(X; Y | Z) = E_u I(X; Y | A·Z = u), \quad A·Z \sim N(1, 1/dz)

    by quadrature. X is independent of Z. Where f2 is one to one (tanh), Z can be taken off and the truth is
    I(X; 2X + η'), whatever dz.

    Source: Mukherjee, Asnani & Kannan 2020 (CCMI), Sec. 5.2, with A fixed.

    Parameters
    ----------
    f1, f2 : "tanh" | "exp_abs" | "cos"
        exp_abs is exp(−abs).
    dz : int
        At least 1.

    Returns
    -------
    ConditionalTask
        x [n, 1], y [n, 1], z [n, dz].

    Raises
    ------
    ValueError
        Unknown functions; ``dz`` not a positive integer.
    """
    one_of("f1", f1, tuple(LINKS))
    one_of("f2", f2, tuple(LINKS))
    at_least("dz", dz, 1)
    first, second, sd = LINKS[f1], LINKS[f2], math.sqrt(VARIANCE)

    def normal(key: Array, *shape: int) -> Array:
        return jax.random.normal(key, shape, jnp.float32)

    def sample(key: Array, n: int) -> Triple:
        for_x, for_y, for_z = jax.random.split(key, 3)
        z = 1 + normal(for_z, at_least("n", n, 1), dz)
        x = first(sd * normal(for_x, n, 1))
        return x, second(2 * x + z.mean(1, keepdims=True) + sd * normal(for_y, n, 1)), z

    def draw_y(key: Array, z: Array, k: int) -> Array:
        for_x, for_y = jax.random.split(key)
        x, shift = first(sd * normal(for_x, z.shape[0], k, 1)), z.mean(1)[:, None, None]
        return second(2 * x + shift + sd * normal(for_y, z.shape[0], k, 1))

    truth, mi, joint = _informations(f1, f2, dz)
    return ConditionalTask(f"X = {f1}, Y = {f2}, dz={dz}", sample, truth, mi, joint, None, draw_y)


def _informations(f1: str, f2: str, dz: int) -> tuple[float, float, float]:
    """I(X; Y | Z), I(X; Y) and I(X, Z; Y), by quadrature over η, u and t.

    Y is a one-to-one function of t: s = 2X + u + η' itself, its magnitude, or its angle folded into (0, π), whose
    densities are sums over the images of t. They are smooth and even at the ends, so the trapezoid rule is exact
    to rounding.
    """
    sd = math.sqrt(VARIANCE)
    eta, eta_weight = np.polynomial.legendre.leggauss(80)
    eta, eta_weight = 4 * sd * (eta + 1), eta_weight * np.exp(-((4 * (eta + 1)) ** 2) / 2)
    x = np.concatenate([_ON_HOST[f1](eta), _ON_HOST[f1](-eta)])
    of_x = np.tile(eta_weight, 2) / eta_weight.sum() / 2
    u, of_u = np.polynomial.hermite_e.hermegauss(40)
    u, of_u = 1 + u / math.sqrt(dz), of_u / of_u.sum()
    centre = 2 * x[:, None] + u[None]
    if f2 == "cos":
        t = np.linspace(0, math.pi, 501)
        images = [s * t + 2 * math.pi * k for k in range(-3, 4) for s in (1, -1)]
    else:
        low, high = centre.min() - 9 * sd, centre.max() + 9 * sd
        t = np.linspace(low, high, 1501) if f2 == "tanh" else np.linspace(0, max(-low, high), 1501)
        images = [t] if f2 == "tanh" else [t, -t]
    given = np.zeros((*centre.shape, len(t)))
    for image in images:
        given += np.exp(-(((image - centre[:, :, None]) / sd) ** 2) / 2)
    given /= sd * math.sqrt(2 * math.pi)
    step = np.full(len(t), t[1] - t[0])
    step[[0, -1]] /= 2

    def entropy(p: np.ndarray) -> np.ndarray:
        return -(p * np.log(np.where(p > 0, p, 1))) @ step

    both, of_z = np.tensordot(of_x, given, 1), entropy(given)
    given_z = of_u @ entropy(both)
    given_both = of_x @ of_z @ of_u
    of_t = entropy(of_u @ both)
    given_x = of_x @ entropy(np.tensordot(given, of_u, (1, 0)))
    return float(given_z - given_both), float(of_t - given_x), float(of_t - given_both)
