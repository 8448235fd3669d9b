"""Spectral densities of the background: EEG in V²/Hz, haemoglobin in M²/Hz."""

from __future__ import annotations

import numpy as np

from pidjax.neuro.features import BANDS
from pidjax.neuro.simulate.config import TrialConfig
from pidjax.neuro.simulate.montage import Montage

CARDIAC_RMS = 0.25e-6
OPTICAL_NOISE = 2e-4
"""SD of the instrument's noise in optical density."""


def background(f: np.ndarray) -> np.ndarray:
    """EEG of one channel, 9 µV: ``aperiodic`` and ``resting_alpha``."""
    return aperiodic(f) + resting_alpha(f)


def aperiodic(f: np.ndarray) -> np.ndarray:
    """1/f^1.2 (Donoghue et al. 2020: exponents of 1 to 2) from 0.5 Hz, and a white floor."""
    return 2 * 8e-12 / (1 + f**1.2) * np.minimum(1, (f / 0.5) ** 2) + 2e-14


def resting_alpha(f: np.ndarray) -> np.ndarray:
    """A peak at 10 Hz."""
    return 1.2e-11 * np.exp(-0.5 * ((f - 10) / 1.2) ** 2)


def band(f: np.ndarray, name: str, scale: float = 1.0) -> np.ndarray:
    """White in one band of ``features.BANDS``, its edges times ``scale``, of power 1."""
    lo, hi = scale * np.array(BANDS[name])
    return ((f >= lo) & (f < hi)) / (hi - lo)


def cardiac(f: np.ndarray) -> np.ndarray:
    """1.05 ± 0.06 Hz, 0.25 µM of HbO."""
    return CARDIAC_RMS**2 * _wave(f, 1.05, 0.06)


def slow_systemic(f: np.ndarray) -> np.ndarray:
    """Respiration, Mayer waves and what lies below 0.06 Hz: 0.15, 0.35 and 0.45 µM of HbO."""
    very_slow = np.where(f < 0.06, 1 / 0.06, 0.0)
    return 0.15e-6**2 * _wave(f, 0.27, 0.03) + 0.35e-6**2 * _wave(f, 0.09, 0.015) + 0.45e-6**2 * very_slow


def local(f: np.ndarray, sfreq: float) -> np.ndarray:
    """1/f from 0.02 Hz to half the rate, flat below, power 1.

    Were there nothing below, the longer of two trials would hold a bin almost without noise.
    """
    return 1 / np.maximum(f, 0.02) / (1 + np.log(sfreq / 2 / 0.02))


def haemoglobin(f: np.ndarray, config: TrialConfig, place: Montage, scalp: np.ndarray) -> np.ndarray:
    r"""Cross-spectral density [k, 2 · pairs, 2 · pairs], M²/Hz, channels in the order HbO, HbR of each pair.

    With scalp gains g, cardiac density c, slow density s and correlation ρ of scalps,

    .. math:: C_{oo} = g g^T (c + \rho s) + \mathrm{diag}\big(g^2 (1 - \rho) s + (0.1 µM)^2 l\big)

    HbR has a quarter of the heart's amplitude and a fifth of the slow waves' (NIRS toolbox), of whose power the share
    ``hbr_own`` is its own and the rest is HbO's, ``hbr_systemic_lag`` later:
    C_ro = g gᵀ c / 4 + √(1 − own) e^{−2πi f lag} (ρ g gᵀ + (1 − ρ) diag g²) s / 5. Instrument noise is white in
    optical density and correlated between the chromophores of a pair.
    """
    outer, own = np.outer(scalp, scalp), np.diag(scalp**2)
    rho = config.systemic_correlation
    spread = rho * outer + (1 - rho) * own
    heart, slow = cardiac(f)[:, None, None] * outer, slow_systemic(f)[:, None, None] * spread
    near = local(f, config.fnirs_sfreq)[:, None, None] * np.eye(scalp.size)
    lag = np.sqrt(1 - config.hbr_own) * np.exp(-2j * np.pi * f * config.hbr_systemic_lag)[:, None, None]
    found = np.zeros((f.size, scalp.size, 2, scalp.size, 2), complex)
    found[:, :, 0, :, 0] = heart + slow + 0.10e-6**2 * near
    found[:, :, 1, :, 1] = heart / 16 + slow / 25 + 0.05e-6**2 * near
    found[:, :, 1, :, 0] = heart / 4 + lag * slow / 5
    found[:, :, 0, :, 1] = heart / 4 + np.conj(lag) * slow / 5
    inverse = np.linalg.inv(place.density)
    instrument = 2 * OPTICAL_NOISE**2 / config.fnirs_sfreq * inverse @ inverse.transpose(0, 2, 1)
    pair = np.arange(scalp.size)
    found[:, pair, :, pair, :] += instrument[:, None]
    matrix = found.reshape(f.size, 2 * scalp.size, 2 * scalp.size)
    # half the sampling rate is a real bin; there are no slow waves that would need a phase
    return np.where((f >= config.fnirs_sfreq / 2 - 1e-9)[:, None, None], matrix.real, matrix)


def _wave(f: np.ndarray, middle: float, width: float) -> np.ndarray:
    return np.exp(-0.5 * ((f - middle) / width) ** 2) / (width * np.sqrt(2 * np.pi))
