"""Features of single trials that are learned without labels: size and time of a response, EEG band powers.

Amplitude and latency of a response are by a filter matched to the learned response; band powers are directions that
two halves of a trial agree on (``math.reproducible``). Each modality teaches its own, but for onsets that vary: there
each modality's response is taught by where the other's begins.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.preprocessing import QuantileTransformer

from pidjax._checks import InputError
from pidjax.math.canonical import reproducible
from pidjax.neuro.evidence import ERP_SFREQ, FNIRS_SFREQ, Evidence, evidence_of_pairs
from pidjax.neuro.onsets import Onsets, learn_onsets
from pidjax.neuro.paired import PairedEpochs
from pidjax.neuro.response import Response, amplitude, learn_response, match, onset

SUPPORT = {"eeg": (-0.5, 2.0), "fnirs": (-1.0, 32.0)}
BAND = {"eeg": (0.0, 12.0), "fnirs": (0.01, 0.9)}
TIMED = {**BAND, "eeg": (0.1, 12.0)}
"""Hz. The slowest wave of a trial says much of the size of a response, and misleads where onsets are learned."""
LATENCY_SD = 1.5
"""Seconds by which a response may come before or after its mean, where onsets are at the marker."""


class Features(NamedTuple):
    """What was measured in single trials, before it is made normal.

    Attributes
    ----------
    eeg : [n, 1 + bands (+ 1)]
        Amplitude of the response, band powers and, where it varies, the onset (s).
    fnirs : [n, 2]
        Amplitude and latency (s) of the response.
    onset, latency : [n]
        As each modality tells it: seconds after the marker but for a constant, which no data tell.
    """

    eeg: np.ndarray
    fnirs: np.ndarray
    onset: np.ndarray
    latency: np.ndarray

    def at(self, rows: np.ndarray) -> Features:
        """Those of some trials."""
        return Features(*(x[rows] for x in self))

    def paired_anew(self, order: np.ndarray) -> Features:
        """The EEG of each trial with the fNIRS of trial ``order``."""
        return self._replace(fnirs=self.fnirs[order], latency=self.latency[order])


class Learned(NamedTuple):
    """What ``measure`` needs.

    Attributes
    ----------
    jitter : float
        Onsets lie within this (s) after the marker; 0 where they are at it.
    responses : dict of Response
        Of "eeg" and "fnirs".
    onsets : Onsets, optional
        How onsets are read, where they vary.
    power_mean, power_sd : [electrodes · bands]
    band_weights : [electrodes · bands, directions]
    reliability : [electrodes · bands]
        Of directions of band power, in half a trial.
    """

    jitter: float
    responses: dict[str, Response]
    onsets: Onsets | None
    power_mean: np.ndarray
    power_sd: np.ndarray
    band_weights: np.ndarray
    reliability: np.ndarray


def learn_features(
    trials: Evidence | PairedEpochs, jitter: float = 0.0, *, duration: float = 10.0, n_bands: int = 4
) -> Learned:
    """Learn from all trials what to measure in one.

    Parameters
    ----------
    trials : Evidence or PairedEpochs
        Of all recordings together.
    jitter, duration, n_bands
        As of ``CanonicalDecomposer``.

    Raises
    ------
    InputError
        Fewer than 4 trials, channels that are silent or not numbers, or windows that do not hold the response.
    """
    trials = as_evidence(trials, jitter)
    responses, onsets = _responses(trials, jitter, duration)
    shape = trials.power.shape
    flat = trials.power.reshape(2, trials.n, -1)
    centred = np.moveaxis(within(np.moveaxis(flat, 0, 1), trials.recording), 1, 0)
    mean, sd = flat.mean((0, 1)), centred.std((0, 1)) + 1e-9
    first, second = centred / sd
    weights, reliability = (np.asarray(z) for z in reproducible(first, second, ridge=shape[2] / (shape[2] + trials.n)))
    return Learned(jitter, responses, onsets, mean, sd, weights[:, :n_bands], reliability)


def measure(learned: Learned, trials: Evidence | PairedEpochs) -> Features:
    """Single-trial features of each modality.

    Parameters
    ----------
    learned : Learned
        Of ``learn_features``, of these trials or others with the same channels, rates and windows.
    trials : Evidence or PairedEpochs

    Raises
    ------
    InputError
        Channels that are silent or not numbers, or trials that begin after their marker.
    """
    trials = as_evidence(trials, learned.jitter)
    responses = learned.responses
    power = (trials.power.mean(0).reshape(trials.n, -1) - learned.power_mean) / learned.power_sd
    bands = power @ learned.band_weights
    course = {name: match(responses[name], x) for name, (x, *_) in courses(trials).items()}
    if learned.onsets is None:
        at, own = np.zeros(trials.n), np.empty((trials.n, 0))
        late = np.exp(-0.5 * (responses["fnirs"].times / LATENCY_SD) ** 2)
        latency = onset(responses["fnirs"], course["fnirs"], late)
    else:
        at, latency = (learned.onsets.of(name, course[name]) for name in ("eeg", "fnirs"))
        own = at[:, None]
    # posteriors may be so sure that two means differ by 1e-310 s, over which no ranks can be interpolated
    latency, own = latency.round(6), own.round(6)
    eeg = np.column_stack([amplitude(responses["eeg"], course["eeg"], at), bands, own])
    fnirs = np.column_stack([amplitude(responses["fnirs"], course["fnirs"], latency), latency])
    return Features(eeg, fnirs, at, latency)


def normal_ranks(x: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """What makes features [n, d] normal by their ranks among these trials, and at most 3 from 0."""
    made = QuantileTransformer(n_quantiles=min(len(x), 200), output_distribution="normal").fit(x)
    return functools.partial(_ranked, made)


def _ranked(made: QuantileTransformer, x: np.ndarray) -> np.ndarray:
    return np.clip(made.transform(x), -3, 3)


def within(x: np.ndarray, recording: np.ndarray) -> np.ndarray:
    """Rows [n, ...] less the mean of their recording."""
    out = np.array(x)
    for one in np.unique(recording):
        out[recording == one] -= out[recording == one].mean(0)
    return out


def as_evidence(trials: Evidence | PairedEpochs, jitter: float) -> Evidence:
    """What features are measured in, refused where a channel says nothing or trials begin after their marker."""
    if isinstance(trials, PairedEpochs):
        trials = evidence_of_pairs(trials, jitter=jitter)
    for name, x in (("EEG", trials.erp), ("fNIRS", trials.fnirs)):
        if not np.isfinite(x).all() or not np.ptp(x, axis=-1).max(0).all():
            raise InputError(f"a channel of the {name} is constant or not a number in all trials: drop it.")
    if max(trials.erp_start, trials.fnirs_start) > 0:
        raise InputError("trials begin after their marker: cut them so that they hold it.")
    return trials


def _responses(trials: Evidence, jitter: float, duration: float) -> tuple[dict[str, Response], Onsets | None]:
    if jitter > 0:
        onsets = learn_onsets(trials, jitter, duration, SUPPORT, _left(trials, TIMED))
        return onsets.responses, onsets
    band, found = _left(trials, BAND), {}
    for name, (x, sfreq, start, rank) in courses(trials).items():
        first, last = SUPPORT[name]
        inside = max(first, start), min(last, start + x.shape[-1] / sfreq)
        found[name] = learn_response(
            x, sfreq, start, support=inside, band=band[name], rank=rank, separable=rank == 1, iterations=5
        )
    return found, None


def courses(trials: Evidence) -> dict[str, tuple[np.ndarray, float, float, int]]:
    """Course, rate, start and rank of the response, of each modality."""
    return {
        "eeg": (trials.erp, ERP_SFREQ, trials.erp_start, 1),
        "fnirs": (trials.fnirs, FNIRS_SFREQ, trials.fnirs_start, 2),
    }


def _left(trials: Evidence, band: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Bands as far as filters left them."""
    lowpass = {"eeg": trials.erp_lowpass, "fnirs": trials.fnirs_lowpass}
    return {name: (lo, min(hi, lowpass[name])) for name, (lo, hi) in band.items()}
