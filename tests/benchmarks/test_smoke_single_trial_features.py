"""benchmarks.single_trial_features: rows are read of what their modality holds; encoders learn from folds alone."""

import json

import numpy as np
from smoke import run

from pidjax import neuro
from pidjax.objectives import HEADS

TAUGHT: list[int] = []


class Trained:
    """In the place of a decomposer: heads that are the trials' numbers, of as many as it was taught."""

    def __init__(self, steps):
        assert steps == 2

    def fit(self, pairs):
        TAUGHT.append(len(pairs))
        return self

    def transform(self, pairs):
        return {head: np.arange(2.0 * len(pairs)).reshape(-1, 2) for head in HEADS}


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """Eight rows of two sessions and two folds each; a second run makes nothing."""
    monkeypatch.setattr(neuro, "EEGfNIRSDecomposer", Trained)
    printed = run("single_trial_features", tmp_path)
    sessions = json.loads((tmp_path / "smoke" / "result.json").read_text())["sessions"]
    assert len(sessions) == 2 and len(TAUGHT) == 4 and max(TAUGHT) < 24
    for one in sessions:
        assert len(one) == 8 and all(-1 <= x <= 1 for row in one.values() for x in row.values())
        assert all(("mode" in row) == name.startswith("EEG") for name, row in one.items())
    assert run("single_trial_features", tmp_path) == printed
    assert len(TAUGHT) == 4
