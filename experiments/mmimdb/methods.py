"""CLIP at rest, augmentations, and objectives on its tokens."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from experiments.full_shapes import CLIP, Full, clip_weights
from experiments.mmimdb.config import COMM, PRESETS, Config
from experiments.representation import optimiser
from pidjax import encoders, objectives
from pidjax.data import apart, compose
from pidjax.data.augment_compose import SampleAugmentation
from pidjax.data.augment_images import simclr
from pidjax.encoders.clip import ClipConfig, clip_image, clip_text
from pidjax.objectives import Method
from pidjax.typing import Array, Encoder, Params


def method(name: str, clip: ClipConfig, weights: Params, config: Config, features: int | None = None) -> Method:
    """The method on posters and plots, of which CLIP reads the latter too, or ``features`` a token are given."""
    image = functools.partial(clip_image, clip)
    text, given = functools.partial(clip_text, clip), encoders.sequence_tokens(positions=False)
    if name == "frozen":
        words = encoders.pooled(given) if features else resting(text(gives="projected"), weights["text"])
        return objectives.method("simclr", [resting(image(gives="projected"), weights["image"]), words])
    words = given if features else resting(text(gives="tokens"), weights["text"])
    nets = [resting(image(gives="tokens"), weights["image"]), words]
    widths = (clip.image.width, features or clip.text.width)
    augment = augmentation(clip.size, config.masked)
    if name in COMM:
        of, settings = COMM[name]
        fusion = encoders.fusion_transformer(2, config.width, heads=config.heads, mask_tokens=of == "infmasking")
        fitted = [_of_width(net, width, config.width) for net, width in zip(nets, widths, strict=True)]
        return objectives.method(of, fitted, augment=augment, fusion=fusion, head=config.projection, **settings)
    changes: dict[str, Any] = {"width": config.projection[0]} if name == "clip" else {"head": config.slip}
    return objectives.method(name, _read(nets, widths, config), augment=augment, **changes)


def full(name: str = "comm", clip: ClipConfig = CLIP, config: Config = PRESETS["full"]) -> Full:
    """CoMM of the full preset on ``CLIP``, or another method or other sizes."""
    row: dict[str, Any] = {
        "x1": ((clip.size, clip.size, 3), np.float32),
        "x2": ((clip.tokens,), np.int32),
        "mask2": ((clip.tokens,), bool),
        "progress": ((), np.float32),
    }
    made = method(name, clip, clip_weights(clip), config)
    return Full(made.objective, optimiser(config.learning_rate, config.weight_decay), row)


def resting(encoder: Encoder, params: Params) -> Encoder:
    """``encoder`` with these parameters, which are state: no optimiser moves them."""

    def apply(none, state, x, key=None, *, train: bool = False, mask=None):
        return encoder.apply(state, {}, x, mask=mask)[0], state

    return Encoder(lambda key: ({}, params), apply)


def augmentation(size: int, masked: float) -> SampleAugmentation:
    """SimCLR's of a poster; of a plot, a share of its tokens is hidden."""
    return apart(compose((functools.partial(simclr, size=size),)), compose((functools.partial(hide, share=masked),)))


def hide(key: Array, x: Array, share: float, *, mask: Array) -> tuple[Array, Array]:
    """Tokens [t, ...] as they are, and as real those of ``mask`` but for a ``share``; the first stays."""
    gone = jax.random.bernoulli(key, share, mask.shape).at[0].set(False)
    return x, mask & ~gone


def _of_width(net: Encoder, width: int, wanted: int) -> Encoder:
    return net if width == wanted else encoders.chain(net, encoders.linear(width, wanted))


def _read(nets: Sequence[Encoder], widths: Sequence[int], config: Config) -> list[Encoder]:
    """A trained block on the tokens of each, as large as the one that fuses them in CoMM, and their mean."""
    sizes: dict[str, Any] = {"width": config.width, "heads": config.heads, "depth": 1, "positions": "none"}
    return [
        encoders.pooled(encoders.chain(net, encoders.transformer(((1, width),), **sizes)))
        for net, width in zip(nets, widths, strict=True)
    ]
