"""``pidjax simulate``: files, the truth beside them, the figure of one trial, refusals in one line."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.cli import main
from pidjax.neuro.events import read_events_tsv
from pidjax.neuro.simulate import CLEAR, TASKS, make_task, observe, simulate_trials, truth
from pidjax.neuro.simulate.figure import trial_figure


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("simulate") / "event"
    assert main(["simulate", "event", "--out", str(out), "--n-trials", "4", "--seed", "3"]) == 0
    return out


def test_one_session_and_its_truth(folder):
    """Recordings, events with the label, hidden factors, figure, and the atoms that ``truth`` gives for the seed."""
    names = {"eeg.edf", "fnirs.snirf", "events.tsv", "factors.tsv", "trial.png"}
    assert {path.name for path in folder.iterdir()} == names | {"truth.json", "belongs.json", "limits.json"}
    events = read_events_tsv(folder / "events.tsv")
    np.testing.assert_array_equal(events.label == 1, events.trial_type == "activation")
    found = json.loads((folder / "truth.json").read_text())
    assert found["from"] == "closed form" and found["unit"] == "nats"
    expected = truth(make_task("event"), seed=3).atoms
    np.testing.assert_allclose([found["atoms"][name] for name in expected._fields], expected)
    best = json.loads((folder / "limits.json").read_text())["event"]
    assert best["unit"] == "balanced accuracy" and 0.5 < best["eeg"] < best["both"] <= 1


def test_several_subjects_are_a_bids_folder(tmp_path, capsys):
    """Two subjects; without a truth when none is asked for."""
    words = ["simulate", "mode", "--out", str(tmp_path / "study"), "--n-trials", "6", "--truth-trials", "0"]
    assert main([*words, "--subjects", "2", "--interval", "14", "16", "--overlap"]) == 0
    assert "4 recordings" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "study").glob("sub-*")) == ["sub-01", "sub-02"]
    assert not {"truth.json", "belongs.json", "limits.json"} & {path.name for path in (tmp_path / "study").iterdir()}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--n-trials", "1"], "at least 2 trials"),
        (["--interval", "5", "6"], "responses overlap"),
        (["--subjects", "0"], "n_subjects must be 1 or more"),
        (["--subjects", "2", "--eeg-format", "fif"], "BIDS folder holds EDF"),
        (["--truth-trials", "7"], "truth_trials must be"),
    ],
)
def test_refusals(words, message, tmp_path, capsys):
    """Status 2 and one line."""
    assert main(["simulate", "event", "--out", str(tmp_path / "x"), *words]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.strip().splitlines()) == 1


def test_a_full_folder_is_left_alone(folder, capsys):
    """Without --overwrite."""
    assert main(["simulate", "event", "--out", str(folder)]) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_overwriting_leaves_no_older_recording(folder, tmp_path):
    """FIF over EDF, a study over a session, another task over a study; other files stay, and so does all if refused."""
    out = tmp_path / "x"
    shutil.copytree(folder, out)
    (out / "notes.txt").touch()
    before = sorted(out.iterdir())
    words = ["--out", str(out), "--overwrite", "--truth-trials", "0", "--n-trials", "2", "--interval", "2", "3"]
    assert main(["simulate", "cost", *words]) == 2 and sorted(out.iterdir()) == before
    words.append("--overlap")
    assert main(["simulate", "cost", *words, "--eeg-format", "fif"]) == 0
    gone = {path.name for path in before} - {path.name for path in out.iterdir()}
    assert gone == {"eeg.edf", "truth.json", "limits.json"}
    assert main(["simulate", "cost", *words, "--subjects", "2"]) == 0
    assert not {"eeg_raw.fif", "fnirs.snirf", "factors.tsv"} & {path.name for path in out.iterdir()}
    assert main(["simulate", "delay_locked", *words, "--sessions", "2"]) == 0
    assert {path.stem.split("_")[2] for path in out.rglob("*.edf")} == {"task-delaylocked"}
    assert (out / "notes.txt").exists() and not (out / "sub-02").exists()


def test_figure_shows_every_factor_that_varies():
    """Three panels of signals, and one for each factor with more than one node."""
    config = dataclasses.replace(CLEAR, jitter=1.0, eeg_sfreq=125.0, fnirs_window=(-5.0, 15.0), dispersion_sd=0.0)
    trials = simulate_trials(config, 2, seed=1)
    seen = observe(trials, step=0.2, cells=3)
    figure = trial_figure(trials, seen, 1)
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert len(labels) == 10 and {"onset (s)", "delay τ (s)", "log cost v", "mode"} <= set(labels)
    with pytest.raises(InputError, match=r"0 \.\.\. 1"):
        trial_figure(trials, seen, 2)


def test_every_task_can_be_told():
    """The documentation of the tasks names each of them."""
    from pidjax.neuro.simulate import tasks

    assert all(f"``{name}``" in tasks.__doc__ for name in TASKS)
