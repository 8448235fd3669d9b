"""experiments/full_shapes.py: two steps of what is given; what the smoke presets take is traced."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import experiments.high_shared.config as high_shared
import experiments.irfl.config as irfl
import experiments.mmimdb.config as mmimdb
from experiments.full_shapes import ROWS, Full, generated, shapes, two_steps
from experiments.high_shared.methods import full as of_high_shared
from experiments.irfl.methods import full as of_irfl
from experiments.mmimdb.methods import full as of_mmimdb
from pidjax.encoders.clip import ClipConfig, Tower
from pidjax.train import TrainingError
from pidjax.typing import Objective

ROW = {"x1": ((3,), np.float32), "x2": ((2, 2, 3), np.uint8), "mask1": ((4,), bool), "y": ((2,), np.int32)}


def of_loss(loss):
    def encode(params, state, batch, key=None, *, train):
        return batch["x1"] @ params["theta"]["w"], state

    def value(params, z, batch, *, axis_name=None):
        return loss(z.sum()), {}

    return Objective(lambda key, batch: ({"theta": {"w": jnp.ones(3)}, "phi": {}}, {}), encode, value)


def test_two_steps():
    """Of gradient descent, z² falls; rows are of their types, one a class; what is not finite is an error."""
    full = Full(of_loss(jnp.square), optax.sgd(1e-3), ROW)
    first, second = two_steps(full)
    assert 0 < second < first
    batch = generated(full)
    assert {name: (x.shape, x.dtype) for name, x in batch.items()} == {
        name: ((ROWS, *shape), np.dtype(kind)) for name, (shape, kind) in ROW.items()
    }
    assert batch["mask1"].all() and batch["y"].tolist() == [[0, 0], [1, 1]] and batch["x2"].max() > 100
    with pytest.raises(TrainingError, match="loss became nan at step 0"):
        two_steps(full._replace(objective=of_loss(lambda z: jnp.log(-(z**2)))))


def traced(full):
    """From the start to one loss; what encoders keep is of the shapes that it was of."""
    objective, (state, batch) = full.objective, shapes(full)

    def run(state, batch):
        keys = jax.random.split(state.key, ROWS)
        z, kept = objective.encode(state.params, state.state, batch, keys, train=True)
        return objective.loss(state.params, z, batch)[0], kept

    loss, kept = jax.eval_shape(run, state, batch)
    assert loss.shape == () and jax.tree.map(jnp.shape, kept) == jax.tree.map(jnp.shape, state.state)


@pytest.mark.parametrize("name", ["vision_touch", "irfl", "mmimdb", "multibench", "high_shared"])
def test_every_full_size_is_traced(name):
    traced(importlib.import_module(f"experiments.{name}.methods").full())


TOWER = Tower(8, 1, 2, 8)
TINY = ClipConfig(TOWER, TOWER, size=32, patch=16, tokens=5, vocabulary=9, end=8, projected=4)


def test_two_steps_of_a_method():
    """Noise for weights and generated rows give finite losses, as ``two_steps`` asks of the full sizes."""
    losses = two_steps(of_irfl("supcon", TINY, irfl.PRESETS["smoke"]))
    assert len(losses) == 2 and np.isfinite(losses).all()


# the methods of which no full size is traced above, nor a step taken; IndAug is FactorCL with another augmentation
@pytest.mark.parametrize("name", ["cross_self", "factorcl_ssl", "supervised", "factorcl_sup"])
def test_methods_of_irfl(name):
    traced(of_irfl(name, TINY, irfl.PRESETS["smoke"]))


# what rests, and Cross, are traced in test_smoke_mmimdb.py; other names are CoMM with weights of 0
@pytest.mark.parametrize("name", ["cross_self", "infmasking"])
def test_methods_of_mmimdb(name):
    traced(of_mmimdb(name, TINY, mmimdb.PRESETS["smoke"]))


@pytest.mark.parametrize("name", ["supcon", "factorcl_sup"])
def test_methods_of_high_shared(name):
    traced(of_high_shared(name, high_shared.PRESETS["smoke"]))
