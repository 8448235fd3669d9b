"""Encoders of token sequences: transformer, LSTM and GRU over one or several streams of tokens."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from pidjax._checks import one_of
from pidjax.encoders.flax_glue import from_nnx
from pidjax.typing import Array, Encoder

Streams = tuple[tuple[int, int], ...]
"""(tokens, features) of every stream."""


class Embedding(nnx.Module):
    """A linear map and a learned position for the tokens of every stream, joined along time."""

    def __init__(self, streams: Streams, width: int, rngs: nnx.Rngs):
        self.maps = nnx.List([nnx.Linear(features, width, rngs=rngs) for _, features in streams])
        self.positions = nnx.List(
            [nnx.Param(0.02 * jax.random.normal(rngs.params(), (tokens, width))) for tokens, _ in streams]
        )

    def __call__(self, streams: tuple[Array, ...]) -> Array:
        parts = zip(streams, self.maps, self.positions, strict=True)
        return jnp.concatenate([embed(x) + position[...][None] for x, embed, position in parts], axis=1)


class Block(nnx.Module):
    """Pre-norm transformer block (Xiong et al. 2020)."""

    def __init__(self, width: int, heads: int, rngs: nnx.Rngs):
        self.norm1 = nnx.LayerNorm(width, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(heads, width, decode=False, rngs=rngs)
        self.norm2 = nnx.LayerNorm(width, rngs=rngs)
        self.up = nnx.Linear(width, 4 * width, rngs=rngs)
        self.down = nnx.Linear(4 * width, width, rngs=rngs)

    def __call__(self, h: Array, mask: Array | None) -> Array:
        h = h + self.attention(self.norm1(h), mask=mask)
        return h + self.down(jax.nn.gelu(self.up(self.norm2(h))))


class Transformer(nnx.Module):
    def __init__(self, streams: Streams, width: int, depth: int, heads: int, rngs: nnx.Rngs):
        self.embedding = Embedding(streams, width, rngs)
        self.blocks = nnx.List([Block(width, heads, rngs) for _ in range(depth)])
        self.norm = nnx.LayerNorm(width, rngs=rngs)

    def __call__(self, x: tuple[Array, ...], mask: Array | None = None) -> Array:
        h = self.embedding(x)
        attend = None if mask is None else mask[:, None, None, :]
        for block in self.blocks:
            h = block(h, attend)
        return self.norm(h)


class Recurrent(nnx.Module):
    def __init__(self, streams: Streams, width: int, cell: str, rngs: nnx.Rngs):
        self.embedding = Embedding(streams, width, rngs)
        kind = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}[cell]
        self.rnn = nnx.RNN(kind(width, width, rngs=rngs), rngs=False)
        self.norm = nnx.LayerNorm(width, rngs=rngs)

    def __call__(self, x: tuple[Array, ...], mask: Array | None = None) -> Array:
        if mask is not None:
            raise ValueError("the recurrent encoders take whole sequences; masks are for the transformer.")
        return self.norm(self.rnn(self.embedding(x), rngs=nnx.Rngs(0)))


def transformer(streams: Streams, *, width: int = 64, depth: int = 2, heads: int = 4) -> Encoder:
    """Transformer encoder (Vaswani et al. 2017, pre-norm, learned positions).

    ``apply`` takes a tuple of token arrays [n, tokens_s, features_s], one a stream, and returns all tokens
    [n, Σ tokens_s, width]; ``mask`` [n, Σ tokens_s] is true where a token is real.
    """
    if width % heads:
        raise ValueError(f"width must be a multiple of heads; found width {width}, heads {heads}.")
    return from_nnx(lambda rngs: Transformer(streams, width, depth, heads, rngs))


def recurrent(streams: Streams, *, width: int = 64, cell: str = "lstm") -> Encoder:
    """LSTM or GRU over the same tokens, in time order; same shapes as ``transformer``."""
    one_of("cell", cell, ("lstm", "gru"))
    return from_nnx(lambda rngs: Recurrent(streams, width, cell, rngs))
