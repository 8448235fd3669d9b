"""experiments.vision_touch: the smoke preset runs on files in the format; every method has its heads."""

import json

import jax
import numpy as np
import pytest

from experiments.multibench.tables import Shown, claims
from experiments.vision_touch import __main__ as experiment
from experiments.vision_touch.config import PRESETS, READ, SETS
from experiments.vision_touch.methods import ROW, forces, objective
from pidjax._checks import InputError
from pidjax.data.multibench.vision_touch import FORCES


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """Two steps; what was published beside; a second run trains nothing."""
    monkeypatch.setattr(experiment, "two_steps", lambda full: [])
    given = {"sets": ("end_effector",), "method": ("clip",)}
    experiment.main("smoke", out=tmp_path, **given)
    result = json.loads((tmp_path / "smoke" / "result.json").read_text())
    (scores,) = result["rows"]["clip"]["end_effector"]
    assert scores["n"] == 8 and scores["mse"] > 0 and {"mse_se", "r2"} <= set(scores)
    table = (tmp_path / "smoke" / "table.md").read_text()
    assert "[33.09 ± 3.67]" in table and "Balanced" not in table and "neighbouring windows" in table
    assert (tmp_path / "smoke" / "mse.png").stat().st_size > 5_000
    monkeypatch.setattr(experiment, "measured", None)
    experiment.main("smoke", out=tmp_path, **given)


TRACED = {"factorcl_ssl": "end_effector", "cmc": "contact3", "comm": "end_effector", "cross_self": "contact"}
"""The widest methods; CLIP runs above."""


@pytest.mark.parametrize("method, name", TRACED.items())
def test_methods_have_the_heads_that_are_read(method, name):
    """Traced, pictures as bytes: a loss, and the heads of every row."""
    made, n = objective(method, name, PRESETS["smoke"]), 4
    rows = [ROW[modality] for modality in SETS[name].modalities]
    batch = {f"x{i}": jax.ShapeDtypeStruct((n, *shape), kind) for i, (shape, kind) in enumerate(rows, 1)}

    def run(batch):
        params, state = made.init(jax.random.key(0), batch)
        z, _ = made.encode(params, state, batch, jax.random.split(jax.random.key(1), n), train=True)
        loss, _ = made.loss(params, z, batch)
        return loss, made.encode(params, state, batch, train=False)[0]

    loss, z = jax.eval_shape(run, batch)
    assert loss.shape == () and all(set(heads) <= set(z) for heads in READ[method].values())


def test_every_reading_of_forces_is_seen():
    """32 readings become one token, which depends on each of them."""
    net = forces(4)
    params, state = jax.tree.map(lambda x: np.full(x.shape, 0.1, x.dtype), jax.eval_shape(net.init, jax.random.key(0)))

    def token(x):
        z = net.apply(params, state, x)[0]
        assert z.shape == (1, 1, 4)
        return z.sum()

    assert (jax.jit(jax.grad(token))(np.ones((1, FORCES, 6), np.float32)) > 0).all()


def test_less_is_better_of_errors():
    """A claim about an error is held from above, one about an accuracy from below, by two errors of a test set."""
    scores = {"mse": Shown("MSE", "1e-4", 1e4, 2, less=True), "accuracy": Shown("Accuracy")}
    found = {"comm": {"a": [{"mse": 5e-4, "mse_se": 1e-5, "accuracy": 0.5, "accuracy_se": 0.01}]}}

    def hold(mse, accuracy):
        published = {"mse": {"comm": {"a": mse}}, "accuracy": {"comm": {"a": accuracy}}}
        return [claim.holds for claim in claims(found, scores, published, ("comm",), judged=True)]

    assert hold("4.81 ± 2.3", "51.9") == [True, True] and hold("4.79", "52.1") == [False, False]


def test_what_leaks_is_there_when_asked_for(tmp_path, monkeypatch):
    """Validation rows are test rows; apart from results without, and said."""
    seen = []

    def measured(objective, read, parts, *_, **settings):
        seen.append({part: set(by["x1"].of) for part, by in parts.items()})
        return {"clip": {"n": 1.0}}

    monkeypatch.setattr(experiment, "measured", measured)
    monkeypatch.setattr(experiment, "two_steps", lambda full: [])
    for released in (False, True):
        experiment.main("smoke", out=tmp_path, released=released)
    honest, leaky = seen
    assert not honest["validation"] & honest["test"] and leaky["validation"] == leaky["test"]
    assert "validation rows are test rows" in (tmp_path / "smoke_released" / "table.md").read_text()


def test_absent_files_are_asked_for(tmp_path):
    """Before anything is trained: what, and where from."""
    with pytest.raises(InputError, match=r"absent holds no \.h5 file: unpack downloads\.cs\.stanford\.edu"):
        experiment.main(data=tmp_path / "absent", out=tmp_path, sets=("contact",), method=("comm",))
    with pytest.raises(InputError, match="none of the methods clip takes contact3"):
        experiment.main("smoke", out=tmp_path, sets=("contact3",), method=("clip",))
    with pytest.raises(InputError, match="sets must be one of"):
        experiment.main("smoke", out=tmp_path, sets=("yaw",))
