"""pidjax/neuro/simulate/sessions.py: what is put into a session is found in it by the ordinary tools."""

import dataclasses

import mne
import numpy as np
import pandas as pd
import pytest
from mne.preprocessing.nirs import beer_lambert_law, optical_density, source_detector_distances

from pidjax._checks import InputError
from pidjax.neuro import SessionConfig, fit_clock, read_eeg, read_fnirs, save_session, simulate_session
from pidjax.neuro.events import annotation_table, read_events_tsv
from pidjax.neuro.features import BANDS
from pidjax.neuro.simulate import CLEAR, EEG_CHANNELS, MODES, draw_subject, make_task, save_study, simulate_study
from pidjax.neuro.simulate import sessions as sessions_module
from pidjax.neuro.simulate.files import remove_simulated

STILL = {"activation_sd": 0.0, "intensity_sd": 0.0, "cost_sd": 0.0, "delay_sd": 0.0, "dispersion_sd": 0.0}
LOUD = SessionConfig(n_trials=24, interval=(20.0, 22.0))
LOUD_TRIAL = dataclasses.replace(CLEAR, task=4.0, erp=40e-6, hbo=20e-6, delay_mean=0.0, **STILL)
SMALL = SessionConfig(n_trials=6, interval=(6.0, 7.0), overlap=True)
BRIEF = dataclasses.replace(CLEAR, task=2.0)


@pytest.fixture(scope="module")
def loud():
    """24 trials whose responses stand far above the noise."""
    return simulate_session(LOUD, LOUD_TRIAL, seed=0)


@pytest.fixture(scope="module")
def responses(loud):
    """Activation minus rest [HbO or HbR, pair, time] from 0 to 18 s, and the channels' info."""
    hb = beer_lambert_law(optical_density(loud.raw_fnirs), ppf=6.0)
    onset = LOUD.clock_offset + (1 + LOUD.clock_drift) * loud.trials.onset.to_numpy()
    start = np.round(onset * 10).astype(int)
    mean = {}
    for kind in ("activation", "rest"):
        rows = start[loud.trials.trial_type == kind]
        mean[kind] = np.mean([hb.get_data()[:, i - 20 : i + 180] for i in rows], axis=0)
    x = mean["activation"] - mean["rest"]
    x -= x[:, :20].mean(axis=1, keepdims=True)
    return np.stack([x[0::2, 20:], x[1::2, 20:]]), hb.copy().pick("hbo").info


def test_hbo_rises_and_hbr_falls_later(responses):
    """Around C3 HbO peaks 5 to 10 s after the onset; HbR is about -1/3 of it and 1.7 s later."""
    x, _ = responses
    hbo, hbr = x[0, :4], x[1, :4]
    assert ((hbo.argmax(axis=1) / 10 > 5) & (hbo.argmax(axis=1) / 10 < 10)).all()
    ratio = hbr.min(axis=1) / hbo.max(axis=1)
    assert (ratio > -0.45).all() and (ratio < -0.25).all()
    mean_hbo, mean_hbr = hbo.mean(axis=0), hbr.mean(axis=0)
    lags = np.arange(60)
    r = [np.corrcoef(mean_hbo[: 180 - k], -mean_hbr[k:])[0, 1] for k in lags]
    assert abs(lags[np.argmax(r)] / 10 - 1.7) < 0.5


def test_the_response_has_the_configured_size(responses):
    """20 µM times the gain of each pair: 1 at C3, falling off with 2 cm; nothing at short channels or far away."""
    x, info = responses
    place = mne.channels.make_standard_montage("colin27_1005").get_positions()["ch_pos"]["C3"]
    distance = np.linalg.norm([ch["loc"][:3] - place for ch in info["chs"]], axis=1)
    gain = np.exp(-(distance**2) / (2 * 0.02**2)) * (source_detector_distances(info) > 0.01)
    np.testing.assert_allclose(x[0].max(axis=1)[:4], 20e-6 * gain[:4], rtol=0.15)
    assert (gain[:4] > 0.4).all() and (gain[5:] < 0.05).all() and gain[4] == 0
    assert np.abs(x[0, 4:]).max() < 2e-6


def test_each_mode_has_the_power_of_its_own_band(loud):
    """Trials of a mode hold more power of its band at C3 than trials of the other modes."""
    x = loud.raw_eeg.get_data("C3")[0]
    start = np.round((loud.trials.onset + 0.5) * 200).astype(int)
    segments = np.stack([x[i : i + 600] for i in start])
    psd, f = mne.time_frequency.psd_array_multitaper(segments, 200.0, bandwidth=2.0, verbose="error")
    for mode, (lo, hi) in ((mode, BANDS[mode]) for mode in MODES):
        power = pd.Series(np.log(psd[:, (f >= lo) & (f < hi)].sum(1))).groupby(loud.trials["mode"]).mean()
        assert power.idxmax() == mode and power.drop(mode).max() < power[mode] - np.log(1.5)


def test_only_activations_have_an_erp(loud):
    """Activation minus rest at C3: P350 of the configured size, N180 before it, none in the rest trials."""
    x = loud.raw_eeg.copy().filter(0.5, 20, verbose="error").get_data("C3")[0]
    start = np.round(loud.trials.onset * 200).astype(int)
    trials = np.stack([x[i - 40 : i + 160] for i in start])
    trials -= trials[:, :40].mean(axis=1, keepdims=True)
    active = (loud.trials.trial_type == "activation").to_numpy()
    erp, rest = trials[active].mean(axis=0), trials[~active].mean(axis=0)
    p350, n180 = 40 + round(0.35 * 200), 40 + round(0.18 * 200)
    assert 28e-6 < erp[p350] < 52e-6 and erp[n180] < 0 and abs(rest[p350]) < 12e-6


def test_activations_have_theta(loud):
    """4 to 8 Hz rise with activation, as the design asks."""
    x = loud.raw_eeg.get_data("C3")[0]
    start = np.round((loud.trials.onset + 1.0) * 200).astype(int)
    segments = np.stack([x[i : i + 500] for i in start])
    psd, f = mne.time_frequency.psd_array_multitaper(segments, 200.0, bandwidth=2.0, verbose="error")
    power = np.log(psd[:, (f >= 4.5) & (f < 7.5)].sum(1))
    active = (loud.trials.trial_type == "activation").to_numpy()
    assert power[active].mean() > power[~active].mean() + np.log(2)


def test_the_gain_is_that_of_the_table():
    """The response of every activation trial is e to its log gain, as the table of trials says."""
    config = SessionConfig(n_trials=12, interval=(34.0, 36.0))
    trial = dataclasses.replace(LOUD_TRIAL, hbo=20e-6, activation_sd=0.4, cost_sd=0.7)
    session = simulate_session(config, trial, seed=2)
    hb = beer_lambert_law(optical_density(session.raw_fnirs), ppf=6.0).get_data()[0:8:2].mean(axis=0)
    active = session.trials[session.trials.trial_type == "activation"]
    start = np.round((config.clock_offset + (1 + config.clock_drift) * active.onset) * 10).astype(int)
    size = [hb[i + 60 : i + 90].mean() - hb[i - 20 : i].mean() for i in start]
    assert np.corrcoef(np.log(size), active.log_hbo_gain)[0, 1] > 0.98
    assert session.trials.log_hbo_gain[session.trials.trial_type == "rest"].isna().all()


@pytest.mark.parametrize(("offset", "drift"), [(12.4, 50e-6), (3.0, -200e-6), (0.0, 0.0)])
def test_the_clocks_are_as_configured(offset, drift):
    """fit_clock recovers the configured offset and drift from the annotations of both files."""
    config = dataclasses.replace(SMALL, n_trials=24, clock_offset=offset, clock_drift=drift)
    session = simulate_session(config, BRIEF, seed=0)
    clock = fit_clock(annotation_table(session.raw_eeg), annotation_table(session.raw_fnirs), fnirs_sfreq=10.0)
    np.testing.assert_allclose(clock.runs[0].offset, offset, atol=1e-4)
    np.testing.assert_allclose(clock.runs[0].drift, drift, atol=1e-6)
    assert len(clock.runs[0].eeg) == 24


def test_both_recordings_hold_every_trial(session):
    """34 s, the task and 30 more, follow the last onset on both clocks."""
    last = session.trials.onset.iloc[-1]
    assert session.raw_eeg.times[-1] > last + 33
    assert session.raw_fnirs.times[-1] > 12.4 + last + 33


def test_conditions_are_balanced():
    """Every six trials in a row hold each of event x mode once."""
    trials = simulate_session(dataclasses.replace(SMALL, n_trials=30, interval=(3.0, 4.0)), BRIEF, seed=5).trials
    for _, block in trials.groupby(np.arange(30) // 6):
        assert len(set(zip(block.trial_type, block["mode"], strict=True))) == 6
    assert (np.diff(trials.onset) >= 3).all() and (np.diff(trials.onset) <= 4).all()


def test_same_seed_same_data():
    """The seed alone decides; another seed gives another session."""
    a, b, c = (simulate_session(SMALL, BRIEF, seed=s) for s in (4, 4, 5))
    np.testing.assert_array_equal(a.raw_eeg.get_data(), b.raw_eeg.get_data())
    np.testing.assert_array_equal(a.raw_fnirs.get_data(), b.raw_fnirs.get_data())
    pd.testing.assert_frame_equal(a.trials, b.trials)
    assert not np.array_equal(a.trials.onset, c.trials.onset)


def test_too_few_trials_are_refused():
    """Six kinds need six trials."""
    with pytest.raises(InputError, match="n_trials=5"):
        simulate_session(SessionConfig(n_trials=5))


def test_signals_have_physiological_sizes(session):
    """EEG of about 10 µV, HbO of about 0.5 µM and positive intensities; 28 electrodes, 12 long and 4 short pairs."""
    assert 5e-6 < session.raw_eeg.get_data().std() < 20e-6 and session.raw_eeg.ch_names == list(EEG_CHANNELS)
    assert (session.raw_fnirs.get_data() > 0).all()
    hb = beer_lambert_law(optical_density(session.raw_fnirs), ppf=6.0)
    assert 0.3e-6 < hb.get_data("hbo").std() < 1e-6 and hb.get_data("hbr").std() < hb.get_data("hbo").std()
    distance = source_detector_distances(session.raw_fnirs.info)[::2]
    assert (distance < 0.01).sum() == 4 and ((distance > 0.02) & (distance < 0.045)).sum() == 12


def test_the_eeg_file_reads_back(session, files):
    """EDF: the arrays to 16-bit precision, names, rate, positions and annotations."""
    raw = read_eeg(files["eeg.edf"])
    x, y = session.raw_eeg.get_data(), raw.get_data()
    assert raw.ch_names == list(EEG_CHANNELS) and raw.info["sfreq"] == 200 and raw.info["bads"] == []
    step = np.ptp(x, axis=1, keepdims=True) / 2**16
    assert y.shape[1] >= x.shape[1] and (np.abs(y[:, : x.shape[1]] - x) <= 1.5 * step).all()
    table = annotation_table(raw)
    np.testing.assert_allclose(table.onset, session.trials.onset, atol=1e-3)
    assert list(table.trial_type) == list(session.trials.trial_type)
    assert raw.get_montage() is not None


def test_the_fnirs_file_reads_back(session, files):
    """SNIRF: the arrays, wavelengths, distances and annotations."""
    raw = read_fnirs(files["fnirs.snirf"])
    order = [raw.ch_names.index(name) for name in session.raw_fnirs.ch_names]
    np.testing.assert_allclose(raw.get_data()[order], session.raw_fnirs.get_data(), rtol=1e-9)
    np.testing.assert_allclose(
        source_detector_distances(raw.info)[order], source_detector_distances(session.raw_fnirs.info), rtol=1e-6
    )
    np.testing.assert_allclose([raw.info["chs"][i]["loc"][9] for i in order], [760, 850] * 16)
    assert abs(raw.info["sfreq"] - 10) < 1e-6 and set(raw.get_channel_types()) == {"fnirs_cw_amplitude"}
    ours, theirs = annotation_table(session.raw_fnirs), annotation_table(raw)
    np.testing.assert_allclose(theirs.onset, ours.onset, atol=1e-3)
    assert list(theirs.trial_type) == list(ours.trial_type)


def test_the_events_file_reads_back(session, files):
    """events.tsv: the table of trials, n/a where rest has no gain."""
    pd.testing.assert_frame_equal(read_events_tsv(files["events.tsv"]), session.trials, atol=1e-6, check_dtype=False)


# --- several subjects, artefacts, folders, refusals ---


@pytest.fixture(scope="module")
def study():
    """Two subjects with two sessions each, shifted from one another, with behaviour and the label of a task."""
    config = dataclasses.replace(SMALL, subject_shift=1.0, behaviour=True)
    task = make_task("cost_varying", task=2.0, eeg_sfreq=100.0)
    return list(simulate_study(config, task, n_subjects=2, n_sessions=2, seed=3))


def test_a_study_has_subjects_and_sessions(study):
    """Names, fresh trials in every session, one shift a subject, and the task's label beside the behaviour."""
    assert [(s.subject, s.session) for s in study] == [("01", "01"), ("01", "02"), ("02", "01"), ("02", "02")]
    assert len({s.trials.onset[0] for s in study}) == 4
    shift = [s.factors.activation.mean() for s in study]
    for s in study:
        np.testing.assert_allclose(s.trials.label, s.factors.cost)
        assert {"difficulty", "reaction_time", "correct", "fatigue"} <= set(s.trials.columns)
        assert s.raw_eeg.info["sfreq"] == 100
    assert abs(shift[0] - shift[1]) < 1.3 and len({s.raw_fnirs.get_data().mean() for s in study}) == 4


def test_subjects_differ_as_much_as_asked():
    """Shifts have SDs of 1 s and 0.35, none without; a session's factors are another session's plus the shift."""
    rng = np.random.default_rng(0)
    drawn = np.array([draw_subject(SessionConfig(subject_shift=2.0), rng)[1:] for _ in range(400)])
    np.testing.assert_allclose(drawn.std(axis=0) / [2.0, 0.7, 0.7, 0.7], 1, atol=4.5 / 800**0.5)
    alike = draw_subject(SessionConfig(), rng)
    assert alike[1:] == (0, 0, 0, 0)
    other = alike._replace(delay=0.5, activation=0.4, intensity=0.3, cost=0.2)
    a, b = (simulate_session(SMALL, BRIEF, seed=1, subject=who).factors for who in (alike, other))
    for name in ("delay", "activation", "intensity", "cost"):
        np.testing.assert_allclose(b[name] - a[name], getattr(other, name), atol=1e-12)
    pd.testing.assert_frame_equal(a[["event", "mode", "onset"]], b[["event", "mode", "onset"]])


def test_motion_of_the_fnirs_alone():
    """Light is moved, the EEG is what it is without; with "both" it is moved at the same times."""
    config = dataclasses.replace(SMALL, n_trials=60)
    still, light, both = (
        simulate_session(dataclasses.replace(config, motion=kind), BRIEF, seed=2) for kind in ("none", "fnirs", "both")
    )
    assert len(light.artefacts) and not len(still.artefacts)
    pd.testing.assert_frame_equal(light.artefacts, both.artefacts)
    np.testing.assert_array_equal(light.raw_eeg.get_data(), still.raw_eeg.get_data())
    moved = np.abs(both.raw_eeg.get_data() - still.raw_eeg.get_data()).max(axis=0) > 1e-6
    near = np.abs(still.raw_eeg.times[:, None] - light.artefacts.onset.to_numpy() - 0.2).min(axis=1) < 0.6
    assert moved.any() and not (moved & ~near).any()


def test_every_subject_and_session_has_a_stream_of_its_own(monkeypatch):
    """What the first draws of each would be: all differ."""
    first: list[float] = []
    monkeypatch.setattr(sessions_module, "draw_subject", lambda config, rng: first.append(rng.random()))
    monkeypatch.setattr(
        sessions_module, "simulate_session", lambda config, trial, *, seed, **_: first.append(seed.random())
    )
    list(simulate_study(SMALL, n_subjects=4, n_sessions=4, seed=3))
    assert len(first) == len(set(first)) == 4 + 16


def test_the_label_of_behaviour_is_the_answer_that_is_told():
    """One draw, in both columns."""
    config = dataclasses.replace(SMALL, n_trials=40, behaviour=True, interval=(2.0, 3.0))
    trials = simulate_session(config, make_task("behaviour", task=1.0), seed=1).trials
    np.testing.assert_array_equal(trials.label, trials.correct)
    assert 0 < trials.label.mean() < 1


def test_a_study_is_a_bids_folder(study, tmp_path):
    """Every recording, table and description where BIDS wants it; both signals read back and agree on the events."""
    recordings = save_study(study[1:2], tmp_path, task="cost_varying")
    stem = "sub-01/ses-02/{0}/sub-01_ses-02_task-costvarying_{1}"
    for kind, ending in (
        *(("eeg", end) for end in ("eeg.edf", "eeg.json", "events.tsv", "channels.tsv")),
        *(("nirs", end) for end in ("nirs.snirf", "nirs.json", "events.tsv", "channels.tsv", "optodes.tsv")),
    ):
        assert (tmp_path / stem.format(kind, ending)).is_file(), ending
    assert recordings == [tmp_path / stem.format("eeg", "eeg.edf"), tmp_path / stem.format("nirs", "nirs.snirf")]
    assert list(pd.read_csv(tmp_path / "participants.tsv", sep="\t").participant_id) == ["sub-01"]
    on_fnirs = read_events_tsv(tmp_path / stem.format("nirs", "events.tsv"))
    np.testing.assert_allclose(annotation_table(read_fnirs(recordings[1])).onset, on_fnirs.onset, atol=1e-3)
    assert (tmp_path / "derivatives/factors/sub-01_ses-02_task-costvarying_factors.tsv").is_file()
    own = tmp_path / "sub-01/ses-02/eeg/sub-01_ses-02_task-rest_eeg.edf"
    own.touch()
    remove_simulated(tmp_path)
    of_all = [tmp_path / "dataset_description.json", tmp_path / "participants.tsv"]  # which the other recording needs
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {own, *of_all}


def test_the_eeg_as_fif(study, tmp_path):
    """FIF keeps what EDF rounds."""
    path = save_session(study[0], tmp_path, eeg_format="fif")["eeg_raw.fif"]
    np.testing.assert_allclose(read_eeg(path).get_data(), study[0].raw_eeg.get_data(), rtol=1e-5, atol=1e-12)


def test_artefacts_are_where_they_are_said_to_be():
    """Blinks at Fp1, muscle at T7 above 20 Hz, 50 Hz everywhere, motion in both modalities; none unless asked for."""
    calm = simulate_session(SMALL, BRIEF, seed=6)
    assert len(calm.artefacts) == 0
    config = dataclasses.replace(SMALL, n_trials=60, blinks=True, muscle=True, mains=True, motion="both")
    found = simulate_session(config, BRIEF, seed=7)
    x, kinds = found.raw_eeg.get_data(), found.artefacts.kind.value_counts()
    seconds = found.raw_eeg.times[-1]
    for kind, rate in (("blink", 0.2), ("muscle", 1 / 30), ("motion", 4 / 1620)):
        assert abs(kinds.get(kind, 0) - rate * seconds) < 4.5 * (rate * seconds) ** 0.5 + 1
    blink = found.artefacts.onset[found.artefacts.kind == "blink"].to_numpy()
    rows = np.round((blink + 0.15) * 200).astype(int)
    assert np.median(x[EEG_CHANNELS.index("Fp1"), rows[rows < x.shape[1]]]) > 80e-6
    psd, f = mne.time_frequency.psd_array_welch(x, 200.0, n_fft=400, verbose="error")
    line = psd[:, np.abs(f - 50) < 0.6].max(axis=1) / psd[:, (f > 52) & (f < 56)].mean(axis=1)
    quiet = [i for i, name in enumerate(EEG_CHANNELS) if name not in ("T7", "T8", "FC5", "FC6")]
    assert line[quiet].min() > 5
    high = psd[:, (f > 60) & (f < 90)].mean(axis=1)
    assert high[EEG_CHANNELS.index("T7")] > 1.5 * np.median(high)


def test_motion_hits_both_modalities_at_the_same_time():
    """Steps and spikes of light on half the pairs, and a pull at the electrodes, at one time on both clocks."""
    config = dataclasses.replace(SMALL, n_trials=60, motion="both")
    seeds = (simulate_session(config, BRIEF, seed=s) for s in range(4))
    found = next(s for s in seeds if len(s.artefacts))
    at = found.artefacts.onset.iloc[0] + 0.2
    eeg = np.abs(found.raw_eeg.get_data()).max(axis=0)
    assert eeg[round(at * 200) - 40 : round(at * 200) + 40].max() > 4 * np.median(eeg)
    light = found.raw_fnirs.get_data()[::2]
    on_clock = round((config.clock_offset + (1 + config.clock_drift) * at) * 10)
    jump = np.abs(light[:, on_clock - 2 : on_clock + 3] / light[:, [on_clock - 20]] - 1).max(axis=1)
    assert (jump > 0.08).sum() == 8


def test_alpha_falls_during_activation():
    """With desynchronisation the background's alpha over the back of the head drops in activations, not in rest."""
    config = SessionConfig(n_trials=12, interval=(18.0, 20.0), alpha_desynchronisation=0.6)
    session = simulate_session(config, LOUD_TRIAL, seed=8)
    x = session.raw_eeg.copy().filter(9, 11, verbose="error").get_data("O1")[0]
    rows = np.round((session.trials.onset + 1.0) * 200).astype(int)
    power = np.array([(x[i : i + 500] ** 2).mean() for i in rows])
    active = (session.trials.trial_type == "activation").to_numpy()
    assert power[active].mean() < 0.5 * power[~active].mean()


@pytest.mark.parametrize(
    ("settings", "trial", "words"),
    [
        ({"interval": (10.0, 12.0), "overlap": False}, CLEAR, "responses overlap"),
        ({"interval": (5.0, 3.0)}, CLEAR, "shortest and longest"),
        ({"alpha_desynchronisation": 2.0}, CLEAR, "0 ... 1"),
        ({"subject_shift": -1.0}, CLEAR, "0 or more"),
        ({"clock_drift": 0.1}, CLEAR, "500 ppm"),
        ({"motion": "wild"}, CLEAR, "motion must be one of"),
        ({"mains": True}, make_task("delay_locked", eeg_sfreq=100.0), "more than 100 Hz"),
    ],
)
def test_bad_sessions_are_refused(settings, trial, words):
    """In words."""
    with pytest.raises(InputError, match=words):
        simulate_session(dataclasses.replace(SMALL, **settings), trial)


def test_empty_studies_are_refused():
    """At least one subject and one session."""
    with pytest.raises(InputError, match="n_subjects must be 1 or more"):
        next(simulate_study(SMALL, BRIEF, n_subjects=0))
