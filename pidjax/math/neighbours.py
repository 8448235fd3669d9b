"""Nearest neighbours under the Chebyshev metric: exact, by elementwise passes over pairs that are never held."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.math.pairwise.dot import accumulator
from pidjax.math.pairwise.rows import map_rows
from pidjax.math.pairwise.tiling import default_tiling
from pidjax.typing import Array

_UNROLL = 32
"""Coordinate differences that one fusion unrolls."""


def kth_distance(points: Array, k: int) -> Array:
    """Chebyshev distance from every point to its k-th nearest other point.

    Points are dealt into about √(n (k + 1)) groups. One pass over pairs finds each group's least distance; the
    k + 1 nearest points (each is its own nearest) lie in the k + 1 groups whose least distances are smallest,
    so only these few are looked at again. The pass is elementwise minima of whole blocks, which XLA vectorises
    on CPU where it does not vectorise sorts, selections and reductions along rows.

    Parameters
    ----------
    points : [n, d]
        At n = 10,000 a pass over pairs costs about as much as 2 d additions a pair.
    k : int
        1 to n - 1.

    Returns
    -------
    [n]; 0 where a point has k copies or more.
    """
    points = points.astype(accumulator(points))
    n, d = points.shape
    check_k(k, n)
    size = max(1, math.isqrt(n // (k + 1)))
    count = -(-n // size)
    # a group is a row; the points that fill the last one are infinitely far
    groups = jnp.pad(points, [(0, count * size - n), (0, 0)], constant_values=jnp.inf).reshape(count, size, d)

    def block(rows: Array) -> Array:
        start = jnp.full((count, rows.shape[0]), jnp.inf, points.dtype)
        least = _scan_pairs(jnp.minimum, start, groups, rows)
        _, nearest = jax.lax.top_k(-least.T, k + 1)
        candidates = groups.transpose(0, 2, 1)[nearest]  # [rows, k + 1, d, size]
        distances = _chebyshev(candidates.transpose(2, 0, 1, 3), rows.T[:, :, None, None])
        # a minimum, because a slice of top_k becomes a whole sort on CPU: ten times slower
        return -jax.lax.top_k(-distances.reshape(rows.shape[0], -1), k + 1)[0].min(axis=1)

    return _map_blocks(block, points, count * (d + 4))


def count_closer(points: Array, radius: Array) -> Array:
    """How many other points are strictly closer to each point than its radius, under Chebyshev.

    Scalars are counted by sorting; vectors by a pass over pairs, as in ``kth_distance``.

    Parameters
    ----------
    points : [n, d]
    radius : [n]

    Returns
    -------
    [n] int32
    """
    points = points.astype(accumulator(points, radius))
    n, d = points.shape
    radius = radius.astype(points.dtype)
    if d == 1:
        return _count_scalars(points[:, 0], radius)
    size = math.isqrt(n)
    count = -(-n // size)
    groups = jnp.pad(points, [(0, count * size - n), (0, 0)], constant_values=jnp.inf).reshape(count, size, d)

    def block(rows: tuple[Array, Array]) -> Array:
        centres, within = rows

        def add(total: Array, distances: Array) -> Array:
            return total + (distances < within[None, :])

        start = jnp.zeros((count, within.shape[0]), jnp.int32)
        return _scan_pairs(add, start, groups, centres).sum(axis=0)

    found = _map_blocks(block, (points, radius), 4 * count)
    return found - (radius > 0)  # of itself


def check_k(k: int, n: int) -> None:
    """Raise ``InputError`` unless every one of n points has a k-th neighbour."""
    if not isinstance(k, int) or not 1 <= k < n:
        raise InputError(f"k must be a whole number of neighbours from 1 to n - 1 = {n - 1}; found {k!r}.")


def _map_blocks(f: Callable, rows, width: int):
    """``f`` of blocks of rows that hold ``width`` numbers a row."""
    return map_rows(f, rows, max(1, default_tiling().table // (8 * width)))


def _scan_pairs(update: Callable, start: Array, groups: Array, rows: Array) -> Array:
    """``update(state, distances)`` with the distances of rows [b, d] to one member of every group at a time.

    State and distances are [groups, b].
    """
    _, size, d = groups.shape
    unroll = max(1, _UNROLL // d)
    members = groups.transpose(1, 2, 0)
    members = jnp.pad(members, [(0, -size % unroll), (0, 0), (0, 0)], constant_values=jnp.inf)

    def step(state, some):
        for member in some:
            state = update(state, _chebyshev(member[:, :, None], rows.T[:, None, :]))
        return state, None

    return jax.lax.scan(step, start, members.reshape(-1, unroll, *members.shape[1:]))[0]


def _chebyshev(a: Array, c: Array) -> Array:
    """max_k |a_k - c_k| over the leading axis; the others broadcast. Never below 0."""
    if a.shape[0] <= 2 * _UNROLL:
        far = jnp.abs(a[0] - c[0])
        for a_k, c_k in zip(a[1:], c[1:], strict=True):
            far = jnp.maximum(far, jnp.abs(a_k - c_k))
        return far
    # coordinates that fill the last chunk are equal
    a, c = (jnp.pad(z, [(0, -z.shape[0] % _UNROLL)] + [(0, 0)] * (z.ndim - 1)) for z in (a, c))

    def step(far, some):
        return jnp.maximum(far, _chebyshev(*some)), None

    start = jnp.zeros(jnp.broadcast_shapes(a.shape[1:], c.shape[1:]), a.dtype)
    return jax.lax.scan(step, start, tuple(z.reshape(-1, _UNROLL, *z.shape[1:]) for z in (a, c)))[0]


def _count_scalars(x: Array, radius: Array) -> Array:
    """``count_closer`` of scalars.

    The k-th neighbour of a point lies on the radius exactly, and x + (x' - x) is not x' in floating point.
    So the search asks for the differences themselves, which are monotone along the sorted values.
    """
    ordered = jnp.sort(x)
    first = _first_true(lambda s: x - s < radius, ordered)
    end = _first_true(lambda s: s - x >= radius, ordered)
    return jnp.where(radius > 0, end - first - 1, 0)


def _first_true(holds: Callable, ordered: Array) -> Array:
    """First position of ``ordered`` at which a predicate holds that goes on holding; one a row."""
    n = ordered.shape[0]

    def halve(_, ends):
        low, high = ends
        middle = (low + high) // 2
        true = holds(ordered[jnp.minimum(middle, n - 1)])
        open_ = low < high
        return jnp.where(open_ & ~true, middle + 1, low), jnp.where(open_ & true, middle, high)

    ends = jnp.zeros(n, jnp.int32), jnp.full(n, n, jnp.int32)
    return jax.lax.fori_loop(0, n.bit_length(), halve, ends)[0]
