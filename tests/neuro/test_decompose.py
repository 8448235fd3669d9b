"""The main job, end to end: the command a user types, its files, its resumption, and every kind of bad input."""

from __future__ import annotations

import datetime
import json
import os
import signal
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest

import pidjax.train.loop as loop
from pidjax.cli import main
from pidjax.objectives import HEADS

QUICK = ("--steps", "6", "--batch-size", "8", "--folds", "3", "--permutations", "9", "--epoch", "-1", "4")
WINDOWS = ("--fnirs-epoch", "-2", "8")


def run(files, out: Path, *more: str) -> int:
    recordings = (str(files["eeg.edf"]), str(files["fnirs.snirf"]), "--events", str(files["events.tsv"]))
    return main(["decompose", *recordings, "--out", str(out), *QUICK, *WINDOWS, *more])


@pytest.fixture(scope="module")
def report(files, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("job") / "report"
    assert run(files, out) == 0
    return out


def test_folder_is_whole(report):
    """DIR holds the four files and nothing else, and no partial folder stays behind."""
    assert {p.name for p in report.iterdir()} == {"report.html", "embeddings.npz", "metrics.json", "config.json"}
    assert [p.name for p in report.parent.iterdir()] == ["report"]


def test_embeddings(report):
    """Every head has one finite vector a trial, and the trials' metadata travel with them."""
    with np.load(report / "embeddings.npz") as arrays:
        n = len(arrays["meta_trial_type"])
        for head in HEADS:
            assert arrays[head].shape == (n, 32)
            assert np.isfinite(arrays[head]).all()
        assert set(arrays["meta_mode"]) == {"alpha", "beta", "gamma"}


def test_metrics(report):
    """Each label is probed from every head and all features; numbers are in range, with errors and nulls."""
    metrics = json.loads((report / "metrics.json").read_text())
    assert set(metrics["probes"]) == {"trial_type", "mode"}
    for found in metrics["probes"].values():
        assert set(found) == {*HEADS, "all heads", "raw EEG", "raw fNIRS", "raw both", "confounds"}
        for result in found.values():
            assert 0 <= result["score"] <= 1
            assert result["se"] > 0
            assert 0 < result["p"] <= 1
    assert metrics["probes"]["mode"]["raw EEG"]["chance"] == pytest.approx(1 / 3)
    assert set(metrics["synergy_over_other_heads"]) == {"trial_type", "mode"}
    assert metrics["comparisons_over_subjects"] == []
    assert set(metrics["confounds"]) == {"time on task", "muscle, EEG", "motion, fNIRS", "heart rate"}
    assert set(metrics["physiology"]) == {"gamma", "HbO", "lag"}
    for found in (*metrics["confounds"].values(), *metrics["physiology"].values()):
        assert set(found) == {*HEADS, "all heads"}
    assert "log_hbo_gain" in metrics["skipped"]
    assert set(metrics["prediction_r2"]) == set(HEADS)


def test_every_choice_is_kept(report):
    """config.json says the settings and, in words, every preprocessing choice; the clock is the simulated one."""
    config = json.loads((report / "config.json").read_text())
    assert config["settings"]["steps"] == 6
    assert "drift 50 ppm" in config["choices"]["events"]["clock"]
    assert {"reference", "band branch", "ERP branch"} <= set(config["choices"]["EEG"])
    assert {"Beer–Lambert", "short channels", "fNIRS filter"} <= set(config["choices"]["fNIRS"])


def test_report_shows_what_was_asked(report):
    """The report holds its sections: quality, signals, training, probes, projections, and the warnings of reading."""
    text = (report / "report.html").read_text()
    for words in (
        "Quality control",
        "Event-related potentials",
        "Band powers",
        "HbO and HbR",
        "Training curves",
        "Probe of mode",
        "Audit of heads",
        "Projections",
        "Nothing is inferred over subjects",
        "What synergy adds to all other heads",
        "Confounds",
        "Physiology from every head",
        "What not to conclude",
    ):
        assert words in text


@pytest.fixture
def stop_at(monkeypatch):
    """Ctrl-C in the middle of the given step of the given training."""

    def arrange(training: int, step: int):
        count = {"trainings": 0}
        true_train = loop.train

        def train(step_fn, state, batches, *args, **kwargs):
            count["trainings"] += 1

            def interrupted(i):
                if count["trainings"] == training and i == step:
                    os.kill(os.getpid(), signal.SIGINT)
                return batches(i)

            return true_train(step_fn, state, interrupted, *args, **kwargs, prefetch=0)

        monkeypatch.setattr("pidjax.train.train", train)

    return arrange


def test_resumed_run_gives_the_same_numbers(files, report, tmp_path, stop_at, monkeypatch, capsys):
    """Interrupted in the second training and resumed: every number equals the uninterrupted run's, bit for bit."""
    out = tmp_path / "report"
    with monkeypatch.context():
        stop_at(2, 3)
        assert run(files, out) == 130
    assert "--resume" in capsys.readouterr().err
    assert not out.exists()
    assert (tmp_path / "report.partial").is_dir()
    monkeypatch.undo()
    assert run(files, out) == 2, "an unfinished run is neither continued nor replaced unasked"
    assert run(files, out, "--seed", "3", "--resume") == 2, "nor resumed with other settings"
    # pictures are drawn of numbers that are compared below
    monkeypatch.setattr("pidjax.neuro.summary.report_sections", lambda *_: {})
    assert run(files, out, "--resume") == 0
    assert json.loads((out / "metrics.json").read_text()) == json.loads((report / "metrics.json").read_text())
    with np.load(out / "embeddings.npz") as ours, np.load(report / "embeddings.npz") as theirs:
        for head in HEADS:
            np.testing.assert_array_equal(ours[head], theirs[head])


def test_existing_folder(files, report, capsys):
    """A non-empty --out is left alone without --overwrite, and a finished run has nothing to resume."""
    before = {p.name: p.stat().st_mtime_ns for p in report.iterdir()}
    assert run(files, report) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(files, report, "--resume") == 0
    assert {p.name: p.stat().st_mtime_ns for p in report.iterdir()} == before


def test_real_simultaneous_recording(data, tmp_path):
    """The Athena headband recording, 91 s with two stretches on the head, runs to its report without any event."""
    eeg = data("simultaneous/athena/athena_onhead_eeg.edf")
    fnirs = data("simultaneous/athena/athena_onhead_nirs.snirf")
    out = tmp_path / "out"
    settings = ("--epoch", "0", "2", "--steps", "2", "--folds", "3", "--permutations", "9")
    assert main(["decompose", str(eeg), str(fnirs), *settings, "--out", str(out)]) == 0
    config = json.loads((out / "config.json").read_text())
    assert config["choices"]["events"]["window"].startswith("no events: 23 fixed-length windows")
    assert "warning: coupling" in config["choices"]["fNIRS"]
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["probes"] == {}
    assert metrics["retrieval"]["n"] > 10


# --- bad input: one line that says what was expected, found and to do; status 2; nothing written ---


def refused(capsys, tmp_path: Path, *argv: str) -> str:
    """Run ``decompose`` expecting a refusal; the message."""
    out = tmp_path / "refused"
    status = main(["decompose", *map(str, argv), "--out", str(out)])
    error = capsys.readouterr().err
    assert status == 2
    assert len(error.strip().splitlines()) == 1
    assert error.startswith("pidjax: ")
    assert not list(tmp_path.glob("refused*"))
    return error


def write_raw(raw: mne.io.BaseRaw, path: Path) -> Path:
    raw.save(path, overwrite=True, verbose="error")
    return path


def test_missing_file(files, tmp_path, capsys):
    """A path that does not exist."""
    assert "does not exist" in refused(capsys, tmp_path, tmp_path / "no.edf", files["fnirs.snirf"])


def test_unreadable_file(files, tmp_path, capsys):
    """A file that is not what its name says."""
    broken = tmp_path / "broken.edf"
    broken.write_text("not a recording")
    assert "cannot read" in refused(capsys, tmp_path, broken, files["fnirs.snirf"])


def test_swapped_files(files, tmp_path, capsys):
    """EEG given as fNIRS and the reverse."""
    eeg, fnirs = files["eeg.edf"], files["fnirs.snirf"]
    assert "EEG file first" in refused(capsys, tmp_path, fnirs, eeg)
    assert "EEG file first" in refused(capsys, tmp_path, eeg, eeg)


def test_no_shared_event_names(session, files, tmp_path, capsys):
    """Two recordings whose events are named differently."""
    raw = session.raw_eeg.copy()
    raw.annotations.rename({"activation": "go", "rest": "stop"})
    path = write_raw(raw, tmp_path / "eeg_raw.fif")
    assert "share no event name" in refused(capsys, tmp_path, path, files["fnirs.snirf"])


def test_clocks_that_cannot_be_reconciled(session, files, tmp_path, capsys):
    """Markers at unrelated times."""
    raw = session.raw_eeg.copy()
    rng = np.random.default_rng(0)
    onsets = np.sort(rng.uniform(5, raw.times[-1] - 5, len(raw.annotations)))
    names = rng.permutation(raw.annotations.description)
    raw.set_annotations(mne.Annotations(onsets, 4.0, names, orig_time=raw.info["meas_date"]))
    path = write_raw(raw, tmp_path / "eeg_raw.fif")
    assert "clocks cannot be reconciled" in refused(capsys, tmp_path, path, files["fnirs.snirf"])


def test_no_pairs(session, files, tmp_path, capsys):
    """One wavelength alone gives no concentrations."""
    raw = session.raw_fnirs.copy().pick([n for n in session.raw_fnirs.ch_names if n.endswith("760")])
    path = write_raw(raw, tmp_path / "fnirs_raw.fif")
    assert "no source-detector pair" in refused(capsys, tmp_path, files["eeg.edf"], path)


def test_unknown_wavelengths(session, files, tmp_path, capsys):
    """Channels that do not say their wavelength."""
    raw = session.raw_fnirs.copy()
    for channel in raw.info["chs"]:
        channel["loc"][9] = np.nan
    path = write_raw(raw, tmp_path / "fnirs_raw.fif")
    assert "wavelength" in refused(capsys, tmp_path, files["eeg.edf"], path)


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (0.0, "flat")])
def test_nan_or_flat_signals(session, files, tmp_path, capsys, value, word):
    """Every EEG channel NaN, or every one flat."""
    raw = session.raw_eeg.copy().apply_function(lambda x: np.full_like(x, value))
    path = write_raw(raw, tmp_path / "eeg_raw.fif")
    error = refused(capsys, tmp_path, path, files["fnirs.snirf"])
    assert "all 28 channels" in error
    assert word in error


def test_all_channels_bad(session, files, tmp_path, capsys):
    """Every fNIRS channel marked bad in the file."""
    raw = session.raw_fnirs.copy()
    raw.info["bads"] = list(raw.ch_names)
    path = write_raw(raw, tmp_path / "fnirs_raw.fif")
    assert "are bad" in refused(capsys, tmp_path, files["eeg.edf"], path)


def test_too_few_trials(files, tmp_path, capsys):
    """Fewer trials than cross-validation needs."""
    events = pd.read_csv(files["events.tsv"], sep="\t").head(5)
    events.to_csv(tmp_path / "events.tsv", sep="\t", index=False)
    error = refused(capsys, tmp_path, files["eeg.edf"], files["fnirs.snirf"], "--events", tmp_path / "events.tsv")
    assert "needs at least 10 good trials" in error


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--conditions", "sleep"), "not among the events"),
        (("--events", "no.tsv"), "does not exist"),
        (("--epoch", "3", "1"), "START before STOP"),
        (("--epoch", "nan", "4"), "START before STOP"),
        (("--fnirs-epoch", "0", "0.05"), "START before STOP"),
        (("--folds", "1"), "must be at least 2"),
        (("--steps", "0"), "must be at least 1"),
        (("--batch-size", "0"), "must be at least 2"),
        (("--seed", "-1"), "must be at least 0"),
        (("--ppf", "-6"), "must be positive"),
        (("--reject-eeg", "0.001"), "--reject-eeg"),
    ],
)
def test_settings_that_cannot_work(files, tmp_path, capsys, argv, words):
    """Settings that leave nothing to analyse."""
    assert words in refused(capsys, tmp_path, files["eeg.edf"], files["fnirs.snirf"], *argv)


@pytest.mark.parametrize("place", ["here", "with the input", "with other things", "in a file"])
def test_folders_that_are_not_ours_are_left_alone(files, tmp_path, capsys, monkeypatch, place):
    """--overwrite replaces a report of pidjax and nothing else."""
    ours = tmp_path / "keep"
    ours.mkdir()
    for path in files.values():
        (ours / path.name).write_bytes(path.read_bytes())
    before = sorted(p.name for p in ours.iterdir())
    monkeypatch.chdir(tmp_path)
    eeg, out = {
        "here": (files["eeg.edf"], "."),
        "with the input": (ours / "eeg.edf", "keep"),
        "with other things": (files["eeg.edf"], "keep"),
        "in a file": (files["eeg.edf"], "keep/eeg.edf/report"),
    }[place]
    assert main(["decompose", str(eeg), str(files["fnirs.snirf"]), "--out", out, "--overwrite"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert sorted(p.name for p in ours.iterdir()) == before
    assert [p.name for p in tmp_path.iterdir()] == ["keep"]


def test_start_times_are_not_ignored(session, tmp_path, capsys):
    """Without shared markers, files that say they began 12.4 s apart are not laid on one another unasked."""
    eeg = write_raw(session.raw_eeg.copy().set_annotations(None), tmp_path / "eeg_raw.fif")
    later = session.raw_fnirs.info["meas_date"] - datetime.timedelta(seconds=12.4)
    fnirs = write_raw(session.raw_fnirs.copy().set_annotations(None).set_meas_date(later), tmp_path / "fnirs_raw.fif")
    assert "start times differ by 12.400 s" in refused(capsys, tmp_path, eeg, fnirs)


def test_unknown_option(files, tmp_path, capsys):
    """The command line refuses what it does not know, also with status 2."""
    with pytest.raises(SystemExit) as stop:
        main(["decompose", str(files["eeg.edf"]), str(files["fnirs.snirf"]), "--out", str(tmp_path / "o"), "--nope"])
    assert stop.value.code == 2
    assert not (tmp_path / "o").exists()
