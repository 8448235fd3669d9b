"""What a head may hold instead of a label: the person, the session, time on task, muscle, motion, the heart."""

from __future__ import annotations

import mne
import numpy as np
import pandas as pd

from pidjax.neuro.paired import PairedEpochs
from pidjax.neuro.preprocess import EEG, FNIRS, pair_of, probe_speed

MEASURED = {"muscle_eeg": "muscle, EEG", "motion_fnirs": "motion, fNIRS", "heart_rate": "heart rate"}
"""Columns of the metadata that ``measure`` adds, and what reports call them."""
PULSE = (0.7, 2.0)
"""Where the heart beats (Hz): 42 to 120 a minute."""
MIN_PULSE = 10.0
"""Shortest window (s) that tells a heart rate."""


def measure(
    pairs: PairedEpochs, raw_eeg: mne.io.BaseRaw, raw_fnirs: mne.io.BaseRaw, eeg: EEG, fnirs: FNIRS, line: float
) -> tuple[PairedEpochs, dict[str, str]]:
    """Trials with columns of ``MEASURED`` in their metadata, read from the recordings as they were before filters.

    - ``muscle_eeg``: ln of the power (V²/Hz) beyond the mains, median over good channels: of the EEG above 45 Hz most
      is muscle (Whitham et al. 2007), and heads do not see it.
    - ``motion_fnirs``: ln of the root mean square over good channels and the trial of the temporal derivative of the
      optical density (Sherafati et al. 2020).
    - ``heart_rate``: beats a minute, where the spectra of optical densities, as shares of the power at 0.7–2 Hz, have
      their largest mean over good channels.

    A column that the events file brought stays as it is. Also returned: how each was measured, or why it was not.
    """
    columns, choices = {}, {}
    sfreq, lo = raw_eeg.info["sfreq"], line + 5
    hi = min(2 * line - 5, 0.45 * sfreq)
    if hi - lo >= 10:
        good = [i for i in mne.pick_types(raw_eeg.info, eeg=True) if raw_eeg.ch_names[i] not in eeg.bads]
        x = _windows(raw_eeg.get_data(picks=good), sfreq, pairs.metadata.onset_eeg, pairs.epochs["eeg"].times)
        power, _ = mne.time_frequency.psd_array_welch(
            x, sfreq, fmin=lo, fmax=hi, n_fft=min(x.shape[-1], round(sfreq)), verbose="error"
        )
        columns["muscle_eeg"] = np.log(np.median(power.mean(axis=-1), axis=1) + 1e-30)
        choices["muscle, EEG"] = f"power of the EEG at {lo:g}–{hi:g} Hz before filters"
    else:
        choices["muscle, EEG"] = f"not measured: an EEG at {sfreq:g} Hz does not hold {lo:g} Hz and 10 Hz more"
    kept = {pair_of(name) for name in fnirs.raw.ch_names}
    density = raw_fnirs.copy().pick([name for name in raw_fnirs.ch_names if pair_of(name) in kept])
    if "fnirs_cw_amplitude" in density:
        density = mne.preprocessing.nirs.optical_density(density, verbose="error")
    kind = "concentrations" if "hbo" in density else "optical densities"
    sfreq, onset, times = density.info["sfreq"], pairs.metadata.onset_fnirs, pairs.epochs["fnirs"].times
    speed = _windows(probe_speed(density)[None], sfreq, onset, times)
    columns["motion_fnirs"] = 0.5 * np.log((speed**2).mean(axis=(1, 2)) + 1e-30)
    choices["motion, fNIRS"] = f"speed of {kind} before filters"
    if sfreq >= 3 and np.ptp(times) >= MIN_PULSE - 2 / pairs.epochs["fnirs"].info["sfreq"]:
        x = _windows(density.get_data(), sfreq, onset, times)
        columns["heart_rate"] = _heart_rate(x, sfreq)
        choices["heart rate"] = f"peak of the spectrum of {kind}, {PULSE[0]:g}–{PULSE[1]:g} Hz"
    else:
        choices["heart rate"] = (
            f"not measured: it needs 3 Hz and {MIN_PULSE:g} s; found {sfreq:g} Hz and {np.ptp(times):.1f} s"
        )
    for name in MEASURED.keys() & set(pairs.metadata):
        columns[name], choices[MEASURED[name]] = pairs.metadata[name], "as the events file has it"
    return PairedEpochs(pairs.epochs, pairs.metadata.assign(**columns), pairs.log), choices


def confounds_of(metadata: pd.DataFrame) -> pd.DataFrame:
    """One column a confound: the subject and the session where there are several, time on task (s), ``MEASURED``."""
    of = {"which subject": metadata.subject.astype(str), "which session": metadata.session.astype(str)}
    table = pd.DataFrame({name: column for name, column in of.items() if column.nunique() > 1}, index=metadata.index)
    table["time on task"] = metadata.onset_eeg - metadata.groupby(["subject", "session"]).onset_eeg.transform("min")
    return table.assign(**{words: metadata[name] for name, words in MEASURED.items() if name in metadata})


def numbers_of(confounds: pd.DataFrame) -> np.ndarray:
    """Those that are numbers, [trials, numbers]; a trial without a value has the median of the others."""
    numbers = confounds.select_dtypes("number").dropna(axis=1, how="all")
    return numbers.fillna(numbers.median()).to_numpy(float)


def _windows(x: np.ndarray, sfreq: float, onset: pd.Series, times: np.ndarray) -> np.ndarray:
    """Stretches [trials, channels, times] of continuous ``x`` in the window that ``times`` spans."""
    length = min(round((times[-1] - times[0]) * sfreq) + 1, x.shape[1])
    start = np.clip(np.round((onset.to_numpy() + times[0]) * sfreq).astype(int), 0, x.shape[1] - length)
    return np.moveaxis(x[:, start[:, None] + np.arange(length)], 0, 1)


def _heart_rate(x: np.ndarray, sfreq: float) -> np.ndarray:
    """Beats a minute, of densities [trials, channels, times]; the grid is half a beat fine, the window is coarser."""
    taper = np.hanning(x.shape[-1])
    padded = max(x.shape[-1], round(120 * sfreq))
    f = np.fft.rfftfreq(padded, 1 / sfreq)
    band = (f >= PULSE[0]) & (f <= min(PULSE[1], 0.48 * sfreq))
    mean = np.zeros((len(x), band.sum()))
    for channel in range(x.shape[1]):  # one at a time: padded spectra of all would fill the memory
        power = np.abs(np.fft.rfft((x[:, channel] - x[:, channel].mean(-1, keepdims=True)) * taper, padded))[:, band]
        mean += power**2 / np.maximum((power**2).sum(axis=1, keepdims=True), 1e-300)
    return 60 * f[band][mean.argmax(axis=1)]
