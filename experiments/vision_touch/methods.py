"""Encoders, augmentations and objectives."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import jax
import numpy as np

from experiments.full_shapes import Full
from experiments.multibench.methods import DROP, NOISE
from experiments.representation import of_bytes, optimiser
from experiments.vision_touch.config import PRESETS, SETS, Config
from pidjax import encoders, objectives
from pidjax._checks import one_of
from pidjax.critics.layers import linear_init
from pidjax.data import apart, compose
from pidjax.data.augment_images import simclr
from pidjax.data.multibench.vision_touch import FORCES, PROPRIO, SIZE
from pidjax.typing import Array, Encoder, Objective, Params

AUGMENTS = {
    "image": compose((functools.partial(simclr, size=SIZE),)),
    "proprio": compose((NOISE,)),
    "force": compose((NOISE, DROP)),
}
ROW: dict[str, tuple[tuple[int, ...], type]] = {
    "image": ((SIZE, SIZE, 3), np.uint8),
    "proprio": ((PROPRIO,), np.float32),
    "force": ((FORCES, 6), np.float32),
}
OF_FORCES = (6, 16, 32, 64, 128)
"""Widths of the layers that halve the time of forces, before the last."""


@functools.lru_cache(maxsize=4)
def objective(method: str, name: str, config: Config) -> Objective:
    """The method on what is asked, one for all its seeds."""
    width, modalities = config.width or SETS[name].width, SETS[name].modalities
    nets = tokens(name, config)
    settings: dict[str, Any] = {}
    if method == "comm":
        settings = {"fusion": encoders.fusion_transformer(len(nets), width), "head": config.head}
    else:
        nets = [encoders.pooled(net) for net in nets]
        if method in ("clip", "cmc"):
            settings = {"width": config.head[-1]}
    augment = apart(*(AUGMENTS[modality] for modality in modalities))
    return of_bytes(objectives.method(method, nets, augment=augment, **settings).objective, ("x1",))


def full() -> Full:
    """CLIP of the full preset, which predicts a pose: half as long to compile as CoMM."""
    method, name, config = "clip", "end_effector", PRESETS["full"]
    setting = config.setting(method)
    row = {f"x{i}": ROW[modality] for i, modality in enumerate(SETS[name].modalities, 1)}
    return Full(objective(method, name, config), optimiser(setting.learning_rate, setting.weight_decay), row)


def tokens(name: str, config: Config) -> list[Encoder]:
    """Of a picture 16 (ResNet-18), of a pose one, of forces one or, where a pose is predicted, one a feature."""
    one_of("encoder", config.encoder, ("resnet18", "alexnet"))
    width, c = config.width or SETS[name].width, config.channels
    maps, channels = (
        (encoders.resnet18(width=c), 8 * c) if config.encoder == "resnet18" else (encoders.alexnet(width=c), 4 * c)
    )
    pose = encoders.mlp(PROPRIO, 32, 64, 128, width, activation="relu")
    nets = {
        "image": encoders.chain(encoders.of_pixels(maps), encoders.patch_embedding(channels, width)),
        "proprio": encoders.chain(pose, encoders.vector_tokens()),
        "force": forces(width),
    }
    if name == "end_effector":
        nets["force"] = encoders.chain(encoders.pooled(nets["force"]), encoders.feature_tokens(width, width))
    return [nets[modality] for modality in SETS[name].modalities]


def forces(width: int) -> Encoder:
    """32 readings [n, 32, 6] as one token [n, 1, ``width``]: five times, a linear map of every two neighbours.

    Then LeakyReLU: convolutions of two steps, two at a time, in which nothing is padded.
    """
    widths = (*OF_FORCES, width)

    def init(key: Array) -> tuple[Params, Params]:
        keys = jax.random.split(key, len(OF_FORCES))
        layers = [linear_init(k, 2 * a, b) for k, (a, b) in zip(keys, itertools.pairwise(widths), strict=True)]
        return {str(i): layer for i, layer in enumerate(layers)}, {}

    def apply(params, state, x, key=None, *, train: bool = False, mask=None):
        for i in range(len(OF_FORCES)):
            n, t, d = x.shape
            x = x.reshape(n, t // 2, 2 * d) @ params[str(i)]["kernel"] + params[str(i)]["bias"].reshape(1, 1, -1)
            x = jax.nn.leaky_relu(x, 0.1)
        return x, state

    return Encoder(init, apply)
