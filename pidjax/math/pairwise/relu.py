"""One hidden layer over all pairs: elementwise fusions on the score table, no third axis ever in memory."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from pidjax.math.pairwise.dot import accumulator
from pidjax.typing import Array


def relu_table(a: Array, c: Array, v: Array, chunk: int, back_chunk: int) -> Array:
    r"""Scores of all pairs of a critic with one hidden layer, value and gradient.

    .. math:: F_{ij} = \sum_h v_h \max(a_{ih} + c_{jh}, 0)

    The first layer of MLP([x, y]) separates, W [x, y] + b = (W_x x + b) + W_y y, so it is applied to N + M
    rows instead of N M pairs; ``a`` and ``c`` are its two halves. The sum over hidden units is a scan whose
    step adds ``chunk`` of them to F in one elementwise fusion. The backward pass has the same shape: with
    G = ∂L/∂F,

    .. math::
        A_{ih} = \sum_j G_{ij} [c_{jh} > -a_{ih}], \quad C_{jh} = \sum_i G_{ij} [a_{ih} > -c_{jh}], \\
        \partial a = v A, \quad \partial c = v C, \quad
        \partial v_h = \sum_i a_{ih} A_{ih} + \sum_j c_{jh} C_{jh}

    (the last by Euler's identity: relu is homogeneous). Memory: the table and its cotangent.

    Parameters
    ----------
    a : [n, h]
    c : [m, h]
    v : [h]
    chunk, back_chunk : int
        Hidden units a fusion of the forward pass, candidates a fusion of the backward pass: see ``Tiling``.

    Returns
    -------
    [n, m], float32 (float64 when an input is)
    """
    dtype = accumulator(a, c, v)
    return _table(a.astype(dtype), c.astype(dtype), v.astype(dtype), chunk, back_chunk)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _table(a: Array, c: Array, v: Array, chunk: int, back_chunk: int) -> Array:
    def add(table, units):
        a_h, c_h, v_h = units
        for i in range(chunk):
            z = a_h[i][:, None] + c_h[i][None, :]
            table = table + v_h[i] * jnp.where(z <= 0, 0, z)  # a third quicker than maximum on CPU; NaN stays NaN
        return table, None

    units = (_chunks(a.T, chunk), _chunks(c.T, chunk), _chunks(v, chunk))
    return jax.lax.scan(add, jnp.zeros((a.shape[0], c.shape[0]), a.dtype), units)[0]


def _forward(a: Array, c: Array, v: Array, chunk: int, back_chunk: int):
    return _table(a, c, v, chunk, back_chunk), (a, c, v)


def _backward(chunk: int, back_chunk: int, saved, g: Array):
    a, c, v = saved
    at_a, at_c = _active_sums(a, c, g, back_chunk), _active_sums(c, a, g.T, back_chunk)
    return at_a * v[None], at_c * v[None], (a * at_a).sum(0) + (c * at_c).sum(0)


_table.defvjp(_forward, _backward)


def _active_sums(a: Array, c: Array, g: Array, chunk: int) -> Array:
    """Σ_j g_ij [c_jh > −a_ih], [n, h]: a scan over j."""
    threshold = -a

    def add(total, candidates):
        c_j, g_j = candidates
        for j in range(chunk):
            total = total + jnp.where(c_j[j][None, :] > threshold, g_j[j][:, None], 0)
        return total, None

    return jax.lax.scan(add, jnp.zeros_like(a), (_chunks(c, chunk), _chunks(g.T, chunk)))[0]


def _chunks(x: Array, chunk: int) -> Array:
    """[n, ...] -> [ceil(n / chunk), chunk, ...], padded with zeros."""
    x = jnp.pad(x, [(0, -x.shape[0] % chunk)] + [(0, 0)] * (x.ndim - 1))
    return x.reshape(-1, chunk, *x.shape[1:])
