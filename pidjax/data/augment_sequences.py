"""Augmentations of sequences whose neighbours are alike, [times, features]: warps, SpecAugment's masks, pitch, stretch.

``aug(key, x, ..., mask=None) -> x'``, unbatched, of the shape of ``x``; steps and ``mask`` as in ``augment_steps``.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax._checks import InputError, check_share
from pidjax.data.augment_steps import part, real_length, window, zeroed
from pidjax.typing import Array


def time_warp(key: Array, x: Array, most: float = 0.2, *, mask: Array | None = None) -> Array:
    """Move one moment earlier or later, and what is before and after it along; the ends stay.

    The moment is uniform in the middle (1 − 2 · ``most``) of the time, its shift within ± ``most`` of it; between the
    steps values are interpolated. The time warping of SpecAugment (Park et al. 2019), with a straight line on both
    sides of the moment.
    """
    check_share("most", most, 0.49)
    place, shift = jax.random.split(key)
    length, position = real_length(x, mask), jnp.arange(x.shape[0])
    end = jnp.maximum(length - 1, 0).astype(jnp.float32)
    moment = end * jax.random.uniform(place, minval=most, maxval=1 - most)
    moved = moment + end * jax.random.uniform(shift, minval=-most, maxval=most)
    source = jnp.interp(position, jnp.stack([0.0 * end, moved, end]), jnp.stack([0.0 * end, moment, end]))
    return _along(position < length, _interpolated(x, source), x)


def stretch(key: Array, x: Array, most: float = 1.25, *, mask: Array | None = None) -> Array:
    """Play all faster or slower, by a factor whose logarithm is uniform within ± log ``most``.

    The length stays: what is played faster ends in zeros, of what is played slower the end is lost.
    """
    _check_factor(most)
    length, position = real_length(x, mask), jnp.arange(x.shape[0])
    rate = jnp.exp(jnp.log(most) * jax.random.uniform(key, minval=-1.0))
    source = rate * position
    played = zeroed(_interpolated(x, jnp.minimum(source, length - 1)), source > length - 1)
    return _along(position < length, played, x)


def pitch(key: Array, x: Array, most: float = 2.0) -> Array:
    """Shift all steps along their features (mel bands, say), by a number of bins uniform within ± ``most``.

    Between the bins values are interpolated; the first and the last are held where the shift leaves nothing.
    """
    if most < 0:
        raise InputError(f"most must be a number of bins, 0 or more; found {most}.")
    shift = jax.random.uniform(key, minval=-most, maxval=most)
    bins = x.shape[1]
    return _interpolated(x.T, jnp.clip(jnp.arange(bins) - shift, 0, bins - 1)).T


def mask_steps(key: Array, x: Array, most: float = 0.2, count: int = 1, *, mask: Array | None = None) -> Array:
    """Zero ``count`` stretches of time, each of a length uniform in 0 … ``most`` of the steps (time masking, ibid.)."""
    return zeroed(x, _stretches(key, x.shape[0], most, count, real_length(x, mask)))


def mask_features(key: Array, x: Array, most: float = 0.2, count: int = 1) -> Array:
    """Zero ``count`` stretches of neighbouring features, as ``mask_steps`` does of time (frequency masking, ibid.)."""
    return zeroed(x.T, _stretches(key, x.shape[1], most, count, jnp.asarray(x.shape[1]))).T


def _stretches(key: Array, n: int, most: float, count: int, length: Array) -> Array:
    check_share("most", most)

    def one(key: Array) -> Array:
        size, place = jax.random.split(key)
        return window(place, n, jax.random.randint(size, (), 0, part(most, length) + 1), length)

    return jax.vmap(one)(jax.random.split(key, count)).any(0)


def _interpolated(x: Array, at: Array) -> Array:
    """Values of ``x`` along its first axis at the places ``at`` [n], straight lines between its steps."""
    x, low = jnp.asarray(x), jnp.floor(at).astype(jnp.int32)
    weight = (at - low).reshape(-1, *[1] * (x.ndim - 1))
    return (1 - weight) * x[low] + weight * x[jnp.minimum(low + 1, x.shape[0] - 1)]


def _along(steps: Array, x: Array, other: Array) -> Array:
    return jnp.where(steps.reshape(-1, *[1] * (x.ndim - 1)), x, other)


def _check_factor(most: float) -> None:
    if most < 1:
        raise InputError(f"most must be a factor, 1 or more; found {most}.")
