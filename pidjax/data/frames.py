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
    length, starts = frame_starts(times, sfreq, window, hop)
    f = np.fft.rfftfreq(length, 1 / sfreq)
    member = np.stack([(f >= lo) & (f < hi) for lo, hi in bands]).astype(np.float32)
    if not member.any(1).all():
        empty = [band for band, row in zip(bands, member, strict=True) if not row.any()]
        raise ValueError(f"bands {empty} Hz hold no frequency of a {window:.2f}-s frame at {sfreq:g} Hz.")
    used = member.any(0)
    frames = x[..., starts[:, None] + np.arange(length)]  # [..., channels, frames, length]
    fourier = jnp.asarray(_windowed_fourier(length)[:, used])
    power = (frames @ fourier.real) ** 2 + (frames @ fourier.imag) ** 2
    energy = power @ (member / member.sum(1, keepdims=True))[:, used].T  # [..., channels, frames, bands]
    energy = jnp.moveaxis(jnp.log(energy + 1e-12), -3, -2)
    return energy.reshape(*lead, len(starts), channels * len(bands))


def wavelet_energy_frames(
    x: Array,
    sfreq: float,
    bands: Sequence[tuple[float, float]],
    *,
    window: float = 1.0,
    hop: float = 0.5,
    cycles: float = 5.0,
) -> Array:
    r"""Log band energies over time by Morlet wavelets: fine in time where frequencies are high.

    .. math:: E_b(t) = \log \operatorname{mean}_{f \in b, |s - t| < w/2} |(x * \psi_f)(s)|^2, \qquad
              \hat\psi_f(\nu) = e^{-(\nu - f)^2 c^2 / 2 f^2}, \ \nu > 0

    A sine of the frequency f has the power |amplitude|² / 4. Three frequencies a band, at equal ratios; frames and
    shapes are those of ``band_energy_frames``. The signal is taken to be periodic: what wraps around is within c / 2πf
    seconds of the edges.

    Parameters
    ----------
    cycles : float
        c; the standard deviation of a wavelet in time is c / 2πf, in frequency f / c.

    Raises
    ------
    ValueError
        If the signal is shorter than a frame, or a band does not lie between 0 and half the sampling rate.
    """
    *lead, channels, times = x.shape
    length, starts = frame_starts(times, sfreq, window, hop)
    f = np.fft.rfftfreq(times, 1 / sfreq)
    if not all(0 < lo < hi <= sfreq / 2 for lo, hi in bands):
        raise ValueError(f"bands must lie above 0 and up to {sfreq / 2:g} Hz, half the sampling rate; found {bands}.")
    spectrum = jnp.fft.rfft(x)
    energies = []
    for lo, hi in bands:
        power = []
        for centre in lo * (hi / lo) ** (np.array([1, 3, 5]) / 6):
            # the band of one wavelet alone, shifted to zero: its envelope at the rate that it needs
            first, last = np.searchsorted(f, centre + _REACH * centre / cycles * np.array([-1, 1]))
            used = slice(max(first, 1), max(last, first + 2))
            response = np.exp(-0.5 * ((f[used] - centre) * cycles / centre) ** 2).astype(np.float32)
            count = 2 * response.size  # its square has twice its band
            response = response.reshape((1,) * len(lead) + (1, -1))
            envelope = jnp.fft.ifft(spectrum[..., used] * response, count) * (count / times)
            power.append(jnp.abs(envelope) ** 2 @ _shares(count, times, starts, length))
        energies.append(jnp.log(sum(power) / len(power) + 1e-12))  # [..., channels, frames]
    return jnp.moveaxis(jnp.stack(energies, -1), -3, -2).reshape(*lead, len(starts), channels * len(bands))


_REACH = 3.5
"""Standard deviations of a wavelet's response that are kept to each side."""


def frame_starts(times: int, sfreq: float, window: float, hop: float) -> tuple[int, np.ndarray]:
    """Samples of a frame, and where each begins."""
    length, step = round(window * sfreq), max(1, round(hop * sfreq))
    if times < length:
        raise ValueError(f"a signal of {times / sfreq:.2f} s is shorter than one frame of {window:.2f} s.")
    return length, np.arange(0, times - length + 1, step)


def _shares(count: int, times: int, starts: np.ndarray, length: int) -> np.ndarray:
    """[count, frames]: the share of each frame that lies nearest to each of ``count`` samples of the whole signal."""
    edges = (np.arange(count + 1) - 0.5) * times / count
    covered = np.clip(edges[:, None], starts, starts + length)
    covered[0], covered[-1] = starts, starts + length
    return (np.diff(covered, axis=0) / length).astype(np.float32)


def _windowed_fourier(length: int) -> np.ndarray:
    """Mean removal, Hann window and discrete Fourier transform of a frame as one matrix [length, bins].

    The few bins in use cost half as much by this product as by a fast transform of all.
    """
    t = np.arange(length)
    transform = np.exp(-2j * np.pi * np.outer(t, np.arange(length // 2 + 1)) / length)
    centre = np.eye(length) - 1 / length
    return (centre @ (np.hanning(length + 2)[1:-1, None] * transform)).astype(np.complex64)
