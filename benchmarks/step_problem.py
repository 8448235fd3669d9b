"""What a problem of ``benchmarks/step.py`` is made of: an objective, optimisers, a batch, and weights of order one."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from pidjax.typing import Array, Objective, Params


class Problem(NamedTuple):
    """An objective, its optimisers, and a batch."""

    objective: Objective
    txs: dict[str, optax.GradientTransformation]
    batch: dict[str, np.ndarray]


def drawn(key: Array, shapes: Params) -> Params:
    """All parameters from one draw, which compiles in a second: matrices at He's scale, vectors near 0, scales near 1.

    The papers start smaller. Here fresh scores are of order one, so that a comparison of losses sees every weight;
    times do not depend on it.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(shapes)
    ends = np.cumsum([leaf.size for _, leaf in leaves])
    parts = jnp.split(jax.random.uniform(key, (int(ends[-1]),), minval=-1.0), ends[:-1])

    def leaf(path: Any, like: jax.ShapeDtypeStruct, part: Array) -> Array:
        centre = 1.0 if jax.tree_util.keystr(path[-1:], simple=True) == "scale" else 0.0
        return centre + part.reshape(like.shape) * ((6 / like.shape[0]) ** 0.5 if like.ndim == 2 else 0.1)

    return tree.unflatten([leaf(*found, part) for found, part in zip(leaves, parts, strict=True)])
