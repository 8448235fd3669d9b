"""What a problem of ``benchmarks/step.py`` is made of: an objective, optimisers, a batch, and linear layers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
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


def shape(*sizes: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(sizes, jnp.float32)


def linear_shapes(n_in: int, n_out: int) -> Params:
    """Kernel and bias of a linear layer."""
    return {"kernel": shape(n_in, n_out), "bias": shape(n_out)}


def mlp_shapes(widths: Sequence[int]) -> list[Params]:
    """A linear layer for each pair of neighbouring widths."""
    return [linear_shapes(a, b) for a, b in itertools.pairwise(widths)]


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


def linear(params: Params, x: Array) -> Array:
    """x W + b over the last axis."""
    return x @ params["kernel"] + params["bias"].reshape(*[1] * (x.ndim - 1), -1)


def mlp(layers: list[Params], x: Array) -> Array:
    """Linear layers with relu between them."""
    for layer in layers[:-1]:
        x = jax.nn.relu(linear(layer, x))
    return linear(layers[-1], x)
