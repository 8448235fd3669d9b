"""What a problem of ``benchmarks/step.py`` is made of: an objective, optimisers, a batch, and linear layers.

Weights start at He's scale, larger than in the papers: fresh scores are then of order one, and a comparison of losses
sees every weight. Times do not depend on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
import optax

from pidjax.typing import Array, Objective, Params


class Problem(NamedTuple):
    """An objective, its optimisers, and a batch."""

    objective: Objective
    txs: dict[str, optax.GradientTransformation]
    batch: dict[str, np.ndarray]


def linear_init(key: Array, n_in: int, n_out: int) -> Params:
    """Kernel and bias of a linear layer."""
    for_kernel, for_bias = jax.random.split(key)
    bound = (6 / n_in) ** 0.5
    return {
        "kernel": jax.random.uniform(for_kernel, (n_in, n_out), minval=-bound, maxval=bound),
        "bias": jax.random.uniform(for_bias, (n_out,), minval=-0.1, maxval=0.1),
    }


def linear(params: Params, x: Array) -> Array:
    """x W + b over the last axis."""
    return x @ params["kernel"] + params["bias"].reshape(*[1] * (x.ndim - 1), -1)


def mlp_init(key: Array, widths: Sequence[int]) -> list[Params]:
    """A linear layer for each pair of neighbouring widths."""
    keys = jax.random.split(key, len(widths) - 1)
    return [linear_init(k, a, b) for k, (a, b) in zip(keys, itertools.pairwise(widths), strict=True)]


def mlp(layers: list[Params], x: Array) -> Array:
    """Linear layers with relu between them."""
    for layer in layers[:-1]:
        x = jax.nn.relu(linear(layer, x))
    return linear(layers[-1], x)
