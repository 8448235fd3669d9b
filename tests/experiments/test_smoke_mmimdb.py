"""experiments.mmimdb: the smoke preset runs to its table; rows are what the files say; what is absent is named."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.mmimdb import __main__ as experiment
from experiments.mmimdb.config import PRESETS, TUNED
from experiments.mmimdb.films import GENRES, load_films, write_films
from experiments.mmimdb.methods import hide, method, resting
from pidjax._checks import InputError
from pidjax.encoders.clip import ClipConfig, load_clip
from pidjax.evaluate import linear as probe
from pidjax.objectives import Method
from pidjax.train import metrics
from pidjax.typing import Encoder, Objective

TINY, SIZES = experiment.TINY, ClipConfig(size=32, tokens=20)


def linear(*_):
    """A method that encodes as CoMM: the mean colour of a poster, mixed, alike under all augmentations and masks."""

    def init(key, batch):
        return {"theta": {"w": jax.random.normal(key, (3, 2))}, "phi": {}}, {}

    def encode(params, state, batch, key=None, *, train):
        z = batch["x1"].mean((1, 2)) @ params["theta"]["w"]
        return {"views": jnp.broadcast_to(z[:, None, None], (len(z), 2, 3, 2))} if train else {"joint": z}, state

    def loss(params, z, batch, *, axis_name=None):
        value = (z["views"] ** 2).mean()
        return value, {"loss": value}

    return Method(Objective(init, encode, loss), ("joint",))


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """Files, tokens that are given, training, fine-tuning; what was published beside; a second run trains nothing."""
    monkeypatch.setattr(metrics, "WRITERS", {})  # they import torch where there is one
    monkeypatch.setattr(probe, "STRENGTHS", probe.STRENGTHS[:1])
    monkeypatch.setattr(experiment, "two_steps", lambda full: [])
    seen = []
    monkeypatch.setattr(experiment, "built", lambda *of: seen.append((of[0], of[-1])) or linear())
    experiment.main("smoke", out=tmp_path, method=("comm_joint", "comm"))
    found = json.loads((tmp_path / "smoke" / "result.json").read_text())["methods"]
    assert set(found) == {"comm_joint", "comm", TUNED} and seen == [("comm_joint", None), ("comm", 6)]
    assert all(0 <= found[name][0]["macro_f1"] <= 1 and found[name][0]["n"] == 9 for name in found)
    table = (tmp_path / "smoke" / "table.md").read_text()
    assert "61.48 ± 0.18 / 54.63 ± 0.22 |" in table and "58.97" in table and "best on test rows" in table
    assert "| MFAS, supervised | – | – | – | 62.50 / 55.6 |" in table
    assert (tmp_path / "smoke" / "f1.png").stat().st_size > 5_000
    monkeypatch.setattr(experiment, "learned", None)
    experiment.main("smoke", out=tmp_path, method=("comm_joint", "comm"))


@pytest.fixture
def folder(tmp_path):
    return write_films(tmp_path)


def test_rows_are_what_the_files_say(folder):
    """Parts, genres, posters, plots; a batch draws any plot of a film, a row that is probed has the first."""
    films = load_films(folder, TINY, SIZES)
    assert {part: len(rows) for part, rows in films.parts.items()} == {"train": 32, "validation": 5, "test": 9}
    assert films.y.shape == (46, 23) and (films.y.sum(1) == 2).all()
    assert [GENRES[k] for k in np.flatnonzero(films.y[2])] == ["Adventure", "Animation"]
    rows = films.rows("test")
    assert len(rows["x1"]) == 9 and rows["x1"][np.arange(2)].shape == (2, 32, 32, 3)
    np.testing.assert_array_equal(rows["x1"][np.arange(9)].mean((1, 2)).argmax(1), np.arange(37, 46) % 23 % 3)
    first = [films.plots.of[film][0] for film in films.parts["test"]]
    np.testing.assert_array_equal(rows["x2"][np.arange(9)], films.plots.tokens[first])
    batches = films.batches(jax.random.key(0), 32, seed=0)
    seen = [batches(step) for step in range(10)]
    assert set(map(len, films.plots.of)) == {1, 2} and seen[0]["x1"].max() <= 1
    np.testing.assert_array_equal(batches(3)["x2"], seen[3]["x2"])
    drawn = {tuple(row) for batch in seen for row in batch["x2"]}
    assert drawn == {tuple(films.plots.tokens[at]) for film in films.parts["train"] for at in films.plots.of[film]}


def test_plots_of_another_encoder(folder, tmp_path):
    """Tokens by film, whatever their order in the file; a film without any is named."""
    ids = [*(f"{i:07d}" for i in reversed(range(46))), "0000003"]
    np.save(tmp_path / "tokens.npy", np.arange(47 * 6, dtype=np.float16).reshape(47, 3, 2))
    np.save(tmp_path / "mask.npy", np.ones((47, 3), bool))
    (tmp_path / "ids.json").write_text(json.dumps(ids))
    films = load_films(folder, TINY, SIZES, tmp_path)
    assert films.plots.of[3].tolist() == [42, 46] and films.plots.of[0].tolist() == [45]
    found = films.rows("validation")["x2"][np.arange(1)]
    assert found.dtype == np.float32 and found[0, 0, 0] == 6 * (45 - 32)
    (tmp_path / "ids.json").write_text(json.dumps(["0000045"] * 47))
    with pytest.raises(InputError, match=r"no plot of film 0000000 and 44 more"):
        load_films(folder, TINY, SIZES, tmp_path)
    np.save(tmp_path / "mask.npy", np.ones((47, 4), bool))
    with pytest.raises(InputError, match=r"must hold tokens .*; found \(47, 3, 2\), bool \(47, 4\) and 47"):
        load_films(folder, TINY, SIZES, tmp_path)
    whole = (tmp_path / "tokens.npy").read_bytes()
    (tmp_path / "tokens.npy").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"tokens.npy or .*mask.npy is cut off, or no array"):
        load_films(folder, TINY, SIZES, tmp_path)
    (tmp_path / "mask.npy").unlink()
    with pytest.raises(InputError, match=r"no .*mask.npy: save there what a text encoder gives"):
        load_films(folder, TINY, SIZES, tmp_path)


def test_absent_files_are_asked_for(folder):
    (folder / "dataset" / "0000003.jpeg").unlink()
    with pytest.raises(InputError, match=r"no .*0000003.jpeg: unpack mmimdb.tar.gz"):
        load_films(folder, TINY, SIZES)
    (folder / "dataset" / "0000005.json").write_text(json.dumps({"plot": [], "genres": []}))
    with pytest.raises(InputError, match=r"0000005.json must hold lists plot, of one text or more"):
        load_films(folder, TINY, SIZES)
    for split, said in (
        ({"train": ["1", "2"], "dev": ["1"], "test": ["3"]}, "has film 1 twice: every film is in one of train"),
        ({"train": ["1"], "dev": [], "test": ["3"]}, "has no film in dev: every film"),
    ):
        (folder / "split.json").write_text(json.dumps(split))
        with pytest.raises(InputError, match=f"split.json {said}"):
            load_films(folder, TINY, SIZES)
    (folder / "split.json").write_text(json.dumps({"train": []}))
    with pytest.raises(InputError, match=r"must have train, dev and test; found train"):
        load_films(folder, TINY, SIZES)
    (folder / "split.json").write_text("[]")
    with pytest.raises(InputError, match=r"split.json must hold a dict; found a list"):
        load_films(folder, TINY, SIZES)
    (folder / "split.json").write_text('{"train": ["00')
    with pytest.raises(InputError, match=r"split.json is cut off, or no JSON"):
        load_films(folder, TINY, SIZES)


def test_hidden_tokens():
    """A share of the real ones, never the first; what is padding stays so, and tokens stay what they are."""
    x, mask = np.arange(40), np.arange(40) < 30
    keys = jax.random.split(jax.random.key(0), 400)
    z, left = jax.device_get(jax.vmap(lambda key: hide(key, x, 0.25, mask=mask))(keys))
    assert (z == x).all() and left[:, 0].all() and not left[:, 30:].any()
    np.testing.assert_allclose(left[:, 1:30].mean(), 0.75, atol=0.02)


def test_what_rests_is_state():
    """No parameters to move, the same numbers."""
    net = resting(Encoder(lambda key: ({"a": 1.0}, {}), lambda p, s, x, key=None, **_: (p["a"] * x, s)), {"a": 3.0})
    params, state = net.init(jax.random.key(0))
    assert params == {} and net.apply(params, state, 2.0) == (6.0, {"a": 3.0})


@pytest.mark.parametrize("name, features", [("frozen", 6), ("clip", 6), ("comm", None)])
def test_methods_have_the_heads_that_are_read(name, features):
    """Traced on CLIP's tokens and on given ones; CoMM's loss too, whose views are new here; what moves is not CLIP."""
    sizes, weights = load_clip(TINY)
    made, n = method(name, sizes, weights, PRESETS["smoke"], features), 3
    x2 = jax.ShapeDtypeStruct((n, 5), np.int32) if features is None else jax.ShapeDtypeStruct((n, 5, 6), np.float32)
    batch = {"x1": jax.ShapeDtypeStruct((n, 32, 32, 3), np.float32), "x2": x2}
    batch["mask2"] = jax.ShapeDtypeStruct((n, 5), bool)

    def run(batch):
        params, state = made.objective.init(jax.random.key(0), batch)
        loss = jnp.zeros(())
        if name == "comm":
            keys = jax.random.split(jax.random.key(1), n)
            z, _ = made.objective.encode(params, state, batch, keys, train=True)
            loss, _ = made.objective.loss(params, z, batch)
        return loss, params, made.objective.encode(params, state, batch, train=False)[0]

    loss, params, z = jax.eval_shape(run, batch)
    assert loss.shape == () and all(z[head].shape[0] == n for head in made.heads)
    assert sum(x.size for x in jax.tree.leaves(params)) < 20_000 and (name == "frozen") == (not jax.tree.leaves(params))
