"""The small networks inside critics: plain dicts of kernels and biases."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import jax

from pidjax._checks import InputError
from pidjax.math.pairwise.dot import project
from pidjax.typing import Array, Params


def linear_init(key: Array, n_in: int, n_out: int) -> Params:
    """Kernel and bias from U(±1/√fan_in), as published critics start."""
    bound = 1 / max(n_in, 1) ** 0.5
    k, b = jax.random.split(key)
    return {
        "kernel": jax.random.uniform(k, (n_in, n_out), minval=-bound, maxval=bound),
        "bias": jax.random.uniform(b, (n_out,), minval=-bound, maxval=bound),
    }


def linear(params: Params, x: Array) -> Array:
    """x W + b."""
    return project(x, params["kernel"]) + params["bias"][None]


def mlp_init(key: Array, widths: Sequence[int]) -> list[Params]:
    """One linear layer for each pair of neighbouring widths."""
    keys = jax.random.split(key, len(widths) - 1)
    return [linear_init(k, a, b) for k, (a, b) in zip(keys, itertools.pairwise(widths), strict=True)]


def mlp(layers: list[Params], x: Array) -> Array:
    """Linear layers with relu between them."""
    for layer in layers[:-1]:
        x = jax.nn.relu(linear(layer, x))
    return linear(layers[-1], x)


def positive_widths(name: str, widths: Sequence[int] | int) -> tuple[int, ...]:
    """``widths``, one or several, as a tuple; ``ValueError`` unless they are positive integers."""
    widths = tuple(widths) if isinstance(widths, Iterable) else (widths,)
    if any(not isinstance(w, int) or w < 1 for w in widths):
        raise InputError(f"{name} must be positive integers; found {widths}.")
    return widths
