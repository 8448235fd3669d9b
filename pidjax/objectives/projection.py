"""Projection head of contrastive objectives, in the loss: linear layers with batch normalisation and relu between."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from pidjax.critics.layers import linear_init
from pidjax.math.collectives import batch_norm
from pidjax.typing import Array, Params


def projection_init(key: Array, widths: Sequence[int]) -> list[Params]:
    """Layers ``{kernel, scale, shift}``, the last ``{kernel, bias}``: normalisation would take a bias away again."""
    pairs = list(itertools.pairwise(widths))
    layers = [linear_init(k, *pair) for k, pair in zip(jax.random.split(key, len(pairs)), pairs, strict=True)]
    for layer, (_, width) in zip(layers[:-1], pairs, strict=False):
        del layer["bias"]
        layer |= {"scale": jnp.ones(width), "shift": jnp.zeros(width)}
    return layers


def project(layers: list[Params], z: Array, axis_name: str | None = None) -> Array:
    """z [n, ..., d] through the head; statistics are over the samples of all devices, for each place in ``...``."""

    def rows(vector: Array) -> Array:
        return vector.reshape(*[1] * (z.ndim - 1), -1)

    for layer in layers[:-1]:
        h = z @ layer["kernel"]
        h = batch_norm(h.reshape(h.shape[0], -1), axis_name).reshape(h.shape)
        z = jax.nn.relu(h * rows(layer["scale"]) + rows(layer["shift"]))
    return z @ layers[-1]["kernel"] + rows(layers[-1]["bias"])
