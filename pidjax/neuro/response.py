r"""The response that trials have in common, learned without labels, and how large and how late it is in every trial.

A trial is a response of unknown amplitude and onset in stationary noise, x_i(t) = a_i s(t − t_i) + noise, with
amplitudes of mean 1 and variance τ². The response s, τ² and the noise's cross-spectra V(f) are learned from the trials
themselves in the manner of expectation–maximisation (τ² by its moments, the response cut and of low rank); then

.. math:: m_i(t) = \sum_f \hat s(f)^H V(f)^{-1} \hat x_i(f) e^{2 \pi i f t}, \qquad E = \sum_f \hat s^H V^{-1} \hat s

has all that the trial says of onset and amplitude: the log likelihood ratio to noise is a m(t) − a² E / 2; the
amplitude at a known onset is m / E with variance 1 / E by least squares; and an onset t has, over all amplitudes above
0, the log likelihood z² / 2 + ln Φ(z) with z = (m + τ⁻²) (E + τ⁻²)^(−1/2). It is the ideal observer of
``simulate.observers`` with learned parameters. A trial's mean is not seen and the response is cut to its support, so
that amplitudes have a common factor near 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.fft
from scipy.special import log_ndtr

from pidjax._checks import InputError
from pidjax.neuro.simulate.noise import one_thread


class Response(NamedTuple):
    """A learned response.

    Attributes
    ----------
    whitener : [f, channels, channels]
        W with Wᴴ W = V⁻¹, 0 outside of the pass band.
    template : [channels, f]
        Of the response to an onset at the first sample, whitened.
    spread : float
        τ², the variance of amplitudes.
    n : int
        Samples of a trial.
    sfreq, start : float
        Hz, and seconds of the first sample from the marker.
    """

    whitener: np.ndarray
    template: np.ndarray
    spread: float
    n: int
    sfreq: float
    start: float

    @property
    def energy(self) -> float:
        """E: the squared d' of a response of amplitude 1."""
        return float((np.abs(self.template) ** 2 @ _weight(self.n)).sum())

    @property
    def times(self) -> np.ndarray:
        """Onsets (s after the marker) of the columns of ``match``."""
        return self.start + np.arange(self.n) / self.sfreq


@one_thread
def learn_response(
    x: np.ndarray,
    sfreq: float,
    start: float,
    *,
    support: tuple[float, float],
    band: tuple[float, float],
    rank: int,
    separable: bool,
    onsets: np.ndarray | None = None,
    iterations: int = 25,
) -> Response:
    """Learn a response from trials that have it, or from a mixture of such with others that lack it.

    Parameters
    ----------
    x : [n, channels, times]
    sfreq, start : float
    support : (float, float)
        Seconds around the onset in which the response may differ from 0. It is cut after whitening, which spreads it:
        cut at 1.2 s instead of 2 s, a potential that ends after 0.6 s loses 2 % of d'.
    band : (float, float)
        Hz.
    rank : int
        Of the response as channels by time, after whitening: 1 is one pattern with one course.
    separable : bool
        Whether the noise is taken as one spectrum times one covariance of channels: fewer numbers to learn.
    onsets : [n, times], optional
        Probability of every sample to be the onset, refined by the same iterations (Woody's filter (1967) with
        posteriors in place of a hard choice); at the marker when not given.
    iterations : int
        Five do where onsets are at the marker.

    Raises
    ------
    InputError
        Fewer than 4 trials, trials shorter than the support, or too short to resolve the band.
    """
    n, _, times = x.shape
    lags = np.arange(round(support[0] * sfreq), round(support[1] * sfreq))
    if n < 4 or not 0 < len(lags) <= times:
        raise InputError(
            f"a response of {len(lags) / sfreq:g} s is learned from 4 trials or more that are at least as long; found "
            f"{n} trials of {times / sfreq:g} s."
        )
    f, spectra = np.fft.rfftfreq(times, 1 / sfreq), _rfft(x)
    blocked = (f < band[0]) | (f > band[1]) | (f == 0)
    if blocked.all():
        raise InputError(
            f"trials of {times / sfreq:g} s resolve no frequency in {band[0]:g}–{band[1]:g} Hz, which filters "
            "left: cut longer trials, or filter less."
        )

    prior = None if onsets is None else onsets / onsets.sum(1, keepdims=True)
    at_marker = np.exp(2j * np.pi * f * start)
    # what is expected of a trial is ``expected`` times s; ``square`` is the mean square of amplitudes
    expected, square, spread = np.tile(at_marker, (n, 1)) if prior is None else _rfft(prior), 1.0, 1.0
    for _ in range(iterations):
        mean = (expected.conj()[:, None] * spectra).mean(0) / square
        unsure = np.maximum(square - (np.abs(expected) ** 2).mean(0), 0.0)
        left = np.concatenate([spectra - expected[:, None] * mean, ((n * unsure) ** 0.5 * mean)[None]])
        whitener = np.linalg.inv(np.linalg.cholesky(_noise(left, separable)))
        whitener[blocked] = 0
        white = np.einsum("fcd,ndf->ncf", whitener, spectra, optimize=True)
        template = _confined((expected.conj()[:, None] * white).mean(0) / square, lags, rank, times)
        template[:, blocked] = 0  # where the whitened trials are 0 too
        response = Response(whitener, template, spread, times, sfreq, start)
        course = _match(response, white)
        if prior is None:
            posterior, course = np.ones((n, 1)), amplitude(response, course, np.zeros((n, 1))) * response.energy
        else:
            posterior = onset_posterior(response, course, prior)
        found = (posterior * course).sum(1) / response.energy
        scale = found.mean()
        energy = scale**2 * response.energy
        spread = max(found.var() / scale**2 - 1 / energy, 0.01)
        variance = 1 / (energy + 1 / spread)
        size = variance * (scale * course + 1 / spread)
        square = (posterior * size**2).sum(1).mean() + variance
        expected = size * at_marker if prior is None else _rfft(posterior * size)
    return response._replace(spread=float(spread))


@one_thread
def match(response: Response, x: np.ndarray) -> np.ndarray:
    """m of every onset.

    Parameters
    ----------
    response : Response
    x : [n, channels, times]
        As long as the trials that it was learned from.

    Returns
    -------
    course : [n, times]
        At the onsets ``response.times``.
    """
    return _match(response, np.einsum("fcd,ndf->ncf", response.whitener, _rfft(x), optimize=True))


def amplitude(response: Response, course: np.ndarray, onset: np.ndarray) -> np.ndarray:
    """Least-squares amplitudes [n] at onsets (s) [n], of what ``match`` returned, ``course`` [n, times]."""
    return np.array([np.interp(t, response.times, row) for t, row in zip(onset, course, strict=True)]) / response.energy


def onset(response: Response, course: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Posterior means of the onset (s) [n], of what ``match`` returned and a prior [times] or [n, times]."""
    return onset_posterior(response, course, prior) @ response.times


def onset_posterior(response: Response, course: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Probability of every sample to be the onset [n, times], of the same arguments as ``onset``."""
    z = (course + 1 / response.spread) / (response.energy + 1 / response.spread) ** 0.5
    allowed = np.where(prior > 0, z**2 / 2 + log_ndtr(z), -np.inf)
    p = prior * np.exp(allowed - allowed.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def _match(response: Response, white: np.ndarray) -> np.ndarray:
    product = np.einsum("ncf,cf->nf", white, response.template.conj(), optimize=True)
    return response.n * scipy.fft.irfft(product, response.n, axis=-1)


def _rfft(x: np.ndarray) -> np.ndarray:
    return scipy.fft.rfft(np.asarray(x, np.float64), axis=-1)


def _weight(n: int) -> np.ndarray:
    """How often a bin of a real transform stands for one of the whole."""
    weight = np.full(n // 2 + 1, 2.0)
    weight[0] = 1
    if n % 2 == 0:
        weight[-1] = 1
    return weight


def _noise(spectra: np.ndarray, separable: bool) -> np.ndarray:
    """Cross-spectra [f, channels, channels], shrunk towards independent channels as few trials need."""
    n, channels, _ = spectra.shape
    found = np.einsum("ncf,ndf->fcd", spectra, spectra.conj(), optimize=True) / n
    if separable:
        psd = np.einsum("fcc->f", found).real / channels
        psd = np.maximum(psd, 1e-12 * psd.max())
        found = psd[:, None, None] * (found[1:] / psd[1:, None, None]).real.mean(0)
    # one covariance is learned from all frequencies together
    share = channels / (channels + n * (len(found) if separable else 1))
    own = np.einsum("fcc->fc", found).real
    floor = 1e-9 * own.max()
    return (1 - share) * found + (share * own + floor)[:, :, None] * np.eye(channels)


def _confined(spectrum: np.ndarray, lags: np.ndarray, rank: int, n: int) -> np.ndarray:
    """A whitened response, 0 outside of its support and of low rank."""
    u, s, vt = np.linalg.svd(scipy.fft.irfft(spectrum, n, axis=-1)[:, lags], full_matrices=False)
    whole = np.zeros((len(spectrum), n))
    whole[:, lags] = (u[:, :rank] * s[:rank]) @ vt[:rank]
    return _rfft(whole)
