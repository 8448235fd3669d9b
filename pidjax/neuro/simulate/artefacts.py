"""What spoils recordings, on request: blinks, muscle, mains in EEG; motion in fNIRS or in both. Pure functions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pidjax.neuro.simulate import noise
from pidjax.neuro.simulate.montage import EEG_CHANNELS

MAINS = 50
"""Hz."""
MOTIONS_A_SECOND = 4 / (27 * 60)


class Motion(NamedTuple):
    """Times (s), and which pairs each moves, bool [events, pairs]."""

    times: np.ndarray
    moved: np.ndarray


def blinks(rng: np.random.Generator, n: int, sfreq: float) -> tuple[np.ndarray, np.ndarray]:
    """V [28, n] and times: 0.2 a second, 0.3 s long, 100 to 200 µV at Fp1 and Fp2, a third of it behind them."""
    times = _poisson(rng, 0.2, n / sfreq)
    wave = np.zeros(n)
    shape = np.hanning(round(0.3 * sfreq))
    for start in np.round(times * sfreq).astype(int):
        stop = min(start + shape.size, n)
        wave[start:stop] += rng.uniform(100e-6, 200e-6) * shape[: stop - start]
    reach = {"Fp1": 1.0, "Fp2": 1.0, "AFF5h": 0.4, "AFF6h": 0.4, "AFz": 0.4}
    return np.array([reach.get(name, 0.0) for name in EEG_CHANNELS])[:, None] * wave, times


def muscle(rng: np.random.Generator, n: int, sfreq: float) -> tuple[np.ndarray, np.ndarray]:
    """V [28, n] and times: a burst every 30 s or so of 1 s, white from 20 Hz, 20 µV over the temples."""
    times = _poisson(rng, 1 / 30, n / sfreq)
    near = np.array([{"T7": 1.0, "T8": 1.0, "FC5": 0.5, "FC6": 0.5}.get(name, 0.0) for name in EEG_CHANNELS])
    found = np.zeros((len(EEG_CHANNELS), n))
    at = noise.bins(round(sfreq), sfreq)
    high = np.sqrt((at.f >= 20) / np.ptp([20, sfreq / 2]))
    for start in np.round(times * sfreq).astype(int):
        stop = min(start + at.n, n)
        burst = noise.samples(noise.draw(rng, at, high, len(near))[:, 0], at.n) * np.hanning(at.n)
        found[:, start:stop] += 20e-6 * near[:, None] * burst[:, : stop - start]
    return found, times


def mains(rng: np.random.Generator, n: int, sfreq: float) -> np.ndarray:
    """V [28, n]: 50 Hz of about 1 µV, its own in every channel."""
    size = rng.uniform(0.7e-6, 1.3e-6, (len(EEG_CHANNELS), 1))
    phase = rng.uniform(0, 2 * np.pi, size.shape)
    return size * np.sqrt(2) * np.sin(2 * np.pi * MAINS * np.arange(n) / sfreq + phase)


def motion(rng: np.random.Generator, seconds: float, pairs: int) -> Motion:
    """Some four events in 27 minutes, each on a random half of the pairs."""
    times = _poisson(rng, MOTIONS_A_SECOND, seconds)
    moved = rng.permuted(np.broadcast_to(np.arange(pairs) < pairs // 2, (times.size, pairs)), axis=1)
    return Motion(times, moved)


def moved_intensity(rng: np.random.Generator, moves: Motion, times: np.ndarray) -> np.ndarray:
    """Factor of the intensities [pairs, n]: spikes of 0.4 s and 15 %, and steps of 2 % that stay."""
    found = np.ones((moves.moved.shape[1], times.size))
    for at, moved in zip(moves.times, moves.moved, strict=True):
        spike = 0.15 * np.exp(-0.5 * ((times - at - 0.2) / 0.1) ** 2)
        sign = rng.choice([-1.0, 1.0], moved.size)[:, None] * moved[:, None]
        found *= 1 + sign * (spike + 0.02 * (times >= at))
    return found


def moved_potential(rng: np.random.Generator, moves: Motion, times: np.ndarray) -> np.ndarray:
    """V [28, n]: the same movements pull at the electrodes, 200 µV for 0.4 s."""
    found = np.zeros((len(EEG_CHANNELS), times.size))
    for at in moves.times:
        pull = 200e-6 * rng.standard_normal((len(EEG_CHANNELS), 1))
        found += pull * np.exp(-0.5 * ((times - at - 0.2) / 0.1) ** 2)
    return found


def _poisson(rng: np.random.Generator, rate: float, seconds: float) -> np.ndarray:
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate * seconds)))
