"""From how a critic scores pairs to its statistics: sides, devices, blocks of rows and exact means, once for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pidjax._checks import InputError, one_of
from pidjax.bounds import ScoreStats
from pidjax.bounds.stats import Transform, assemble, check_rows, floating, reduce_table
from pidjax.math.collectives import gather, global_rows
from pidjax.math.pairwise import Tiling, default_tiling, map_rows
from pidjax.typing import Array, Critic, Params


class Form(NamedTuple):
    """How a critic scores pairs: what is done once a row, and what is done for every pair.

    ``project_x(params, x) -> a``, ``project_y(params, y) -> c``
        Pytrees of arrays [n, ...] and [m, ...].
    ``paired(params, a, c) -> [n]``
        Scores of row i of a with row i of c.
    ``table(params, a, c, tiling) -> [n, m]``
        Scores of all pairs; exchanging a and c transposes it.
    ``row_sums(params, a, c, tiling) -> [n] or None``
        Row sums of the table without the table, or None where the table is quicker.
    """

    project_x: Callable[..., Any]
    project_y: Callable[..., Any]
    paired: Callable[..., Array]
    table: Callable[..., Array]
    row_sums: Callable[..., Array | None]


def from_form(init: Callable[..., Params], form: Form, tiling: Tiling | None) -> Critic:
    """The ``Critic`` that scores as ``form`` says; see ``Critic`` for what ``stats`` takes.

    One pass over the table, whole or a block of rows at a time as ``tiling`` says, gives positives, logsumexp and
    mean. Where ``row_sums`` has a short cut, positives and mean come from it and share nothing with the
    logsumexp, so that under ``jit`` a bound that reads one of the two never computes the other. (Whoever reads
    both from a concat critic is quicker without the short cut: ``Tiling.sort`` of None.)
    """

    if tiling is not None:
        tiling.check()

    def checked_init(key: Array, x: Array, y: Array) -> Params:
        return init(key, *_sides(x, y))

    def paired(params: Params, x: Array, y: Array) -> Array:
        x, y = _pair(x, y)
        return form.paired(params, form.project_x(params, x), form.project_y(params, y))

    def scores(params: Params, x: Array, y: Array) -> Array:
        x, y = _sides(x, y)
        a, c = form.project_x(params, x), form.project_y(params, y)
        pieces = tiling or default_tiling()
        return form.table(params, a, c, pieces)

    def stats(
        params: Params,
        x: Array,
        y: Array,
        *,
        positive: Array | None = None,
        log_weights: Array | None = None,
        weight: Array | None = None,
        over: str = "y",
        transform: Transform = "identity",
        axis_name: str | None = None,
    ) -> ScoreStats:
        one_of("over", over, ("y", "x", "both"))
        x, y = _pair(x, y) if positive is None else _sides(x, y)
        if positive is not None and over == "both":
            raise InputError('positive names columns of one side, so over must be "y" or "x"; found "both".')
        pieces = tiling or default_tiling()

        def side(anchors: Array, candidates: Array, of_anchor: Callable, of_candidate: Callable, whole=None):
            a = of_anchor(params, anchors)
            c = of_candidate(params, gather(candidates, axis_name))
            n, m = (jax.tree.leaves(rows)[0].shape[0] for rows in (a, c))
            columns = global_rows(n, axis_name) if positive is None else positive
            columns, allowed, row_weight = check_rows(n, m, columns, log_weights, weight)

            def reduce(rows):
                a_rows, columns_rows, allowed_rows = rows
                table = form.table(params, a_rows, c, pieces) if whole is None else whole
                return reduce_table(table, columns_rows, allowed_rows, transform)

            rows = (a, columns, allowed)
            p, total, mean, num_neg = map_rows(reduce, rows, pieces.block_rows(n, m))
            plain = allowed is None and transform == "identity"
            sums = form.row_sums(params, a, c, pieces) if plain else None
            if sums is not None:
                # without other devices the partner of row i is row i: no gather, whose gradient is a scatter
                aligned = positive is None and axis_name is None
                p = form.paired(params, a, c if aligned else jax.tree.map(lambda r: r[columns], c))
                mean = (sums - p) / max(m - 1, 1)
            return assemble(p, total, mean, num_neg, weight=row_weight, transform=transform)

        x_side, y_side = (x, y, form.project_x, form.project_y), (y, x, form.project_y, form.project_x)
        if over == "y":
            return side(*x_side)
        if over == "x":
            return side(*y_side)
        n, table = x.shape[0], None
        if axis_name is None and pieces.block_rows(n, n) == n:  # one table serves both sides
            table = form.table(params, form.project_x(params, x), form.project_y(params, y), pieces)
        sides = side(*x_side, whole=table), side(*y_side, whole=None if table is None else table.T)
        return jax.tree.map(lambda *parts: jnp.concatenate(parts), *sides)

    return Critic(checked_init, paired, scores, stats)


def condition(x: Array, y: Array, z: Array, side: str = "both") -> tuple[Array, Array]:
    """The two inputs of a critic with the condition z appended to x, to y, or to both.

    With negatives from the batch, f([x, z], y) bounds I(X, Z; Y) = I(X; Y | Z) + I(Z; Y), and f([x, z], [y, z])
    bounds I(X, Z; Y, Z), which is at least H(Z): neither is a conditional mutual information. That needs
    negatives that share the condition (``conditional_stats``).

    Parameters
    ----------
    x, y : [n, dx], [n, dy]
    z : [n, dz] floating
        A class as one-hot vectors.
    side : "x" | "y" | "both"

    Returns
    -------
    x, y
        ``critic.stats(params, *condition(x, y, z, "x"))`` scores them with any critic.

    Raises
    ------
    ValueError
        Unknown side; not matrices; numbers of rows that differ.
    TypeError
        An input is not floating.
    """
    one_of("side", side, ("x", "y", "both"))
    x, y, z = jnp.asarray(x), jnp.asarray(y), jnp.asarray(z)
    floating(x=x, y=y, z=z)
    if not x.ndim == y.ndim == z.ndim == 2 or not x.shape[0] == y.shape[0] == z.shape[0]:
        raise InputError(
            "x, y and z must be matrices [samples, features] with as many rows; "
            f"found shapes {x.shape}, {y.shape} and {z.shape}."
        )

    def append(rows: Array) -> Array:
        return jnp.concatenate([rows, z], axis=1)

    return (append(x) if side != "y" else x), (append(y) if side != "x" else y)


def _sides(x: Array, y: Array) -> tuple[Array, Array]:
    """x and y as arrays, checked; bf16 stays bf16."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    floating(x=x, y=y)
    if x.ndim != 2 or y.ndim != 2 or not x.shape[0] or not y.shape[0]:
        raise InputError(
            f"x and y must be matrices [samples, features] with a row or more; found shapes {x.shape} and {y.shape}."
        )
    return x, y


def _pair(x: Array, y: Array) -> tuple[Array, Array]:
    x, y = _sides(x, y)
    if x.shape[0] != y.shape[0]:
        raise InputError(
            f"x and y are paired row by row, so they must have as many rows; found shapes {x.shape} and {y.shape}."
        )
    return x, y
