"""experiments.multibench: the smoke preset runs on files in MultiBench's format; every method has its heads."""

import functools
import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.multibench import __main__ as experiment
from experiments.multibench import measure, tables
from experiments.multibench.config import PRESETS, READ, SETS, Setting, methods_of
from experiments.multibench.grid import DEFAULT, GRID, SINGLE, augments_of, grid_figure, grid_table, matrices, row_of
from experiments.multibench.methods import NOT_CLINICAL, augmentation, objective, of_factorcl
from experiments.multibench.published import PUBLISHED
from experiments.multibench.written import written
from experiments.representation import Learned
from pidjax._checks import InputError
from pidjax.data.multibench.affect import MODALITIES
from pidjax.typing import Objective

RNG = np.random.default_rng(0)


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """Two steps on im.pk; what was published beside; a second run trains nothing."""
    monkeypatch.setattr(experiment, "two_steps", lambda full: [])
    given = {"out": tmp_path, "sets": ("mimic",), "method": ("simclr",)}
    experiment.main("smoke", **given)
    result = json.loads((tmp_path / "smoke" / "result.json").read_text())
    (scores,) = result["rows"]["simclr"]["mimic"]
    assert scores["n"] == 6 and {"majority", "accuracy", "balanced_accuracy", "auc"} <= set(scores)
    table = (tmp_path / "smoke" / "table.md").read_text()
    assert "[66.7 ± 0.0]" in table and "training rows" in table
    assert (tmp_path / "smoke" / "accuracy.png").stat().st_size > 5_000
    monkeypatch.setattr(experiment, "measured", None)
    experiment.main("smoke", **given)


def test_files_are_written_in_the_formats(tmp_path):
    """Every set opens at its shapes, padding behind; rows without words are left out, and both classes are there."""
    folder = written(tmp_path)
    for name, of in SETS.items():
        part = experiment.loaded(folder, name)["train"]
        assert tuple(part[f"x{i}"].shape[1:] for i in range(1, len(of.shapes) + 1)) == of.shapes
        assert set(part["y"]) == {0, 1} and np.isfinite(part["x2"][:4]).all()
        assert name == "mimic" or (len(part["y"]) == 31 and part["mask1"][:, 0].all() and not part["mask1"].all())


def test_what_leaks_is_there_when_asked_for(tmp_path, monkeypatch):
    """MIMIC by all rows, sentiment from 0 on, all else as it was; apart from results without, and said."""
    seen = []

    def measured(objective, read, parts, *_, tuned):
        seen.append({part: {key: np.asarray(x) for key, x in by.items()} for part, by in parts.items()})
        return {"simclr": {"n": 1.0}}

    monkeypatch.setattr(experiment, "measured", measured)
    monkeypatch.setattr(experiment, "two_steps", lambda full: [])
    given = {"out": tmp_path, "sets": ("mimic", "mosi", "urfunny"), "method": ("simclr",)}
    experiment.main("smoke", **given)
    experiment.main("smoke", **given, released=True)
    (mimic, mosi, humour), (leaky, zero, same) = seen[:3], seen[3:]
    means = [np.mean([x for part in of.values() for x in part["x1"]]) for of in (mimic, leaky)]
    assert abs(means[0]) > 1e-3 and abs(means[1]) < 1e-6
    neutral = mosi["test"]["value"] == 0
    assert neutral.any() and not mosi["test"]["y"][neutral].any() and zero["test"]["y"][neutral].all()
    jax.tree.map(np.testing.assert_array_equal, humour, same)
    tables = [(tmp_path / name / "table.md").read_text() for name in ("smoke", "smoke_released")]
    assert ["standardised by all rows, tested ones too" in table for table in tables] == [False, True]


def linear():
    """An objective that encodes as CoMM's: x1 W, alike under both augmentations and both masks."""

    def encode(params, state, batch, key=None, *, train):
        z = batch["x1"] @ params["theta"]["w"]
        return {"views": jnp.broadcast_to(z[:, None, None], (len(z), 2, 2, 2))} if train else {"joint": z}, state

    def loss(params, z, batch, *, axis_name=None):
        return (z["views"] ** 2).mean(), {}

    return Objective(lambda key, batch: ({"theta": {"w": np.eye(3, 2)}, "phi": {}}, {}), encode, loss)


@pytest.mark.parametrize("task, loss", [("class", "supcon"), ("value", "mse")])
def test_fine_tuning_starts_from_what_was_learned(tmp_path, monkeypatch, task, loss):
    """The second training begins where the first ended, with the task's loss of labels; both are probed."""
    trained = []

    def learned(objective, batches, steps, tx, **settings):
        batch, keys = batches(0), jax.random.split(jax.random.key(1), 8)
        params, state = objective.init(keys[0], batch)
        z, _ = jax.eval_shape(lambda x: objective.encode(params, state, x, keys, train=True), batch)
        _, info = jax.eval_shape(lambda z: objective.loss(params, z, batch), z)
        trained.append((params["theta"], info))
        moved = jax.tree.map(lambda x: x + 1, params)
        encode = functools.partial(objective.encode, moved, state, train=False)
        return Learned(lambda rows: encode(rows)[0], SimpleNamespace(params=moved, state=state), [])

    monkeypatch.setattr(measure, "learned", learned)
    x = RNG.normal(size=(24, 3)).astype(np.float32)
    part = {"x1": x, "y": np.arange(24) % 2 if task == "class" else x[:, :2]}
    parts, setting = dict.fromkeys(measure.PARTS, part), Setting(8, 1, 1e-3, 0.0)
    read = {"comm": ("joint",)}
    found = measure.measured(linear(), read, parts, setting, 0, "toy", tmp_path, task=task, tuned="tuned")
    (first, _), (second, info), *_ = trained
    np.testing.assert_array_equal(second["base"]["w"], first["w"] + 1)
    assert loss in info and set(found) == {"comm", "tuned"}


TRACED = {
    "cross_self": "mosi",
    "cross_self_fact": "mosi",
    "factorcl_ssl": "mimic",
    "clip": "mimic",
    "cmc": "urfunny3",
    "comm": "mimic",
    "supcon": "mimic",
    "factorcl_sup": "mimic",
}
"""Every method but SimCLR, which runs above, on a set each."""


def test_every_method_is_traced():
    assert {"simclr", *TRACED} == set(READ)


@pytest.mark.parametrize("method, name", TRACED.items())
def test_methods_have_the_heads_that_are_read(method, name):
    """Traced at the sets' shapes: a loss, the heads of every row, their published widths."""
    made, n = objective(method, name, PRESETS["smoke"], lambda: {"train": {"x1": np.ones((6, 5), np.float32)}}), 4
    batch = {f"x{i}": jax.ShapeDtypeStruct((n, *shape), np.float32) for i, shape in enumerate(SETS[name].shapes, 1)}
    if name != "mimic":
        batch |= {f"mask{x[1:]}": jax.ShapeDtypeStruct((n, 50), bool) for x in batch}
    labelled = batch | {"y": jax.ShapeDtypeStruct((n,), np.int32)}

    def run(batch):
        params, state = made.init(jax.random.key(0), batch)
        z, _ = made.encode(params, state, batch, jax.random.split(jax.random.key(1), n), train=True)
        loss, _ = made.loss(params, z, batch)
        return loss, made.encode(params, state, batch, train=False)[0]

    loss, z = jax.eval_shape(run, labelled)
    assert loss.shape == () and all(set(heads) <= set(z) for heads in READ[method].values())
    if method in ("factorcl_sup", "supcon"):  # SupCon compares vectors of both sides, of one width
        assert [z[f"backbone{i}"].shape[-1] for i in (1, 2)] == [15 if method == "supcon" else 10, 15]


def test_trainings():
    """CMC where there are three modalities; the grid on the figure's sets, of MIMIC what one modality loses."""
    everything = tuple(READ)
    assert methods_of("urfunny3", MODALITIES, everything) == ["cmc", "comm"]
    assert "cmc" not in methods_of("mimic", SETS["mimic"].modalities, everything)
    grid = experiment.trainings("mosi", ("clip", "comm"), grid=True)
    assert grid[:2] == [("clip", DEFAULT), ("comm", DEFAULT)] and {a for _, a in grid} == set(GRID)
    assert len(grid) == len(GRID) + 1
    assert len(GRID) == len(set(GRID)) == 15
    apart = {"drop", "crop", "noise", "drop+crop", "drop+noise", "crop+noise"}
    assert {a for _, a in experiment.trainings("mimic", ("comm",), grid=True)} == apart
    for name in ("mosei", "urfunny3"):
        assert experiment.trainings(name, ("comm",), grid=True) == [("comm", DEFAULT)]


def test_augmentations_of_the_grid_are_of_samples():
    """Each keeps shapes and masks, of a table and a series too."""
    for name, masked in (("mosi", True), ("mimic", False)):
        sample = {f"x{i}": np.ones(shape, np.float32) for i, shape in enumerate(SETS[name].shapes, 1)}
        if masked:
            sample |= {"mask1": np.arange(50) < 30, "mask2": np.arange(50) < 30}
        for augments in augments_of(name):
            augment = augmentation(name, augments)
            found = jax.eval_shape(augment, jax.random.key(0), sample)
            assert {k: x.shape for k, x in found.items()} == {k: x.shape for k, x in sample.items()}


def test_factorcl_leaves_what_the_other_side_speaks_of():
    """Table 5: noise where no word is, words hidden; numbers that are not clinical are other admissions'."""
    text = np.ones((50, 300), np.float32)
    text[3:6] = 0
    sample = {"x1": np.ones((50, 20), np.float32), "x2": text, "mask1": np.arange(50) < 30, "mask2": np.arange(50) < 30}
    augments = of_factorcl("mosi", dict)
    for kind, noisy in (("augment", range(30)), ("unique_augment", (3, 4, 5))):
        found = jax.device_get(augments[kind](jax.random.key(0), sample))
        np.testing.assert_array_equal(np.flatnonzero((found["x1"] != 1).any(1)), noisy)
        hidden = (found["x2"] != text).any(1)
        assert not hidden[30:].any() and 1 <= hidden.sum() <= 4 and (found["x2"][hidden] == 0).all()
    series = np.arange(24, dtype=np.float32)[:, None] + np.zeros(12, np.float32)
    sample, others = {"x1": np.zeros(5, np.float32), "x2": series}, {"train": {"x1": np.ones((3, 5), np.float32)}}
    keys = jax.random.split(jax.random.key(1), 40)
    for kind, allowed in (("augment", (True,) * 5), ("unique_augment", NOT_CLINICAL)):
        augment = of_factorcl("mimic", lambda: others)[kind]
        found = jax.device_get(jax.vmap(augment, in_axes=(0, None))(keys, sample))
        np.testing.assert_array_equal(found["x1"].any(0), allowed)
        np.testing.assert_allclose(found["x2"][:, [0, -1]], np.broadcast_to(series[[0, -1]], (40, 2, 12)), atol=1e-4)
        assert (np.abs(found["x2"] - series).max((1, 2)) > 1e-3).all()
    assert set(of_factorcl("mimic", dict, released=True)) == {"augment"}


def test_pictures_show_what_was_found_where_something_was_published(tmp_path, monkeypatch):
    """A panel a set, guesses dashed."""
    drawn = {}

    def kept(*shown):
        return SimpleNamespace(savefig=lambda path, dpi: drawn.update({path: shown}))

    monkeypatch.setattr(tables, "score_panels", lambda panels, label, **lines: kept(panels))
    seed = {"accuracy": 0.75, "balanced_accuracy": 0.6, "accuracy_se": 0.01, "majority": 0.5, "chance": 0.5}
    found = {"comm": {"mosi": [seed, seed | {"balanced_accuracy": 0.7}], "mimic": [seed]}, "simclr": {"mosei": [seed]}}
    tables.figures(found, ("mosei", "mosi", "mimic"), tables.OF_CLASSES, PUBLISHED, tmp_path)
    (plain,), (balanced,) = (drawn[tmp_path / name] for name in ("accuracy.png", "balanced_accuracy.png"))
    assert plain["mosei"] == {"simclr": (75, 1, 71.9, 0.3)}
    assert list(balanced) == ["mosi", "mimic"] and balanced["mosi"]["comm"] == pytest.approx((65, 5, 67.5, 1.3))


def test_the_grid_is_a_matrix_a_set():
    """One augmentation on the diagonal, two off it; averaged over sets that have all, blank where nothing is."""
    scores = np.arange(15) / 100
    found = {}
    for k, name in enumerate(("mosi", "mustard", "mimic")):
        for augments, score in zip(GRID, scores + k / 2, strict=True):
            if augments in augments_of(name):
                found.setdefault(row_of("comm", augments), {})[name] = [{"balanced_accuracy": score}]
    by_set = matrices(found, ("mimic", "mosei", "mosi", "mustard"))
    assert list(by_set) == ["mimic", "mosi", "mustard", "average of mosi, mustard"]
    mosi, average = by_set["mosi"], by_set["average of mosi, mustard"]
    np.testing.assert_allclose(np.diag(mosi), np.arange(5))
    np.testing.assert_allclose(mosi[0], [0, 5, 6, 7, 8])
    np.testing.assert_allclose(average, mosi + 25)
    assert (mosi == mosi.T).all() and np.isfinite(by_set["mimic"]).sum() == 9
    assert "| mosi | multi_crop+noise | 14.0 | 8.0 |" in grid_table(by_set)
    first, *_, last, _ = grid_figure(by_set).axes
    assert len(first.texts) == 9 and last.texts[-1].get_text() == "29.0"
    assert [text.get_text() for text in last.get_xticklabels()] == list(SINGLE)


def test_absent_files_are_asked_for(tmp_path):
    """Before anything is trained: what, where from, under which name."""
    with pytest.raises(InputError, match=r"im\.pk is absent: MultiBench .* makes im\.pk of MIMIC-III"):
        experiment.main(data=tmp_path, out=tmp_path, sets=("mimic",))
    with pytest.raises(InputError, match=r"sarcasm\.pkl is absent: .* leave mustard out"):
        experiment.main(data=tmp_path, out=tmp_path, sets=("mustard",))
    with pytest.raises(InputError, match="none of the methods simclr takes urfunny3"):
        experiment.main("smoke", out=tmp_path, sets=("urfunny3",), method=("simclr",))
    with pytest.raises(InputError, match="sets must be one of"):
        experiment.main("smoke", out=tmp_path, sets=("mnist",))
