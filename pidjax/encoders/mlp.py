"""Multilayer perceptrons: heads, decoders, projections."""

from __future__ import annotations

import itertools

import jax
from flax import nnx

from pidjax.encoders.flax_glue import from_nnx
from pidjax.typing import Array, Encoder


class MLP(nnx.Module):
    """Linear layers of the given widths with GELU between them."""

    def __init__(self, widths: tuple[int, ...], rngs: nnx.Rngs):
        self.layers = nnx.List([nnx.Linear(a, b, rngs=rngs) for a, b in itertools.pairwise(widths)])

    def __call__(self, x: Array) -> Array:
        for layer in self.layers[:-1]:
            x = jax.nn.gelu(layer(x))
        return self.layers[-1](x)


def mlp(*widths: int) -> Encoder:
    """Perceptron [..., widths[0]] -> [..., widths[-1]] with GELU between its layers."""
    return from_nnx(lambda rngs: MLP(widths, rngs))


def linear(in_features: int, out_features: int) -> Encoder:
    """One affine map."""
    return mlp(in_features, out_features)
