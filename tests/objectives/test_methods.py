"""pidjax/objectives/methods.py: every method refuses the same bad batches in words, when it is traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.objectives import METHODS, FactorCLConfig, method, supervised
from pidjax.typing import Encoder

N, D, CLASSES = 4, 3, 2
GOOD = {"x1": jnp.ones((N, 4)), "x2": jnp.ones((N, 5)), "y": jnp.array([0, 1, 0, 1])}


def net(apply):
    """An encoder without parameters, which traces in no time."""
    return Encoder(
        lambda key: ({}, {}), lambda params, state, x, key=None, *, train=False, mask=None: (apply(x), state)
    )


FIRST = net(lambda x: x[:, :D])
VECTORS, TOKENS = [FIRST, FIRST], [net(lambda x: x[:, :, None])] * 2
FUSION = net(lambda x: jnp.zeros((x[0][0].shape[0], next(m.shape[1] for m in x[1:] if m is not None), 1)))
READ_LABELS = [name for name, recipe in METHODS.items() if recipe.supervised]


def trace(name, batch, nets=VECTORS, **settings):
    """Shape of the loss, traced from parameters on as a training step is, nothing computed."""
    if METHODS[name].heads == ("joint",):
        nets, settings = TOKENS, {"fusion": FUSION, "head": ()}
    config = FactorCLConfig(critic="separable", critic_hidden=(4,), head_hidden=0)
    objective = method(name, nets, augment=lambda k, s: s, classes=CLASSES, config=config, **settings).objective

    def run(key):
        params, state = objective.init(key, batch)
        keys = jax.random.split(key, batch["x1"].shape[0])
        z, _ = objective.encode(params, state, batch, keys, train=True)
        return objective.loss(params, z, batch)[0]

    return jax.eval_shape(run, jax.random.key(0))


@pytest.mark.parametrize("name", METHODS)
def test_rows_that_do_not_pair_and_a_batch_of_one(name):
    with pytest.raises(InputError, match="as many rows; found x1 4, x2 3"):
        trace(name, GOOD | {"x2": GOOD["x2"][:3]})
    one = {key: x[:1] for key, x in GOOD.items()}
    if name == "supervised":  # which contrasts nothing
        assert trace(name, one).shape == ()
        return
    with pytest.raises(InputError, match=r"a batch of (one|1) .*: take"):
        trace(name, one)


@pytest.mark.parametrize("name", READ_LABELS)
def test_labels_as_a_column(name):
    with pytest.raises(InputError, match=r"one integer a row, \[4\]; found int32 of shape \(4, 1\)"):
        trace(name, GOOD | {"y": GOOD["y"][:, None]})


def test_labels_that_are_no_integers():
    with pytest.raises(InputError, match=r"found float32 of shape \(4,\)"):
        trace("supcon", GOOD | {"y": GOOD["y"] * 1.0})


@pytest.mark.parametrize(
    ("name", "settings"), [("supcon", {}), ("simclr", {}), ("simclr", {"normalise": False}), ("clean_ssl", {})]
)
def test_encoders_of_unequal_width(name, settings):
    with pytest.raises(InputError, match=r"of one width; found .*4"):
        trace(name, GOOD, [FIRST, net(lambda x: x[:, :4])], **settings)


def test_a_label_out_of_range_is_no_number():
    """Nothing can be raised in a program that is compiled: the loss is NaN, and training stops."""
    objective = supervised(VECTORS, CLASSES)

    @jax.jit
    def losses(labels):
        params, _ = objective.init(jax.random.key(0), GOOD)
        z = {f"backbone{side}": GOOD[f"x{side}"][:, :D] for side in "12"}
        return jax.vmap(lambda last: objective.loss(params, z, GOOD | {"y": GOOD["y"].at[3].set(last)})[0])(labels)

    assert np.isfinite(losses(jnp.array([0, CLASSES - 1, CLASSES, -1]))).tolist() == [True, True, False, False]
