"""Independent trials whose likelihood is known exactly: every trial's noise is drawn on the trial itself.

Induced activity fills the whole trial, without edges, so that a trial is Gaussian with independent Fourier bins given
its factors. Every channel's mean is 0: it carries nothing.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from pidjax._checks import InputError
from pidjax.neuro.simulate import noise, spectra
from pidjax.neuro.simulate.config import MODES, TrialConfig
from pidjax.neuro.simulate.factors import Factors, draw_factors, latency
from pidjax.neuro.simulate.montage import Montage, montage
from pidjax.neuro.simulate.responses import double_gamma, erp


class Trials(NamedTuple):
    """Trials of one subject.

    Attributes
    ----------
    eeg : [n, 28, times]
        V.
    fnirs : [n, 32, times]
        M; HbO and HbR of every pair, as mne orders them.
    factors : Factors
    scalp : [16]
        Gain of the systemic waves at every pair of this subject.
    config : TrialConfig
    """

    eeg: np.ndarray
    fnirs: np.ndarray
    factors: Factors
    scalp: np.ndarray
    config: TrialConfig


def simulate_trials(
    config: TrialConfig | None = None,
    n: int = 60,
    *,
    seed: int | np.random.Generator = 0,
    scalp: np.ndarray | None = None,
    factors: Factors | None = None,
) -> Trials:
    """n independent trials: ``mode="trials"``, for training sets and for truths.

    Parameters
    ----------
    config : TrialConfig
    n : int
    seed : int or Generator
    scalp : [16]
        Of a subject; drawn from U(0.7, 1.1) when not given.
    factors : Factors
        Instead of a draw from the law of ``config``.
    """
    config = config or TrialConfig()
    if n < 1:
        raise InputError(f"n must be 1 or more trials; found {n}.")
    rng = np.random.default_rng(seed)
    scalp = draw_scalp(rng) if scalp is None else scalp
    place = montage(config.site)
    factors = draw_factors(config, n, rng) if factors is None else factors
    if len(factors.event) != n:
        raise InputError(f"factors are of {len(factors.event)} trials, n is {n}: give both alike.")
    return Trials(_eeg(config, place, factors, rng), _fnirs(config, place, scalp, factors, rng), factors, scalp, config)


def draw_scalp(rng: np.random.Generator) -> np.ndarray:
    """Gains of the systemic waves of one subject, U(0.7, 1.1)."""
    return rng.uniform(0.7, 1.1, montage("C3").gain.size)


def eeg_bins(config: TrialConfig) -> noise.Bins:
    """Bins of a trial's EEG."""
    return noise.bins(config.eeg_times, config.eeg_sfreq)


def fnirs_bins(config: TrialConfig) -> noise.Bins:
    """Bins of a trial's fNIRS."""
    return noise.bins(config.fnirs_times, config.fnirs_sfreq)


def eeg_clock(config: TrialConfig) -> np.ndarray:
    """Seconds of a trial's EEG from its marker."""
    return config.eeg_window[0] + np.arange(config.eeg_times) / config.eeg_sfreq


def fnirs_clock(config: TrialConfig) -> np.ndarray:
    """Seconds of a trial's fNIRS from its marker."""
    return config.fnirs_window[0] + np.arange(config.fnirs_times) / config.fnirs_sfreq


def source_density(config: TrialConfig, f: np.ndarray, mode: str, event: bool) -> np.ndarray:
    """Density of the source's induced activity at g = 0, and of an activation's theta, V²/Hz [2, k]."""
    rms = config.band_rms[MODES.index(mode)]
    induced, theta = (spectra.band(f, name, config.band_scale) for name in (mode, "theta"))
    return np.stack([rms**2 * induced, event * config.theta_rms**2 * theta])


def response_scale(config: TrialConfig, mode: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors of HbO and HbR that the mode adds, [n] each: 1 unless it acts on the response."""
    first = np.asarray(mode) == 0
    hbo = np.exp(config.mode_on_hrf * first)
    return hbo, hbo * np.exp(config.mode_on_hbr * first)


@noise.one_thread
def _eeg(config: TrialConfig, place: Montage, of: Factors, rng: np.random.Generator) -> np.ndarray:
    at, n = eeg_bins(config), len(of.event)
    apart = noise.draw(rng, at, np.sqrt(spectra.background(at.f)), n * len(place.pattern))
    found = np.linalg.cholesky(place.covariance) @ apart.reshape(n, -1, at.f.size)
    evoked = config.erp * np.exp(of.activation / 2) * of.event_eeg
    source = noise.spectra(evoked[:, None] * erp(eeg_clock(config) - of.onset[:, None]))
    white = noise.draw(rng, at, np.ones(at.f.size), n)[:, 0]
    density = np.stack([source_density(config, at.f, mode, True) for mode in config.modes])[of.mode_eeg]
    power = np.exp(of.log_power)[:, None] * density[:, 0] + of.event_eeg[:, None] * density[:, 1]
    source += np.sqrt(power) * white
    found += place.pattern[:, None] * source[:, None]
    return noise.samples(found, at.n).astype(np.float32)


def _fnirs(config: TrialConfig, place: Montage, scalp: np.ndarray, of: Factors, rng: np.random.Generator) -> np.ndarray:
    at = fnirs_bins(config)
    found = noise.samples(noise.draw(rng, at, fnirs_root(config, at.n, tuple(scalp)), len(of.event)), at.n)
    since = fnirs_clock(config) - latency(config, of.onset, of.delay)[:, None]
    amplitude = (config.hbo * np.exp(of.log_amplitude) * of.event_fnirs)[:, None]
    hbo, hbr = (scale[:, None] * amplitude for scale in response_scale(config, of.mode))
    response = np.stack(
        [
            hbo * double_gamma(since, config.task, of.dispersion),
            config.hbr_ratio * hbr * double_gamma(since - config.hbr_lag, config.task, of.dispersion),
        ],
        axis=1,
    )
    response -= response.mean(axis=-1, keepdims=True)
    seen = place.gain > 0
    pairs = found.reshape(len(found), -1, 2, at.n)
    pairs[:, seen] += place.gain[seen, None, None] * response[:, None]
    return found.astype(np.float32)


@functools.lru_cache(maxsize=4)
@noise.one_thread
def fnirs_root(config: TrialConfig, n: int, scalp: tuple[float, ...]) -> np.ndarray:
    """Cholesky factors [k, 32, 32] of the cross-spectral matrices of n samples; kept, since trials come in chunks."""
    f = noise.bins(n, config.fnirs_sfreq).f
    return np.linalg.cholesky(spectra.haemoglobin(f, config, montage(config.site), np.array(scalp)))
