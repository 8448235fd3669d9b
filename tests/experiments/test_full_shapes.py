"""experiments/full_shapes.py: two steps of what is given; what the smoke presets take is traced."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.full_shapes import ROWS, Full, generated, shapes, two_steps
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


@pytest.mark.parametrize("name", ["vision_touch", "irfl", "mmimdb", "multibench"])
def test_every_full_size_is_traced(name):
    """From the start to one loss; what encoders keep is of the shapes that it was of.

    Without ``high_shared``, whose two networks are that of ``vision_touch``.
    """
    objective = (full := importlib.import_module(f"experiments.{name}.methods").full()).objective
    state, batch = shapes(full)

    def run(state, batch):
        keys = jax.random.split(state.key, ROWS)
        z, kept = objective.encode(state.params, state.state, batch, keys, train=True)
        return objective.loss(state.params, z, batch)[0], kept

    loss, kept = jax.eval_shape(run, state, batch)
    assert loss.shape == () and jax.tree.map(jnp.shape, kept) == jax.tree.map(jnp.shape, state.state)
