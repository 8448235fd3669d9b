"""experiments.synthetic_factors: the smoke preset runs to its tables, and keeps what it made."""

import dataclasses
import json

import pytest

from experiments.synthetic_factors import __main__ as experiment
from experiments.synthetic_factors.config import PRESETS, Config
from experiments.synthetic_factors.data import coordinates
from pidjax._checks import InputError


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """The six terms, once, and a supervised method; two seeds side by side."""
    smaller = dataclasses.replace(PRESETS["smoke"], dims=(2, 2, 2), width=4, ratios=(1.0,))
    monkeypatch.setitem(experiment.PRESETS, "smoke", smaller)
    experiment.main("smoke", tmp_path, method=("factorcl_ssl", "supcon"))
    result = json.loads((tmp_path / "smoke" / "result.json").read_text())
    assert all(0.3 < a <= 1 for by in result["methods"].values() for a in by["accuracy"]["1.0"])
    nats = result["methods"]["factorcl_ssl"]["nats"]
    assert set(nats) == {"shared1", "unique1", "shared2", "unique2"} and len(nats["unique1"]["w1"]) == 2
    assert [claim["holds"] for claim in result["claims"]] == [None] * len(result["claims"])
    text = (tmp_path / "smoke" / "table.md").read_text()
    assert "best possible from both" in text and "all of X1 (exact)" in text and "expected" in text

    experiment.main("smoke", tmp_path, method=("cross_self",), label="planar", noise=0.0)
    planar = json.loads((tmp_path / "smoke-label-planar-noise-0.0" / "result.json").read_text())["methods"][
        "cross_self"
    ]
    assert len(planar["accuracy"]["1.0"]) == 2 and planar.get("excess") is None

    def never(*args, **kwargs):
        raise AssertionError("what an earlier run left was made again")

    monkeypatch.setattr(experiment, "representations", never)
    experiment.main("smoke", tmp_path, method=("factorcl_ssl", "supcon"))


def test_bad_input(tmp_path):
    with pytest.raises(InputError, match="no method 'simclear': choose among simclr"):
        experiment.main("smoke", tmp_path, method=("simclear",))
    with pytest.raises(InputError, match="augmentation must be one of"):
        Config(augmentation="strong")
    with pytest.raises(InputError, match="has one ratio"):
        Config(whole_label=True)
    assert coordinates(PRESETS["notebook"], 12 / 22) == (10, 6, 6)
