"""pidjax/neuro/known.py and simulate/belongs.py: what is true of simulated trials, and none of real ones."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pidjax._checks import InputError
from pidjax.neuro.known import known_of
from pidjax.neuro.prepare import _events
from pidjax.neuro.settings import DecomposeSettings
from pidjax.neuro.simulate import CLEAR
from pidjax.neuro.simulate.belongs import belongs
from pidjax.neuro.simulate.limits import Limit


def test_where_factors_belong():
    """A delay is the fNIRS's own, and both modalities' together where no marker tells the onset."""
    assert belongs(CLEAR)["delay"] == ("unique_fnirs",)
    assert belongs(dataclasses.replace(CLEAR, jitter=8.0))["delay"] == ("synergy",)
    assert belongs(CLEAR)["mode"] == ("unique_eeg",)
    assert belongs(dataclasses.replace(CLEAR, mode_on_hrf=0.3))["mode"] == belongs(CLEAR)["event"]
    still = dataclasses.replace(CLEAR, event=1.0, activation_sd=0.0, modes=("alpha",), dispersion_sd=0.0)
    assert set(belongs(still)) == {"intensity", "cost", "delay"}


@pytest.fixture
def folder(tmp_path):
    """Four trials, of which rest shows no cost."""
    onset = np.array([10.0, 40.0, 70.0, 100.0])
    events = pd.DataFrame({"onset": onset, "duration": 4.0, "trial_type": ["rest", "go", "rest", "go"]})
    events.to_csv(tmp_path / "events.tsv", sep="\t", index=False)
    factors = pd.DataFrame({"event": [False, True, False, True], "cost": [1.0, 2.0, 3.0, 4.0], "onset": 0.0})
    factors.to_csv(tmp_path / "factors.tsv", sep="\t", index=False)
    heads = {"event": ["redundancy_eeg", "redundancy_fnirs"], "cost": ["unique_fnirs"]}
    (tmp_path / "belongs.json").write_text(json.dumps(heads))
    return tmp_path


def kept(*row):
    return SimpleNamespace(metadata=pd.DataFrame({"events_row": row}))


def test_factors_are_those_of_the_trials_that_were_kept(folder):
    found = known_of(kept(1, 2, 3), str(folder / "events.tsv"))
    assert found.factors.event.tolist() == [True, False, True]
    np.testing.assert_array_equal(found.factors.cost, [2.0, np.nan, 4.0])
    assert found.heads["event"] == ("redundancy_eeg", "redundancy_fnirs") and list(found.factors) == ["event", "cost"]
    assert not found.limits  # no file


def test_limits_of_ideal_observers(folder):
    one = Limit("r", 0.0, 0.7, 0.8, 0.0, 0.01, 0.02)
    (folder / "limits.json").write_text(json.dumps({"cost": one._asdict()}))
    assert known_of(kept(1, 2, 3), str(folder / "events.tsv")).limits == {"cost": one}


def test_what_subjects_do_follows_factors(folder):
    """Reaction times are in the events, belong where the efficiency does, and are of trials with an activation."""
    heads = belongs(CLEAR, behaviour=True)
    assert heads["reaction_time"] == heads["correct"] == ("synergy",)
    assert heads["difficulty"] == heads["fatigue"] == ("unique_fnirs",)
    alone = dataclasses.replace(CLEAR, intensity_sd=0.0)
    assert belongs(alone, behaviour=True)["reaction_time"] == ("unique_fnirs",)
    assert not {"difficulty", "fatigue"} & set(belongs(dataclasses.replace(CLEAR, cost_sd=0.0), behaviour=True))
    events = pd.read_csv(folder / "events.tsv", sep="\t").assign(reaction_time=[0.5, 0.6, 0.7, 0.8])
    events.to_csv(folder / "events.tsv", sep="\t", index=False)
    (folder / "belongs.json").write_text(json.dumps({"event": ["synergy"], "reaction_time": ["synergy"]}))
    found = known_of(kept(1, 2, 3), str(folder / "events.tsv")).factors
    np.testing.assert_array_equal(found.reaction_time, [0.6, np.nan, 0.8])


def test_real_recordings_have_none(folder):
    assert known_of(kept(1), "auto") is None
    (folder / "belongs.json").unlink()
    assert known_of(kept(1), str(folder / "events.tsv")) is None


def test_other_events_than_were_simulated(folder):
    table = pd.read_csv(folder / "events.tsv", sep="\t").head(3)
    table.to_csv(folder / "events.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match=r"holds 4 trials and .* 3: use both"):
        known_of(kept(1), str(folder / "events.tsv"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("factors.tsv", None),
        ("factors.tsv", ""),
        ("factors.tsv", "event\tcost\nTrue\t1.0\n\t"),
        ("belongs.json", '{"event": ["redundancy_eeg"'),
        ("belongs.json", '{"event": ["redundancy_eeg"], "delay": ["synergy"]}'),
        ("belongs.json", '["event"]'),
        ("limits.json", '{"cost": {"unit": "r", "eeg": 0.0}}'),
    ],
)
def test_files_that_do_not_go_together(folder, name, content):
    """Missing, cut off, or of other columns: one sentence."""
    (folder / name).unlink() if content is None else (folder / name).write_text(content)
    with pytest.raises(InputError, match=r"belongs.json tells the heads .* \(.+\): use all as pidjax simulate"):
        known_of(kept(1), str(folder / "events.tsv"))


def test_a_trial_keeps_its_row_of_the_events_file(folder, session):
    """Onsets are on the fNIRS clock, seconds from the EEG's, and only some conditions are taken."""
    settings = DecomposeSettings(events=str(folder / "events.tsv"), events_clock="fnirs", conditions=("go",))
    _, table = _events(session.raw_eeg, session.raw_fnirs, settings, {})
    assert (abs(table.onset - [40.0, 100.0]) > 1).all()
    found = known_of(SimpleNamespace(metadata=table), settings.events)
    np.testing.assert_array_equal(found.factors.cost, [2.0, 4.0])
