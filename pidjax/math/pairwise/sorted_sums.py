"""Sums of a one-hidden-layer critic over all candidates, exact, without forming a pair."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax.math.pairwise.dot import accumulator
from pidjax.typing import Array


def relu_row_sums(a: Array, c: Array, v: Array) -> Array:
    r"""Sums of all rows of ``relu_table``, in O(H (N + M) log M) (log² M on CPU).

    .. math:: r_i = \sum_j \sum_h v_h \max(a_{ih} + c_{jh}, 0)
                  = \sum_h v_h \Big( n_{ih} a_{ih} + \sum_{j: c_{jh} > -a_{ih}} c_{jh} \Big)

    with n_ih the number of such j. With c sorted within every hidden unit, both are read at one position,
    which a binary search finds. The gradient of a row sum in a_ih is v_h n_ih; in c_jh it is v_h times the
    sum of the row cotangents whose position is not beyond that of c_jh: a histogram, its running sum, and
    one more search.

    Parameters
    ----------
    a : [n, h]
    c : [m, h]
    v : [h]

    Returns
    -------
    [n], float32 (float64 when an input is)
    """
    dtype = accumulator(a, c, v)
    return _row_sums(a.astype(dtype), c.astype(dtype), v.astype(dtype))


@jax.custom_vjp
def _row_sums(a: Array, c: Array, v: Array) -> Array:
    return _forward(a, c, v)[0]


def _forward(a: Array, c: Array, v: Array):
    ordered = _sort_columns(c)
    first = _search(ordered, -a, "right")  # of the candidates that are active with row i
    counts = c.shape[0] - first
    suffix = jnp.pad(jnp.cumsum(ordered[::-1], axis=0)[::-1], [(0, 1), (0, 0)])
    sums = a * counts + jnp.take_along_axis(suffix, first, axis=0)
    return sums @ v, (ordered, first, counts, sums, c, v)


def _backward(saved, g: Array):
    ordered, first, counts, sums, c, v = saved
    m, width = c.shape
    at = jnp.zeros((m + 1, width), g.dtype).at[first, jnp.arange(width)[None, :]].add(g[:, None])
    at_c = jnp.take_along_axis(jnp.cumsum(at, axis=0), _search(ordered, c, "left"), axis=0)
    return g[:, None] * counts * v[None], at_c * v[None], g @ sums


_row_sums.defvjp(_forward, _backward)


def _search(ordered: Array, values: Array, side: str) -> Array:
    """Positions of ``values`` in ``ordered``, column by column."""
    return jax.vmap(lambda o, x: jnp.searchsorted(o, x, side=side), in_axes=1, out_axes=1)(ordered, values)


def _sort_columns(x: Array) -> Array:
    """Columns in ascending order.

    XLA sorts floats on CPU one comparison call at a time; a bitonic network of whole-row minima and maxima
    is vectorised across columns and some ten times faster.
    """
    if jax.default_backend() != "cpu":
        return jnp.sort(x, axis=0)
    n, width = x.shape
    size = 1 << (n - 1).bit_length()
    x = jnp.pad(x, [(0, size - n), (0, 0)], constant_values=jnp.inf)
    for merged in (2**k for k in range(1, size.bit_length())):
        ascending = (jnp.arange(size // merged) % 2 == 0)[:, None, None, None]
        for distance in (2**k for k in reversed(range(merged.bit_length() - 1))):
            pairs = x.reshape(size // merged, merged // (2 * distance), 2, distance, width)
            low = jnp.minimum(pairs[:, :, 0], pairs[:, :, 1])
            high = jnp.maximum(pairs[:, :, 0], pairs[:, :, 1])
            x = jnp.stack([jnp.where(ascending, low, high), jnp.where(ascending, high, low)], axis=2)
            x = x.reshape(size, width)
    return x[:n]
