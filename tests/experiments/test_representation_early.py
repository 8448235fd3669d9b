"""experiments/representation.py: trainings that stop early by validation rows."""

import numpy as np

from experiments.representation import probed_early, stopped_early


def test_training_stops_early(tmp_path):
    """Two looks after the best one, which is what is found; a second run looks no more."""
    said = {20: 1, 40: 3, 60: 2, 80: 3, 100: 5}

    def look(upto):
        return {"validation": said.pop(upto), "test": upto}

    for _ in range(2):
        assert stopped_early(look, 100, tmp_path, looks=5) == {"validation": 3, "test": 40}
        assert set(said) == {100}
    assert stopped_early(lambda upto: {"validation": upto}, 3, tmp_path / "few") == {"validation": 3}


def test_validation_rows_choose_and_test_rows_are_reported(tmp_path):
    """Features tell validation labels in the first half, those of tested rows in the second: the first half is kept."""
    rng = np.random.default_rng(0)
    y = [rng.integers(2, size=n) for n in (40, 41, 42)]

    def encoder(upto):
        def encode(rows):
            told = (True, upto <= 4, upto > 4)[rows["part"]]
            return {"joint": rows["x1"] * told + rng.normal(size=rows["x1"].shape) / 9}

        return encode

    parts = [({"x1": 2.0 * y[k][:, None] - 1, "part": k}, y[k]) for k in range(3)]
    found = probed_early(encoder, parts, {"tuned": ("joint",)}, 8, tmp_path)
    assert found["tuned"]["n"] == 42 and found["tuned"]["accuracy"] < 0.8
