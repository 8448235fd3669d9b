"""The cosine critic: no parameters, similarity of directions divided by a temperature."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax._checks import one_of
from pidjax.bounds import ScoreStats, score_stats
from pidjax.math.collectives import gather, global_rows
from pidjax.math.vectors import unit
from pidjax.typing import Array, Critic, Params


def cosine(temperature: float = 0.1) -> Critic:
    r"""Critic f(x, y) = cos(x, y) / temperature (SimCLR, Chen et al. 2020, Eq. 1).

    Raises
    ------
    ValueError
        If ``temperature`` is not positive, or ``x`` and ``y`` differ in shape where rows are paired.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive; found {temperature}.")

    def init(key: Array, x: Array, y: Array) -> Params:
        return {}

    def paired(params: Params, x: Array, y: Array) -> Array:
        return (unit(x) * unit(y)).sum(-1) / temperature

    def scores(params: Params, x: Array, y: Array) -> Array:
        return unit(x) @ unit(y).T / temperature

    def stats(params, x, y, *, log_weights=None, over="y", axis_name=None) -> ScoreStats:
        one_of("over", over, ("y", "x", "both"))
        if x.shape != y.shape:
            raise ValueError(f"x and y are paired row by row, so their shapes must agree; found {x.shape}, {y.shape}.")
        rows = global_rows(x.shape[0], axis_name)

        def side(anchors: Array, candidates: Array) -> ScoreStats:
            f = scores(params, anchors, gather(candidates, axis_name))
            return score_stats(f, positive=rows, log_weights=log_weights)

        if over == "both":
            return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), side(x, y), side(y, x))
        return side(x, y) if over == "y" else side(y, x)

    return Critic(init, paired, scores, stats)
