"""pidjax/neuro/single_trial.py: exact responses come back, whatever the scalp does; what noise leaves of them."""

import mne
import numpy as np
import pytest
from mne.preprocessing.nirs import beer_lambert_law, optical_density
from nilearn.glm.first_level import compute_regressor

from pidjax._checks import InputError
from pidjax.neuro.simulate import SessionConfig, TrialConfig, simulate_session
from pidjax.neuro.single_trial import single_trial_responses

ONSETS = np.array([10.0, 45.3, 82.0, 118.2, 155.9])
LATE = np.array([0.0, 0.4, -0.3, 0.2, -0.4])
SIZE = 1e-6 * np.array([1.0, 0.7, 1.2, 0.9, 1.1])


@pytest.fixture(scope="module")
def concentrations(session):
    """Long and short HbO and HbR channels of the simulated probe, 200 s."""
    raw = beer_lambert_law(optical_density(session.raw_fnirs, verbose="error"), ppf=6.0)
    return raw.crop(0, 200)


def responses(times):
    """Of all trials in one channel: SPM's double gamma of a 5-s boxcar, peak 1 but for its size."""
    found = 0
    for onset, size in zip(ONSETS + LATE, SIZE, strict=True):
        shape, _ = compute_regressor(np.array([[onset], [5.0], [1.0]]), "spm", times, oversampling=10)
        found = found + size * shape[:, 0] / shape.max()
    return found


def test_what_was_put_in_comes_out(concentrations):
    """Responses apart, a wave of the scalp ten times as large, a drift and a bad stretch."""
    raw = concentrations.copy()
    rng = np.random.default_rng(0)
    scalp = mne.filter.filter_data(rng.normal(size=raw.n_times), raw.info["sfreq"], None, 0.3, verbose="error")
    found = single_trial_responses(raw, ONSETS, 5.0)
    long = [raw.ch_names.index(name) for name in found.channels]
    data = np.tile(3e-5 * scalp, (len(raw.ch_names), 1))
    data[long] += responses(raw.times) + 2e-6 * np.cos(np.pi * raw.times / 200)
    raw._data[:] = data
    raw.set_annotations(mne.Annotations([36.0], [2.0], ["BAD_motion"], orig_time=raw.info["meas_date"]))
    raw._data[:, (raw.times > 36.2) & (raw.times < 37.8)] = 1.0
    found = single_trial_responses(raw, ONSETS, 5.0)
    assert len(found.regressed) == 8 and found.amplitude.shape == (5, 24)
    np.testing.assert_allclose(found.amplitude, np.repeat(SIZE[:, None], 24, 1), rtol=0.05, atol=2e-8)
    np.testing.assert_allclose(found.latency, np.repeat(LATE[:, None], 24, 1), atol=0.08)
    without = single_trial_responses(raw, ONSETS, 5.0, short=False)
    assert np.abs(without.amplitude[:, 0] - SIZE).max() > 1e-6 and not without.regressed


def test_a_trial_that_was_not_seen_is_not_a_number(concentrations):
    """More than half of its response marked BAD: NaN and a warning. A flat short channel is left out."""
    raw = concentrations.copy()
    whole = single_trial_responses(raw, ONSETS, 5.0)
    raw.set_annotations(mne.Annotations([ONSETS[2]], [30.0], ["BAD_motion"], orig_time=raw.info["meas_date"]))
    raw._data[raw.ch_names.index(whole.regressed[0])] = 0.0
    with pytest.warns(UserWarning, match="trial 3 is marked BAD"):
        found = single_trial_responses(raw, ONSETS, 5.0)
    assert np.isnan(found.amplitude[2]).all() and np.isnan(found.latency[2]).all()
    assert np.isfinite(np.delete(found.amplitude, 2, 0)).all() and found.regressed == whole.regressed[1:]


def test_short_channels_are_what_makes_single_trials_readable():
    """60 trials at the usual scalp correlation of 0.8: r with the truth is 0.8, without them 0.4."""
    law = TrialConfig(event=1.0, jitter=2.0)
    session = simulate_session(SessionConfig(n_trials=60, clock_offset=0.0, clock_drift=0.0), law, seed=0)
    raw = beer_lambert_law(optical_density(session.raw_fnirs, verbose="error"), ppf=6.0)
    truth, onsets = np.exp(session.factors.activation + session.factors.cost), session.trials.onset.to_numpy()
    r = []
    for short in (True, False):
        found = single_trial_responses(raw, onsets, law.task, delay=2.0, short=short)
        hbo = found.amplitude[:, [name.endswith("hbo") for name in found.channels]]
        r.append(np.corrcoef(hbo[:, np.argsort(-hbo.mean(0))[:4]].mean(1), truth)[0, 1])
    # the standard error of a correlation of 60 trials is 0.05 here
    assert r[0] > 0.65 and r[0] > r[1] + 0.2


def test_without_positions_every_channel_is_long(concentrations):
    """A distance of nothing is unknown, not short."""
    raw = concentrations.copy()
    for channel in raw.info["chs"]:
        channel["loc"][:9] = 0.0
    found = single_trial_responses(raw, ONSETS, 5.0)
    assert len(found.channels) == 32 and not found.regressed


def test_bad_input(session, concentrations):
    with pytest.raises(InputError, match="no good HbO or HbR channel"):
        single_trial_responses(session.raw_fnirs, ONSETS, 5.0)
    with pytest.raises(InputError, match="times in the recording, 0 to 200 s"):
        single_trial_responses(concentrations, [300.0], 5.0)
    with pytest.raises(InputError, match="none sees the brain"):
        near = single_trial_responses(concentrations, ONSETS, 5.0).regressed
        single_trial_responses(concentrations.copy().pick(near), ONSETS, 5.0)
