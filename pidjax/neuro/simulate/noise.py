"""Stationary Gaussian noise with a given spectrum, and its exact likelihood.

Noise of n samples is drawn in the frequency domain, E|X_k|² = S(f_k) · sfreq · n / 2 for the one-sided density S, bin 0
left at zero. Its covariance is circulant, so bins are independent and the Whittle likelihood is no approximation. That
holds for the length on which the noise was drawn, not for pieces cut out of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.fft
from threadpoolctl import ThreadpoolController

one_thread = ThreadpoolController().wrap(limits=1, user_api="blas")
"""Decorator: in batches of small matrices the threads of BLAS cost many times what they give."""


class Bins(NamedTuple):
    """Frequencies of a real Fourier transform, without bin 0.

    Attributes
    ----------
    f : [k]
        Hz.
    weight : [k]
        1, and 1/2 for a bin at half the sampling rate, which is real.
    scale : float
        E|X_k|² is scale times the one-sided spectral density.
    n : int
        Samples.
    """

    f: np.ndarray
    weight: np.ndarray
    scale: float
    n: int


def bins(n: int, sfreq: float) -> Bins:
    """Bins 1 ... n // 2 of n samples."""
    f = np.fft.rfftfreq(n, 1 / sfreq)[1:]
    weight = np.ones(f.size)
    if n % 2 == 0:
        weight[-1] = 0.5
    return Bins(f, weight, sfreq * n / 2, n)


@one_thread
def draw(rng: np.random.Generator, at: Bins, factor: np.ndarray, size: int) -> np.ndarray:
    """Spectra [size, channels, k] with the density factor factorᴴ.

    Parameters
    ----------
    factor : [k] or [k, channels, channels]
        Root of the density at every bin; of a cross-spectral matrix its Cholesky factor, real where the bin is.
    """
    channels = 1 if factor.ndim == 1 else factor.shape[-1]
    white = rng.standard_normal((2, at.f.size, channels, size))
    x = (white[0] + 1j * white[1]) * np.sqrt(0.5)
    x[at.weight < 1] = white[0, at.weight < 1]
    x = factor[:, None, None] * x if factor.ndim == 1 else factor @ x
    return np.sqrt(at.scale) * x.transpose(2, 1, 0)


def samples(spectra: np.ndarray, n: int) -> np.ndarray:
    """Real signals [..., n] of spectra [..., k] whose bin 0 is left out: their mean is 0."""
    whole = np.concatenate([np.zeros_like(spectra[..., :1]), spectra], axis=-1)
    return scipy.fft.irfft(whole, n, axis=-1)


def spectra(x: np.ndarray) -> np.ndarray:
    """What ``samples`` inverts: the Fourier transform without bin 0, [..., k]."""
    return scipy.fft.rfft(np.asarray(x, np.float64), axis=-1)[..., 1:]


def log_density(power: np.ndarray, psd: np.ndarray, at: Bins) -> np.ndarray:
    r"""Whittle log density of spectra up to a constant that no spectrum changes, nats [...].

    .. math:: -\sum_k w_k \Big[ \frac{|X_k|^2}{V_k} + \log V_k \Big], \quad V_k = S_k f_s n / 2

    Exact for noise of ``draw``: half weight makes the real bin's the density of a real number.

    Parameters
    ----------
    power : [..., k]
        Of the spectra, |X|².
    psd : [k]
    """
    variance = psd * at.scale
    return -(power @ (at.weight / variance)) - at.weight @ np.log(variance)
