"""pidjax/neuro/signals.py: maps of HbO and HbR where optodes have places and windows hold the response."""

import matplotlib.pyplot as plt
import numpy as np

from pidjax.neuro import PairedEpochs, preprocess_eeg, preprocess_fnirs
from pidjax.neuro.signals import signal_section

MAPS = "Topographies of HbO and HbR"


def test_maps_of_the_response(session):
    """Two rows of conditions by two columns; without places, or in windows that end early, there is no map."""
    eeg, fnirs = preprocess_eeg(session.raw_eeg), preprocess_fnirs(session.raw_fnirs)
    pairs = PairedEpochs.from_raw(eeg.raw, fnirs.raw, session.trials, (-1, 2), (-5, 12))
    condition = np.arange(len(pairs)) % 2
    figure = dict(signal_section(pairs, condition))[MAPS]
    maps = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title().split(" ")[0] for axes in maps] == ["HbO", "HbR"] * 2
    epochs = pairs.epochs["fnirs"]
    inside = (epochs.times >= 5) & (epochs.times <= 10)
    means = 1e6 * epochs.get_data(picks="hbo", copy=False)[..., inside].mean(-1)
    largest = np.abs(means[condition == 0].mean(0) - means.mean(0)).max()
    assert f"±{largest:.2g} µM" in maps[0].get_title()
    short = PairedEpochs.from_raw(eeg.raw, fnirs.raw, session.trials, (-1, 2), (-5, 6))
    assert MAPS not in dict(signal_section(short, np.arange(len(short)) % 2))
    for channel in epochs.info["chs"]:
        channel["loc"][:3] = np.nan
    assert MAPS not in dict(signal_section(pairs, condition))
    plt.close("all")
