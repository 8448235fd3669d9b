"""Fusion of any number of token sequences by a transformer that is read at [CLS], under several masks at once.

Only [CLS] is read: in the last block no other token asks. Masks that drop tokens are a softmax over the others' keys,
so that until something differs between them they share keys and values. So do, in one block, masks that put a
learned token in place of others: its key counts as often as it stands for one. Softmax and what follows are its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from pidjax._checks import InputError
from pidjax.encoders.flax_glue import from_nnx
from pidjax.encoders.mlp import ACTIVATIONS
from pidjax.typing import Array, Encoder


class FusionBlock(nnx.Module):
    """Pre-norm block with "quick_gelu" between its wide layers; starts as CLIP's (Radford et al. 2021)."""

    def __init__(self, width: int, heads: int, depth: int, rngs: nnx.Rngs):
        def linear(n_in: int, n_out: int, sd: float, bias: bool = True) -> nnx.Linear:
            return nnx.Linear(n_in, n_out, use_bias=bias, kernel_init=nnx.initializers.normal(sd), rngs=rngs)

        narrow = (2 * width * depth) ** -0.5
        self.heads = heads
        self.norm1 = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.query, self.value = (linear(width, width, width**-0.5) for _ in range(2))
        self.key = linear(width, width, width**-0.5, bias=False)  # the softmax sees no shift of all scores
        self.out = linear(width, width, narrow)
        self.norm2 = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.up = linear(width, 4 * width, (2 * width) ** -0.5)
        self.down = linear(4 * width, width, narrow)

    def __call__(self, h: Array, log_count: Array | None, read: int) -> Array:
        """The first ``read`` tokens of h [n, m or 1, t, width] after attending.

        ``log_count`` [n or 1, m, t] tells how often each key counts: 0 is once, −inf never.
        """
        n, m, _, width = h.shape
        u = self.norm1(h)
        query, key, value = (
            layer(x).reshape(n, m, -1, self.heads, width // self.heads)
            for layer, x in ((self.query, u[:, :, :read]), (self.key, u), (self.value, u))
        )
        scores = jnp.einsum("nmqhd,nmkhd->nmhqk", query, key) / (width // self.heads) ** 0.5
        if log_count is not None:
            scores = scores + log_count[:, :, None, None, :].astype(scores.dtype)
        weight = jax.nn.softmax(scores)
        if m == 1:  # the masks share values
            mixed = jnp.einsum("nmhqk,nkhd->nmqhd", weight, value[:, 0])
        else:
            mixed = jnp.einsum("nmhqk,nmkhd->nmqhd", weight, value)
        h = h[:, :, :read] + self.out(mixed.reshape(n, -1, read, width))
        return h + self.down(ACTIVATIONS["quick_gelu"](self.up(self.norm2(h))))


class FusionTransformer(nnx.Module):
    def __init__(
        self, modalities: int, width: int, heads: int, depth: int, mask_tokens: bool, embedding: bool, rngs: nnx.Rngs
    ):
        def vectors(count: int, sd: float) -> nnx.Param:
            return nnx.Param(sd * jax.random.normal(rngs.params(), (count, width)))

        self.cls = vectors(1, 1.0)
        self.mask_tokens = vectors(modalities, 0.02) if mask_tokens else None
        self.embedding = vectors(modalities, 0.02) if embedding else None
        self.blocks = nnx.List([FusionBlock(width, heads, depth, rngs) for _ in range(depth)])
        self.norm = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)

    def __call__(self, x: tuple[Sequence[Array], Array | None, Array | None], mask: Array | None = None) -> Array:
        tokens, dropped, replaced = x
        h, of = join_tokens(tokens, self.cls.shape[-1])
        if self.embedding is not None:
            h = h + self.embedding[...][of][None]
        h, shown = h[:, None], jnp.ones((1, 1, h.shape[1]), bool) if mask is None else mask[:, None, :]
        if dropped is not None:
            shown = shown & ~dropped
        log_count = None if dropped is None and mask is None else jnp.log(shown)
        if replaced is not None:
            h, log_count = self._replace(h, of, replaced, shown)
        n, m, _, width = h.shape
        h = jnp.concatenate([jnp.broadcast_to(self.cls[...][None, None], (n, m, 1, width)), h], axis=2)
        if log_count is not None:
            log_count = jnp.concatenate([jnp.zeros_like(log_count[..., :1]), log_count], axis=2)
        for block in self.blocks[:-1]:
            h = block(h, log_count, h.shape[2])
        return self.norm(self.blocks[-1](h, log_count, 1)[:, :, 0])

    def _replace(self, h: Array, of: Array, replaced: Array, shown: Array) -> tuple[Array, Array]:
        """Mask tokens in place of others, and how often each key counts, in logarithms."""
        if self.mask_tokens is None:
            raise InputError("this fusion has no mask tokens to put in place of others: build it with mask_tokens.")
        mask_tokens = self.mask_tokens[...] + (0 if self.embedding is None else self.embedding[...])
        if len(self.blocks) > 1:  # where hidden tokens ask too
            return jnp.where(replaced[..., None], mask_tokens[of][None, None], h), jnp.log(shown)
        extra = jnp.broadcast_to(mask_tokens, (*h.shape[:2], *mask_tokens.shape))
        hidden = (replaced & shown) @ (of[:, None] == jnp.arange(len(mask_tokens))[None]).astype(jnp.float32)
        return jnp.concatenate([h, extra], axis=2), jnp.log(jnp.concatenate([~replaced & shown, hidden], axis=2))


def fusion_transformer(
    modalities: int,
    width: int,
    *,
    heads: int = 8,
    depth: int = 1,
    mask_tokens: bool = False,
    modality_embedding: bool = False,
) -> Encoder:
    """Fusion of CoMM: [CLS] and the tokens of all modalities through pre-norm blocks; what is read is [CLS].

    ``apply`` takes ``(tokens, dropped, replaced)``: tokens [n, t_i, width] of every modality; ``dropped`` and
    ``replaced``, bool [n or 1, masks, Σ t_i] or None, are tokens that a mask hides, as if they were not there or under
    their modality's learned mask token. ``mask`` [n, Σ t_i] is true where a token is real (not padding). Gives
    [n, masks, width] (one mask if neither hides any).

    Parameters
    ----------
    modalities, width : int
    heads, depth : int
    mask_tokens : bool
        Learn one token a modality to be put in place of hidden ones.
    modality_embedding : bool
        Add a learned vector to the tokens of each modality. The published model has none.

    References
    ----------
    Dufumier et al. 2025, Sec. 3.
    """
    if width % heads:
        raise InputError(f"width must be a multiple of heads; found width {width}, heads {heads}.")
    if depth < 1:
        raise InputError(f"depth must be 1 or more; found {depth}.")
    return from_nnx(
        lambda rngs: FusionTransformer(modalities, width, heads, depth, mask_tokens, modality_embedding, rngs)
    )


def join_tokens(tokens: Sequence[Array], width: int) -> tuple[Array, Array]:
    """Tokens of all modalities one after the other, [n, Σ t_i, width], and the modality of each, int [Σ t_i]."""
    for i, x in enumerate(tokens, 1):
        if x.ndim != 3 or x.shape[-1] != width:
            raise InputError(
                f"modality {i} must come as tokens [n, tokens, {width}]; found shape {x.shape}: convert it with "
                "patch_embedding, feature_tokens, sequence_tokens or vector_tokens."
            )
    of = jnp.concatenate([jnp.full(x.shape[1], i) for i, x in enumerate(tokens)])
    return jnp.concatenate(tokens, axis=1), of
