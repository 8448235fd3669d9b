"""Latent converters: what an encoder gives to tokens [n, tokens, width], for a fusion; and encoders in a row."""

from __future__ import annotations

import jax
from flax import nnx

from pidjax._checks import InputError
from pidjax.encoders.flax_glue import from_nnx
from pidjax.encoders.positions import positions_1d, positions_2d
from pidjax.typing import Array, Encoder, Params


def chain(*encoders: Encoder) -> Encoder:
    """Encoders one after the other; they see the mask as long as there is a token for each place of it.

    Parameters and state by position.
    """

    def init(key: Array) -> tuple[Params, Params]:
        made = [encoder.init(k) for k, encoder in zip(jax.random.split(key, len(encoders)), encoders, strict=True)]
        params, state = ({str(i): part for i, part in enumerate(parts)} for parts in zip(*made, strict=True))
        return params, state

    def apply(params, state, x, key=None, *, train: bool = False, mask=None) -> tuple[Array, Params]:
        state = dict(state)
        for i, encoder in enumerate(encoders):
            own = None if key is None else jax.vmap(lambda k, i=i: jax.random.fold_in(k, i))(key)
            x, state[str(i)] = encoder.apply(params[str(i)], state[str(i)], x, own, train=train, mask=mask)
            if mask is not None and x.shape[1 : mask.ndim] != mask.shape[1:]:
                mask = None
        return x, state

    return Encoder(init, apply)


def sequence_tokens(*, positions: bool = True) -> Encoder:
    """A sequence [n, tokens, width] as it is, with the sin-cos positions of Vaswani et al. 2017 added.

    Without positions (as released for every sequence) a fusion sees a set: its output does not depend on time order.
    """

    def apply(params, state, x, key=None, *, train: bool = False, mask=None) -> tuple[Array, Params]:
        if x.ndim != 3:
            raise InputError(f"a sequence must be [n, tokens, width]; found shape {x.shape}.")
        return (x + positions_1d(*x.shape[1:])[None] if positions else x), state

    return Encoder(lambda key: ({}, {}), apply)


def vector_tokens(count: int = 1) -> Encoder:
    """A vector [n, count · width] as ``count`` tokens, each of its own stretch."""
    if count < 1:
        raise InputError(f"a vector becomes one token or more; found {count}.")

    def apply(params, state, x, key=None, *, train: bool = False, mask=None) -> tuple[Array, Params]:
        if x.ndim != 2 or x.shape[1] % count:
            raise InputError(f"vectors must be [n, width] with a width of {count} equal stretches; found {x.shape}.")
        return x.reshape(len(x), count, -1), state

    return Encoder(lambda key: ({}, {}), apply)


class PatchEmbedding(nnx.Module):
    def __init__(self, channels: int, width: int, rngs: nnx.Rngs):
        self.mix = nnx.Linear(channels, width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        n, rows, columns, _ = x.shape
        h = self.mix(x)
        return h.reshape(n, rows * columns, -1) + positions_2d(rows, columns, h.shape[-1])[None]


def patch_embedding(channels: int, width: int) -> Encoder:
    """A map [n, h, w, channels] to h w tokens: a 1 x 1 convolution and fixed sin-cos positions of both axes."""
    if width % 4:
        raise InputError(f"width must be a multiple of 4, for two axes of sines and cosines; found {width}.")
    return from_nnx(lambda rngs: PatchEmbedding(channels, width, rngs))


class FeatureTokens(nnx.Module):
    def __init__(self, features: int, width: int, rngs: nnx.Rngs):
        self.kernel, self.bias = (nnx.Param(jax.random.normal(rngs.params(), (1, features, width))) for _ in range(2))

    def __call__(self, x: Array) -> Array:
        return x[:, :, None] * self.kernel[...] + self.bias[...]


def feature_tokens(features: int, width: int) -> Encoder:
    """A vector [n, features] to a token a feature, x_k w_k + b_k, all from N(0, 1) (Gorishniy et al. 2021)."""
    return from_nnx(lambda rngs: FeatureTokens(features, width, rngs))
