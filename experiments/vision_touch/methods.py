"""Encoders, augmentations and objectives."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import jax

from experiments.multibench.methods import DROP, NOISE
from experiments.representation import of_bytes
from experiments.vision_touch.config import SETS, Config
from pidjax import encoders, objectives
from pidjax._checks import one_of
from pidjax.data import apart, compose
from pidjax.data.augment_images import simclr
from pidjax.data.multibench.vision_touch import PROPRIO, SIZE
from pidjax.typing import Encoder, Objective

AUGMENTS = {
    "image": compose((functools.partial(simclr, size=SIZE),)),
    "proprio": compose((NOISE,)),
    "force": compose((NOISE, DROP)),
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


def tokens(name: str, config: Config) -> list[Encoder]:
    """Of a picture 16 (ResNet-18), of a pose one, of forces one or, where a pose is predicted, one a feature."""
    one_of("pictures", config.pictures, ("resnet18", "alexnet"))
    width, c = config.width or SETS[name].width, config.channels
    maps, channels = (
        (encoders.resnet18(width=c), 8 * c) if config.pictures == "resnet18" else (encoders.alexnet(width=c), 4 * c)
    )
    made = {
        "image": lambda: encoders.chain(encoders.of_pixels(maps), encoders.patch_embedding(channels, width)),
        "proprio": lambda: encoders.chain(
            encoders.mlp(PROPRIO, 32, 64, 128, width, activation="relu"), encoders.single_token()
        ),
        "force": lambda: forces(width),
    }
    nets = [made[modality]() for modality in SETS[name].modalities]
    if name == "end_effector":
        nets[1] = encoders.chain(encoders.pooled(nets[1]), encoders.feature_tokens(width, width))
    return nets


def forces(width: int) -> Encoder:
    """32 readings [n, 32, 6] as one token [n, 1, ``width``]: five times, every two neighbours become one."""
    return encoders.chain(*(_paired(encoders.linear(2 * a, b)) for a, b in itertools.pairwise((*OF_FORCES, width))))


def _paired(layer: Encoder) -> Encoder:
    """``layer`` of every two neighbours side by side, then LeakyReLU: a convolution of 2 steps, 2 at a time."""

    def apply(params, state, x, key=None, *, train: bool = False, mask=None):
        n, t, d = x.shape
        z, state = layer.apply(params, state, x.reshape(n, t // 2, 2 * d), key, train=train)
        return jax.nn.leaky_relu(z, 0.1), state

    return Encoder(layer.init, apply)
