"""Fusion of token sequences into one vector: concatenation or cross-attention; and masks for either."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from pidjax._checks import InputError
from pidjax.encoders.flax_glue import from_nnx
from pidjax.encoders.fusion_transformer import join_tokens
from pidjax.encoders.mlp import MLP
from pidjax.encoders.pooling import pool
from pidjax.typing import Array, Encoder, Params


class ConcatFusion(nnx.Module):
    def __init__(self, modalities: int, width: int, hidden: bool, rngs: nnx.Rngs):
        joint = modalities * width
        self.mix = MLP((joint, joint, width) if hidden else (joint, width), rngs)

    def __call__(self, x: Sequence[Array], mask: Array | None = None) -> Array:
        return self.mix(_means(x, mask))


class CrossAttentionFusion(nnx.Module):
    def __init__(self, width: int, heads: int, rngs: nnx.Rngs):
        self.attend = nnx.List([nnx.MultiHeadAttention(heads, width, decode=False, rngs=rngs) for _ in range(2)])
        self.mix = MLP((2 * width, 2 * width, width), rngs)

    def __call__(self, x: tuple[Array, Array], mask: Array | None = None) -> Array:
        a, b = x
        seen_a, seen_b = (None if real is None else real[:, None, None, :] for real in _cut(mask, x))
        a_sees_b = a + self.attend[0](a, b, mask=seen_b)
        b_sees_a = b + self.attend[1](b, a, mask=seen_a)
        return self.mix(_means((a_sees_b, b_sees_a), mask))


def concat_fusion(width: int, *, modalities: int = 2, hidden: bool = True) -> Encoder:
    """Tokens [n, t_i, width] of every modality -> [n, width]: their means, concatenated, mixed by a perceptron.

    Without ``hidden`` layer the mix is linear. ``mask`` [n, Σ t_i] is true where a token is real.
    """
    return from_nnx(lambda rngs: ConcatFusion(modalities, width, hidden, rngs))


def cross_attention_fusion(width: int, *, heads: int = 4) -> Encoder:
    """As ``concat_fusion`` of two, each modality first attending to the tokens of the other.

    A modality whose tokens are all padding cannot be attended to: its keys then weigh alike.
    """
    return from_nnx(lambda rngs: CrossAttentionFusion(width, heads, rngs))


def masked(fusion: Encoder, modalities: int, width: int) -> Encoder:
    """``fusion`` under masks, as ``fusion_transformer`` takes them: hidden tokens give way to learned ones.

    Tokens cannot be dropped here: ``dropped`` must be None.
    """

    def init(key: Array) -> tuple[Params, Params]:
        of_fusion, of_tokens = jax.random.split(key)
        params, state = fusion.init(of_fusion)
        return {"fusion": params, "mask_tokens": 0.02 * jax.random.normal(of_tokens, (modalities, width))}, state

    def apply(params, state, x, key=None, *, train: bool = False, mask=None) -> tuple[Array, Params]:
        tokens, dropped, replaced = x
        if dropped is not None:
            raise InputError("this fusion cannot drop tokens, only put mask tokens in their place: mask='token'.")
        h, of = join_tokens(tokens, width)
        n, t, _ = h.shape
        masks = 1 if replaced is None else replaced.shape[1]
        h = jnp.broadcast_to(h[:, None], (n, masks, t, width))
        if replaced is not None:
            h = jnp.where(replaced[..., None], params["mask_tokens"][of][None, None], h)
        if mask is not None:
            mask = jnp.repeat(mask, masks, axis=0)
        ends = np.cumsum([x.shape[1] for x in tokens])[:-1]
        parts = tuple(jnp.split(h.reshape(n * masks, t, width), ends, axis=1))
        z, state = fusion.apply(params["fusion"], state, parts, key, train=train, mask=mask)
        return z.reshape(n, masks, -1), state

    return Encoder(init, apply)


def _means(x: Sequence[Array], mask: Array | None) -> Array:
    """Means over the real tokens of every modality, side by side; 0 where there is none."""
    parts = zip(x, _cut(mask, x), strict=True)
    return jnp.concatenate([pool(tokens, real, "mean") for tokens, real in parts], axis=-1)


def _cut(mask: Array | None, x: Sequence[Array]) -> list:
    """The mask's part of every modality."""
    if mask is None:
        return [None] * len(x)
    return jnp.split(mask, np.cumsum([tokens.shape[1] for tokens in x])[:-1], axis=1)
