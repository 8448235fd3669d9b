"""Classical single-trial features of both modalities: what a decoder rebuilds and what heads are compared with."""

from __future__ import annotations

import weakref

import mne
import numpy as np

from pidjax.neuro.paired import PairedEpochs

BANDS: dict[str, tuple[float, float]] = {
    "delta": (1, 4),
    "theta": (4, 8),
    "alpha": (8, 12),
    "beta": (12, 30),
    "gamma": (30, 45),
}
"""Half-open [lo, hi) in Hz; gamma to the edge of the filter."""
_PROPORTIONS: weakref.WeakKeyDictionary[PairedEpochs, np.ndarray] = weakref.WeakKeyDictionary()


def usable_bands(sfreq: float, frame: float) -> dict[str, tuple[float, float]]:
    """The bands that frames of ``frame`` seconds resolve, and that the filter of an EEG at ``sfreq`` Hz passes."""
    grid = np.fft.rfftfreq(round(frame * sfreq), 1 / sfreq)
    return {
        name: (lo, hi) for name, (lo, hi) in BANDS.items() if ((grid >= lo) & (grid < hi)).any() and lo < 0.4 * sfreq
    }


def band_proportions(pairs: PairedEpochs) -> np.ndarray:
    """Log share of each band in the power after the onset, float32 [trials, channels · bands], read only.

    Multitaper spectra (mne), bandwidth 2 Hz or what the window allows. Computed once for the same ``pairs``, since
    probes, pictures and training all ask for it.
    """
    if pairs not in _PROPORTIONS:
        _PROPORTIONS[pairs] = _band_proportions(pairs)
        _PROPORTIONS[pairs].setflags(write=False)
    return _PROPORTIONS[pairs]


def _band_proportions(pairs: PairedEpochs) -> np.ndarray:
    epochs = pairs.epochs["eeg"]
    x = _after_onset(epochs)
    sfreq = epochs.info["sfreq"]
    seconds = x.shape[-1] / sfreq
    bands = usable_bands(sfreq, seconds)
    psd, f = mne.time_frequency.psd_array_multitaper(
        x, sfreq, fmin=1.0, bandwidth=max(2.0, 4.0 / seconds), normalization="full", verbose="error"
    )
    power = np.stack([psd[..., (f >= lo) & (f < hi)].sum(-1) for lo, hi in bands.values()], axis=-1)
    share = power / power.sum(-1, keepdims=True)
    return np.log(share + 1e-6).reshape(len(x), -1).astype(np.float32)


def erp_bins(pairs: PairedEpochs, width: float = 0.1) -> np.ndarray:
    """Mean amplitude (V) in bins of ``width`` seconds after the onset, [trials, channels · bins].

    No columns where there are no ERP epochs.
    """
    if "erp" not in pairs.epochs:
        return np.zeros((len(pairs), 0), np.float32)
    x = _after_onset(pairs.epochs["erp"])
    length = round(width * pairs.epochs["erp"].info["sfreq"])
    bins = x.shape[-1] // length
    return x[..., : bins * length].reshape(*x.shape[:2], bins, length).mean(-1).reshape(len(x), -1).astype(np.float32)


def response_features(pairs: PairedEpochs) -> np.ndarray:
    """Peak amplitude (M, signed) and area under the curve (M·s) after the onset, float32 [trials, channels · 2]."""
    epochs = pairs.epochs["fnirs"]
    x = _after_onset(epochs)
    place = np.abs(x).argmax(axis=-1, keepdims=True)
    peak = np.take_along_axis(x, place, axis=-1)[..., 0]
    area = x.sum(axis=-1) / epochs.info["sfreq"]
    return np.stack([peak, area], axis=-1).reshape(len(x), -1).astype(np.float32)


def time_to_peak(pairs: PairedEpochs) -> np.ndarray:
    """Seconds from the onset to the largest deflection of every fNIRS channel, float32 [trials, channels]."""
    epochs = pairs.epochs["fnirs"]
    return (np.abs(_after_onset(epochs)).argmax(axis=-1) / epochs.info["sfreq"]).astype(np.float32)


def raw_features(pairs: PairedEpochs) -> dict[str, np.ndarray]:
    """All classical features of each modality: the baseline that every head is measured against."""
    return {
        "eeg": np.hstack([band_proportions(pairs), erp_bins(pairs)]),
        "fnirs": np.hstack([response_features(pairs), time_to_peak(pairs)]),
    }


def physiology(pairs: PairedEpochs) -> dict[str, np.ndarray]:
    """What the original design wants read from heads by linear regression, [trials] each.

    - ``gamma``: mean over channels of the log share of gamma power; where the rate allows.
    - ``HbO``: mean over channels and the time after the onset (µM).
    - ``lag``: the peak of the mean HbO less that of the global field power of the EEG (s); where there are ERP epochs.
    """
    eeg, fnirs = pairs.epochs["eeg"], pairs.epochs["fnirs"]
    sfreq = eeg.info["sfreq"]
    bands = list(usable_bands(sfreq, _after_onset(eeg).shape[-1] / sfreq))
    hbo = _after_onset(fnirs)[:, np.array(fnirs.get_channel_types()) == "hbo"].mean(axis=1)
    found = {"HbO": 1e6 * hbo.mean(axis=-1)}
    if "gamma" in bands:
        found["gamma"] = band_proportions(pairs).reshape(len(hbo), -1, len(bands))[..., bands.index("gamma")].mean(1)
    if "erp" in pairs.epochs:
        field = _after_onset(pairs.epochs["erp"]).std(axis=1)
        peaks = [x.argmax(axis=-1) / e.info["sfreq"] for x, e in ((hbo, fnirs), (field, pairs.epochs["erp"]))]
        found["lag"] = peaks[0] - peaks[1]
    return found


def _after_onset(epochs: mne.BaseEpochs) -> np.ndarray:
    x = epochs.get_data(copy=False)
    later = epochs.times >= 0
    return x[..., later] if later.any() else x
