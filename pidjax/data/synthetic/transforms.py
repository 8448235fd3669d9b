"""One-to-one functions of a variable, row by row: [n, d] -> [n, d'], which change its looks and no information.

Those of the bmi benchmark (Czyż et al. 2023, Beyond Normal, Sec. 3), and the cube.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.typing import Array


def normal_cdf(x: Array) -> Array:
    """Φ(x) of each coordinate: a standard normal becomes uniform on (0, 1)."""
    return 0.5 * jax.scipy.special.erfc(-x / math.sqrt(2))


def cube(x: Array) -> Array:
    """x³ of each coordinate."""
    return x**3


def half_cube(x: Array) -> Array:
    """x √|x| of each coordinate: a signed power 3/2, longer tails."""
    return x * jnp.sqrt(jnp.abs(x))


def asinh(x: Array) -> Array:
    """log(x + √(1 + x²)) of each coordinate: shortens the tails of a t."""
    return jnp.arcsinh(x)


def wiggly_x(x: Array) -> Array:
    """x + 0.4 sin x + 0.2 sin(1.7x + 1) + 0.03 sin(3.3x − 2.5): rises with uneven slope."""
    return x + 0.4 * jnp.sin(x) + 0.2 * jnp.sin(1.7 * x + 1) + 0.03 * jnp.sin(3.3 * x - 2.5)


def wiggly_y(y: Array) -> Array:
    """y − 0.4 sin 0.4y + 0.17 sin(1.3y + 3.5) + 0.02 sin(4.3y − 2.5): rises with uneven slope."""
    return y - 0.4 * jnp.sin(0.4 * y) + 0.17 * jnp.sin(1.3 * y + 3.5) + 0.02 * jnp.sin(4.3 * y - 2.5)


def bimodal_x(x: Array) -> Array:
    """A standard normal becomes 0.3 N(0, 1) + 0.7 N(5, 1), quantile by quantile, on [-10, 10]."""
    return _to_two_modes(x, 0.3, 0.0, 5.0)


def bimodal_y(y: Array) -> Array:
    """A standard normal becomes 0.5 N(−1, 1) + 0.5 N(3, 1), quantile by quantile, on [-10, 10]."""
    return _to_two_modes(y, 0.5, -1.0, 3.0)


def swiss_roll(x: Array) -> Array:
    """A uniform coordinate rolled up in the plane, [n, 1] -> [n, 2]: t (cos t, sin t) / 21, t = 1.5π (1 + 2x).

    Raises
    ------
    InputError
        More than one coordinate.
    """
    if x.shape[1] != 1:
        raise InputError(f"a swiss roll takes one coordinate, [n, 1]; found shape {x.shape}.")
    t = 1.5 * jnp.pi * (1 + 2 * x)
    return jnp.concatenate([t * jnp.cos(t), t * jnp.sin(t)], 1) / 21


def spiral(x: Array, plane: tuple[int, int], speed: float) -> Array:
    """Turn each row in the plane of two coordinates by ``speed`` · |x|² radians; −speed turns it back.

    (x_i, x_j) becomes (c x_i − s x_j, s x_i + c x_j): lengths stay, so the map is one to one and keeps volume.
    bmi turns X in the plane (0, 1) and Y in the plane (1, 2), with ``speed`` 1/d.

    Raises
    ------
    InputError
        A plane that is not two different coordinates of ``x``.
    """
    i, j = plane
    if i == j or not (0 <= i < x.shape[1] and 0 <= j < x.shape[1]):
        raise InputError(f"plane must name two different coordinates of {x.shape[1]}; found {plane}.")
    angle = speed * (x**2).sum(1)
    c, s = jnp.cos(angle), jnp.sin(angle)
    return x.at[:, i].set(c * x[:, i] - s * x[:, j]).at[:, j].set(s * x[:, i] + c * x[:, j])


def _to_two_modes(x: Array, weight: float, first: float, second: float) -> Array:
    """Solve F(t) = Φ(x) by bisection, F the distribution function of weight N(first, 1) + (1 − weight) N(second, 1).

    Above 0 the upper tails are compared, because Φ(x) has no digits left near 1.
    """
    side = jnp.where(x > 0, -1, 1)
    tail = normal_cdf(side * x)

    def below(t: Array) -> Array:
        mixed = weight * normal_cdf(side * (t - first)) + (1 - weight) * normal_cdf(side * (t - second))
        return side * mixed < side * tail

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        keep = below(middle)
        return jnp.where(keep, middle, low), jnp.where(keep, high, middle)

    low, high = jax.lax.fori_loop(0, 32, halve, (jnp.full_like(x, -10), jnp.full_like(x, 10)))
    return (low + high) / 2
