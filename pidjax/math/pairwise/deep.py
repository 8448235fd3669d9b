"""Two and more hidden layers over all pairs: blockwise after the separated first layer, activations kept as bits."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from pidjax.math.pairwise.dot import accumulator
from pidjax.math.pairwise.rows import blocks_of, joined
from pidjax.typing import Array

Layer = tuple[Array, Array]
"""Kernel [h, k] and bias [k]."""


def deep_table(a: Array, c: Array, layers: Sequence[Layer], v: Array, activations: int) -> Array:
    r"""Scores of all pairs of a critic with two or more hidden layers, value and gradient.

    .. math:: h^1_{ij} = \mathrm{relu}(a_i + c_j), \quad h^l = \mathrm{relu}(h^{l-1} W_l + b_l), \quad
              F_{ij} = v \cdot h^L_{ij}

    Only the first layer separates; the others are matrix products over pairs, a block of rows at a time. Of
    what the forward pass saw, the signs of the pre-activations are kept, one bit each. The backward pass of
    two hidden layers then needs two products instead of three, because ∂v follows from the gradient of the
    last kernel (Euler's identity); each further layer is one product computed again.

    Parameters
    ----------
    a : [n, h]
    c : [m, h]
    layers : sequence of (kernel [h, k], bias [k])
        Hidden layers after the first.
    v : [k]
    activations : int
        Pairs times width that a block may hold.

    Returns
    -------
    [n, m], float32 (float64 when an input is)
    """
    dtype = accumulator(a, c, v)
    a, c, layers, v = jax.tree.map(lambda x: x.astype(dtype), (a, c, tuple(layers), v))
    width = max(a.shape[1], *(bias.shape[0] for _, bias in layers))
    return _table(a, c, layers, v, max(1, activations // (c.shape[0] * width)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _table(a: Array, c: Array, layers: tuple[Layer, ...], v: Array, rows: int) -> Array:
    return _forward(a, c, layers, v, rows)[0]


def _forward(a: Array, c: Array, layers: tuple[Layer, ...], v: Array, rows: int):
    def block(a_rows):
        h, signs = jax.nn.relu(_first(a_rows, c)), []
        for kernel, bias in layers:
            z = h @ kernel + bias[None]
            signs.append(_pack(z > 0))
            h = jax.nn.relu(z)
        return (h @ v).reshape(a_rows.shape[0], -1), signs

    table, signs = jax.lax.map(block, blocks_of(a, rows))
    return joined(table, a.shape[0]), (a, c, layers, v, signs)


def _backward(rows: int, saved, g: Array):
    a, c, layers, v, signs = saved
    (last, last_bias), lower = layers[-1], layers[:-1]
    last_times_v = (last * v[None]).T

    def block(sums, rows_of):
        at_c, products, totals = sums
        a_rows, g_rows, block_signs = rows_of
        active = [_unpack(bits, bias.shape[0]) for bits, (_, bias) in zip(block_signs, layers, strict=True)]
        first = _first(a_rows, c)
        hidden = [jax.nn.relu(first)]
        for on, (kernel, bias) in zip(active[:-1], lower, strict=True):
            hidden.append(jnp.where(on, hidden[-1] @ kernel + bias[None], 0))
        # the cotangent of a layer's pre-activations; of the last layer still without v
        errors = [jnp.where(active[-1], g_rows.reshape(-1, 1), 0)]
        back = errors[0] @ last_times_v
        for on, (kernel, _) in zip(active[-2::-1], lower[::-1], strict=True):
            errors.insert(0, jnp.where(on, back, 0))
            back = errors[0] @ kernel.T
        back = jnp.where(first > 0, back, 0).reshape(a_rows.shape[0], *c.shape)
        products = [q + h.T @ e for q, h, e in zip(products, hidden, errors, strict=True)]
        totals = [q + e.sum(0) for q, e in zip(totals, errors, strict=True)]
        # a product with ones: XLA's sum over this axis is thirty times slower on CPU
        ones, flat = jnp.ones(a_rows.shape[0], c.dtype), back.reshape(a_rows.shape[0], -1)
        at_c = at_c + jnp.matmul(ones, flat, precision="highest").reshape(c.shape)
        return (at_c, products, totals), back.sum(1)

    zeros = jax.tree.map(jnp.zeros_like, (c, [kernel for kernel, _ in layers], [bias for _, bias in layers]))
    (at_c, products, totals), at_a = jax.lax.scan(block, zeros, (blocks_of(a, rows), blocks_of(g, rows), signs))
    at_v = (last * products[-1]).sum(0) + last_bias * totals[-1]
    products[-1], totals[-1] = products[-1] * v[None], totals[-1] * v
    return joined(at_a, a.shape[0]), at_c, tuple(zip(products, totals, strict=True)), at_v


_table.defvjp(_forward, _backward)


def _first(a: Array, c: Array) -> Array:
    """Pre-activations of the first layer, [b m, h]."""
    return (a[:, None] + c[None]).reshape(-1, a.shape[1])


def _pack(signs: Array) -> Array:
    """Eight booleans a byte: [p, k] -> [p, ceil(k / 8)]; bit i of a byte comes from the i-th eighth of k."""
    signs = jnp.pad(signs, [(0, 0), (0, -signs.shape[1] % 8)]).astype(jnp.uint8)
    eighths = jnp.split(signs, 8, axis=1)
    return functools.reduce(jnp.bitwise_or, [bits << i for i, bits in enumerate(eighths)])


def _unpack(packed: Array, width: int) -> Array:
    """The inverse of ``_pack``: [p, ceil(width / 8)] -> [p, width] boolean."""
    return jnp.concatenate([(packed >> i) & 1 for i in range(8)], axis=1)[:, :width].astype(bool)
