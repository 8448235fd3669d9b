"""Encoders of token sequences: transformer, LSTM and GRU over one or several streams of tokens.

Both give all tokens; ``pooled`` makes one vector a sample of them. What a masked token holds is never seen: it gets
no attention, and a recurrent state passes over it unchanged.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from pidjax._checks import InputError, one_of
from pidjax.encoders.feed_forward import feed_forward
from pidjax.encoders.flax_glue import from_nnx
from pidjax.encoders.mlp import ACTIVATIONS
from pidjax.encoders.positions import positions_1d
from pidjax.typing import Array, Encoder

Streams = tuple[tuple[int, int], ...]
"""(tokens, features) of every stream; the number of tokens is the most there may be where positions are learned."""
POSITIONS = ("learned", "sincos", "none")
MULTIBENCH: dict[str, Any] = {
    "depth": 5,
    "heads": 5,
    "feedforward": 2048,
    "norm": "post",
    "activation": "relu",
    "positions": "none",
    "dropout": 0.1,
    "embedding_bias": False,
}
"""Settings of the transformer of MultiBench, which FactorCL uses (there of width 40, pooled to its last token)."""


class Embedding(nnx.Module):
    """A linear map and a position for the tokens of every stream, joined along time."""

    def __init__(self, streams: Streams, width: int, positions: str, bias: bool, rngs: nnx.Rngs):
        self.streams, self.width, self.kind = streams, width, positions
        self.maps = nnx.List([nnx.Linear(features, width, use_bias=bias, rngs=rngs) for _, features in streams])
        if positions == "learned":
            self.positions = nnx.List(
                [nnx.Param(0.02 * jax.random.normal(rngs.params(), (tokens, width))) for tokens, _ in streams]
            )

    def __call__(self, x: tuple[Array, ...] | Array, mask: Array | None = None) -> Array:
        streams = x if isinstance(x, tuple) else (x,)
        found = tuple(stream.shape[1:] for stream in streams)
        if len(found) != len(self.streams) or any(f[1] != s[1] for f, s in zip(found, self.streams, strict=True)):
            raise InputError(f"this encoder reads streams of (tokens, features) {self.streams}; found {found}.")
        if mask is not None:
            ends = list(itertools.accumulate(tokens for tokens, _ in found))[:-1]
            real = jnp.split(jnp.asarray(mask, bool), ends, axis=1)
            # before the map: a weight's gradient is a sum over padding too, where zero times NaN would be NaN
            streams = tuple(jnp.where(r[..., None], s, 0.0) for r, s in zip(real, streams, strict=True))
        tokens = [embed(stream) for embed, stream in zip(self.maps, streams, strict=True)]
        return jnp.concatenate([self._placed(i, h) for i, h in enumerate(tokens)], axis=1)

    def _placed(self, i: int, h: Array) -> Array:
        count = h.shape[1]
        if self.kind == "none":
            return h
        if self.kind == "sincos":
            return h + positions_1d(count, h.shape[-1])[None]
        if count > self.streams[i][0]:
            raise InputError(
                f"stream {i} has learned positions for {self.streams[i][0]} tokens; found {count}: "
                "build the encoder for the longest sequence."
            )
        return h + self.positions[i][...][None, :count]


class Block(nnx.Module):
    """Transformer block of tokens [..., t, width], normalised before its layers (Xiong et al. 2020) or after them."""

    def __init__(
        self,
        width: int,
        heads: int,
        feedforward: int,
        norm: str,
        activation: str,
        dropout: float,
        rngs: nnx.Rngs,
        epsilon: float = 1e-6,
    ):
        self.order, self.activation = norm, activation
        self.norm1 = nnx.LayerNorm(width, epsilon=epsilon, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(
            heads, width, decode=False, dropout_rate=dropout, broadcast_dropout=False, keep_rngs=False, rngs=rngs
        )
        self.norm2 = nnx.LayerNorm(width, epsilon=epsilon, rngs=rngs)
        self.up = nnx.Linear(width, feedforward, rngs=rngs)
        self.down = nnx.Linear(feedforward, width, rngs=rngs)
        self.dropout = nnx.Dropout(dropout)

    def __call__(self, h: Array, mask: Array | None, rngs: nnx.Rngs | None) -> Array:
        def drop(x: Array) -> Array:
            return self.dropout(x, rngs=rngs)

        def attend(x: Array) -> Array:
            return drop(self.attention(x, mask=mask, rngs=rngs))

        def feed(x: Array) -> Array:
            if self.activation == "relu" and (self.dropout.rate == 0 or self.dropout.deterministic):
                up, down = (
                    {"kernel": layer.kernel[...], "bias": layer.bias[...]}  # type: ignore[index]
                    for layer in (self.up, self.down)
                )
                return feed_forward(up, down, x.reshape(-1, x.shape[-1])).reshape(x.shape)
            return drop(self.down(drop(ACTIVATIONS[self.activation](self.up(x)))))

        if self.order == "post":
            h = self.norm1(h + attend(h))
            return self.norm2(h + feed(h))
        h = h + attend(self.norm1(h))
        return h + feed(self.norm2(h))


class Transformer(nnx.Module):
    def __init__(self, embedding: Embedding, block: Callable[[], Block], depth: int, norm: str, rngs: nnx.Rngs):
        self.embedding = embedding
        self.blocks = nnx.List([block() for _ in range(depth)])
        # blocks that normalise before their layers leave their sum as it is
        self.norm = nnx.LayerNorm(embedding.width, rngs=rngs) if norm == "pre" else None

    def __call__(self, x, mask: Array | None = None, key: Array | None = None) -> Array:
        def blocks(h: Array, attend: Array | None, key: Array | None) -> Array:
            rngs = None if key is None else nnx.Rngs(dropout=key)
            for block in self.blocks:
                h = block(h, attend, rngs)
            return h

        h = self.embedding(x, mask)
        attend = None if mask is None else jnp.asarray(mask, bool)[:, None, None, :]
        drop = self.blocks[0].dropout
        if drop.rate > 0 and not drop.deterministic:
            if key is None:
                raise InputError("an encoder with dropout needs a key a sample to train: pass key [n], or train=False.")
            h = jax.vmap(blocks)(h, attend, key)
        else:
            h = blocks(h, attend, None)
        return h if self.norm is None else self.norm(h)


class Recurrent(nnx.Module):
    def __init__(self, embedding: Embedding, cell: str, rngs: nnx.Rngs):
        width = embedding.width
        self.embedding = embedding
        self.cell = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}[cell](width, width, rngs=rngs)
        self.norm = nnx.LayerNorm(width, rngs=rngs)

    def __call__(self, x, mask: Array | None = None) -> Array:
        h = self.embedding(x, mask)
        real = jnp.ones(h.shape[:2], bool) if mask is None else jnp.asarray(mask, bool)

        def step(carry, token: tuple[Array, Array]):
            moved, out = self.cell(carry, token[0])
            return jax.tree.map(lambda new, old: jnp.where(token[1][:, None], new, old), moved, carry), out

        start = self.cell.initialize_carry((h.shape[0], h.shape[-1]), rngs=nnx.Rngs(0))
        _, out = jax.lax.scan(step, start, (h.swapaxes(0, 1), real.T))
        return self.norm(out.swapaxes(0, 1))


def transformer(
    streams: Streams,
    *,
    width: int = 64,
    depth: int = 2,
    heads: int = 4,
    feedforward: int | None = None,
    norm: str = "pre",
    activation: str = "gelu",
    positions: str = "learned",
    dropout: float = 0.0,
    embedding_bias: bool = True,
) -> Encoder:
    """Transformer encoder (Vaswani et al. 2017).

    ``apply`` takes token arrays [n, tokens_s, features_s], one a stream in a tuple (of one stream the array alone will
    do), and returns all tokens [n, Σ tokens_s, width]; ``mask`` [n, Σ tokens_s] is true where a token is real.

    Parameters
    ----------
    streams : ((tokens, features), ...)
    width, depth, heads : int
        Of the tokens, in blocks, and attention heads a block; ``width`` is a multiple of ``heads``.
    feedforward : int, optional
        Width of the hidden layer of a block; 4 · ``width`` by default.
    norm : "pre" | "post"
        Normalise what a layer reads, and all tokens in the end; or what each layer's sum gives, as first published.
    activation : "gelu" | "quick_gelu" | "relu"
    positions : "learned" | "sincos" | "none"
        What is added to the embedded tokens; "none" leaves a function that does not see their order.
    dropout : float
        Of attention weights, hidden units and what each layer adds, in training; ``apply`` then needs a key a sample.
    embedding_bias : bool
        Of the linear map of each stream to ``width``.
    """
    one_of("norm", norm, ("pre", "post"))
    one_of("activation", activation, tuple(ACTIVATIONS))
    one_of("positions", positions, POSITIONS)
    if width % heads:
        raise InputError(f"width must be a multiple of heads; found width {width}, heads {heads}.")
    if depth < 1 or not 0 <= dropout < 1:
        raise InputError(f"depth must be 1 or more and dropout in [0, 1); found {depth} and {dropout}.")

    def build(rngs: nnx.Rngs) -> Transformer:
        def block() -> Block:
            return Block(width, heads, feedforward or 4 * width, norm, activation, dropout, rngs)

        return Transformer(Embedding(streams, width, positions, embedding_bias, rngs), block, depth, norm, rngs)

    return from_nnx(build)


def recurrent(streams: Streams, *, width: int = 64, cell: str = "lstm", positions: str = "learned") -> Encoder:
    """LSTM or GRU over the same tokens, in time order, its outputs normalised; same shapes as ``transformer``.

    With ``positions="none"`` the step is all that tells when: sequences may then be of any length.
    """
    one_of("cell", cell, ("lstm", "gru"))
    one_of("positions", positions, POSITIONS)
    return from_nnx(lambda rngs: Recurrent(Embedding(streams, width, positions, True, rngs), cell, rngs))
