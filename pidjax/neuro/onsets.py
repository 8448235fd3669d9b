"""Onsets that no marker tells, learned from what both modalities say of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pidjax._checks import InputError
from pidjax.math.canonical import canonical
from pidjax.neuro.evidence import ERP_SFREQ, FNIRS_SFREQ, Evidence
from pidjax.neuro.response import Response, learn_response, match, onset, onset_posterior
from pidjax.neuro.simulate.responses import double_gamma

COUPLING = (1.0, 1.0)
"""Mean and SD (s) by which a haemodynamic response follows its usual course later (Aguirre et al. 1998: 1, 0.8)."""
HBR_LAG = 1.7
"""Seconds by which HbR follows HbO (Homer3's modified gamma)."""


class Onsets(NamedTuple):
    """Responses at onsets that vary, and how far they do (s)."""

    responses: dict[str, Response]
    jitter: float

    def of(self, name: str, course: np.ndarray) -> np.ndarray:
        """Onsets (s) [n] that one modality alone tells; that of the fNIRS includes the coupling delay."""
        response = self.responses[name]
        return onset(response, course, _allowed(response.times, self.jitter, name))


def learn_onsets(trials: Evidence, jitter: float, duration: float, support: dict, band: dict) -> Onsets:
    """Learn both responses, beginning with the usual haemodynamic response and what HbO and HbR agree on.

    The fNIRS's onsets, blurred by what is not known of the coupling delay, are where the EEG's response is looked for;
    the EEG's, far sharper, then where the fNIRS's is.

    Parameters
    ----------
    trials : Evidence
    jitter : float
        Onsets lie within this (s) after the marker.
    duration : float
        Of the activity that drives a haemodynamic response (s).
    support, band : dict
        Of each modality, see ``learn_response``.

    Raises
    ------
    InputError
        Trials that end before the last onset.
    """
    for name, x, sfreq, start in (
        ("EEG", trials.erp, ERP_SFREQ, trials.erp_start),
        ("fNIRS", trials.fnirs, FNIRS_SFREQ, trials.fnirs_start),
    ):
        end = start + x.shape[-1] / sfreq
        if end < jitter + 1:
            raise InputError(
                f"trials of the {name} end {end:g} s after the marker, and onsets vary up to {jitter:g} s: cut longer "
                "trials, or lower jitter."
            )
    begun = _first_guess(trials.fnirs, trials.fnirs_start, jitter, duration)
    longest = trials.fnirs.shape[-1] / FNIRS_SFREQ
    first, last = support["fnirs"]
    settings = {"support": (first, min(last, first + longest)), "band": band["fnirs"], "rank": 2, "separable": False}
    slow = learn_response(trials.fnirs, FNIRS_SFREQ, trials.fnirs_start, onsets=begun, **settings)
    posterior = onset_posterior(slow, match(slow, trials.fnirs), _allowed(slow.times, jitter, "fnirs"))
    grid = trials.erp_start + np.arange(trials.erp.shape[-1]) / ERP_SFREQ
    fast = learn_response(
        trials.erp,
        ERP_SFREQ,
        trials.erp_start,
        support=support["eeg"],
        band=band["eeg"],
        rank=1,
        separable=True,
        onsets=posterior @ _coupled(slow.times[:, None] - grid) * _allowed(grid, jitter, "eeg") + 1e-12,
    )
    posterior = onset_posterior(fast, match(fast, trials.erp), _allowed(grid, jitter, "eeg"))
    told = posterior @ _coupled(slow.times - grid[:, None]) + 1e-12
    slow = learn_response(trials.fnirs, FNIRS_SFREQ, trials.fnirs_start, onsets=told, **settings)
    return Onsets({"eeg": fast, "fnirs": slow}, jitter)


def _allowed(times: np.ndarray, jitter: float, name: str) -> np.ndarray:
    """Where an onset may be; the fNIRS's may be late by what the coupling delay is at most."""
    late = 0.0 if name == "eeg" else COUPLING[0] + 3 * COUPLING[1]
    early = 0.0 if name == "eeg" else 1.0
    return ((times >= -early) & (times <= jitter + late)).astype(float)


def _coupled(delay: np.ndarray) -> np.ndarray:
    mean, sd = COUPLING
    return np.exp(-0.5 * ((delay - mean) / sd) ** 2)


def _first_guess(fnirs: np.ndarray, start: float, jitter: float, duration: float) -> np.ndarray:
    """Probability of every sample to be the onset: the usual response, in the channels in which HbO and HbR agree."""
    _, channels, size = fnirs.shape
    times = start + np.arange(size) / FNIRS_SFREQ
    spectra = np.fft.rfft(fnirs, axis=-1)
    spectra[..., 0] = 0
    found = []
    for k, lag in enumerate((0.0, HBR_LAG)):
        psd = (np.abs(spectra[:, k::2]) ** 2).mean((0, 1))
        psd[0] = np.inf
        template = np.fft.rfft(double_gamma(np.arange(size) / FNIRS_SFREQ - lag, duration)) / psd
        course = np.fft.irfft(spectra[:, k::2] * template.conj(), size, axis=-1)
        found.append(course / course.std())
    allowed = _allowed(times, jitter, "fnirs")
    hbo, hbr = (x[..., allowed > 0].transpose(0, 2, 1).reshape(-1, channels // 2) for x in found)
    pair = canonical(hbo, hbr, ridge=0.5)
    a, b = np.asarray(pair.x_weights)[:, 0], np.asarray(pair.y_weights)[:, 0]
    # HbO rises and HbR falls, so that they agree with opposite signs
    sign = np.sign(a.sum() - b.sum())
    course = sign * (np.einsum("nct,c->nt", found[0], a) + np.einsum("nct,c->nt", found[1], b))
    log = 2 * course / course.std()
    guess = allowed * np.exp(log - log.max(1, keepdims=True))
    return guess / guess.sum(1, keepdims=True)
