"""Trials of several recordings as one: every subject with the channels of all."""

from __future__ import annotations

from collections.abc import Mapping

import mne
import numpy as np
import pandas as pd

from pidjax._checks import InputError
from pidjax.neuro.paired import PairedEpochs


def join(parts: Mapping[str, PairedEpochs]) -> PairedEpochs:
    """All trials of named recordings, in order; ``subject`` and ``session`` of the metadata keep them apart.

    A channel that a recording lost as bad and another has is interpolated (mne: spherical splines of EEG, the nearest
    pair of fNIRS), so that no subject decides what is known of the others. The log has the trials of all, under
    "recordings" the log of each, and under "interpolated" which channels were made for which.

    Raises
    ------
    InputError
        Recordings whose modalities, rates or windows differ, or that put channels of one name in different places.
    """
    first = next(iter(parts.values()))
    filled: dict[str, list[str]] = {name: [] for name in parts}
    epochs = {}
    for name, part in parts.items():
        if set(part.epochs) != set(first.epochs):
            raise InputError(f"{name} has {sorted(part.epochs)} where {next(iter(parts))} has {sorted(first.epochs)}.")
    for kind, pattern in first.epochs.items():
        pieces = {name: part.epochs[kind] for name, part in parts.items()}
        known: dict[str, mne.BaseEpochs] = {}
        for name, piece in pieces.items():
            if piece.info["sfreq"] != pattern.info["sfreq"] or len(piece.times) != len(pattern.times):
                raise InputError(f"{name} has other rates or windows than {next(iter(parts))}.")
            for channel in piece.ch_names:
                place, other = (_place(e, channel) for e in (piece, known.setdefault(channel, piece)))
                if not np.allclose(place, other, equal_nan=True):
                    raise InputError(f"{name} has {channel} in another place than the recordings before it.")
        whole = [_completed(piece, known, filled[name]) for name, piece in pieces.items()]
        x = np.concatenate([piece.get_data(copy=False) for piece in whole])
        one = whole[0]
        epochs[kind] = mne.EpochsArray(x, one.info, tmin=one.tmin, baseline=one.baseline, verbose="error")
    metadata = pd.concat([part.metadata for part in parts.values()], ignore_index=True)
    trials = {key: sum(part.log["trials"][key] for part in parts.values()) for key in ("found", "kept")}
    interpolated = {name: sorted(set(channels)) for name, channels in filled.items() if channels}
    logs = {name: part.log for name, part in parts.items()}
    return PairedEpochs(epochs, metadata, {"trials": trials, "interpolated": interpolated, "recordings": logs})


def _place(epochs: mne.BaseEpochs, channel: str) -> np.ndarray:
    return epochs.info["chs"][epochs.ch_names.index(channel)]["loc"][:9]


def _completed(epochs: mne.BaseEpochs, known: Mapping[str, mne.BaseEpochs], filled: list[str]) -> mne.BaseEpochs:
    """The epochs with all known channels, in one order; what was missing is interpolated and noted."""
    order = sorted(known)  # HbO beside HbR of a pair, whatever channels a recording lost
    missing = [name for name in order if name not in epochs.ch_names]
    if not missing:
        return epochs.copy().reorder_channels(order)
    filled += missing
    made = [
        mne.EpochsArray(
            _nearest(epochs, name, known[name]),
            known[name].copy().pick([name]).info,
            events=epochs.events,
            tmin=epochs.tmin,
            baseline=epochs.baseline,
            verbose="error",
        )
        for name in missing
    ]
    whole = epochs.copy().add_channels(made, force_update_info=True).reorder_channels(order)
    whole.info["bads"] = [name for name in missing if "eeg" in whole.get_channel_types([name])]
    return whole.interpolate_bads(origin=(0.0, 0.0, 0.04), verbose="error")


def _nearest(epochs: mne.BaseEpochs, name: str, known: mne.BaseEpochs) -> np.ndarray:
    """The nearest channel of the same kind, [trials, 1, times]: mne's way for fNIRS, which it lacks for epochs."""
    kind = known.get_channel_types([name])[0]
    donors = [n for n, t in zip(epochs.ch_names, epochs.get_channel_types(), strict=True) if t == kind]
    apart = [np.linalg.norm((_place(epochs, donor) - _place(known, name))[:3]) for donor in donors]
    return epochs.get_data(picks=[donors[int(np.argmin(apart))]], copy=True)
