"""experiments.synthetic_factors: the smoke preset runs to its tables, and keeps what it made."""

import dataclasses
import json

import pytest

from experiments.synthetic_factors import __main__ as experiment
from experiments.synthetic_factors import ablations, methods
from experiments.synthetic_factors.claims import claims
from experiments.synthetic_factors.config import PRESETS, Config
from experiments.synthetic_factors.data import coordinates
from experiments.synthetic_factors.report import nats_cell
from pidjax._checks import InputError
from pidjax.objectives import METHODS


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """The six terms, once, and a supervised method; two seeds side by side."""
    smaller = dataclasses.replace(PRESETS["smoke"], dims=(2, 2, 2), width=4)
    monkeypatch.setitem(experiment.PRESETS, "smoke", smaller)
    experiment.main("smoke", tmp_path, method=("factorcl_ssl", "supcon"))
    result = json.loads((tmp_path / "smoke" / "result.json").read_text())
    for by in (result["methods"] | result["references"]).values():
        assert all(0.3 < a <= 1 for of in by["accuracy"].values() for a in of) and by["seconds"] > 0
        assert len(by["accuracy"]["1.0"]) == 2
    nats = result["methods"]["factorcl_ssl"]["nats"]
    assert set(nats) == {"shared1", "unique1", "shared2", "unique2"}
    assert len(nats["unique1"]["w1"]) == 2 and all(error > 0 for _, error in nats["unique1"]["w1"])
    assert [claim["holds"] for claim in result["claims"]] == [None] * len(result["claims"])
    text = (tmp_path / "smoke" / "table.md").read_text()
    assert "best possible from both" in text and "all of X1 (exact)" in text and "expected" in text
    assert "| raw |" in text and "| untrained |" in text and "I(Z2; Y given X1)" in text

    monkeypatch.setitem(experiment.PRESETS, "smoke", dataclasses.replace(smaller, ratios=(1.0,)))
    experiment.main("smoke", tmp_path, method=("cross_self",), label="planar", noise=0.0)
    planar = json.loads((tmp_path / "smoke-label-planar-noise-0.0" / "result.json").read_text())["methods"][
        "cross_self"
    ]
    assert len(planar["accuracy"]["1.0"]) == 2 and planar.get("excess") is None

    def never(*args, **kwargs):
        raise AssertionError("what an earlier run left was made again")

    monkeypatch.setitem(experiment.PRESETS, "smoke", smaller)
    monkeypatch.setattr(methods, "representations", never)
    experiment.main("smoke", tmp_path, method=("factorcl_ssl", "supcon"))


def test_ablations_have_a_folder_of_their_own(tmp_path, monkeypatch):
    """Of FactorCL-SSL at both ends and of -SUP at one ratio; representations are X here, and nothing is trained."""
    few = {what: ablations.OF_SSL[what] for what in ("without nce12c", "an eighth of the rows")}
    monkeypatch.setattr(ablations, "OF_SSL", few)
    asked = []

    def inputs(name, config, drawn, y, **kwargs):
        asked.append((name, config.factorcl.negatives, len(drawn[0].train["x1"])))
        return [{head: d.test[f"x{head[-1]}"] for head in METHODS[name].heads} for d in drawn]

    monkeypatch.setattr(methods, "representations", inputs)
    experiment.main("smoke", tmp_path, ablations=True)
    assert ("factorcl_sup", "same_label", 128) in asked and ("factorcl_ssl", "marginal", 16) in asked
    text = (tmp_path / "smoke-ablations" / "table.md").read_text()
    assert "| without nce12c |" in text and "| change | accuracy, 1 unique |" in text
    assert not (tmp_path / "smoke").exists()


def test_claims_hold_on_both_sides_by_two_standard_errors():
    def of(accuracy, **heads):
        nats = {h: {w: [(value, 0.1)] for w, value in of.items()} for h, of in heads.items()}
        return {"accuracy": {"0.0": [0.9], "1.0": [accuracy]}, "nats": nats}

    baseline = {f"backbone{s}": {f"w{s}": 2.0, "ws": 3.0} for s in "12"}
    factored = {f"shared{s}": {f"w{s}": 0.0, "ws": 4.0} for s in "12"} | {
        "unique1": {"w1": 2.5, "ws": -20.0},
        "unique2": {"w2": 2.2, "ws": 1.0},
    }
    found = {"clean_ssl": of(0.8, **factored), "simclr": of(0.6, **baseline), "cross_self": of(0.7, **baseline)}
    holds = {c.name: c.holds for c in claims(Config(ratios=(0.0, 1.0)), found, judged=True)}
    assert (
        holds["Fig. 1: order at ratio 1"]
        and holds["Fig. 1: simclr, accuracy at 1 unique a point or more below that at 0"]
    )
    first = "Table 1: clean_ssl, "
    assert not holds[first + "I(unique; w_i) against baselines, sides 1; 2"]  # side 2: 0.2 above, with an error of 0.14
    assert not holds[first + "I(unique; ws) against baselines, sides 1; 2"]  # a probe that fails is no claim
    assert holds[first + "I(shared; w_i) against baselines, sides 1; 2"]
    assert nats_cell([(-20.0, 1.0)]) == "probe fails" and nats_cell([(1.0, 0.1), (3.0, 0.1)]) == "2.00 ± 1.00"


def test_bad_input(tmp_path):
    with pytest.raises(InputError, match="no method 'simclear': choose among simclr"):
        experiment.main("smoke", tmp_path, method=("simclear",))
    with pytest.raises(InputError, match="augmentation must be one of"):
        Config(augmentation="strong")
    with pytest.raises(InputError, match="has one ratio"):
        Config(whole_label=True)
    with pytest.raises(InputError, match="one seed or more; found 0"):
        Config(seeds=0)
    assert coordinates(PRESETS["notebook"], 12 / 22) == (10, 6, 6)
