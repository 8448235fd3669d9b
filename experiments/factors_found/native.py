"""Simulated trials as epochs of both modalities, each at its own rate: what learned encoders see."""

from __future__ import annotations

from collections.abc import Sequence

import mne
import numpy as np
import pandas as pd

from pidjax.neuro.evidence import without_short
from pidjax.neuro.joined import join
from pidjax.neuro.paired import ERP_WINDOW, PairedEpochs
from pidjax.neuro.preprocess import pair_of
from pidjax.neuro.simulate.montage import eeg_info, fnirs_info, short_pairs
from pidjax.neuro.simulate.trials import Trials

APART = 60.0
"""Seconds between markers; trials are independent."""


def native_pairs(parts: Sequence[Trials]) -> PairedEpochs:
    """Of every subject's trials a recording; where onsets are at the marker with "erp", as events are cut."""
    return join({f"subject {i}": _pairs(one, str(i)) for i, one in enumerate(parts)})


def _pairs(one: Trials, subject: str) -> PairedEpochs:
    of, n = one.config, len(one.eeg)
    optical = fnirs_info(of.fnirs_sfreq)
    short = short_pairs(optical)
    names = [pair_of(name) for name in optical.ch_names[::2]]
    long = [name for name, near in zip(names, short, strict=True) if not near]
    info = mne.create_info(
        [f"{name} {kind}" for name in long for kind in ("hbo", "hbr")], of.fnirs_sfreq, ["hbo", "hbr"] * len(long)
    )
    eeg = mne.EpochsArray(one.eeg, eeg_info(of.eeg_sfreq), tmin=of.eeg_window[0], verbose="error")
    fnirs = mne.EpochsArray(
        without_short(one.fnirs, short), info, tmin=of.fnirs_window[0], baseline=(None, 0), verbose="error"
    )
    epochs = {"eeg": eeg, "fnirs": fnirs}
    if not of.jitter:
        start, end = ERP_WINDOW
        epochs["erp"] = eeg.copy().crop(start, end, include_tmax=False).apply_baseline((None, 0), verbose="error")
    metadata = pd.DataFrame({"subject": subject, "session": "1", "onset_eeg": APART * np.arange(n)})
    return PairedEpochs(epochs, metadata, {"trials": {"found": n, "kept": n}})
