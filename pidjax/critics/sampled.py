"""A few random negatives an anchor instead of all pairs: CLUBSample, and the cheap form of every other bound."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.bounds import ScoreStats, negative_stats
from pidjax.bounds.stats import Transform
from pidjax.math.collectives import gather, global_rows
from pidjax.typing import Array, Critic, Params


def sampled_stats(
    critic: Critic,
    params: Params,
    key: Array,
    x: Array,
    y: Array,
    *,
    k: int = 1,
    weight: Array | None = None,
    transform: Transform = "identity",
    axis_name: str | None = None,
) -> ScoreStats:
    """Statistics of n pairs with k random negatives each, N k scores instead of N².

    The batch is laid on a random circle; the negatives of a row are the y of the k rows that follow it there.
    So none is its own, all k differ, and every y is used equally often (a plain permutation has a fixed point
    on average, which shrinks CLUBSample by (n − 1)/n).

    Parameters
    ----------
    critic, params, x, y
        Row i of ``x`` belongs to row i of ``y``.
    key : PRNG key
        The same on all devices.
    k : int
        Negatives an anchor, fewer than the rows of the whole batch.
    weight, transform, axis_name
        As for ``critic.stats``.

    Raises
    ------
    ValueError
        ``k`` is not between 1 and the number of other rows.
    """
    x, y = jnp.asarray(x), jnp.asarray(y)
    candidates = gather(y, axis_name)
    m, rows = candidates.shape[0], global_rows(x.shape[0], axis_name)
    if not isinstance(k, int) or not 1 <= k < m:
        raise InputError(f"k must be an integer, at least 1 and less than the {m} rows of the batch; found {k}.")
    circle = jax.random.permutation(key, m)
    place = jnp.argsort(circle)[rows]
    others = circle[(place[None, :] + 1 + jnp.arange(k)[:, None]) % m]
    negatives = jax.lax.map(lambda row: critic.paired(params, x, candidates[row]), others)
    return negative_stats(critic.paired(params, x, y), negatives.T, weight=weight, transform=transform)
