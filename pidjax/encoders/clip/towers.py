"""CLIP's encoders: a vision transformer read at its class token, a causal one of text read where the text ends."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from pidjax._checks import InputError, one_of
from pidjax.encoders.flax_glue import from_nnx
from pidjax.encoders.sequence import Block
from pidjax.math.pictures import normalise, unit_range
from pidjax.math.vectors import unit
from pidjax.typing import Array, Encoder

MEAN, SD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the channels of the pictures that CLIP was trained on, in [0, 1]."""
GIVES = ("projected", "pooled", "tokens")


@dataclasses.dataclass(frozen=True)
class Tower:
    """Sizes of one transformer: ``depth`` blocks of ``heads`` heads on tokens of ``width``, hidden ``feedforward``."""

    width: int
    depth: int
    heads: int
    feedforward: int


@dataclasses.dataclass(frozen=True)
class ClipConfig:
    """Sizes of a CLIP; by default those of ViT-B/32.

    Attributes
    ----------
    image, text : Tower
    size, patch : int
        Side of a picture and of a patch, in pixels.
    tokens, vocabulary : int
        The most tokens of a text, and how many kinds there are.
    end : int
        The token that ends a text.
    projected : int
        Width of the space that both sides are compared in.
    """

    image: Tower = Tower(768, 12, 12, 3072)
    text: Tower = Tower(512, 12, 8, 2048)
    size: int = 224
    patch: int = 32
    tokens: int = 77
    vocabulary: int = 49408
    end: int = 49407
    projected: int = 512

    def __post_init__(self):
        for name, tower in (("image", self.image), ("text", self.text)):
            if tower.width % tower.heads:
                raise InputError(
                    f"the width of a tower must be a multiple of its heads; found {tower.width} and {tower.heads} "
                    f"of the {name}s."
                )
        if self.size % self.patch:
            raise InputError(f"pictures of {self.size} pixels do not divide into patches of {self.patch}.")


class Transformer(nnx.Module):
    """Blocks, what is read of them, and its projection; what both towers are beyond their embeddings."""

    def __init__(self, sizes: Tower, tokens: int, projected: int, gives: str, rngs: nnx.Rngs):
        self.gives = gives
        self.positions = nnx.Param(0.01 * jax.random.normal(rngs.params(), (tokens, sizes.width)))
        self.blocks = nnx.List(
            [
                Block(sizes.width, sizes.heads, sizes.feedforward, "pre", "quick_gelu", 0.0, rngs, epsilon=1e-5)
                for _ in range(sizes.depth)
            ]
        )
        self.norm = nnx.LayerNorm(sizes.width, epsilon=1e-5, rngs=rngs)
        self.project = nnx.Linear(sizes.width, projected, use_bias=False, rngs=rngs)

    def attended(self, h: Array, seen: Array | None) -> Array:
        for block in self.blocks:
            h = block(h, seen, None)
        return h

    def read(self, pooled: Array) -> Array:
        return self.project(pooled) if self.gives == "projected" else pooled


class ImageTower(Transformer):
    def __init__(self, config: ClipConfig, gives: str, rngs: nnx.Rngs):
        width, patch = config.image.width, config.patch
        super().__init__(config.image, 1 + (config.size // patch) ** 2, config.projected, gives, rngs)
        self.embed = nnx.Conv(3, width, (patch, patch), strides=patch, padding="VALID", use_bias=False, rngs=rngs)
        self.cls = nnx.Param(width**-0.5 * jax.random.normal(rngs.params(), (width,)))
        self.norm_in = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.size = config.size

    def __call__(self, x: Array) -> Array:
        x = unit_range(x)
        if x.ndim != 4 or x.shape[1:3] != (self.size, self.size):
            raise InputError(
                f"this CLIP reads pictures [n, {self.size}, {self.size}, 3]; found shape {x.shape}: cut them with "
                "crop_pictures."
            )
        h = self.embed(normalise(x, MEAN, SD))
        n, _, _, width = h.shape
        cls = jnp.broadcast_to(self.cls[...][None, None], (n, 1, width))
        h = jnp.concatenate([cls, h.reshape(n, -1, width)], axis=1) + self.positions[...][None]
        h = self.attended(self.norm_in(h), None)
        return h if self.gives == "tokens" else self.read(self.norm(h[:, 0]))


class TextTower(Transformer):
    def __init__(self, config: ClipConfig, gives: str, rngs: nnx.Rngs):
        super().__init__(config.text, config.tokens, config.projected, gives, rngs)
        start = nnx.initializers.normal(0.02)
        self.embed = nnx.Embed(config.vocabulary, config.text.width, embedding_init=start, rngs=rngs)
        self.end = config.end

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        most, kinds = self.positions.shape[0], self.embed.num_embeddings
        if x.ndim != 2 or x.shape[1] > most or not jnp.issubdtype(x.dtype, jnp.integer):
            raise InputError(
                f"this CLIP reads integer tokens [n, up to {most}]; found {x.dtype} of shape {x.shape}: make texts "
                "into tokens with load_tokenizer."
            )
        if not isinstance(x, jax.core.Tracer) and x.size and not (np.min(x) >= 0 and np.max(x) < kinds):
            raise InputError(
                f"tokens are numbered 0 to {kinds - 1} here; found {np.min(x)} to {np.max(x)}: the tokenizer is of "
                "another model."
            )
        length = x.shape[1]
        seen = jnp.tril(jnp.ones((length, length), bool))[None, None]
        if mask is not None:
            seen = seen & jnp.asarray(mask, bool)[:, None, None, :]
        h = self.norm(self.attended(self.embed(x) + self.positions[...][None, :length], seen))
        if self.gives == "tokens":
            return h
        at_end = jnp.argmax(x == self.end, axis=1)
        return self.read(jnp.take_along_axis(h, at_end[:, None, None], axis=1)[:, 0])


@functools.lru_cache(maxsize=8)  # describing a module costs more than a small one computes
def clip_image(config: ClipConfig = ClipConfig(), *, gives: str = "projected") -> Encoder:
    """Pictures [n, size, size, 3], uint8 or in [0, 1] -> what CLIP's vision transformer says of them. No state.

    ``apply`` takes ``load_clip(folder)[1]["image"]``, or what ``init`` drew. Patches and a class token, normalised, go
    through pre-norm blocks with "quick_gelu". Pictures are normalised here, by the moments of CLIP's.

    Parameters
    ----------
    config : ClipConfig
    gives : "projected" | "pooled" | "tokens"
        The vector that texts are compared with, [n, projected]; the class token, normalised, [n, width]; all tokens,
        the class first, as the last block leaves them, [n, 1 + (size / patch)², width].

    Raises
    ------
    InputError
        Pictures of another size, kind or range.

    References
    ----------
    Radford et al. 2021, Sec. 2.4.
    """
    one_of("gives", gives, GIVES)
    return from_nnx(lambda rngs: ImageTower(config, gives, rngs))


@functools.lru_cache(maxsize=8)
def clip_text(config: ClipConfig = ClipConfig(), *, gives: str = "projected") -> Encoder:
    """Tokens int [n, t] of texts that end in ``config.end`` -> what CLIP's text transformer says of them. No state.

    ``apply`` takes ``load_clip(folder)[1]["text"]``, or what ``init`` drew. A token sees those before it, so padding at
    the end changes no vector; ``mask`` [n, t], true where a token is real, hides others.

    Parameters
    ----------
    config : ClipConfig
    gives : "projected" | "pooled" | "tokens"
        The vector that pictures are compared with, [n, projected]; the token of the first ``config.end``,
        [n, width]; all tokens, normalised, [n, t, width].

    Raises
    ------
    InputError
        Too many tokens, other than integers, of another vocabulary.

    References
    ----------
    Radford et al. 2021, Sec. 2.4.
    """
    one_of("gives", gives, GIVES)
    return from_nnx(lambda rngs: TextTower(config, gives, rngs))


def clip_scores(logit_scale: Array, image: Array, text: Array) -> Array:
    """exp(logit_scale) cos(image_i, text_j) of projected vectors, [n, d] and [m, d] -> [n, m].

    A softmax over texts is the zero-shot classifier, over both axes what CLIP was trained on.
    """
    return jnp.exp(logit_scale) * unit(image) @ unit(text).T
