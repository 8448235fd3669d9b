"""Couplings with given marginals: Sinkhorn's scaling, and a rounding after which nothing is missing."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax.typing import Array


def sinkhorn(kernel: Array, p1: Array, p2: Array, sweeps: int) -> Array:
    """``kernel`` scaled along i and along j until its sums over the other are p1 and, exactly, p2, for every y.

    Converges, the faster the less it has to be scaled, where the kernel's zeros allow these marginals.

    Parameters
    ----------
    kernel : [n1, n2, ny] or [n1, n2, 1]
        Not negative.
    p1, p2 : [n1, ny], [n2, ny]
        With the same sums over i and over j.
    sweeps : int
        Scalings of both sides; every one is differentiable.

    Returns
    -------
    [n1, n2, ny]
    """

    def sweep(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        first = _ratio(p1, _from_second(kernel, carry[1]))
        return (first, _ratio(p2, _from_first(kernel, first))), None

    (first, second), _ = jax.lax.scan(sweep, (jnp.ones_like(p1), jnp.ones_like(p2)), None, length=sweeps)
    return first[:, None] * kernel * second[None]


def rounded(q: Array, p1: Array, p2: Array) -> Array:
    """A table near q with the marginals p1 and p2, to the rounding of sums.

    What is too much is scaled off, what is then missing of i and of j is added as a product of both, so nothing
    becomes negative or appears where a marginal is 0 (Altschuler, Weed & Rigollet 2017, Algorithm 2).

    Parameters
    ----------
    q : [n1, n2, ny]
        Not negative.
    p1, p2 : [n1, ny], [n2, ny]
        With the same sums over i and over j.
    """
    q = q * jnp.minimum(_ratio(p1, q.sum(1)), 1)[:, None]
    q = q * jnp.minimum(_ratio(p2, q.sum(0)), 1)[None]
    missing1, missing2 = jnp.maximum(p1 - q.sum(1), 0), jnp.maximum(p2 - q.sum(0), 0)
    return q + missing1[:, None] * _ratio(missing2, jnp.broadcast_to(missing2.sum(0), missing2.shape))[None]


def _from_second(kernel: Array, second: Array) -> Array:
    """Σ_j of kernel(i, j, y) second(j, y); a matrix product where the kernel is the same for every y."""
    return kernel[:, :, 0] @ second if kernel.shape[2] == 1 else jnp.einsum("ijy,jy->iy", kernel, second)


def _from_first(kernel: Array, first: Array) -> Array:
    return kernel[:, :, 0].T @ first if kernel.shape[2] == 1 else jnp.einsum("ijy,iy->jy", kernel, first)


def _ratio(a: Array, b: Array) -> Array:
    """a / b, 0 where b is 0."""
    return jnp.where(b > 0, a / jnp.where(b > 0, b, 1.0), 0.0)
