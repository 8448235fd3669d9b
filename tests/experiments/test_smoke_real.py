"""experiments.real_today: the smoke preset runs to its tables; validation chooses; parts share no row and no video."""

import json

import jax
import numpy as np
import pytest

from experiments.real_today import __main__ as experiment
from experiments.real_today.files import read, write_motions
from experiments.real_today.sets import PARTS, SETS
from experiments.representation import Learned
from pidjax._checks import InputError
from pidjax.typing import Objective


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """One method on a file that is written, as there are no recordings; a second run trains nothing."""
    folder = tmp_path / "absent"
    monkeypatch.setattr(experiment, "atoms", lambda *of: {"why": "not here"})
    experiment.main("smoke", tmp_path, folder, sets=("motions",), method=("cross_self",))
    result = json.loads((tmp_path / "smoke" / "result.json").read_text())["sets"]["motions"]
    assert len(result["cross_self"]["test"]) == 2 and 0.25 < result["raw"]["all"]["test"] <= 1
    assert set(result["raw"]) == {"accelerometer", "gyroscope", "all"}
    curve = result["cross_self"]["curve"]
    best = max(np.mean(stage["validation"]) for stage in curve)
    assert [stage["step"] for stage in curve] == [1, 2] and np.mean(result["cross_self"]["validation"]) == best
    text = (tmp_path / "smoke" / "table.md").read_text()
    assert "not here" in text and "expected" in text and f"| cross_self | {result['cross_self']['step']} |" in text
    assert (tmp_path / "smoke" / "scores.png").stat().st_size > 5_000
    monkeypatch.setattr(experiment, "learned", None)
    experiment.main("smoke", tmp_path, folder, sets=("motions",), method=("cross_self",))


def test_steps_are_chosen_on_validation_rows(tmp_path, monkeypatch):
    """The stage that validation likes best, though test rows like the other; training goes on from stage to stage."""
    of, asked = SETS["motions"](write_motions(tmp_path)), []

    def learned(objective, batches, steps, tx, **settings):
        asked.append(steps)
        heads = ("backbone1", "backbone2")
        return Learned(lambda rows: {head: np.full((len(rows["x1"]), 2, 1), steps) for head in heads}, None, [])

    def probed(z, of):
        return {"validation": {10: 0.5, 20: 0.9, 30: 0.7}[z[0, 0]], "test": {10: 0.8, 20: 0.1, 30: 0.2}[z[0, 0]]}

    monkeypatch.setattr(experiment, "learned", learned)
    monkeypatch.setattr(experiment, "probed", probed)
    config = experiment.Config(stages=(10, 20, 30), seeds=2)
    (tmp_path / "probed-10.json").write_text(json.dumps({"step": 10, "seconds": 1, "validation": [0.5], "test": [0.8]}))
    found = experiment.measured("supcon", lambda: of, config, "", tmp_path)
    assert (found["step"], found["test"], asked) == (20, [0.1, 0.1], [20, 30])
    with pytest.raises(InputError, match="larger than the one before"):
        experiment.Config(stages=(20, 10))


def test_augmented():
    """Only what a method trains on is augmented, and its label never."""
    given = {"x1": np.zeros((3, 2), np.float32), "x2": np.ones((3, 4), np.float32), "y": np.arange(3)}
    echo = Objective(None, lambda params, state, batch, key=None, *, train: (batch, state), None)
    made = experiment.augmented(echo, lambda key, sample: {side: x + 1 for side, x in sample.items()})
    seen = made.encode({}, {}, given, jax.random.split(jax.random.key(0), 3), train=True)[0]
    assert (seen["x1"] == 1).all() and (seen["x2"] == 2).all() and seen["y"] is given["y"]
    assert made.encode({}, {}, given, train=False)[0] is given


def test_layouts_of_folders(tmp_path):
    """A file lies in the folder that is named or in its multimodal/; the written one is as large as the real one."""
    write_motions(tmp_path / "multimodal")
    one, other = (SETS["motions"](folder) for folder in (tmp_path, tmp_path / "multimodal"))
    np.testing.assert_array_equal(one.x1, other.x1)
    assert one.x1.shape == one.x2.shape == (80, 300) and np.bincount(one.y).tolist() == [20] * 4


def test_files_that_cannot_be_read(tmp_path):
    """Which is absent, where it is from and what it holds; which array is missing; one that is cut off."""
    with pytest.raises(InputError, match=r"no uci_mfeat.npz in .*multimodal: save there.*archive.ics.uci.edu.*fou \["):
        SETS["uci"](tmp_path)
    path = write_motions(tmp_path) / "basic_motions.npz"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no archive"):  # not a zip, nothing, no array
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"basic_motions.npz is cut off, or no .npz of numbers and texts"):
            read(tmp_path, "basic_motions")
    np.savez(path, X_train=np.zeros(3), y_train=np.zeros(3), X_test=np.zeros(3))
    with pytest.raises(InputError, match=r"found X_train, y_train, X_test, without y_test: save it again"):
        read(tmp_path, "basic_motions")


def test_parts(data):
    """Standardised by training rows, finite; no row in two parts, no video of MOSI on both sides of a division."""
    folder = data("multimodal/av_digits.npz").parents[1]
    for name, load in SETS.items():
        of = load(folder)
        assert set(of.rows) == set(PARTS)
        rows = np.concatenate(list(of.rows.values()))
        assert len(np.unique(rows)) == len(rows) == len(of.y), name
        for x in (of.x1, of.x2):
            seen = x[of.rows["train"]]
            assert np.isfinite(x).all() and np.abs(x).max() <= 5 and np.abs(seen.mean(0)).max() < 0.2, name
        assert all(set(of.y[r]) == set(of.y) for r in of.rows.values())
    with np.load(folder / "multimodal/mosi_utterance_features.npz") as stored:
        video, of = stored["video_id"], SETS["mosi"](folder)
    sets = [set(video[of.rows[part]]) for part in PARTS]
    assert not sets[0] & sets[1] and not (sets[0] | sets[1]) & sets[2]
