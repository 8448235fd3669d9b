"""experiments.unique_augmentation: the smoke preset runs to its table; sequences hold what they are said to."""

import json

import numpy as np

from experiments.unique_augmentation import __main__ as experiment
from experiments.unique_augmentation.data import FACTOR, STEPS, ceiling, draw


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """A representation an augmentation, two seeds; a second run trains nothing."""
    experiment.main("smoke", tmp_path, method=("masked",))
    result = json.loads((tmp_path / "smoke" / "result.json").read_text())
    assert len(result["nats"]) == 3 and all(len(of["w1"]) == 2 for of in result["nats"].values())
    assert [claim["holds"] for claim in result["claims"]] == [None]
    assert (tmp_path / "smoke" / "unique.png").stat().st_size > 10_000
    monkeypatch.setattr(experiment, "learned", None)
    experiment.main("smoke", tmp_path, method=("masked",))


def test_sequences():
    """x2 is silent at half of the steps; a regression of x1 holds the exact information of w1 and of ws."""
    rows = draw(20_000, 0)
    assert (rows["x2"][:, STEPS // 2 :] == 0).all() and (rows["x2"][:, : STEPS // 2] != 0).all()
    x = rows["x1"].reshape(len(rows["x1"]), -1)
    for name in ("w1", "ws"):
        w = rows[name]
        rest = w - x @ np.linalg.lstsq(x, w, rcond=None)[0]
        found = (np.linalg.slogdet(w.T @ w)[1] - np.linalg.slogdet(rest.T @ rest)[1]) / 2
        # 96 regressors of 20,000 rows take 0.0024 of every coordinate's logarithm; 4 standard errors beside
        assert abs(found - ceiling()) < FACTOR * 0.0024 + 4 * (FACTOR / 2 / len(x)) ** 0.5
