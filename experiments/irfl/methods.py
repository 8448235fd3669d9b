"""CLIP's encoders as they were loaded, augmentations, and objectives on them."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from experiments.full_shapes import CLIP, Full, clip_weights
from experiments.irfl.config import PRESETS, Config
from experiments.irfl.figures import CLASSES
from experiments.representation import of_bytes, optimiser
from pidjax import objectives
from pidjax.data import apart, compose
from pidjax.data.augment_images import simclr
from pidjax.encoders.clip import ClipConfig, clip_image, clip_text
from pidjax.objectives import PAPER, Method
from pidjax.typing import Encoder, Params


def method(name: str, clip: ClipConfig, weights: Params, critic_hidden: tuple[int, ...]) -> Method:
    """The method on projected texts and pictures.

    Augmented as released: a word is left out; a picture is mirrored and its colours change, and where augmentations are
    independent a fifth of it or more is kept.
    """
    start = clip.end - 1  # CLIP's last two tokens
    text = compose((("delete_one", {"pad": clip.end, "special": (start, clip.end)}),))
    whole, cropped = (
        compose((functools.partial(simclr, size=clip.size, crop=crop, grey_rate=0.0, blur_rate=0.0),))
        for crop in (None, (0.2, 1.0))
    )
    nets = [
        _starting(clip_text(clip), weights["text"]),
        _starting(clip_image(clip), weights["image"]),
    ]
    settings: dict[str, Any] = {}
    if name.startswith("factorcl"):
        settings["config"] = dataclasses.replace(PAPER, critic_hidden=critic_hidden)
    found = objectives.method(
        name,
        nets,
        augment=apart(text, cropped),
        unique_augment=apart(text, whole),
        classes=len(CLASSES),
        **settings,
    )
    return found._replace(objective=of_bytes(found.objective, ("x2",)))


def full(name: str = "simclr", clip: ClipConfig = CLIP, config: Config = PRESETS["full"]) -> Full:
    """SimCLR of the full preset, which trains both towers of ``CLIP``, or another method or other sizes."""
    row: dict[str, Any] = {
        "x1": ((clip.tokens,), np.int32),
        "mask1": ((clip.tokens,), bool),
        "x2": ((clip.size, clip.size, 3), np.uint8),
        "y": ((), np.int32),
    }
    made = method(name, clip, clip_weights(clip), config.critic_hidden)
    return Full(made.objective, optimiser(config.learning_rate, 0.0), row)


def _starting(encoder: Encoder, params: Params) -> Encoder:
    """``encoder`` from these parameters on, whatever the key."""
    return Encoder(lambda key: (params, {}), encoder.apply)
