"""Encoders, augmentations and objectives of a method's name."""

from __future__ import annotations

import functools

import jax

from experiments.representation import of_bytes
from experiments.trifeature.config import AUGMENTS, COMM, Config
from pidjax import encoders, objectives
from pidjax.data.augment_images import simclr
from pidjax.objectives import contrastive
from pidjax.typing import Array, Objective


@functools.lru_cache(maxsize=4)
def objective(name: str, config: Config, augments: str = "all") -> Objective:
    """The method, one for all its trainings; batches hold bytes, which become numbers in [0, 1] on the device."""
    return of_bytes(_of_numbers(name, config, augments), ("x1", "x2"))


def _of_numbers(name: str, config: Config, augments: str) -> Objective:
    changes = AUGMENTS[augments]
    blur = 2 * config.view / 224  # of the same share of a picture at any size; up to half a pixel it is left out
    usual = {"crop": config.crop} | ({"blur": (blur / 20, blur)} if blur > 0.5 else {"blur_rate": 0.0})

    def augment(key: Array, sample: dict[str, Array]) -> dict[str, Array]:
        keys = dict(zip(sample, jax.random.split(key), strict=True))
        return {
            side: x if change is None else simclr(keys[side], x, config.view, **(usual | change))
            for (side, x), change in zip(sample.items(), changes, strict=True)
        }

    if config.convolutions:
        net, channels = encoders.convnet(config.convolutions, residual=config.residual), config.convolutions[-1]
    else:
        net, channels = encoders.alexnet(width=config.channels, stride=config.stride), 4 * config.channels
    tokens = [encoders.chain(encoders.of_pixels(net), encoders.patch_embedding(channels, config.width))] * 2
    pooled = [encoders.pooled(net) for net in tokens]
    if name == "cross":
        fixed = {} if config.cross_temperature is None else {"temperature": config.cross_temperature, "learned": False}
        return contrastive.clip(pooled, width=config.cross_width, **fixed)
    if name == "cross_self":
        return contrastive.cross_self(pooled, augment=augment, head=config.head[-2:])
    if name == "factorcl":
        return objectives.factorcl(pooled, augment=augment)
    preset, settings = COMM[name]
    if name == "comm_linear":
        fusion = encoders.masked(encoders.concat_fusion(config.width, hidden=False), 2, config.width)
    else:
        fusion = encoders.fusion_transformer(
            2, config.width, heads=config.heads, mask_tokens=name in ("infmasking", "comm_paper")
        )
    chosen = objectives.comm_preset(preset, head=config.head, **settings)
    return objectives.comm(tokens, fusion, augment=augment, config=chosen)
