"""Ranks and normal scores: what is left of data when every coordinate may be transformed monotonically."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import stdtrit

from pidjax.math.pairwise.dot import accumulator
from pidjax.typing import Array


def ranks(x: Array, key: Array | None = None) -> Array:
    """Ranks 1 to n within every column, as floats.

    Parameters
    ----------
    x : [n] or [n, d]
        A numpy array of more than 32 bits is compared in its own precision, so that float64 data keep their
        order and gain no ties.
    key : PRNG key, optional
        Breaks ties at random. Without one, ties share the mean of their ranks.

    Returns
    -------
    The shape of ``x``. Exact up to n = 2**23.
    """
    return _ranks(_comparable(x), key)


def normal_scores(x: Array, key: Array | None = None) -> Array:
    """Φ^-1(rank / (n + 1)) within every column: the margins of a standard normal, the copula of ``x``.

    Unchanged by increasing maps of a coordinate and negated by decreasing ones, both to the last bit.

    Parameters
    ----------
    x : [n] or [n, d]
    key : PRNG key, optional
        As for ``ranks``.
    """
    return _normal_scores(_comparable(x), key)


# each one program, not the two dozen that its operations would be if they were compiled for every new shape
@jax.jit
def _normal_scores(x: Array, key: Array | None) -> Array:
    n = x.shape[0]
    found = _ranks(x, key)
    from_below = jnp.minimum(found, n + 1 - found)  # 1 - p has no digits left where p is close to 1
    scores = jax.scipy.special.ndtri(from_below / (n + 1))
    return jnp.where(found > from_below, -scores, scores)


def student_scores(x: Array, dof: float, key: Array | None = None) -> Array:
    """t quantiles of rank / (n + 1) within every column; ``dof`` of ``math.inf`` gives normal scores.

    Parameters
    ----------
    x : [n, d]
    dof : float
        Degrees of freedom, positive; quantiles come from a table made on the host.
    key : PRNG key, optional
        As for ``ranks``.
    """
    n = x.shape[0]
    halves = np.arange(2, 2 * n + 1) / 2  # mean ranks of ties are whole or half numbers
    table = jnp.asarray(stdtrit(dof, halves / (n + 1)), jnp.result_type(float))
    return table[jnp.round(2 * ranks(x, key)).astype(jnp.int32) - 2]


@jax.jit
def _ranks(x: Array, key: Array | None) -> Array:
    columns = x.reshape(x.shape[0], -1).T
    if key is None:
        found = jax.vmap(_mean_rank)(columns)
    else:
        found = jax.vmap(_random_rank)(columns, jax.random.split(key, columns.shape[0]))
    return found.T.reshape(x.shape).astype(accumulator(x))


def _mean_rank(x: Array) -> Array:
    ordered = jnp.sort(x)
    below = jnp.searchsorted(ordered, x, side="left")
    not_above = jnp.searchsorted(ordered, x, side="right")
    return (below + not_above + 1) / 2


def _random_rank(x: Array, key: Array) -> Array:
    n = x.shape[0]
    place = jnp.arange(n)
    _, _, order = jax.lax.sort((x, jax.random.bits(key, (n,)), place), num_keys=2)
    return jnp.zeros(n).at[order].set(place + 1.0)


def _comparable(x: Array) -> Array:
    """``x``, or integers in its order where a device would round it."""
    return _codes(x) if isinstance(x, np.ndarray) and x.dtype.itemsize > 4 else jnp.asarray(x)


def _codes(x: np.ndarray) -> np.ndarray:
    """Integers in the order of each column's values, equal where these are equal."""
    columns = x.reshape(x.shape[0], -1).T
    found = [np.unique(column, return_inverse=True)[1] for column in columns]
    return np.stack(found, axis=1).reshape(x.shape).astype(np.int32)
