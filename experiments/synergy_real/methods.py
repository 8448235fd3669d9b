"""Encoders, augmentations and objectives."""

from __future__ import annotations

import functools

import jax
import optax

from experiments.synergy_real.config import Config
from pidjax import data, encoders, objectives
from pidjax.data.augment_images import random_resized_crop
from pidjax.objectives import contrastive
from pidjax.typing import Array, Encoder, Objective


def augment(key: Array, sample: dict[str, Array]) -> dict[str, Array]:
    """A crop of the picture; the sound louder or softer, without a stretch of time and a few bands; noise on both."""
    crop, grain, gain, hiss, gap, bands = jax.random.split(key, 6)
    image = random_resized_crop(crop, sample["x1"][..., None], 28, (0.6, 1.0))[..., 0]
    sound = data.time_mask(gap, sample["x2"].T, 0.15) + 0.2 * jax.random.normal(gain)
    sound = data.channel_dropout(bands, sound, 0.1).T
    return {"x1": data.gaussian_noise(grain, image, 0.1), "x2": data.gaussian_noise(hiss, sound, 0.1)}


def nets(config: Config) -> list[Encoder]:
    """``config.tokens`` tokens of the picture and of the sound, by a perceptron each."""
    sizes, out = (28 * 28, 32 * 48), config.tokens * config.width
    perceptrons = [encoders.mlp(size, config.hidden, out, activation="relu") for size in sizes]
    return [encoders.chain(_flat(net), encoders.vector_tokens(config.tokens)) for net in perceptrons]


@functools.lru_cache(maxsize=4)
def objective(name: str, config: Config) -> Objective:
    """The method, one for all its trainings, of the same encoders."""
    if name in ("cross", "cross_self"):
        pooled = [encoders.pooled(net) for net in nets(config)]
        if name == "cross":
            return contrastive.cross(pooled, temperature=config.temperature, head=config.head)
        return contrastive.cross_self(pooled, augment=augment, temperature=config.temperature, head=config.head)
    fusion = encoders.fusion_transformer(2, config.width, heads=config.heads, mask_tokens=name == "infmasking")
    settings = objectives.comm_preset(
        "released" if name == "comm" else name, temperature=config.temperature, head=config.head
    )
    return objectives.comm(nets(config), fusion, augment=augment, config=settings)


@functools.lru_cache(maxsize=4)
def optimiser(config: Config) -> optax.GradientTransformation:
    """AdamW along a cosine."""
    schedule = optax.cosine_decay_schedule(config.learning_rate, config.steps)
    return optax.adamw(schedule, weight_decay=config.weight_decay)


def _flat(encoder: Encoder) -> Encoder:
    """``encoder`` of inputs that are made one vector."""

    def apply(params, state, x, key=None, *, train: bool = False, mask=None):
        return encoder.apply(params, state, x.reshape(len(x), -1), key, train=train)

    return Encoder(encoder.init, apply)
