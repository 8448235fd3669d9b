"""pidjax/neuro/paired.py: one trial, two recordings, two clocks."""

import mne
import numpy as np
import pandas as pd
import pytest

from pidjax._checks import InputError
from pidjax.neuro import Clock, PairedEpochs
from pidjax.neuro.clock import ClockRun, shared_clock

ONSETS = 12.0 + 7.3 * np.arange(20)
OFFSET, DRIFT = 4.62, 200e-6
EEG, FNIRS = (-1.0, 3.0), (-2.0, 6.0)


def on_fnirs(t):
    """The true map."""
    return OFFSET + (1 + DRIFT) * np.asarray(t)


def clock():
    """The true map as a ``Clock``."""
    return Clock("fit", (ClockRun(0.0, OFFSET, DRIFT, np.array([]), np.array([])),), 0)


def table(onset=ONSETS, names=("left", "right")):
    """Events that alternate between ``names``."""
    onset = np.asarray(onset, float)
    return pd.DataFrame(
        {"onset": onset, "duration": 1.0, "trial_type": [names[i % len(names)] for i in range(len(onset))]}
    )


def recordings(impulses=False, first_samp=0):
    """EEG of 4 channels at 100 Hz and fNIRS of 2 pairs at 10 Hz, 170 s, noise of 5 µV and 0.1 µM.

    With ``impulses`` nothing but one sample at every event, whose size is the number of the trial.
    """
    rng = np.random.default_rng(0)
    eeg, fnirs = 5e-6 * rng.standard_normal((4, 17000)), 1e-7 * rng.standard_normal((4, 1750))
    if impulses:
        eeg[:], fnirs[:] = 0, 0
        eeg[:, np.round(ONSETS * 100).astype(int)] = 1e-6 * np.arange(1, 21)
        fnirs[:, np.round(on_fnirs(ONSETS) * 10).astype(int)] = 1e-7 * np.arange(1, 21)
    raw_eeg = mne.io.RawArray(eeg, mne.create_info(["C3", "C4", "Pz", "Fz"], 100.0, "eeg"), first_samp, verbose="error")
    names = ["S1_D1 hbo", "S1_D1 hbr", "S1_D2 hbo", "S1_D2 hbr"]
    info = mne.create_info(names, 10.0, ["hbo", "hbr"] * 2)
    raw_fnirs = mne.io.RawArray(fnirs, info, 3 * first_samp, verbose="error")
    return raw_eeg, raw_fnirs


def cut(raw_eeg=None, raw_fnirs=None, events=None, the_clock=None, **kwargs):
    """Paired epochs of the recordings above."""
    default = recordings()
    return PairedEpochs.from_raw(
        raw_eeg or default[0],
        raw_fnirs or default[1],
        table() if events is None else events,
        EEG,
        FNIRS,
        the_clock or clock(),
        **kwargs,
    )


@pytest.fixture(scope="module")
def pairs():
    """20 trials, with an ERP branch."""
    raw_eeg, raw_fnirs = recordings()
    return cut(raw_eeg, raw_fnirs, table().assign(rt=np.linspace(0.3, 0.6, 20)), raw_erp=raw_eeg.copy())


def same(a, b):
    """Both hold the same trials."""
    pd.testing.assert_frame_equal(a.metadata, b.metadata)
    x, y = a.to_arrays(), b.to_arrays()
    assert x.keys() == y.keys()
    for name in x:
        np.testing.assert_allclose(x[name], y[name], rtol=1e-6, atol=0)


def test_shapes_follow_windows_and_rates(pairs):
    """Each modality has its own rate and window, the last sample left out; the ERP its fixed one."""
    arrays = pairs.to_arrays()
    assert {name: x.shape for name, x in arrays.items()} == {
        "eeg": (20, 4, 400),
        "erp": (20, 4, 100),
        "fnirs": (20, 4, 80),
    }
    assert all(x.dtype == np.float32 for x in arrays.values()) and len(pairs) == 20
    assert [pairs.epochs[n].info["sfreq"] for n in ("eeg", "erp", "fnirs")] == [100, 100, 10]
    np.testing.assert_allclose(pairs.epochs["eeg"].times[[0, -1]], [-1, 2.99])
    np.testing.assert_allclose(pairs.epochs["fnirs"].times[[0, -1]], [-2, 5.9])


@pytest.mark.parametrize("first_samp", [0, 500])
def test_both_modalities_show_the_same_trial(first_samp):
    """The impulse of trial k lies at t = 0 of both epochs within one sample, on clocks 4.6 s and 200 ppm apart."""
    pairs = cut(*recordings(impulses=True, first_samp=first_samp), reject_eeg=None, reject_fnirs_z=None)
    x = pairs.to_arrays()
    for name, unit in (("eeg", 1e-6), ("fnirs", 1e-7)):
        times, sfreq = pairs.epochs[name].times, pairs.epochs[name].info["sfreq"]
        assert np.abs(times[x[name][:, 0].argmax(axis=1)]).max() <= 1 / sfreq + 1e-9
        np.testing.assert_allclose(np.ptp(x[name][:, 0], axis=1) / unit, np.arange(1, 21), rtol=1e-5)
    np.testing.assert_array_equal(pairs.metadata.trial, np.arange(20))


def test_fnirs_alone_is_corrected_for_its_baseline():
    """The fNIRS before the onset has mean zero; a window without a before keeps its level."""
    raw_eeg, raw_fnirs = recordings()
    raw_fnirs.apply_function(lambda x: x + 1e-5, picks="all")
    x = cut(raw_eeg, raw_fnirs).to_arrays()["fnirs"]
    assert np.abs(x[..., :20].mean(-1)).max() < 2e-8
    pairs = PairedEpochs.from_raw(raw_eeg, raw_fnirs, table(), (0, 3), (0, 6), clock())
    assert pairs.to_arrays()["fnirs"].mean() > 9e-6


def test_metadata_has_one_row_a_trial(pairs):
    """Onsets on both clocks, labels, blocks in order of time, and the events' own columns."""
    m = pairs.metadata
    np.testing.assert_allclose(m.onset_eeg, ONSETS)
    np.testing.assert_allclose(m.onset_fnirs, on_fnirs(ONSETS))
    np.testing.assert_array_equal(m.block, np.repeat(np.arange(5), 4))
    assert set(m.subject) == set(m.session) == {"1"} and set(m.run) == {0}
    assert list(m.trial_type[:2]) == ["left", "right"] and m.rt[19] == 0.6 and "level_1" not in m


def test_hierarchical_names_become_levels():
    """``task/easy`` gives level_1 and level_2."""
    m = cut(events=table(names=("task/easy", "task/hard", "rest"))).metadata
    assert list(m.level_1[:3]) == ["task", "task", "rest"]
    assert list(m.level_2[:2]) == ["easy", "hard"] and pd.isna(m.level_2[2])


def test_shared_annotations_are_the_default_events():
    """Without a table: the annotations both files name alike, clocks fitted on them."""
    raw_eeg, raw_fnirs = recordings()
    raw_eeg.set_annotations(mne.Annotations([*ONSETS, 40], 1, [*table().trial_type, "blink"]))
    raw_fnirs.set_annotations(mne.Annotations(on_fnirs(ONSETS), 1, table().trial_type))
    pairs = PairedEpochs.from_raw(raw_eeg, raw_fnirs, None, EEG, FNIRS)
    np.testing.assert_allclose(pairs.metadata.onset_fnirs, on_fnirs(ONSETS), atol=1e-3)
    found = pairs.log["clock"]["runs"][0]
    assert pairs.log["clock"]["mode"] == "fit" and found["markers"] == 20
    np.testing.assert_allclose([found["offset_s"], found["drift_ppm"]], [OFFSET, 200], rtol=1e-3)
    assert found["residual_rms_ms"] < 0.1


def test_rejection_keeps_what_is_good_in_both():
    """BAD, too large and outside: the intersection stays, and the log says which modality dropped what."""
    raw_eeg, raw_fnirs = recordings()
    raw_eeg.set_annotations(mne.Annotations([ONSETS[2]], [0.5], ["BAD_blink"]))
    raw_fnirs.set_annotations(mne.Annotations([on_fnirs(ONSETS[5])], [0.5], ["BAD_motion"]))
    raw_eeg._data[1, round(ONSETS[7] * 100)] = 400e-6
    raw_fnirs._data[2, round(on_fnirs(ONSETS[9]) * 10)] = 2e-5
    pairs = cut(raw_eeg, raw_fnirs, events=table([*ONSETS, 169.0]))
    np.testing.assert_array_equal(pairs.metadata.trial, np.setdiff1d(np.arange(20), [2, 5, 7, 9]))
    assert pairs.log["trials"] == {"found": 21, "kept": 16}
    assert pairs.log["dropped"] == {
        "eeg": {"2": "BAD_blink", "7": "EEG above 150 µV", "20": "outside the recording"},
        "fnirs": {"5": "BAD_motion", "9": "peak-to-peak z > 5", "20": "outside the recording"},
    }
    assert all(len(e) == 16 for e in pairs.epochs.values())


def test_what_remains_after_rejection_still_belongs_together():
    """Impulses again, with trials dropped by either modality."""
    raw_eeg, raw_fnirs = recordings(impulses=True)
    raw_eeg.set_annotations(mne.Annotations(ONSETS[[0, 3]], [0.5] * 2, ["BAD_a"] * 2))
    raw_fnirs.set_annotations(mne.Annotations(on_fnirs(ONSETS[[1, 3, 19]]), [0.5] * 3, ["BAD_b"] * 3))
    pairs = cut(raw_eeg, raw_fnirs, raw_erp=raw_eeg, reject_eeg=None, reject_fnirs_z=None)
    trial = pairs.metadata.trial.to_numpy()
    np.testing.assert_array_equal(trial, np.setdiff1d(np.arange(20), [0, 1, 3, 19]))
    x = pairs.to_arrays()
    for name, unit in (("eeg", 1e-6), ("erp", 1e-6), ("fnirs", 1e-7)):
        np.testing.assert_allclose(np.ptp(x[name][:, 0], axis=1) / unit, trial + 1, rtol=1e-5)


def test_a_channel_bad_in_most_trials_is_dropped_and_vetoes_none():
    """A loose electrode costs one channel, not every trial; the ERP branch loses it too."""
    raw_eeg, raw_fnirs = recordings()
    raw_eeg._data[2] *= 100
    pairs = cut(raw_eeg, raw_fnirs, raw_erp=raw_eeg)
    assert len(pairs) == 20 and pairs.log["eeg channels dropped"] == ["Pz"]
    assert pairs.epochs["eeg"].ch_names == pairs.epochs["erp"].ch_names == ["C3", "C4", "Fz"]


def test_rejection_can_be_switched_off():
    """``None`` keeps every trial and channel."""
    raw_eeg, raw_fnirs = recordings()
    raw_eeg._data[:] *= 100
    raw_fnirs._data[:, 500] = 1e-3
    assert len(cut(raw_eeg, raw_fnirs, reject_eeg=None, reject_fnirs_z=None)) == 20


@pytest.mark.parametrize("index", [slice(3, 15, 4), [7, 2, 11], np.array([7, 2, 11]), "mask", 4, -1], ids=str)
def test_indexing_takes_the_same_trials_of_everything(pairs, index):
    """A slice, integers in any order, a mask or one integer: data and metadata stay in step."""
    index = np.arange(20) % 3 == 1 if isinstance(index, str) else index
    rows = np.atleast_1d(np.arange(20)[index])
    part, whole = pairs[index], pairs.to_arrays()
    assert len(part) == len(rows) and list(part.metadata.index) == list(range(len(rows)))
    np.testing.assert_array_equal(part.metadata.trial, pairs.metadata.trial[rows])
    for name, x in part.to_arrays().items():
        np.testing.assert_array_equal(x, whole[name][rows])


def test_indexing_twice(pairs):
    """Parts of parts are the parts of the whole."""
    same(pairs[[9, 4, 6, 1]][[2, 0]], pairs[[6, 9]])


def test_split_by_a_column(pairs):
    """Blocks partition the trials; an unknown column is refused."""
    parts = pairs.split("block")
    assert list(parts) == [0, 1, 2, 3, 4] and [len(p) for p in parts.values()] == [4] * 5
    assert set(pairs.split("trial_type")["left"].metadata.trial_type) == {"left"}
    with pytest.raises(InputError, match="session"):
        pairs.split("weekday")


def test_shuffled_pairs_keep_the_class_and_the_eeg(pairs):
    """Only the fNIRS moves, within its class, and its onsets with it."""
    shuffled = pairs.shuffle_pairs(seed=3)
    before, after = pairs.to_arrays(), shuffled.to_arrays()
    for name in ("eeg", "erp"):
        np.testing.assert_array_equal(after[name], before[name])
    source = np.array([np.flatnonzero((before["fnirs"] == x).all(axis=(1, 2)))[0] for x in after["fnirs"]])
    assert sorted(source) == list(range(20)) and (source != np.arange(20)).any()
    kind = pairs.metadata.trial_type.to_numpy()
    np.testing.assert_array_equal(kind[source], kind)
    np.testing.assert_array_equal(shuffled.metadata.onset_fnirs, pairs.metadata.onset_fnirs[source])
    pd.testing.assert_frame_equal(
        shuffled.metadata.drop(columns="onset_fnirs"), pairs.metadata.drop(columns="onset_fnirs")
    )


def test_shuffling_depends_on_the_seed_alone(pairs):
    """Same seed same pairing; without ``within`` classes mix."""
    same(pairs.shuffle_pairs(seed=1), pairs.shuffle_pairs(seed=1))
    assert (pairs.shuffle_pairs(seed=1).metadata.onset_fnirs != pairs.shuffle_pairs(seed=2).metadata.onset_fnirs).any()
    order = np.argsort(pairs.shuffle_pairs(None, seed=1).metadata.onset_fnirs.to_numpy())
    assert (order % 2 != np.arange(20) % 2).any()


def test_save_and_load(pairs, tmp_path):
    """What is written reads back equal, also a shuffled part of it."""
    for i, part in enumerate((pairs, pairs[[7, 2, 11]], pairs.shuffle_pairs())):
        part.save(tmp_path / str(i))
        again = PairedEpochs.load(tmp_path / str(i))
        same(again, part)
        assert again.log == part.log


def test_names_survive_saving(tmp_path):
    """Conditions called None or 1 and a subject called 01 read back as they were."""
    pairs = cut(events=table(names=("None", "1")), subject="01", session="NA")
    pairs.save(tmp_path)
    m = PairedEpochs.load(tmp_path).metadata
    assert set(m.trial_type) == {"None", "1"} and set(m.subject) == {"01"} and set(m.session) == {"NA"}


def test_loading_an_empty_folder_is_refused(tmp_path):
    """The message names the folder."""
    with pytest.raises(InputError, match="no saved epochs"):
        PairedEpochs.load(tmp_path)


def test_events_at_the_same_moment_are_not_said_to_be_outside():
    """Of two events at one sample the first is cut; the reason of the second is that, not the recording's end."""
    pairs = cut(events=table([*ONSETS, ONSETS[3]]))
    assert len(pairs) == 20 and pairs.log["dropped"]["eeg"].get("20", "") not in ("", "outside the recording")


def test_events_out_of_order_keep_their_pairing():
    """Onsets need not ascend: data follow the table's order."""
    order = np.random.default_rng(0).permutation(20)
    events = table().iloc[order]
    pairs = cut(*recordings(impulses=True), events=events, reject_eeg=None, reject_fnirs_z=None)
    x = pairs.to_arrays()
    size = np.searchsorted(ONSETS, pairs.metadata.onset_eeg) + 1
    for name, unit in (("eeg", 1e-6), ("fnirs", 1e-7)):
        np.testing.assert_allclose(np.ptp(x[name][:, 0], axis=1) / unit, size, rtol=1e-5)


def test_no_event_is_refused():
    """An empty table, or files without shared annotations."""
    with pytest.raises(InputError, match="no event"):
        cut(events=table([]))
    with pytest.raises(InputError, match="no event"):
        PairedEpochs.from_raw(*recordings(), clock="none")


def test_no_good_trial_is_refused():
    """The message counts the reasons of each modality, in one line."""
    raw_eeg, raw_fnirs = recordings()
    raw_eeg.set_annotations(mne.Annotations([0], [170], ["BAD_all"]))
    with pytest.raises(InputError, match=r"none of 20 trials.*eeg: 20 BAD_all") as error:
        cut(raw_eeg, raw_fnirs)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="outside the recording"):
        cut(events=table(500 + ONSETS))


def test_hopeless_eeg_is_refused():
    """Every channel too large in most trials."""
    raw_eeg, raw_fnirs = recordings()
    raw_eeg._data[:] *= 100
    with pytest.raises(InputError, match="all 4 EEG channels exceed 150 µV"):
        cut(raw_eeg, raw_fnirs)


def test_a_shared_clock_needs_no_marker():
    """``clock="none"`` with a table: the same seconds in both files."""
    pairs = PairedEpochs.from_raw(*recordings(), table(), EEG, FNIRS, "none")
    np.testing.assert_array_equal(pairs.metadata.onset_fnirs, pairs.metadata.onset_eeg)
    same(pairs, PairedEpochs.from_raw(*recordings(), table(), EEG, FNIRS, shared_clock()))
