"""Encoders, augmentations and objectives of a method's name."""

from __future__ import annotations

import functools
from typing import Any

import jax
import optax

from experiments.trifeature.config import AUGMENTS, COMM, Config
from pidjax import encoders, objectives
from pidjax.data.augment_images import simclr
from pidjax.math.pictures import unit_range
from pidjax.objectives import contrastive
from pidjax.typing import Array, Batch, Objective


@functools.lru_cache(maxsize=4)
def objective(name: str, config: Config, augments: str = "all") -> Objective:
    """The method, one for all its trainings; batches hold bytes, which become numbers in [0, 1] on the device."""
    changes = AUGMENTS[augments]

    def augment(key: Array, sample: dict[str, Array]) -> dict[str, Array]:
        keys = dict(zip(sample, jax.random.split(key), strict=True))
        return {
            side: x if change is None else simclr(keys[side], x, config.size, **change)
            for (side, x), change in zip(sample.items(), changes, strict=True)
        }

    maps = encoders.of_pixels(encoders.alexnet(width=config.channels, stride=config.stride))
    tokens = [encoders.chain(maps, encoders.patch_embedding(4 * config.channels, config.width))] * 2
    pooled = [encoders.pooled(net) for net in tokens]
    if name == "cross":
        return _bytes(contrastive.clip(pooled, width=config.width))
    if name == "cross_self":
        return _bytes(contrastive.cross_self(pooled, augment=augment, head=config.head[-2:]))
    if name == "factorcl":
        return _bytes(objectives.factorcl(pooled, augment=augment))
    preset, settings = COMM[name]
    if name == "comm_linear":
        fusion = encoders.masked(encoders.concat_fusion(config.width, hidden=False), 2, config.width)
    else:
        fusion = encoders.fusion_transformer(
            2, config.width, heads=config.heads, mask_tokens=name in ("infmasking", "comm_paper")
        )
    chosen = objectives.comm_preset(preset, head=config.head, **settings)
    return _bytes(objectives.comm(tokens, fusion, augment=augment, config=chosen))


@functools.lru_cache(maxsize=4)
def optimiser(config: Config) -> optax.GradientTransformation:
    """AdamW; what is no matrix does not decay, as released."""

    def matrices(params: Any) -> Any:
        return jax.tree.map(lambda x: x.ndim >= 2, params)

    return optax.adamw(config.learning_rate, weight_decay=config.weight_decay, mask=matrices)


def _bytes(base: Objective) -> Objective:
    def numbers(batch: Batch) -> Batch:
        return batch | {name: unit_range(batch[name]) for name in ("x1", "x2")}

    def encode(params, state, batch, key=None, *, train: bool):
        return base.encode(params, state, numbers(batch), key, train=train)

    return base._replace(init=lambda key, batch: base.init(key, numbers(batch)), encode=encode)
