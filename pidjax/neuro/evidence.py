"""What a small model sees of paired trials: slow courses of both modalities, and EEG band powers of two halves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.signal

from pidjax._checks import InputError
from pidjax.neuro.features import usable_bands
from pidjax.neuro.paired import PairedEpochs

ERP_SFREQ, FNIRS_SFREQ = 25.0, 2.0
"""Hz of the courses: the event-related potential ends below 12 Hz, the response to seconds of activity below 0.5 Hz."""


class Evidence(NamedTuple):
    """Arrays of n trials; rows belong together.

    Attributes
    ----------
    erp : [n, electrodes, times]
        EEG at 25 Hz.
    power : [2, n, electrodes, bands]
        Log power of the first and of the second half of the EEG.
    fnirs : [n, 2 · pairs, times]
        HbO and HbR of every long pair, as mne orders them, at 2 Hz; short channels regressed out.
    erp_start, fnirs_start : float
        Seconds of the first samples from the marker.
    recording : [n]
        Which recording a trial is of.
    erp_lowpass, fnirs_lowpass : float
        Hz up to which filters left the courses; what is above has leaked in at the ends of trials.
    """

    erp: np.ndarray
    power: np.ndarray
    fnirs: np.ndarray
    erp_start: float
    fnirs_start: float
    recording: np.ndarray
    erp_lowpass: float = np.inf
    fnirs_lowpass: float = np.inf

    @property
    def n(self) -> int:
        """Trials."""
        return len(self.recording)


def evidence_of_pairs(pairs: PairedEpochs, *, jitter: float = 0.0) -> Evidence:
    """Of paired epochs; short channels are taken out in their preprocessing, by regression where there are intensities.

    Parameters
    ----------
    pairs : PairedEpochs
    jitter : float
        Seconds by which onsets vary: if they do, the whole EEG trial is searched for the response, not the short
        epochs of the event-related potential.

    Raises
    ------
    InputError
        HbO without its HbR, or trials too short for band powers.
    """
    eeg, fnirs = pairs.epochs["eeg"], pairs.epochs["fnirs"]
    evoked = eeg if jitter > 0 else pairs.epochs.get("erp", eeg)
    hbo = [name for name, kind in zip(fnirs.ch_names, fnirs.get_channel_types(), strict=True) if kind == "hbo"]
    lacking = [name for name in hbo if name.replace("hbo", "hbr") not in fnirs.ch_names]
    if lacking or not hbo:
        raise InputError(f"pairs need HbO and HbR, named alike (S1_D1 hbo, S1_D1 hbr); of {lacking or 'all'} it lacks.")
    order = [fnirs.ch_names.index(name) for one in hbo for name in (one, one.replace("hbo", "hbr"))]
    return Evidence(
        _slow(evoked.get_data(copy=False), evoked.info["sfreq"], ERP_SFREQ),
        _halves(eeg.get_data(copy=False), eeg.info["sfreq"]),
        _slow(fnirs.get_data(copy=False)[:, order], fnirs.info["sfreq"], FNIRS_SFREQ),
        float(evoked.tmin),
        float(fnirs.tmin),
        pairs.recording,
        float(evoked.info["lowpass"]),
        float(fnirs.info["lowpass"]),
    )


def evidence_of_arrays(
    eeg: np.ndarray,
    fnirs: np.ndarray,
    *,
    eeg_sfreq: float,
    fnirs_sfreq: float,
    eeg_start: float,
    fnirs_start: float,
    short: np.ndarray,
    recording: int,
) -> Evidence:
    """Of one recording's trials.

    Parameters
    ----------
    eeg : [n, electrodes, times]
        V.
    fnirs : [n, 2 · pairs, times]
        M; HbO and HbR of every pair.
    eeg_sfreq, fnirs_sfreq, eeg_start, fnirs_start : float
    short : bool [pairs]
        Pairs that see the scalp alone: all their courses are regressed out of the others over the whole recording.
    recording : int
        Its number, another for every recording.

    Raises
    ------
    InputError
        Channels that are no pairs of HbO and HbR, or trials too short for band powers.
    """
    if fnirs.shape[1] != 2 * len(short):
        raise InputError(f"{len(short)} pairs have {2 * len(short)} channels of HbO and HbR; found {fnirs.shape[1]}.")
    return Evidence(
        _slow(eeg, eeg_sfreq, ERP_SFREQ),
        _halves(eeg, eeg_sfreq),
        without_short(_slow(fnirs, fnirs_sfreq, FNIRS_SFREQ), short),
        eeg_start,
        fnirs_start,
        np.full(len(eeg), recording),
    )


def without_short(fnirs: np.ndarray, short: np.ndarray) -> np.ndarray:
    """Long channels [n, 2 · long pairs, times] of one recording's [n, 2 · pairs, times], short ones regressed out.

    Least squares of every long channel on all short ones, HbO and HbR, over all trials; ``short`` [pairs] are booleans.
    """
    near = np.repeat(short, 2)
    if not near.any():
        return fnirs
    scalp, brain = (fnirs[:, which].transpose(1, 0, 2).reshape(which.sum(), -1) for which in (near, ~near))
    weights = np.linalg.lstsq(scalp.T, brain.T, rcond=None)[0]
    return fnirs[:, ~near] - np.einsum("sb,nst->nbt", weights, fnirs[:, near])


def joined(parts: list[Evidence]) -> Evidence:
    """Trials of several recordings, one after another.

    Raises
    ------
    InputError
        Recordings whose windows, channels or filters differ.
    """
    first = parts[0]
    for one in parts[1:]:
        if (one.erp_lowpass, one.fnirs_lowpass) != (first.erp_lowpass, first.fnirs_lowpass):
            raise InputError("recordings are filtered differently: filter all up to the same frequency.")
        if (one.erp_start, one.fnirs_start) != (first.erp_start, first.fnirs_start):
            raise InputError("recordings are cut differently around the marker: cut all in the same windows.")
        if (one.erp.shape[1:], one.fnirs.shape[1:]) != (first.erp.shape[1:], first.fnirs.shape[1:]):
            raise InputError("recordings have other channels or lengths of trials: keep what all of them have.")
    return first._replace(
        erp=np.concatenate([one.erp for one in parts]),
        power=np.concatenate([one.power for one in parts], axis=1),
        fnirs=np.concatenate([one.fnirs for one in parts]),
        recording=np.concatenate([one.recording for one in parts]),
    )


def _slow(x: np.ndarray, sfreq: float, to: float) -> np.ndarray:
    return scipy.signal.resample(x, round(x.shape[-1] * to / sfreq), axis=-1).astype(np.float32)


def _halves(x: np.ndarray, sfreq: float) -> np.ndarray:
    """Welch's log power in every band that frames of a second resolve, float32 [2, n, electrodes, bands]."""
    half, frame = x.shape[-1] // 2, round(sfreq)
    if half < frame:
        raise InputError(f"half of an EEG trial is {half / sfreq:g} s, too short for band powers: take 2 s or more.")
    found = []
    for part in (x[..., :half], x[..., -half:]):
        f, psd = scipy.signal.welch(part, sfreq, nperseg=frame, axis=-1)
        inside = [(f >= lo) & (f < hi) for lo, hi in usable_bands(sfreq, 1.0).values()]
        power = np.stack([psd[..., band].mean(-1) for band in inside], axis=-1)
        if not (power > 0).all():
            raise InputError("an EEG channel is silent or not a number in some trial: drop the channel or the trial.")
        found.append(np.log(power))
    return np.stack(found).astype(np.float32)
