"""experiments.trifeature and experiments.synergy_real: smoke presets run to their tables, and keep what they made."""

import dataclasses
import functools
import json
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from experiments.synergy_real import __main__ as synergy_real
from experiments.synergy_real.pairs import TASKS, Digits, truth
from experiments.trifeature import __main__ as trifeature
from experiments.trifeature import methods
from experiments.trifeature.config import PRESETS, Config
from experiments.trifeature.methods import objective
from experiments.trifeature.world import World, shrunk
from pidjax._checks import InputError
from pidjax.data.trifeature import split
from pidjax.evaluate import LinearResult
from pidjax.objectives.contrastive import cross


def runs_once(module, monkeypatch, out, **options):
    """The result of the smoke preset; a second run trains nothing."""
    module.main("smoke", out, **options)

    def never(*args, **kwargs):
        raise AssertionError("what an earlier run left was made again")

    monkeypatch.setattr(module, "learned", never)
    module.main("smoke", out, **options)
    assert "expected" in (out / "smoke" / "table.md").read_text()
    return json.loads((out / "smoke" / "result.json").read_text())


def test_trifeature(tmp_path, monkeypatch):
    """A method that fuses: scores of four tasks, no judgement."""
    result = runs_once(trifeature, monkeypatch, tmp_path, method=("infmasking",), stages=2)
    for (scores,) in result["methods"].values():
        assert {"share", "unique1", "unique2", "synergy"} <= set(scores)
        assert scores["synergy"]["n"] == 150 and np.isfinite(scores["unbiased training"]["loss"])
    assert all(claim["holds"] is None for claim in result["claims"])
    curve = result["methods"]["infmasking"][0]["biased training"]["curve"]
    assert [point["step"] for point in curve] == [1, 3]
    for name in ("scores", "curves"):
        assert (tmp_path / "smoke" / f"{name}.png").stat().st_size > 10_000


def test_pictures_to_train_on_are_shrunk():
    """One colour stays what it is, and of a ramp come the means of two pixels, but for the edges."""
    rng = np.random.default_rng(0)
    flat = np.broadcast_to(rng.integers(256, size=(3, 1, 1, 3), dtype=np.uint8), (3, 16, 16, 3))
    np.testing.assert_array_equal(shrunk(flat, 8), flat[:, :8, :8])
    ramp = np.broadcast_to(np.arange(0, 64, 4, dtype=np.uint8)[None, :, None, None], (1, 16, 16, 3))
    np.testing.assert_array_equal(shrunk(ramp, 8)[0, 1:-1, 0, 0], ramp[0, 2:-2:2, 0, 0] + 2)


def test_vectors_of_pictures_and_of_pairs():
    """Made once a picture or once a pair, they are those of the pair's two pictures in order."""
    rng = np.random.default_rng(0)
    pictures, pairs, maps = rng.random((30, 4, 4, 3)), rng.integers(30, size=(1500, 2)), rng.normal(size=(2, 48, 5))

    counts = []

    def encode(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        counts.append(len(batch["x1"]))
        one, two = (batch[x].reshape(-1, 48) @ of for x, of in zip(("x1", "x2"), maps, strict=True))
        return {"projection1": one, "projection2": two, "joint": one * two}

    z = encode({"x1": pictures[pairs[:, 0]], "x2": pictures[pairs[:, 1]]})
    counts.clear()
    np.testing.assert_allclose(trifeature.encoded("comm", encode, pictures, pairs), z["joint"])
    both = np.hstack([z["projection1"], z["projection2"]])
    np.testing.assert_allclose(trifeature.encoded("cross", encode, pictures, pairs), both)
    assert sum(counts) == 1500 + 30


def test_full_size_of_trifeature_is_traced():
    """AlexNet at 224 pixels: 36 tokens a picture, Z of 512 under three masks, without computing anything."""
    made, x = objective("comm", PRESETS["full"]), jax.ShapeDtypeStruct((2, 224, 224, 3), np.uint8)
    batch, keys = {"x1": x, "x2": x}, jax.ShapeDtypeStruct((2,), jax.random.key(0).dtype)
    params, state = jax.eval_shape(made.init, jax.random.key(0), batch)
    encode = functools.partial(made.encode, train=True)
    assert jax.eval_shape(encode, params, state, batch, keys)[0]["views"].shape == (2, 2, 3, 512)


def test_a_rate_that_never_falls_is_refused():
    small = dataclasses.replace(PRESETS["small"], warm=60)
    with pytest.raises(InputError, match="rises for 60 steps of 46: lower warm"):
        trifeature.rate(small, 46)
    assert trifeature.rate(small, 100) is trifeature.rate(small, 100)


@pytest.mark.parametrize(("name", "sizes"), [("comm", (24, 32)), ("cross", (24,))])
def test_probes_see_the_mean_of_sizes(monkeypatch, tmp_path, name, sizes):
    """Of a method that trains on crops all sizes; of Cross, which does not and has its own decay, that trained on."""
    rng = np.random.default_rng(0)
    pictures = {
        size: {"train": rng.random((9, size, size, 3)), "test": rng.random((4, size, size, 3))} for size in (24, 32)
    }
    pairs = {
        "train": rng.integers(9, size=(20, 2)),
        "validation": rng.integers(9, size=(5, 2)),
        "test": np.array([[3, 1]]),
    }
    world = SimpleNamespace(
        pictures=pictures,
        batches=lambda *given: (lambda step: {}, 3),
        probed=lambda count: {of: ("test" if of == "test" else "train", rows) for of, rows in pairs.items()},
        ask=lambda task, part, rows: rows[:, 0],
    )

    def encode(batch):
        one, two = (batch[x].mean((1, 2)) for x in ("x1", "x2"))
        return {"projection1": one, "projection2": two, "joint": np.hstack([one, two])}

    seen, decays = [], []
    monkeypatch.setattr(trifeature, "optimiser", lambda rate, decay: decays.append(decay))
    monkeypatch.setattr(trifeature, "learned", lambda *args, **options: (encode, None, [{"loss": 0.0}]))
    monkeypatch.setattr(
        trifeature,
        "linear_probe",
        lambda *parts, shared: seen.append((parts, shared)) or LinearResult({"balanced_accuracy": 0.5}, {}, 1.0, None),
    )
    config = dataclasses.replace(PRESETS["smoke"], cross_decay=3.0)
    trifeature.measured(name, "all", True, config, lambda: world, 0, 1, "title", tmp_path)
    assert decays == [3.0 if name == "cross" else config.weight_decay]
    ((parts, shared),) = seen
    expected = np.mean([pictures[size]["test"].mean((1, 2))[[3, 1]].ravel() for size in sizes], axis=0)
    np.testing.assert_allclose(parts[2][0], expected[None])
    np.testing.assert_array_equal(shared, pairs["test"])


def test_goals_of_trifeature():
    """The best of the family for each, S by four errors; Cross above chance by no more than two, of both U together."""

    def seed(*scores, error=0.01):
        return {
            task: {"balanced_accuracy": x, "balanced_accuracy_se": error}
            for task, x in zip(trifeature.TASKS, scores, strict=True)
        }

    found = {
        "cross": [seed(0.99, 0.11, 0.125, 0.45), seed(0.99, 0.13, 0.115, 0.52, error=0.02)],
        "comm": [seed(0.96, 0.5, 0.4, 0.7)],
        "infmasking": [seed(0.9, 0.6, 0.58, 0.53, error=0.02)],
    }
    told = [(claim.expected, claim.obtained, claim.holds) for claim in trifeature.claims("small", found)]
    assert told == [
        (">= 95.0", "96.0", True),
        (">= 60.0", "59.0", False),
        (">= 58.0", "70.0", True),
        ("<= 12.0", "12.0", True),
        ("<= 52.0", "48.5", True),
    ]
    above = {"cross": [seed(0.99, 0.11, 0.15, 0.53)]}
    assert [claim.holds for claim in trifeature.claims("small", above)] == [False, False]
    assert [claim.holds for claim in trifeature.claims("smoke", above)] == [None, None]


@pytest.mark.parametrize("sizes", [(), (8, 32), (64, 64)])
def test_sizes_that_are_none(sizes):
    with pytest.raises(InputError, match="different numbers of pixels, 16 or more"):
        Config(sizes=sizes)


def test_residual_convolutions_of_alexnet_are_refused():
    with pytest.raises(InputError, match="give convolutions too; found none, and residual 1"):
        Config(residual=1)


def test_cross_has_the_temperature_that_is_told(monkeypatch):
    """Fixed where the configuration has one, CLIP's own, learned, where not."""
    told = []
    monkeypatch.setattr(methods.contrastive, "clip", lambda nets, **settings: told.append(settings) or cross(nets))
    for temperature in (0.5, None):
        objective("cross", dataclasses.replace(PRESETS["smoke"], cross_width=7, cross_temperature=temperature))
    assert told == [{"width": 7, "temperature": 0.5, "learned": False}, {"width": 7}]


@pytest.mark.parametrize("name", sorted(trifeature.SEEN))
def test_methods_make_what_probes_see(name):
    """Traced, not computed."""
    made, x = objective(name, PRESETS["smoke"]), jax.ShapeDtypeStruct((2, 24, 24, 3), np.uint8)
    batch = {"x1": x, "x2": x}
    params, state = jax.eval_shape(made.init, jax.random.key(0), batch)
    z, _ = jax.eval_shape(functools.partial(made.encode, train=False), params, state, batch)
    assert {head for heads in trifeature.SEEN[name] for head in heads} <= set(z)


def test_synergy_real(tmp_path, monkeypatch, data):
    """A baseline and CoMM."""
    folder = data("multimodal/av_digits.npz").parents[1]
    result = runs_once(synergy_real, monkeypatch, tmp_path, data=folder, method=("cross", "comm"))
    for seeds in result["methods"].values():
        assert len(seeds) == 1 and all(set(one) == set(TASKS) for one in seeds)
    assert len(result["claims"]) == 1


def test_pairs_of_digits_follow_their_rule(data):
    """Rules hold, parts share no picture and no recording, and the answers are what the exact law says."""
    digits = Digits(data("multimodal/av_digits.npz").parents[1])
    for rule in ("same", "sum", "none"):
        pairs = digits.pairs("train", rule, 400, seed=0)
        seen, heard = digits.seen[pairs[:, 0]], digits.heard[pairs[:, 1]]
        assert {"same": (seen == heard).all(), "sum": ((seen + heard) % 10 == 0).all(), "none": True}[rule]
    assert (digits.ask("synergy", digits.pairs("train", "sum", 50, 0)) == 1).all()
    for side in range(2):
        rows = [set(part[side]) for part in digits.rows.values()]
        assert sum(map(len, rows)) == len(set().union(*rows)) == len((digits.seen, digits.heard)[side])
    law = truth("synergy")
    assert law.shape == (10, 10, 2) and law.sum() == pytest.approx(1) and law[..., 1].sum() == pytest.approx(0.1)


def test_probes_of_trifeature_share_no_combination():
    """Pairs to fit on, to stop on and to score are of different combinations, and unbiased."""
    world = World.__new__(World)
    world.factors = split()
    probed = world.probed(400)
    train, validation = (
        {tuple(x[i] for x in world.factors["train"][:3]) for i in np.unique(probed[name][1])}
        for name in ("train", "validation")
    )
    assert not train & validation and probed["test"][0] == "test"
    share = np.mean(world.ask("synergy", *probed["train"]))
    assert abs(share - 0.1) < 4 * np.sqrt(0.09 / 400)
