"""Tokens to one vector a sample, blind to padding."""

from __future__ import annotations

import jax.numpy as jnp

from pidjax._checks import one_of
from pidjax.typing import Array, Encoder


def pooled(encoder: Encoder, how: str = "mean") -> Encoder:
    """One vector a sample, [n, width], of an encoder that gives tokens, [n, t, width].

    The ``mask`` [n, t] of ``apply``, true where a token is real, goes to the encoder and to the pooling. A sample
    that is all padding gives the zero vector, and no gradient.

    Parameters
    ----------
    encoder : Encoder
        ``mlp``, ``recurrent``, ``transformer``: whatever has tokens in its second axis.
    how : "mean" | "last"
        Mean of the real tokens, or the last real token.
    """
    one_of("how", how, ("mean", "last"))

    def apply(params, state, x, key=None, *, train: bool = False, mask=None):
        tokens, state = encoder.apply(params, state, x, key, train=train, mask=mask)
        return pool(tokens, mask, how), state

    return Encoder(encoder.init, apply)


def pool(tokens: Array, mask: Array | None, how: str) -> Array:
    """The real tokens of [n, t, width] as one vector, [n, width]; zero where there are none."""
    real = jnp.ones(tokens.shape[:2], bool) if mask is None else jnp.asarray(mask, bool)
    if how == "mean":
        total = jnp.where(real[..., None], tokens, 0.0).sum(axis=1)
        return total / jnp.maximum(real.sum(axis=1, keepdims=True), 1)
    last = real.shape[1] - 1 - jnp.argmax(real[:, ::-1], axis=1)
    found = jnp.take_along_axis(tokens, last[:, None, None], axis=1)[:, 0]
    return jnp.where(real.any(axis=1, keepdims=True), found, 0.0)
