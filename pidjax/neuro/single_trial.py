"""Amplitude and latency of one trial's haemodynamic response, by a GLM of its own (least squares, separate)."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import mne
import numpy as np
from nilearn.glm.first_level import compute_regressor

from pidjax._checks import InputError
from pidjax.neuro.preprocess import SHORT, bridge_bad, pair_distances, pair_of

RATE, DRIFT = 2.0, 0.01
"""Samples a second of the fit, and the fastest drift that is taken out (Hz)."""
LASTS = 33.0
"""Seconds after its stimulus that a response of nilearn lasts, and one more."""
SEEN = 0.5
"""Share of a response's energy that must lie outside of what is marked BAD."""
MOST_LATE = 3.0
"""Seconds beyond which a latency, an expansion of first order, says nothing and is cut."""


class Responses(NamedTuple):
    """Responses of every trial in the long channels.

    Attributes
    ----------
    amplitude : [trials, channels]
        Peak of the fitted response (M, of concentrations), signed.
    latency : [trials, channels]
        Seconds by which it comes later than the model's, within ``MOST_LATE``; 0 where the amplitude is 0.
    error : [trials, channels]
        Standard error of the amplitude for white residuals; those of fNIRS are not, so it is too small.
    channels : list of str
    regressed : list of str
        Short channels among the regressors.
    """

    amplitude: np.ndarray
    latency: np.ndarray
    error: np.ndarray
    channels: list[str]
    regressed: list[str]


def single_trial_responses(
    raw: mne.io.BaseRaw,
    onsets: np.ndarray,
    duration: float,
    *,
    delay: float = 0.0,
    hrf: str = "spm",
    short: bool = True,
) -> Responses:
    r"""Amplitude and latency of every trial's response in every long channel.

    For each trial i a least-squares fit of

    .. math:: y = β_i r_i + γ_i \dot r_i + β_o \sum_{j \ne i} r_j + γ_o \sum_{j \ne i} \dot r_j + S b + D d + ε

    where r is the response to a boxcar, S all short channels (HbO and HbR) and D cosines up to 0.01 Hz with a constant.
    Amplitude is :math:`β_i` times the peak of r; since :math:`r(t - δ) ≈ r - δ \dot r`, latency is
    :math:`-γ_i / β_i`. One trial against the sum of the others is steadier than all trials at once where responses
    overlap (Mumford et al. 2012).

    Parameters
    ----------
    raw : mne.io.Raw
        Concentrations, HbO and HbR, of long and of short pairs; neither filtered below 0.2 Hz nor with short channels
        taken out. What is marked BAD is left out of the fit; a trial of which more than half is left out is NaN, with a
        warning.
    onsets : [trials]
        Seconds from the beginning of ``raw``.
    duration : float
        Of the boxcar (s).
    delay : float
        Seconds that responses are expected to begin after the onsets.
    hrf : str
        A model of nilearn's ``compute_regressor``.
    short : bool
        Whether short channels are regressors, where there are any.

    Raises
    ------
    InputError
        No HbO or HbR, no trial, onsets outside of the recording, no long channel, or nothing but what is marked BAD.

    References
    ----------
    Mumford et al. 2012 (LSS); Wyser et al. 2020 (all short channels); Friston et al. 1998 (derivatives).
    """
    long, near = _by_distance(raw)
    onsets = np.atleast_1d(np.asarray(onsets, float))
    end = raw.times[-1]
    if not len(onsets) or not (np.isfinite(onsets).all() and onsets.min() >= 0 and onsets.max() < end):
        raise InputError(f"onsets must be one or more times in the recording, 0 to {end:.0f} s; found {onsets}.")
    times = np.arange(0, end, 1 / RATE)
    y, s = (_slow(raw, names, times) for names in (long, near if short else []))
    since, curve = _response(duration, hrf)
    r = np.interp(times[:, None] - delay - onsets, since, curve, left=0.0, right=0.0)
    slope = np.gradient(r, times, axis=0)
    good = np.isfinite(y).all(1) & np.isfinite(s).all(1)
    if not good.any():
        raise InputError("all of the recording is marked BAD: nothing is left to fit.")
    seen = (r[good] ** 2).sum(0) / np.maximum((r**2).sum(0), 1e-30)
    if (seen < SEEN).any():
        hidden = ", ".join(map(str, np.flatnonzero(seen < SEEN) + 1))
        warnings.warn(f"more than half of trial {hidden} is marked BAD or cut off: its response is NaN.", stacklevel=2)
    varies = s[good].std(0) > 0
    regressed = [name for name, use in zip(near, varies, strict=True) if use] if short else []
    s = s[:, varies] / s[good][:, varies].std(0)
    basis, _ = np.linalg.qr(np.hstack([_cosines(len(times)), s])[good])

    def apart(x: np.ndarray) -> np.ndarray:
        """Rows that are good, without what the nuisances explain."""
        x = x[good]
        return x - basis @ (basis.T @ x)

    y, peak = apart(y), curve.max()
    r, slope = apart(r), apart(slope)
    free = len(y) - basis.shape[1] - 4
    amplitude, latency, error = (np.zeros((len(onsets), len(long))) for _ in range(3))
    for i in range(len(onsets)):
        columns = [r[:, i], slope[:, i]]
        if len(onsets) > 1:
            columns += [r.sum(1) - r[:, i], slope.sum(1) - slope[:, i]]
        x = np.stack(columns, 1)
        inverse = np.linalg.pinv(x.T @ x)
        beta = inverse @ (x.T @ y)
        variance = ((y - x @ beta) ** 2).sum(0) / max(free, 1)
        amplitude[i], error[i] = peak * beta[0], peak * np.sqrt(inverse[0, 0] * variance)
        with np.errstate(divide="ignore", invalid="ignore"):
            latency[i] = np.nan_to_num(np.clip(-beta[1] / beta[0], -MOST_LATE, MOST_LATE))
    for x in (amplitude, latency, error):
        x[seen < SEEN] = np.nan
    return Responses(amplitude, latency, error, long, regressed)


def _by_distance(raw: mne.io.BaseRaw) -> tuple[list[str], list[str]]:
    """Names of long and of short HbO and HbR channels."""
    kinds = dict(zip(raw.ch_names, raw.get_channel_types(), strict=True))
    names = [name for name in raw.ch_names if kinds[name] in ("hbo", "hbr") and name not in raw.info["bads"]]
    if not names:
        raise InputError("raw holds no good HbO or HbR channel: convert it with optical_density and beer_lambert_law.")
    distance = pair_distances(raw)
    near = [name for name in names if distance[pair_of(name)] < SHORT]  # not so where the distance is unknown
    long = [name for name in names if name not in near]
    if not long:
        raise InputError(f"all {len(names)} channels are shorter than {100 * SHORT:g} cm: none sees the brain.")
    return long, near


def _slow(raw: mne.io.BaseRaw, names: list[str], times: np.ndarray) -> np.ndarray:
    """Channels at these times, [times, channels]; NaN in what is marked BAD. (mne's resampling shifted by 0.14 s.)"""
    if not names:
        return np.zeros((len(times), 0))
    picked = raw.copy().pick(names)
    bad = np.isnan(picked.get_data(picks=[0], reject_by_annotation="NaN", verbose="error")[0])
    if raw.info["sfreq"] > RATE:
        picked = bridge_bad(picked).filter(None, 0.4 * RATE, verbose="error")
    found = np.stack([np.interp(times, raw.times, x) for x in picked.get_data(verbose="error")], 1)
    found[np.interp(times, raw.times, bad) > 0] = np.nan
    return found


def _response(duration: float, hrf: str) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since the onset, and the response to a boxcar at them."""
    times = np.arange(0, duration + LASTS, 0.05)
    return times, compute_regressor(np.array([[0.0], [duration], [1.0]]), hrf, times, oversampling=1)[0][:, 0]


def _cosines(n: int) -> np.ndarray:
    """Cosines of n samples, up to ``DRIFT``; the first is constant."""
    count = int(2 * n / RATE * DRIFT) + 1
    return np.cos(np.pi / n * np.outer(np.arange(n) + 0.5, np.arange(count)))
