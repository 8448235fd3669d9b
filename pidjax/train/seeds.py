"""Several runs in one: the same objective from several keys, trained side by side by one compiled step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from pidjax.typing import Array, Batch, Objective, Params


def over_seeds(objective: Objective, count: int) -> Objective:
    """``count`` independent copies of ``objective``: parameters, state and embeddings have them as an axis.

    Batches are [n, count, ...] (``side_by_side``), so that samples stay the first axis; parameters, state and
    ``info`` before its mean are [count, ...], embeddings [n, count, ...]. The loss is the sum of the copies' losses and
    an optimiser that treats each number by itself (Adam, SGD) moves each copy as if it were alone; clipping by a global
    norm would see all copies. ``info`` holds means over the copies.
    """

    def rows_first(tree: Any) -> Any:
        return jax.tree.map(lambda x: x.swapaxes(0, 1), tree)

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        return jax.vmap(objective.init)(jax.random.split(key, count), rows_first(batch))

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        keys = None if key is None else jax.vmap(lambda k: jax.random.split(k, count))(key).swapaxes(0, 1)

        def one(params: Params, state: Params, batch: Batch, key: Array | None):
            return objective.encode(params, state, batch, key, train=train)

        z, new_state = jax.vmap(one)(params, state, rows_first(batch), keys)
        return rows_first(z), new_state

    def summed(of: Callable[..., Any]) -> Callable[..., Any]:
        def loss(params: Params, z: Any, batch: Batch, *, axis_name: str | None = None):
            values, info = jax.vmap(lambda *args: of(*args, axis_name=axis_name))(
                params, rows_first(z), rows_first(batch)
            )
            return values.sum(), jax.tree.map(lambda x: x.mean(), info)

        return loss

    inner = None if objective.inner is None else summed(objective.inner)
    return Objective(init, encode, summed(objective.loss), inner)


def copy_of(params: Params, index: int) -> Params:
    """Parameters or state of one copy."""
    return jax.tree.map(lambda x: x[index], params)


def side_by_side(sources: Sequence[Callable[[int], Batch]]) -> Callable[[int], Batch]:
    """``f(step) -> batch`` [n, sources, ...]: one source of batches a copy."""

    def batch(step: int) -> Batch:
        found = [source(step) for source in sources]
        return jax.tree.map(lambda *x: np.stack(x, 1), *found)

    return batch
