"""pidjax/neuro/clock.py: t_fnirs = offset + (1 + drift) · t_eeg, found on the markers of both files."""

import numpy as np
import pandas as pd
import pytest

from pidjax._checks import InputError
from pidjax.neuro.clock import fit_clock, match_markers, shared_clock

SFREQ = 10.0
OFFSET, DRIFT = -3.2, 200e-6


def table(onset, names="a"):
    """Events at ``onset``."""
    onset = np.asarray(onset, float)
    return pd.DataFrame({"onset": onset, "duration": 1.0, "trial_type": np.broadcast_to(names, onset.shape)})


def train(n, *, seed=0, start=20.0):
    """``n`` onsets 8 to 12 s apart."""
    return start + np.cumsum(np.random.default_rng(seed).uniform(8, 12, n))


def on_fnirs(t, offset=OFFSET, drift=DRIFT):
    """The true map."""
    return offset + (1 + drift) * np.asarray(t)


def refusal(*args, **kwargs) -> str:
    """The message of the InputError that ``fit_clock`` raises: one line."""
    with pytest.raises(InputError) as error:
        fit_clock(*args, fnirs_sfreq=SFREQ, **kwargs)
    message = str(error.value)
    assert message and "\n" not in message
    return message


@pytest.mark.parametrize("mode", ["fit", "auto"])
@pytest.mark.parametrize("n", [20, 60])
def test_noise_free_markers_give_offset_and_drift_exactly(n, mode):
    """20 or more shared markers without noise determine -3.2 s and 200 ppm to machine precision."""
    t = train(n)
    clock = fit_clock(table(t), table(on_fnirs(t)), fnirs_sfreq=SFREQ, mode=mode)
    assert clock.mode == "fit" and clock.unmatched == 0
    np.testing.assert_allclose(clock.runs[0].offset, OFFSET, atol=1e-9)
    np.testing.assert_allclose(clock.runs[0].drift, DRIFT, atol=1e-12)
    np.testing.assert_allclose(clock.runs[0].residual, 0, atol=1e-9)


@pytest.mark.parametrize("loser", ["eeg", "fnirs"])
@pytest.mark.parametrize("seed", range(5))
def test_missing_markers_and_jitter_stay_within_the_predicted_error(loser, seed):
    """Three markers lost by one file and ±half a sample of jitter move the map by no more than four standard errors."""
    rng = np.random.default_rng(seed)
    t = train(40, seed=seed)
    tables = {"eeg": table(t), "fnirs": table(on_fnirs(t) + rng.uniform(-0.5, 0.5, t.size) / SFREQ)}
    lost = np.array([0, 17, 39])
    tables[loser] = tables[loser].drop(lost)
    clock = fit_clock(tables["eeg"], tables["fnirs"], fnirs_sfreq=SFREQ, mode="fit")
    used = np.delete(t, lost)
    np.testing.assert_array_equal(clock.runs[0].eeg, used)
    assert clock.unmatched == 3
    spread = ((used - used.mean()) ** 2).sum()
    error = 1 / SFREQ / np.sqrt(12) * np.sqrt(1 / used.size + (t - used.mean()) ** 2 / spread)
    assert (np.abs(clock.to_fnirs(t) - on_fnirs(t)) < 4 * error).all()


def test_names_tell_evenly_spaced_markers_apart():
    """With a constant interval, the order of the conditions still shows which marker is missing."""
    t = 20 + 10.0 * np.arange(30)
    names = np.random.default_rng(0).choice(["left", "right", "rest"], 30)
    clock = fit_clock(table(t, names), table(on_fnirs(t), names).drop([0, 1, 12]), fnirs_sfreq=SFREQ)
    np.testing.assert_allclose(clock.to_fnirs(t), on_fnirs(t), atol=1e-9)


def test_other_markers_do_not_count():
    """Markers whose name only one file has are ignored."""
    t = train(25)
    eeg = pd.concat([table(t), table(t + 1.3, "blink")])
    clock = fit_clock(eeg, table(on_fnirs(t)), fnirs_sfreq=SFREQ)
    assert clock.unmatched == 0 and len(clock.runs[0].eeg) == 25


def test_match_markers_pairs_the_same_event():
    """Positions point at the same event in both tables."""
    t = train(30)
    i, j = match_markers(table(t).drop([3, 4]), table(on_fnirs(t)).drop([10]))
    np.testing.assert_array_equal(np.delete(t, [3, 4])[i], np.delete(t, [3, 4, 10]))
    np.testing.assert_array_equal(j, np.setdiff1d(np.arange(29), [3, 4]))


@pytest.mark.parametrize("fnirs_edges", [[275.0], None], ids=["fNIRS has the edge too", "fNIRS is continuous"])
def test_every_run_has_its_own_offset(fnirs_edges):
    """Two EEG runs joined without their pause: each run is fitted, whether or not the fNIRS file has the edge."""
    first, second = train(22, seed=1), train(24, seed=2, start=300.0)
    clock = fit_clock(
        table(np.r_[first, second]),
        table(np.r_[on_fnirs(first), on_fnirs(second, offset=41.7, drift=-100e-6)]),
        fnirs_sfreq=SFREQ,
        mode="fit",
        eeg_edges=[280.0],
        fnirs_edges=fnirs_edges,
    )
    np.testing.assert_allclose([run.offset for run in clock.runs], [OFFSET, 41.7], atol=1e-8)
    np.testing.assert_allclose([run.drift for run in clock.runs], [DRIFT, -100e-6], atol=1e-10)
    np.testing.assert_array_equal(clock.run_of([0.0, 279.9, 280.0, 900.0]), [0, 0, 1, 1])
    t = np.r_[first, second]
    np.testing.assert_allclose(clock.to_eeg(clock.to_fnirs(t)), t, atol=1e-9)


def test_evenly_spaced_markers_with_one_missing_are_ambiguous():
    """30 markers 20 s apart, the first missing from the EEG: refused, unless the start times say which it is."""
    t = 100.0 + 20.0 * np.arange(30)
    eeg = pd.DataFrame({"onset": t[1:], "trial_type": "x"})
    fnirs = pd.DataFrame({"onset": t + 5.0, "trial_type": "x"})
    with pytest.raises(InputError, match="match equally many"):
        fit_clock(eeg, fnirs, fnirs_sfreq=10.0)
    clock = fit_clock(eeg, fnirs, fnirs_sfreq=10.0, start_lead=4.0)
    np.testing.assert_allclose(clock.to_fnirs([200.0]), [205.0], atol=1e-6)


def test_start_times():
    """Mode "start" shifts by them, "auto" refuses to ignore them, "none" does as told."""
    none = pd.DataFrame({"onset": [], "trial_type": []})
    assert fit_clock(none, none, fnirs_sfreq=10.0, mode="start", start_lead=-7.0).to_fnirs([10.0]) == [3.0]
    with pytest.raises(InputError, match="start times differ"):
        fit_clock(none, none, fnirs_sfreq=10.0, start_lead=-7.0)
    assert fit_clock(none, none, fnirs_sfreq=10.0, mode="none", start_lead=-7.0).to_fnirs([10.0]) == [10.0]
    with pytest.raises(InputError, match="start time in both"):
        fit_clock(none, none, fnirs_sfreq=10.0, mode="start")


def test_runs_alike_are_not_laid_on_the_same_markers():
    """Two EEG runs of one schedule (same intervals) against a continuous fNIRS file: no fNIRS marker serves twice."""
    schedule = train(22)
    t = np.r_[schedule, schedule + 300]
    there = np.r_[on_fnirs(schedule), on_fnirs(schedule + 300, offset=60.0)]
    clock = fit_clock(table(t), table(there), fnirs_sfreq=SFREQ, eeg_edges=[290.0])
    np.testing.assert_allclose(clock.to_fnirs(t), there, atol=1e-6)


def test_to_eeg_inverts_to_fnirs():
    """to_eeg(to_fnirs(t)) == t, at any time and for scalars."""
    t = train(30)
    clock = fit_clock(table(t), table(on_fnirs(t)), fnirs_sfreq=SFREQ)
    times = np.linspace(-50, 1000, 77)
    np.testing.assert_allclose(clock.to_eeg(clock.to_fnirs(times)), times, atol=1e-9)
    assert abs(float(clock.to_eeg(clock.to_fnirs(12.5))) - 12.5) < 1e-9


def test_offset_mode_takes_the_median_and_no_drift():
    """Mode "offset": the median lag, which one stray marker cannot move."""
    t = train(9)
    there = t + OFFSET
    there[4] += 0.2
    clock = fit_clock(table(t), table(there), fnirs_sfreq=SFREQ, mode="offset")
    assert clock.mode == "offset" and clock.runs[0].drift == 0
    np.testing.assert_allclose(clock.runs[0].offset, OFFSET, atol=1e-9)


def test_auto_falls_back_to_the_offset_with_few_markers():
    """Mode "auto": four markers do not determine a drift."""
    t = train(4)
    clock = fit_clock(table(t), table(t + OFFSET), fnirs_sfreq=SFREQ)
    assert clock.mode == "offset"
    np.testing.assert_allclose(clock.to_fnirs(t), t + OFFSET, atol=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_auto_never_mistakes_jitter_for_an_implausible_drift(seed):
    """Mode "auto": 12 markers in one minute, rounded to fNIRS samples, are no ground to refuse a shared clock."""
    t = 20 + np.cumsum(np.random.default_rng(seed).uniform(4, 6, 12))
    clock = fit_clock(table(t), table(np.round((t + OFFSET) * SFREQ) / SFREQ), fnirs_sfreq=SFREQ)
    assert np.abs(clock.to_fnirs(t) - t - OFFSET).max() < 0.5 / SFREQ


@pytest.mark.parametrize("missing", ["eeg", "fnirs", "both"])
def test_auto_shares_the_clock_where_a_file_has_no_marker(missing):
    """Mode "auto": with markers in one file only, both are taken to share clock and beginning."""
    full, empty = table(train(25)), table([])
    eeg = empty if missing in ("eeg", "both") else full
    fnirs = empty if missing in ("fnirs", "both") else full
    clock = fit_clock(eeg, fnirs, fnirs_sfreq=SFREQ)
    assert clock.mode == "none"
    np.testing.assert_array_equal(clock.to_fnirs([3.0, 4.0]), [3.0, 4.0])


def test_none_ignores_the_markers():
    """Mode "none" is the shared_clock whatever the files say, and names like ``shared_clock()``."""
    t = train(25)
    clock = fit_clock(table(t), table(t + 100, "other"), fnirs_sfreq=SFREQ, mode="none")
    assert clock.mode == shared_clock().mode == "none"
    np.testing.assert_array_equal(clock.to_eeg(clock.to_fnirs(t)), t)


def test_no_shared_name_is_refused_with_both_lists():
    """Without a shared name the message lists what each file has."""
    message = refusal(table(train(25), "left"), table(train(25), "trigger 1"))
    assert "left" in message and "trigger 1" in message and "--clock none" in message


@pytest.mark.parametrize("mode", ["fit", "offset"])
def test_a_file_without_events_is_refused_where_a_fit_is_asked_for(mode):
    """Modes that need markers say that a file has none."""
    assert "no events" in refusal(table(train(25)), table([]), mode=mode)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("n", [25, 60, 400])
def test_a_drift_of_1000_ppm_is_refused(n, sign):
    """No pair of recorders drifts 1000 ppm: recordings of 4, 10 and 67 minutes are refused."""
    t = train(n)
    assert "reconciled" in refusal(table(t), table(on_fnirs(t, drift=sign * 1e-3)))


@pytest.mark.parametrize("seed", range(5))
def test_unrelated_markers_are_refused(seed):
    """Same names at unrelated times cannot be reconciled."""
    assert "reconciled" in refusal(table(train(40, seed=seed)), table(train(40, seed=100 + seed)))


def test_disagreement_above_one_sample_is_refused():
    """Markers that jitter by 0.3 s (rms) do not fix a clock of 10 Hz."""
    t = train(40)
    noisy = on_fnirs(t) + 0.3 * np.where(np.arange(40) % 2, 1, -1)
    message = refusal(table(t), table(noisy))
    assert "rms" in message and "100 ms" in message


def test_an_offset_alone_refuses_a_large_drift():
    """200 ppm over 2000 s is 0.4 s: mode "offset" says so instead of misplacing trials."""
    t = train(200)
    assert "after the offset" in refusal(table(t), table(on_fnirs(t)), mode="offset")


@pytest.mark.parametrize("n", [1, 4])
def test_fit_refuses_too_few_markers(n):
    """Mode "fit" with few markers names the way out."""
    t = train(n)
    assert "--clock offset" in refusal(table(t), table(t + OFFSET), mode="fit")


def test_different_numbers_of_runs_are_refused():
    """Two EEG runs and three fNIRS runs have no common cut."""
    t = train(60)
    assert "2 contiguous runs" in refusal(table(t), table(t), eeg_edges=[200.0], fnirs_edges=[100.0, 200.0])


def test_a_run_without_markers_is_refused():
    """A run in which one file has no shared marker cannot be fitted, and the message says when it starts."""
    t = train(30)
    there = table(on_fnirs(t))[lambda x: x.onset < 150]
    assert "150.0 s" in refusal(table(t), there, eeg_edges=[150.0], fnirs_edges=[150.0])


def test_a_run_whose_names_differ_is_refused():
    """Names shared by the files but not within a run: refused, not a crash."""
    t = train(40)
    first, second = t[:20], t[20:]
    edge = [t[20] - 1]
    eeg = pd.concat([table(first, "a"), table(second, "b")])
    fnirs = pd.concat([table(first, "b"), table(second, "a")])
    refusal(eeg, fnirs, eeg_edges=edge, fnirs_edges=edge)


def test_an_unknown_mode_is_refused():
    """The message lists the modes."""
    assert "'offset'" in refusal(table(train(3)), table(train(3)), mode="linear")
