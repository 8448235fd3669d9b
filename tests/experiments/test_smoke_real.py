"""experiments.real_today: the smoke preset runs to its tables; parts share no row and no video."""

import json

import numpy as np

from experiments.real_today import __main__ as experiment
from experiments.real_today.sets import PARTS, SETS


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch, data):
    """One method on the smallest set; a second run trains nothing."""
    folder = data("multimodal/basic_motions.npz").parents[1]
    monkeypatch.setattr(experiment, "atoms", lambda *of: {"why": "not here"})
    experiment.main("smoke", tmp_path, folder, sets=("motions",), method=("cross_self",))
    result = json.loads((tmp_path / "smoke" / "result.json").read_text())["sets"]["motions"]
    assert len(result["cross_self"]["test"]) == 2 and 0.25 < result["raw"]["all"]["test"] <= 1
    assert set(result["raw"]) == {"accelerometer", "gyroscope", "all"}
    text = (tmp_path / "smoke" / "table.md").read_text()
    assert "not here" in text and "expected" in text
    assert (tmp_path / "smoke" / "scores.png").stat().st_size > 5_000
    monkeypatch.setattr(experiment, "learned", None)
    experiment.main("smoke", tmp_path, folder, sets=("motions",), method=("cross_self",))


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
