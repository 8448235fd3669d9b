"""Signals [..., channels, times] to sequences of frames: band energies over time, or plain patches."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from pidjax.typing import Array


def patches(x: Array, length: int) -> Array:
    """Cut into consecutive patches: [..., channels, times] -> [..., times // length, channels · length]."""
    *lead, channels, times = x.shape
    count = times // length
    if count == 0:
        raise ValueError(f"a signal of {times} samples is shorter than one patch of {length}.")
    cut = x[..., : count * length].reshape(*lead, channels, count, length)
    return jnp.moveaxis(cut, -3, -2).reshape(*lead, count, channels * length)


def band_energy_frames(
    x: Array, sfreq: float, bands: Sequence[tuple[float, float]], *, window: float = 1.0, hop: float = 0.5
) -> Array:
    """Log band energies over time by a short-time Fourier transform.

    Each Hann frame of ``window`` seconds, mean removed, gives log(mean of |X_f|² over lo <= f < hi) for every
    channel and band: [..., channels, times] -> [..., frames, channels · bands].

    Raises
    ------
    ValueError
        If the signal is shorter than a frame, or a band holds no frequency of the frame's grid.
    """
    *lead, channels, times = x.shape
    length, step = round(window * sfreq), max(1, round(hop * sfreq))
    if times < length:
        raise ValueError(f"a signal of {times / sfreq:.2f} s is shorter than one frame of {window:.2f} s.")
    f = np.fft.rfftfreq(length, 1 / sfreq)
    member = np.stack([(f >= lo) & (f < hi) for lo, hi in bands]).astype(np.float32)
    if not member.any(1).all():
        empty = [band for band, row in zip(bands, member, strict=True) if not row.any()]
        raise ValueError(f"bands {empty} Hz hold no frequency of a {window:.2f}-s frame at {sfreq:g} Hz.")
    used = member.any(0)
    starts = np.arange(0, times - length + 1, step)
    frames = x[..., starts[:, None] + np.arange(length)]  # [..., channels, frames, length]
    fourier = jnp.asarray(_windowed_fourier(length)[:, used])
    power = (frames @ fourier.real) ** 2 + (frames @ fourier.imag) ** 2
    energy = power @ (member / member.sum(1, keepdims=True))[:, used].T  # [..., channels, frames, bands]
    energy = jnp.moveaxis(jnp.log(energy + 1e-12), -3, -2)
    return energy.reshape(*lead, len(starts), channels * len(bands))


def _windowed_fourier(length: int) -> np.ndarray:
    """Mean removal, Hann window and discrete Fourier transform of a frame as one matrix [length, bins].

    The few bins in use cost half as much by this product as by a fast transform of all.
    """
    t = np.arange(length)
    transform = np.exp(-2j * np.pi * np.outer(t, np.arange(length // 2 + 1)) / length)
    centre = np.eye(length) - 1 / length
    return (centre @ (np.hanning(length + 2)[1:-1, None] * transform)).astype(np.complex64)
