"""experiments.complexity: the smoke preset runs to its table; operations and parameters of what is known."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import complexity as experiment
from experiments.full_shapes import clip_weights
from experiments.mmimdb.config import PRESETS
from pidjax.encoders.clip import ClipConfig, Tower
from pidjax.typing import Objective


def product(width, depth):
    """An objective whose encoder is ``depth`` products with square matrices."""

    def init(key, batch):
        return {"theta": {"w": jax.random.normal(key, (depth, width, width))}, "phi": {}}, {}

    def encode(params, state, batch, key=None, *, train):
        z = batch["x1"]
        for w in params["theta"]["w"]:
            z = z @ w
        return {"z": z}, state

    def loss(params, z, batch, *, axis_name=None):
        value = z["z"].sum()
        return value, {"loss": value}

    return Objective(init, encode, loss)


def test_operations_of_products():
    """2 n d² a matrix forward; a step has at least those and one product a matrix for its gradient, and no more than
    three each and a little."""
    n, d, depth = 32, 64, 3
    batch = {"x1": np.ones((n, d), np.float32)}
    facts, programs = experiment.compiled(product(d, depth), optax.sgd(0.0), batch)
    one = 2 * n * d * d
    assert facts["parameters"] == depth * d * d
    assert facts["forward flops"] == pytest.approx(depth * one, rel=1e-3)
    assert 2 * depth * one <= facts["step flops"] <= 3.3 * depth * one
    z = programs["forward"].call(*programs["forward"].given)["z"]
    assert z.shape == (n, d) and bool(jnp.isfinite(z).all())


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """Two methods in turn, as multiples of Cross; a second run measures nothing."""
    monkeypatch.setattr(experiment, "objective", lambda name, config: product(3, {"cross": 1, "comm": 2}[name]))
    experiment.main("smoke", out=tmp_path, method=("comm",), repeats=1)
    found = json.loads((tmp_path / "smoke" / "result.json").read_text())["methods"]
    assert 1.5 < found["comm"]["forward flops"] / found["cross"]["forward flops"] <= 2  # bytes to numbers once
    assert found["comm"]["parameters"] == 18 and all(one["step seconds"] > 0 for one in found.values())
    assert "(2.00)" in (tmp_path / "smoke" / "table.md").read_text()
    monkeypatch.setattr(experiment, "measured", None)
    experiment.main("smoke", out=tmp_path, method=("comm",), repeats=1)


def test_parameters_of_clip():
    """ViT-B/32 has 151,277,313, one of them its temperature; eleven blocks a tower are counted by hand."""
    blocks = 11 * sum(12 * width**2 + 13 * width for width in (768, 512))
    assert experiment.numbers(clip_weights()) + blocks == 151_277_312


def test_table_8(tmp_path, monkeypatch):
    """Operations of a small CLIP are those of its products and a little; published numbers and ratios beside."""
    width, depth, tokens = 64, 1, (17, 20)
    tower = Tower(width, depth, 2, 4 * width)
    small = ClipConfig(tower, tower, size=32, patch=8, tokens=tokens[1], vocabulary=50, end=49, projected=8)
    monkeypatch.setattr(experiment, "SIZES", small)
    monkeypatch.setattr(experiment, "CLIP_CONFIG", PRESETS["smoke"])
    experiment.main(out=tmp_path, repeats=1)
    found = json.loads((tmp_path / "full" / "result.json").read_text())["methods"]
    blocks = sum(depth * (12 * width**2 * t + 2 * width * t**2) for t in tokens)
    products = 2 * experiment.ROWS * (blocks + 16 * 3 * 8**2 * width)
    assert products < found["clip"]["forward flops"] < 1.1 * products
    assert found["clip"]["forward flops"] < found["comm"]["forward flops"]
    table = (tmp_path / "full" / "table.md").read_text()
    assert "| comm, published | 281 | 140 | 229 | 493 |" in table
    assert "| comm / clip, published | 1.12 | 1.11 | 1.03 | 1.01 |" in table
    assert "| comm on blip-2 / blip-2, published | 1.03 | 1.03 | 1.00 | 1.07 |" in table
