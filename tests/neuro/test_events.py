"""pidjax/neuro/events.py: what counts as an event, where it lies, and how windows tile a recording without any."""

import datetime

import mne
import numpy as np
import pandas as pd
import pytest

from pidjax._checks import InputError
from pidjax.neuro.events import annotation_table, bad_segments, is_state, read_events_tsv, run_edges, window_table

DATE = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def recording(onset, duration, names, *, date=None, first_samp=0, seconds=60):
    """A flat recording of 100 Hz, annotated from its first sample."""
    info = mne.create_info(1, 100.0, "eeg")
    raw = mne.io.RawArray(np.zeros((1, 100 * seconds)), info, first_samp=first_samp, verbose="error")
    return raw.set_meas_date(date).set_annotations(mne.Annotations(onset, duration, names))


def states(*rows):
    """A table of (onset, duration, trial_type)."""
    return pd.DataFrame(list(rows), columns=["onset", "duration", "trial_type"])


@pytest.mark.parametrize(
    "name", ["BAD_blink", "bad boundary", "EDGE boundary", "New Segment/", "boundary", "Comment/x"]
)
def test_technical_annotations_are_no_events(name):
    """Only ``task`` is an event; what software writes is not."""
    assert list(annotation_table(recording([5, 10], 1, [name, "task"])).trial_type) == ["task"]


@pytest.mark.parametrize("names", [[], ["BAD_blink"]], ids=["no annotation", "only technical ones"])
def test_a_recording_without_events_has_an_empty_table(names):
    """No event is a table without rows, not an error."""
    table = annotation_table(recording([5] * len(names), [1] * len(names), names))
    assert table.empty and list(table) == ["onset", "duration", "trial_type"]
    assert is_state(table, 10.0).shape == (0,)


def test_events_come_sorted_and_stripped():
    """Onset order, and names without surrounding blanks."""
    table = annotation_table(recording([30, 10], [2, 3], [" b ", "a"]))
    assert table.to_dict("list") == {"onset": [10, 30], "duration": [3, 2], "trial_type": ["a", "b"]}


@pytest.mark.parametrize("date", [None, DATE], ids=["no date", "dated"])
@pytest.mark.parametrize("first_samp", [0, 500])
@pytest.mark.parametrize("save", [False, True], ids=["array", "fif"])
def test_times_count_from_the_first_sample(date, first_samp, save, tmp_path):
    """Onsets, bad segments and edges count from the first sample, whatever ``first_samp`` and the date are."""
    raw = recording(
        [10, 20, 30], [1, 5, 0], ["task", "BAD_x", "EDGE boundary"], date=date, first_samp=first_samp, seconds=60
    )
    if save:
        raw.save(tmp_path / "a_raw.fif", verbose="error")
        raw = mne.io.read_raw_fif(tmp_path / "a_raw.fif", verbose="error")
    np.testing.assert_allclose(annotation_table(raw).onset, [10])
    np.testing.assert_allclose(bad_segments(raw), [(20, 25), (30, 30)])
    np.testing.assert_allclose(run_edges(raw), [30])


@pytest.mark.parametrize("date", [None, DATE], ids=["no date", "dated"])
def test_a_cropped_recording_counts_from_its_new_beginning(date):
    """After ``crop(5)`` an event at 10 s lies at 5 s."""
    raw = recording([10], 1, ["task"], date=date).crop(5)
    np.testing.assert_allclose(annotation_table(raw).onset, [5])


def test_is_state_tells_lasting_states_from_events():
    """Long stretches that come once or twice are states; short ones and blocks of a design are events."""
    table = states(
        (0, 31, "eyes_open"),
        (40, 45, "eyes_open"),
        (100, 60, "rest"),
        (200, 30, "block"),
        (260, 25, "block"),
        (300, 35, "block"),
        (340, 1, "x"),
    )
    np.testing.assert_array_equal(is_state(table, 10.0), [True, True, True, False, False, False, False])


def test_a_state_lasts_two_windows():
    """A single stretch of 19 s is an event for windows of 10 s and a state for windows of 9 s."""
    table = states((0, 19, "rest"))
    assert not is_state(table, 10.0)[0] and is_state(table, 9.0)[0]
    assert is_state(table[:0], 10.0).shape == (0,)


def test_windows_tile_the_good_stretches():
    """Windows start at the beginning of every good stretch and follow each other without gap."""
    table = window_table((0, 10), (0, 60), [(25, 31)], states())
    np.testing.assert_allclose(table.onset, [0, 10, 31, 41])
    assert set(table.trial_type) == {"window"} and set(table.duration) == {10}


def test_windows_keep_to_the_span_both_recordings_cover():
    """No window begins before or ends after the span."""
    np.testing.assert_allclose(window_table((0, 10), (3.2, 34), [], states()).onset, [3.2, 13.2, 23.2])


def test_the_onset_is_where_the_window_says_zero_is():
    """A window of -2...8 s has its onset 2 s after its first sample."""
    np.testing.assert_allclose(window_table((-2, 8), (0, 20), [], states()).onset, [2, 12])


@pytest.mark.parametrize("seed", range(5))
def test_windows_never_overlap_bad_segments(seed):
    """Random, overlapping and nested bad segments are avoided, and every good stretch is used up."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(-20, 320, 12)
    bad = [(a, a + d) for a, d in zip(start, rng.uniform(0, 30, 12), strict=True)]
    onset = window_table((0, 4), (0, 300), bad, states()).onset.to_numpy()
    assert onset.min() >= 0 and onset.max() + 4 <= 300.001 and (np.diff(onset) >= 4 - 1e-9).all()
    assert all(not (t + 4 > a + 1e-3 and t < b - 1e-9) for t in onset for a, b in bad)
    time = np.arange(0, 300, 0.01)
    covered = sum(((time >= t) & (time < t + 4)).astype(int) for t in onset)
    free = (covered == 0) & ~np.any([(time >= a) & (time <= b) for a, b in bad], axis=0)
    steps = np.diff(np.r_[0, free.astype(int), 0])
    assert (np.flatnonzero(steps == -1) - np.flatnonzero(steps == 1) < 401).all()


def test_an_edge_without_length_still_parts_windows():
    """Concatenated files: no window crosses the joint."""
    np.testing.assert_allclose(window_table((0, 10), (0, 40), [(15, 15)], states()).onset, [0, 15, 25])


def test_windows_inside_a_state_take_its_name():
    """A window that crosses the border of a state belongs to none."""
    table = window_table((0, 10), (0, 60), [], states((0, 25, "open"), (30, 30, "closed")))
    assert list(table.trial_type) == ["open", "open", "window", "closed", "closed", "closed"]


def test_no_good_stretch_gives_an_empty_table():
    """All bad: no window, same columns."""
    table = window_table((0, 10), (0, 60), [(0, 60)], states())
    assert table.empty and list(table) == ["onset", "duration", "trial_type"]


def write(path, text):
    """Write ``text`` with tabs for bars."""
    path.write_text(text.replace("|", "\t"))
    return path


def test_events_tsv_is_read(tmp_path):
    """Sorted by onset, n/a is missing, further columns stay, numbers as names become text."""
    path = write(tmp_path / "e.tsv", "onset|duration|trial_type|rt\n20.5|1|2|0.4\n10|n/a|1|n/a\n30|1|n/a|0.2\n")
    table = read_events_tsv(path)
    assert list(table.onset) == [10, 20.5] and list(table.trial_type) == ["1", "2"] and list(table.duration) == [0, 1]
    assert np.isnan(table.rt[0]) and table.rt[1] == 0.4


def test_events_tsv_without_duration_has_instants(tmp_path):
    """A missing duration is 0."""
    assert list(read_events_tsv(write(tmp_path / "e.tsv", "onset|trial_type\n1|a\n")).duration) == [0.0]


@pytest.mark.parametrize("name", ["None", "NA", "null", "nan"])
def test_only_n_a_means_missing(name, tmp_path):
    """BIDS writes missing values as n/a: a condition called None, NA or null is a condition."""
    table = read_events_tsv(write(tmp_path / "e.tsv", f"onset|duration|trial_type\n1|1|{name}\n2|1|go\n"))
    assert list(table.trial_type) == [name, "go"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time|trial_type\n1|a\n", "onset"),
        ("onset|trial_type\nfirst|a\n", "onset"),
        ("onset|duration\n1|1\n", "trial_type"),
        ("onset,duration,trial_type\n1,1,a\n", "onset"),
        ("onset|duration|trial_type\n1|long|a\n", "duration"),
        ("", "tab-separated"),
        ('onset|trial_type\n1|"a\n', "tab-separated"),
        ("onset|trial_type\n1|a|b|c\n2|a\n1|a|b|c|d|e\n", "tab-separated"),
    ],
)
def test_a_bad_events_file_is_refused(text, words, tmp_path):
    """The message is one line, names the file and what it lacks."""
    path = write(tmp_path / "e.tsv", text)
    with pytest.raises(InputError, match=words) as error:
        read_events_tsv(path)
    assert "e.tsv" in str(error.value) and "\n" not in str(error.value)


def test_binary_and_missing_events_files_are_refused(tmp_path):
    """One line each."""
    (tmp_path / "e.tsv").write_bytes(bytes(range(256)) * 20)
    for path in (tmp_path / "e.tsv", tmp_path / "absent.tsv", tmp_path):
        with pytest.raises(InputError) as error:
            read_events_tsv(path)
        assert "\n" not in str(error.value)


def test_run_edges_are_joints_inside_the_recording():
    """EDGE, boundary and New Segment mark a joint once each; those at the ends of the recording do not."""
    raw = recording(
        [0, 20, 20, 40, 50, 59.9],
        0,
        ["New Segment/", "BAD boundary", "EDGE boundary", "boundary", "task", "EDGE boundary"],
    )
    assert run_edges(raw) == [20, 40]


def test_run_edges_of_concatenated_recordings():
    """mne's own marks are understood."""
    parts = [recording([10], 1, ["task"]), recording([10], 1, ["task"])]
    raw = mne.concatenate_raws(parts, verbose="error")
    np.testing.assert_allclose(run_edges(raw), [60], atol=0.02)
    np.testing.assert_allclose(annotation_table(raw).onset, [10, 70], atol=0.02)
