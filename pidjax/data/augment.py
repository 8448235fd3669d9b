"""Augmentations of one multichannel signal [channels, times]: ``aug(key, x, ...) -> x'``, unbatched, on device.

Those of vectors and of sequences [times, features] are in the files beside; ``augment_compose`` has all by name.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from pidjax.data.augment_steps import window
from pidjax.typing import Array


def gaussian_noise(key: Array, x: Array, sd: float, *, mask: Array | None = None) -> Array:
    """Add white noise of standard deviation ``sd``, in the units of ``x``, to what is real of its first axis."""
    noise = sd * jax.random.normal(key, x.shape, x.dtype)
    return x + (noise if mask is None else jnp.where(mask.reshape(-1, *[1] * (x.ndim - 1)), noise, 0))


def time_mask(key: Array, x: Array, fraction: float) -> Array:
    """Zero one stretch of all channels, ``fraction`` of the length, at a uniform place."""
    n = x.shape[-1]
    return jnp.where(window(key, n, int(fraction * n), n)[None], 0.0, x)


def channel_dropout(key: Array, x: Array, rate: float) -> Array:
    """Zero each channel with probability ``rate``; the others are not rescaled."""
    return x * jax.random.bernoulli(key, 1 - rate, (x.shape[0], 1))


def band_gain(key: Array, x: Array, sfreq: float, bands: Sequence[tuple[float, float]], log_sd: float) -> Array:
    """Multiply the amplitude of one randomly chosen band [lo, hi) Hz by exp(N(0, log_sd²)), in all channels.

    Changes the signal-to-noise ratio of that band, as cognitive states do.
    """
    choose, scale = jax.random.split(key)
    lo, hi = jnp.asarray(bands).T
    chosen = jax.random.randint(choose, (), 0, len(bands))
    f = jnp.fft.rfftfreq(x.shape[-1], 1 / sfreq)
    gain = jnp.exp(log_sd * jax.random.normal(scale))
    response = jnp.where((f >= lo[chosen]) & (f < hi[chosen]), gain, 1.0)
    return jnp.fft.irfft(jnp.fft.rfft(x) * response[None], x.shape[-1]).astype(x.dtype)


def delay_and_gain(key: Array, x: Array, sfreq: float, delay_sd: float, log_gain_sd: float) -> Array:
    """Shift all channels by N(0, delay_sd²) seconds (ends held) and scale them by exp(N(0, log_gain_sd²)).

    The haemodynamic response of another person, or of another day.
    """
    shift, scale = jax.random.split(key)
    t = jnp.arange(x.shape[-1], dtype=x.dtype)
    moved = t - sfreq * delay_sd * jax.random.normal(shift)
    gain = jnp.exp(log_gain_sd * jax.random.normal(scale))
    return gain * jax.vmap(lambda row: jnp.interp(moved, t, row))(x)
