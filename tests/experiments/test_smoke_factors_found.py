"""experiments.factors_found: the smoke preset runs to its tables; every head is measured against its observer."""

import json

import numpy as np
import pytest

from experiments.factors_found import __main__ as experiment
from experiments.factors_found import measure, methods
from experiments.factors_found.tables import claims, leakage
from experiments.factors_found.world import OWNER, TASKS, Drawn, draw, task_of
from experiments.representation import Learned
from pidjax._checks import InputError
from pidjax.neuro.canonical import CanonicalDecomposer
from pidjax.objectives import HEADS


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """One method on one task; a second run makes nothing."""
    chosen = {"method": ("canonical",), "task": ("event",)}
    experiment.main("smoke", tmp_path, **chosen)
    found = json.loads((tmp_path / "smoke" / "result.json").read_text())["tasks"]["event"][0]
    assert set(found["methods"]["canonical"]) == set(HEADS)
    assert 0.4 < found["observers"][0] < found["observers"][1] <= np.log(2) + 1e-9
    text = (tmp_path / "smoke" / "table.md").read_text()
    assert "ideal observers" in text and "synergy claimed where there is none" in text
    assert (tmp_path / "smoke" / "shares.png").stat().st_size > 5_000
    monkeypatch.setattr(measure, "draw", None)
    monkeypatch.setattr(measure, "draw_control", None)
    experiment.main("smoke", tmp_path, **chosen)
    with pytest.raises(InputError, match="task"):
        experiment.main("smoke", tmp_path, task=("naps",))


@pytest.mark.parametrize("task", ["delay", "delay_locked"])
def test_the_smoke_preset_has_every_class_in_both_halves_of_its_subjects(task):
    """Eight quantile bins of few trials: a probe cannot be tested on a class that it was not taught."""
    config = experiment.PRESETS["smoke"]
    rng, law = np.random.default_rng([config.draws, 0, list(TASKS).index(task)]), task_of(task, config)
    draw(law, config.train_subjects, config.train_trials, rng, observed=False)
    drawn = draw(law, config.test_subjects, config.test_trials, rng, observed=False)
    for fold in measure.by_subject(drawn.trials.recording):
        assert set(drawn.label[fold.test]) == set(range(8))


def test_other_methods_learn_the_same_features_and_are_read_head_by_head(tmp_path, monkeypatch):
    """Training rows are the features of the training trials; heads are what each method encodes of the tested ones."""
    seen = []

    def learned(objective, batches, steps, tx, **settings):
        seen.append(batches(0))
        parts = {part for parts in methods.READ[settings["title"]].values() for part in parts}
        return Learned(lambda rows: {part: rows["x1"] * len(part) for part in parts}, None, [])

    class Model:
        def measure(self, trials):
            return np.full((trials, 2), trials), np.zeros((trials, 3))

        def normalised(self, features):
            return features

    monkeypatch.setattr(methods, "learned", learned)
    train, test = (Drawn(n, np.arange(n) % 2, None) for n in (8, 5))
    for name in methods.READ:
        heads = methods.heads_of(name, Model(), train, test, None, experiment.PRESETS["smoke"], 0, tmp_path)
        if name == "features":
            np.testing.assert_array_equal(heads["synergy"], np.hstack(Model().measure(5)))
            continue
        assert (seen[-1]["x1"] == 8).all() and seen[-1]["x2"].shape == (8, 3)
        for head, parts in methods.READ[name].items():
            np.testing.assert_array_equal(heads[head], np.hstack([np.full((5, 2), 5.0 * len(part)) for part in parts]))


def test_the_trained_decomposer_is_taught_as_the_closed_form_is(tmp_path, monkeypatch):
    """The same jitter and told labels, the native trials of either set, checkpoints of its own."""
    calls = {}

    class Trained:
        def __init__(self, **settings):
            calls["settings"] = settings

        def fit(self, pairs, y, *, checkpoints, **_):
            calls["fit"] = pairs, y, checkpoints

        def transform(self, pairs):
            return pairs

    monkeypatch.setattr(methods, "EEGfNIRSDecomposer", Trained)
    model, told, config = CanonicalDecomposer(8.0), np.array([0, -1, 1]), experiment.PRESETS["smoke"]
    train, test = (Drawn(None, None, None, name) for name in ("train", "test"))
    assert methods.heads_of("trained", model, train, test, told, config, 7, tmp_path) == "test"
    assert calls["fit"] == ("train", told, tmp_path / "trained")
    assert calls["settings"] == {"jitter": 8.0, "steps": 2, "batch_size": 16, "random_state": 7}


def _subjects(nats):
    return [nats - 0.001, nats + 0.001]


def made_up(own, other):
    """Every label with ln 2 nats for all observers; so many in its heads and in the others."""
    claim = {"nats": own, "eeg": 0.0, "fnirs": 0.0, "null95": 0.0, "p": 0.01, "holds": own > 0}
    return {
        task: [
            {
                "observers": [np.log(2)] * 3,
                "entropy": np.log(2),
                "methods": {"canonical": {head: _subjects(own if head in OWNER[task] else other) for head in HEADS}},
                "claim": claim,
            }
        ]
        * 2
        for task in TASKS
    }


def test_claims_hold_where_they_should():
    """All but none of ln 2 in the right heads and nothing elsewhere: all; the opposite: none but that of no claims."""
    right = claims(made_up(0.69, 0.0), [{"kind": "a", "holds": False, "p": 0.5}] * 20, ("canonical",), judged=True)
    json.dumps([claim.holds for claim in right])
    assert all(claim.holds for claim in right)
    assert leakage(made_up(0.69, 0.0), "canonical") == 0.0
    wrong = claims(made_up(0.0, 0.69), [{"kind": "a", "holds": True, "p": 0.01}] * 20, ("canonical",), judged=True)
    assert [claim.name for claim in wrong if claim.holds] == ["event, difference of both shares"]
    assert leakage(made_up(0.0, 0.69), "canonical") == pytest.approx(0.69 / np.log(2))
