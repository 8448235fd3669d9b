"""pidjax/neuro/confounds.py: what was put into recordings is measured in their trials, or it is said why not."""

import mne
import numpy as np
import pandas as pd

from pidjax.evaluate import blockwise_folds
from pidjax.neuro.confounds import confounds_of, measure, numbers_of
from pidjax.neuro.labels import labels_of
from pidjax.neuro.paired import PairedEpochs
from pidjax.neuro.preprocess import EEG, FNIRS

ONSETS = 5.0 + 20.0 * np.arange(6)
BEATS = np.array([50.0, 61.5, 70.0, 84.0, 95.0, 110.0])
LOUD = np.array([1.0, 2.0, 1.0, 4.0, 1.0, 8.0])


def recordings(eeg_sfreq=200.0, fnirs_sfreq=10.0, **columns):
    """Noise whose amplitude, and a pulse whose rate, are those of the trial; more EEG channels are bad than good."""
    rng, seconds = np.random.default_rng(0), 130.0
    t = np.arange(round(seconds * eeg_sfreq)) / eeg_sfreq
    trial = np.clip(((t - 2) // 20).astype(int), 0, 5)
    x = 1e-5 * LOUD[trial] * rng.normal(size=(4, len(t)))
    loose = 1e-3 * np.random.default_rng(1).normal(size=(5, len(t)))
    raw_eeg = mne.io.RawArray(np.concatenate([x, loose]), mne.create_info(9, eeg_sfreq, "eeg"), verbose="error")
    t = np.arange(round(seconds * fnirs_sfreq)) / fnirs_sfreq
    trial = np.clip(((t - 2) // 20).astype(int), 0, 5)
    pulse = np.sin(2 * np.pi * np.cumsum(BEATS[trial] / 60) / fnirs_sfreq)
    y = 1e-7 * LOUD[trial] * (pulse + 0.5 * rng.normal(size=(2, len(t)))) + 1e-6 * np.sin(2 * np.pi * 0.05 * t)
    info = mne.create_info(["S1_D1 hbo", "S1_D1 hbr"], fnirs_sfreq, ["hbo", "hbr"])
    raw_fnirs = mne.io.RawArray(y, info, verbose="error")
    events = pd.DataFrame({"onset": ONSETS, "duration": 1.0, "trial_type": "a", **columns})
    pairs = PairedEpochs.from_raw(
        raw_eeg, raw_fnirs, events, (0, 5), (0, 15), "none", reject_eeg=None, reject_fnirs_z=None, n_blocks=2
    )
    eeg = EEG(raw_eeg, raw_eeg, {}, tuple(raw_eeg.ch_names[4:]))
    return measure(pairs, raw_eeg, raw_fnirs, eeg, FNIRS(raw_fnirs, pd.DataFrame(), {}), 50.0)


def test_what_was_put_in_is_measured():
    """Amplitudes by powers of two change logarithms by as many ln 2; the heart's rate within half a bin of 15 s."""
    pairs, choices = recordings()
    assert choices["muscle, EEG"].startswith("power of the EEG at 55–90 Hz")
    found = pairs.metadata
    # 4 channels of 5 s: some 175 independent values each, hence 8 % of a power
    np.testing.assert_allclose(np.diff(found.muscle_eeg), 2 * np.diff(np.log(LOUD)), atol=4 * 0.08)
    np.testing.assert_allclose(found.heart_rate, BEATS, atol=2)
    assert np.corrcoef(found.motion_fnirs, np.log(LOUD))[0, 1] > 0.95


def test_what_cannot_be_measured_is_said():
    """EEG whose rate ends below the mains, fNIRS slower than the heart: a sentence; what events brought stays."""
    pairs, choices = recordings(eeg_sfreq=100.0, fnirs_sfreq=2.0, motion_fnirs=LOUD)
    assert "muscle_eeg" not in pairs.metadata and "heart_rate" not in pairs.metadata
    assert choices["muscle, EEG"] == "not measured: an EEG at 100 Hz does not hold 55 Hz and 10 Hz more"
    assert "needs 3 Hz and 10 s; found 2 Hz" in choices["heart rate"]
    assert choices["motion, fNIRS"] == "as the events file has it"
    np.testing.assert_array_equal(pairs.metadata.motion_fnirs, LOUD)


def test_confounds_are_probed_and_are_no_labels():
    """Subject and session where there are several, time since the recording began; none of them among the labels."""
    n = 40
    trials = pd.DataFrame(
        {
            "subject": np.repeat(["1", "2"], n),
            "session": "1",
            "onset_eeg": np.tile(7.0 + 20 * np.arange(n), 2),
            "heart_rate": np.random.default_rng(0).normal(60, 5, 2 * n),
        }
    )
    table = confounds_of(trials)
    assert list(table) == ["which subject", "time on task", "heart rate"]
    assert table["time on task"].min() == 0 and table["time on task"].max() == 20 * (n - 1)
    blocks, recording = np.tile(np.arange(n) // 10, 2), np.repeat([0, 1], n)
    folds = blockwise_folds(blocks, trials.onset_eeg.to_numpy(), recording=recording)
    assert [(label.name, label.is_class) for label in labels_of(table, folds)[0]] == [
        ("which subject", True),
        ("time on task", False),
        ("heart rate", False),
    ]
    assert labels_of(trials, folds)[0] == []
    table.loc[3, "heart rate"] = np.nan
    numbers = numbers_of(table.assign(none=np.nan))
    assert numbers.shape == (2 * n, 2) and numbers[3, 1] == table["heart rate"].median()
