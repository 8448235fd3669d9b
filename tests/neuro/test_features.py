"""pidjax/neuro/features.py: classical features of known signals."""

from types import SimpleNamespace

import mne
import numpy as np
import pandas as pd
import pytest

from pidjax.neuro.features import (
    BANDS,
    band_proportions,
    erp_bins,
    physiology,
    raw_features,
    response_features,
    time_to_peak,
    usable_bands,
)
from pidjax.neuro.paired import PairedEpochs


class Pairs(SimpleNamespace):
    """What the features need of ``PairedEpochs``."""

    __hash__ = object.__hash__

    def __len__(self):
        return len(self.epochs["eeg"])


def epochs(x, sfreq, tmin, kinds="eeg"):
    """Epochs of an array [trials, channels, times]."""
    return mne.EpochsArray(x, mne.create_info(x.shape[1], sfreq, kinds), tmin=tmin, verbose="error")


def eeg_pairs(signal, seconds=5.0, before=1.0, sfreq=100.0):
    """Two trials of three channels that hold ``signal(t)``, and a flat fNIRS."""
    t = np.arange(-round(before * sfreq), round(seconds * sfreq)) / sfreq
    x = np.tile(signal(t), (2, 3, 1))
    fnirs = epochs(np.zeros((2, 2, 100)), 10.0, 0.0, ["hbo", "hbr"])
    return Pairs(epochs={"eeg": epochs(x, sfreq, t[0]), "erp": epochs(x, sfreq, t[0]), "fnirs": fnirs})


def fnirs_pairs(signal, seconds=20.0, before=5.0):
    """Two trials whose HbO is ``signal(t)`` and whose HbR is -1/3 of it."""
    t = np.arange(-round(before * 10), round(seconds * 10)) / 10
    x = np.tile(np.stack([signal(t), -signal(t) / 3]), (2, 1, 1))
    return Pairs(
        epochs={"eeg": epochs(np.zeros((2, 1, 100)), 100.0, 0.0), "fnirs": epochs(x, 10.0, t[0], ["hbo", "hbr"])}
    )


def bump(t, amplitude=1e-6, place=6.0, width=2.0):
    """A Gaussian response: its area is amplitude times width times the root of 2 pi."""
    return amplitude * np.exp(-0.5 * ((t - place) / width) ** 2)


@pytest.mark.parametrize(
    ("frequency", "band"), [(2.5, "delta"), (6, "theta"), (10, "alpha"), (20, "beta"), (38, "gamma")]
)
def test_a_sine_lies_in_its_band(frequency, band):
    """A pure sine has nearly all of its power in the band that holds it."""
    share = np.exp(band_proportions(eeg_pairs(lambda t: 1e-5 * np.sin(2 * np.pi * frequency * t)))).reshape(2, 3, 5)
    assert (share[..., list(BANDS).index(band)] > 0.95).all()


def test_shares_add_up_to_one():
    """Proportions of white noise: each band's width, and one in total."""
    rng = np.random.default_rng(0)
    found = band_proportions(eeg_pairs(lambda t: 1e-5 * rng.standard_normal(t.size), seconds=60))
    share = np.exp(found).reshape(2, 3, 5)
    assert found.shape == (2, 15) and found.dtype == np.float32
    np.testing.assert_allclose(share.sum(-1), 1, rtol=1e-4)
    np.testing.assert_allclose(share[0, 0], np.array([3, 4, 4, 18, 15]) / 44, atol=0.05)


def test_shares_do_not_depend_on_the_level():
    """Volts or microvolts: the same proportions."""
    rng = np.random.default_rng(0).standard_normal(600)
    small, large = (band_proportions(eeg_pairs(lambda t, a=a: a * rng[: t.size])) for a in (1e-6, 1.0))
    np.testing.assert_allclose(small, large, rtol=1e-4)


def test_shares_are_computed_once_for_the_same_trials():
    """And not to be written to; some of the trials have their own."""
    x = 1e-5 * np.random.default_rng(0).standard_normal((3, 2, 200))
    pairs = PairedEpochs({"eeg": epochs(x, 100.0, 0.0)}, pd.DataFrame({"trial": range(3)}), {})
    share = band_proportions(pairs)
    assert band_proportions(pairs) is share and not share.flags.writeable
    np.testing.assert_allclose(band_proportions(pairs[[2, 0]]), share[[2, 0]], rtol=1e-6)
    assert abs(share[0] - share[2]).max() > 0.1


def test_only_what_follows_the_onset_counts():
    """Alpha before the onset, beta after it: beta."""
    found = band_proportions(
        eeg_pairs(lambda t: np.where(t < 0, np.sin(2 * np.pi * 10 * t), np.sin(2 * np.pi * 20 * t)), before=4.0)
    )
    assert (np.exp(found).reshape(2, 3, 5)[..., 3] > 0.95).all()


def test_peak_and_area_of_a_known_bump():
    """HbO 1 µM and 1 µM · 2 s · sqrt(2 pi); HbR -1/3 of both, with its sign."""
    found = response_features(fnirs_pairs(bump)).reshape(2, 2, 2)
    area = 2e-6 * np.sqrt(2 * np.pi)
    np.testing.assert_allclose(found[0], [[1e-6, area], [-1e-6 / 3, -area / 3]], rtol=2e-3)
    np.testing.assert_array_equal(found[0], found[1])


def test_time_to_peak_is_that_of_the_largest_deflection():
    """6 s for the rise of HbO and the fall of HbR; what comes before the onset does not count."""
    found = time_to_peak(fnirs_pairs(lambda t: bump(t) + 5 * bump(t, place=-4.0, width=0.5)))
    np.testing.assert_allclose(found, np.full((2, 2), 6.0), atol=0.051)


def test_usable_bands_at_a_good_resolution():
    """Five seconds at 100 Hz resolve every band."""
    assert usable_bands(100.0, 5.0) == BANDS


@pytest.mark.parametrize(
    ("sfreq", "frame", "names"),
    [
        (100, 1.0, ["delta", "theta", "alpha", "beta", "gamma"]),
        (100, 0.5, ["delta", "theta", "alpha", "beta", "gamma"]),
        (100, 0.2, ["theta", "alpha", "beta", "gamma"]),
        (100, 0.1, ["alpha", "beta", "gamma"]),
        (50, 1.0, ["delta", "theta", "alpha", "beta"]),
        (20, 1.0, ["delta", "theta"]),
    ],
)
def test_bands_that_are_not_resolved_are_dropped(sfreq, frame, names):
    """A band without a frequency of the frame's grid, or above the filter's edge (0.4 of the rate), is left out."""
    assert list(usable_bands(sfreq, frame)) == names


@pytest.mark.parametrize("seconds", [0.2, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("sfreq", [40.0, 100.0])
def test_short_windows_give_finite_shares(seconds, sfreq):
    """Windows that resolve only some bands have one finite column for each of them."""
    rng = np.random.default_rng(0)
    found = band_proportions(eeg_pairs(lambda t: rng.standard_normal(t.size), seconds=seconds, sfreq=sfreq))
    assert np.isfinite(found).all() and found.shape == (2, 3 * len(usable_bands(sfreq, seconds)))


def test_erp_bins_are_means():
    """A ramp averages to the middle of every bin of 0.1 s after the onset."""
    found = erp_bins(eeg_pairs(lambda t: t, seconds=0.8)).reshape(2, 3, 8)
    np.testing.assert_allclose(found[0, 0], 0.045 + 0.1 * np.arange(8), rtol=1e-5)


def test_without_erp_epochs_there_are_no_bins():
    """No column for windows that are not locked to events."""
    pairs = eeg_pairs(lambda t: t)
    del pairs.epochs["erp"]
    assert erp_bins(pairs).shape == (2, 0)


def test_raw_features_hold_all_of_a_modality():
    """Bands and ERP of the EEG; peak, area and time to peak of the fNIRS."""
    pairs = eeg_pairs(lambda t: np.sin(60 * t), seconds=5.0)
    pairs.epochs["fnirs"] = fnirs_pairs(bump).epochs["fnirs"]
    found = raw_features(pairs)
    assert found["eeg"].shape == (2, 3 * 5 + 3 * 50) and found["fnirs"].shape == (2, 2 * 2 + 2)


def test_a_window_that_ends_before_its_onset_is_used_whole():
    """Nothing after 0 s: the features take what there is."""
    x = np.tile(bump(np.arange(-100, -10) / 10, place=-5.0), (2, 1, 1))
    pairs = Pairs(epochs={"fnirs": epochs(x, 10.0, -10.0, ["hbo"])})
    np.testing.assert_allclose(response_features(pairs)[0, 0], 1e-6, rtol=1e-5)


def test_physiology_of_known_signals():
    """Gamma's share of a sine at 38 Hz is all; the mean of a bump is its area by time; peaks at 6 and 0.3 s lag 5.7."""
    pairs = fnirs_pairs(bump)
    seconds = np.arange(-100, 500) / 100
    pairs.epochs["eeg"] = eeg_pairs(lambda t: 1e-5 * np.sin(2 * np.pi * 38 * t)).epochs["eeg"]
    wave = np.stack([sign * np.exp(-0.5 * ((seconds - 0.3) / 0.05) ** 2) for sign in (1, -1)])
    pairs.epochs["erp"] = epochs(np.tile(1e-5 * wave, (2, 1, 1)), 100.0, -1.0)
    found = physiology(pairs)
    np.testing.assert_allclose(np.exp(found["gamma"]), 1, atol=0.05)
    np.testing.assert_allclose(found["HbO"], 2 * np.sqrt(2 * np.pi) / 20, rtol=0.01)
    np.testing.assert_allclose(found["lag"], 5.7, atol=1e-9)
    del pairs.epochs["erp"]
    assert set(physiology(pairs)) == {"gamma", "HbO"}
