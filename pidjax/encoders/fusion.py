"""Fusion of two token sequences into one vector: concatenation or cross-attention."""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx

from pidjax.encoders.flax_glue import from_nnx
from pidjax.encoders.mlp import MLP
from pidjax.typing import Array, Encoder


class ConcatFusion(nnx.Module):
    def __init__(self, width: int, rngs: nnx.Rngs):
        self.mix = MLP((2 * width, 2 * width, width), rngs)

    def __call__(self, x: tuple[Array, Array]) -> Array:
        return self.mix(jnp.concatenate([tokens.mean(axis=1) for tokens in x], axis=-1))


class CrossAttentionFusion(nnx.Module):
    def __init__(self, width: int, heads: int, rngs: nnx.Rngs):
        self.attend = nnx.List([nnx.MultiHeadAttention(heads, width, decode=False, rngs=rngs) for _ in range(2)])
        self.mix = MLP((2 * width, 2 * width, width), rngs)

    def __call__(self, x: tuple[Array, Array]) -> Array:
        a, b = x
        a_sees_b = a + self.attend[0](a, b)
        b_sees_a = b + self.attend[1](b, a)
        return self.mix(jnp.concatenate([a_sees_b.mean(axis=1), b_sees_a.mean(axis=1)], axis=-1))


def concat_fusion(width: int) -> Encoder:
    """([n, t1, width], [n, t2, width]) -> [n, width]: mean tokens, concatenated, mixed by a perceptron."""
    return from_nnx(lambda rngs: ConcatFusion(width, rngs))


def cross_attention_fusion(width: int, *, heads: int = 4) -> Encoder:
    """As ``concat_fusion``, each modality first attending to the tokens of the other."""
    return from_nnx(lambda rngs: CrossAttentionFusion(width, heads, rngs))
