"""experiments.factors_found.native: simulated trials as epochs of each modality at its own rate."""

import numpy as np

from experiments.factors_found.native import native_pairs
from experiments.factors_found.world import PRESETS, task_of
from pidjax.neuro.simulate import simulate_trials
from pidjax.neuro.simulate.montage import EEG_CHANNELS, fnirs_info, short_pairs


def test_trials_are_cut_as_a_recording_would_be():
    """EEG as simulated; long channels alone, free of what short ones see and of what was before the marker."""
    law = task_of("event", PRESETS["smoke"]).config
    parts = [simulate_trials(law, 5, seed=k) for k in range(2)]
    pairs = native_pairs(parts)
    np.testing.assert_array_equal(pairs.recording, np.repeat([0, 1], 5))
    x = pairs.to_arrays()
    by_name = {name: i for i, name in enumerate(pairs.epochs["eeg"].ch_names)}
    order = [by_name[name] for name in EEG_CHANNELS]
    np.testing.assert_allclose(x["eeg"][5:, order], parts[1].eeg, rtol=1e-6)
    short = np.repeat(short_pairs(fnirs_info(law.fnirs_sfreq)), 2)
    assert x["fnirs"].shape[1] == (~short).sum()
    before = pairs.epochs["fnirs"].times <= 0
    np.testing.assert_allclose(x["fnirs"][..., before].mean(-1), 0, atol=1e-9)
    assert x["fnirs"][:5].var() < 0.8 * parts[0].fnirs[:, ~short].var()
    assert x["erp"].shape == (10, 28, law.eeg_sfreq)  # −0.2 to 0.8 s
    jittered = simulate_trials(task_of("delay", PRESETS["smoke"], jitter=8.0).config, 4)
    assert set(native_pairs([jittered]).epochs) == {"eeg", "fnirs"}
