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
    """One linear layer, as of ``linear_init``, for each pair of neighbouring widths.

    All numbers come from one batch of draws, as long as the largest kernel: a program that draws takes half a second
    to compile.
    """
    shapes = list(itertools.pairwise(widths))
    keys = jax.vmap(jax.random.split)(jax.random.split(key, len(shapes))).reshape(-1)
    longest = max(max(a, 1) * b for a, b in shapes)
    draws = jax.vmap(lambda k: jax.random.uniform(k, (longest,), minval=-1.0))(keys)

    def layer(a: int, b: int, kernel: Array, bias: Array) -> Params:
        bound = 1 / max(a, 1) ** 0.5
        return {"kernel": bound * kernel[: a * b].reshape(a, b), "bias": bound * bias[:b]}

    return [layer(a, b, k, c) for (a, b), k, c in zip(shapes, draws[::2], draws[1::2], strict=True)]


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
