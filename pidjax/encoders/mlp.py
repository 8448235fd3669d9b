"""Multilayer perceptrons: heads, decoders, projections."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
from flax import nnx

from pidjax._checks import one_of
from pidjax.encoders.flax_glue import from_nnx
from pidjax.typing import Array, Encoder

ACTIVATIONS = {"gelu": jax.nn.gelu, "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x), "relu": jax.nn.relu}
"""CLIP's "quick_gelu" is x σ(1.702 x)."""


def linear_layer(n_in: int, n_out: int, init: str, rngs: nnx.Rngs) -> nnx.Linear:
    """Affine map that starts as in flax (LeCun normal, zero bias) or as in PyTorch (all from U(±1/√n_in))."""
    if init == "flax":
        return nnx.Linear(n_in, n_out, rngs=rngs)

    def uniform(key: Array, shape, dtype, *_) -> Array:
        bound = 1 / max(n_in, 1) ** 0.5
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return nnx.Linear(n_in, n_out, kernel_init=uniform, bias_init=uniform, rngs=rngs)


class MLP(nnx.Module):
    """Linear layers of the given widths with an activation between them."""

    def __init__(self, widths: tuple[int, ...], rngs: nnx.Rngs, activation: str = "gelu", init: str = "flax"):
        self.activation = activation
        self.layers = nnx.List([linear_layer(a, b, init, rngs) for a, b in itertools.pairwise(widths)])

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        if mask is not None:
            x = jnp.where(mask[..., None], x, 0.0)
        for layer in self.layers[:-1]:
            x = ACTIVATIONS[self.activation](layer(x))
        return self.layers[-1](x)


def mlp(*widths: int, activation: str = "gelu", init: str = "flax") -> Encoder:
    """Perceptron [..., widths[0]] -> [..., widths[-1]]; rows that ``mask`` [...] calls padding are read as zero.

    Parameters
    ----------
    *widths : int
        Of the input, the hidden layers and the output; two or more.
    activation : "gelu" | "quick_gelu" | "relu"
        Between the layers.
    init : "flax" | "torch"
        LeCun normal kernels and zero biases, or both from U(±1/√fan_in), as PyTorch's ``Linear`` starts.
    """
    one_of("activation", activation, tuple(ACTIVATIONS))
    one_of("init", init, ("flax", "torch"))
    return from_nnx(lambda rngs: MLP(widths, rngs, activation, init))


def linear(in_features: int, out_features: int) -> Encoder:
    """One affine map."""
    return mlp(in_features, out_features)
