"""Batches of any number of modalities, "x1", "x2", ... and masks of their tokens "mask1", ...: views, what is real."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.typing import Array, Batch

Augment = Callable[[Array, dict[str, Array]], dict[str, Array]]
"""``augment(key, sample) -> sample`` of one sample's arrays "x1", "x2", ... (and "mask1", ...), unbatched."""


def inputs(batch: Batch, count: int) -> Batch:
    """The arrays of ``count`` modalities and their masks, refused where a modality is missing."""
    names = [f"x{i}" for i in range(1, count + 1)]
    missing = [name for name in names if name not in batch]
    if missing:
        raise InputError(
            f"the batch must hold every modality, {', '.join(names)}; {missing[0]} is missing among {', '.join(batch)}."
        )
    masks = [name.replace("x", "mask") for name in names]
    return {name: batch[name] for name in (*names, *masks) if name in batch}


def one_view(sample: Batch) -> Batch:
    """Every sample as it is, [n, 1, ...]."""
    return {name: x[:, None] for name, x in sample.items()}


def two_views(augment: Augment | None, sample: Batch, key: Array | None, *, clean: bool) -> Batch:
    """Two augmentations of every sample, [n, views, ...], after the sample itself where ``clean``."""
    if augment is None:
        wrong = [name for name, x in sample.items() if x.ndim < 2 or x.shape[1] != 2]
        if wrong:
            raise InputError(
                f"without augment, batches hold two views, [n, 2, ...]; found {wrong[0]} {sample[wrong[0]].shape}."
            )
        return sample
    keys = jax.vmap(lambda k: jax.random.split(k, 2))(key)
    made = jax.vmap(jax.vmap(augment, in_axes=(0, None)))(keys, sample)
    if not clean:
        return made
    for name, x in sample.items():
        if made[name].shape[2:] != x.shape[1:]:
            raise InputError(
                f"clean_unimodal needs views as large as the samples, {x.shape[1:]}; found {made[name].shape[2:]}."
            )
    return {name: jnp.concatenate([x[:, None].astype(made[name].dtype), made[name]], 1) for name, x in sample.items()}


def real_tokens(tokens: Sequence[Array], flat: Batch) -> Array | None:
    """Which tokens of all modalities are real, [n, Σ t_i]; None where none is padding."""
    masks = [flat.get(f"mask{i}") for i in range(1, len(tokens) + 1)]
    if all(mask is None for mask in masks):
        return None
    full = [jnp.ones(x.shape[:2], bool) if m is None else m for x, m in zip(tokens, masks, strict=True)]
    for i, (x, mask) in enumerate(zip(tokens, full, strict=True), 1):
        if mask.shape != x.shape[:2]:
            raise InputError(f"mask{i} must say of every token whether it is real, {x.shape[:2]}; found {mask.shape}.")
    return jnp.concatenate(full, axis=1)


def mean_token(tokens: Array, real: Array | None) -> Array:
    """Mean over the real tokens, [n, width]; 0 where there is none."""
    if real is None:
        return tokens.mean(1)
    return jnp.where(real[..., None], tokens, 0.0).sum(1) / jnp.maximum(real.sum(1, keepdims=True), 1)
