"""Objectives whose two modalities are two augmentations of one picture."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from experiments.high_shared.config import VIEWS, Config
from experiments.representation import augmented, of_bytes
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
