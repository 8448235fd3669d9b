"""Objectives whose two modalities are two augmentations of one picture."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from experiments.full_shapes import Full
from experiments.high_shared.config import PRESETS, VIEWS, Config
from experiments.representation import augmented, of_bytes, optimiser
from pidjax import encoders, objectives
from pidjax._checks import one_of
from pidjax.data import apart, compose
from pidjax.data.augment_images import simclr
from pidjax.objectives import PAPER, Method
from pidjax.typing import Encoder, Objective

SIDES = ("x1", "x2")


def method(name: str, pictures: str, size: int, config: Config) -> Method:
    """The method; batches hold the same pictures [n, size, size, 3] as "x1" and "x2", and classes "y"."""
    settings: dict[str, Any] = {}
    if name.startswith("factorcl"):
        settings["config"] = dataclasses.replace(PAPER, critic_hidden=config.critic_hidden)
    made = objectives.method(name, [encoder(config)] * 2, classes=10, **settings)
    return made._replace(objective=of_views(made.objective, size, VIEWS[pictures]))


def full(name: str = "simclr", config: Config = PRESETS["full"]) -> Full:
    """SimCLR of the full preset on CIFAR-10, or another method or other networks."""
    size = 32
    made = method(name, "cifar10", size, config)
    row: dict[str, Any] = dict.fromkeys(SIDES, ((size, size, 3), np.uint8)) | {"y": ((), np.int32)}
    return Full(made.objective, optimiser(config.learning_rate, config.weight_decay), row)


def encoder(config: Config) -> Encoder:
    """The mean over its map of a convolutional network, mixed linearly."""
    one_of("encoder", config.encoder, ("resnet18", "alexnet"))
    if config.encoder == "resnet18":
        maps, width = encoders.resnet18(width=config.channels, stem="small"), 8 * config.channels
    else:
        maps, width = encoders.alexnet(width=config.channels, stride=1), 4 * config.channels
    return encoders.pooled(encoders.chain(encoders.of_pixels(maps), encoders.patch_embedding(width, width)))


def of_views(base: Objective, size: int, changes: dict[str, Any]) -> Objective:
    """``base`` of pictures as bytes; when it trains, each side of them augmented by itself."""
    view = compose((functools.partial(simclr, size=size, **changes),))
    return of_bytes(augmented(base, apart(view, view)), SIDES)
