"""Toy objectives; run as a script with several devices: the raw gradients of jit and of pmap are the same.

``test_step.py`` imports the toys and runs the script in a process of its own, with four CPU devices.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from pidjax import critics, train
from pidjax.bounds import infonce
from pidjax.math.collectives import mean_over_devices
from pidjax.typing import Objective

SGD = optax.sgd(1.0, momentum=0.0)
"""The change of a parameter is its raw gradient, which the optimiser's state also keeps."""


def make_batch(n=8, seed=0):
    """Pairs of correlated vectors."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5))
    return {"x": x.astype(np.float32), "y": (x[:, :4] + rng.normal(size=(n, 4))).astype(np.float32)}


def contrastive(noise: float = 0.0) -> Objective:
    """InfoNCE of two linear maps; the inputs get ``noise`` from each sample's key, which the state keeps."""
    critic = critics.cosine(0.5)

    def init(key, batch):
        kx, ky = jax.random.split(key)
        theta = {"x": jax.random.normal(kx, (5, 3)), "y": jax.random.normal(ky, (4, 3))}
        return {"theta": theta, "phi": {}}, {"draws": jnp.zeros(batch["x"].shape[0])}

    def encode(params, state, batch, key=None, *, train):
        draws = jax.vmap(jax.random.normal)(key)
        x = batch["x"] + noise * draws[:, None]
        return {name: v @ params["theta"][name] for name, v in (("x", x), ("y", batch["y"]))}, {"draws": draws}

    def loss(params, z, batch, *, axis_name=None):
        value = -infonce(critic.stats({}, z["x"], z["y"], over="both", axis_name=axis_name))
        return value, {"loss": value}

    return Objective(init, encode, loss)


def alternating() -> Objective:
    """phi follows the mean of the embeddings (inner); theta pulls the embeddings to phi and keeps them apart."""
    base = contrastive(noise=0.3)

    def init(key, batch):
        params, state = base.init(key, batch)
        return params | {"phi": {"centre": jnp.array([1.0, -2.0, 3.0])}}, state

    def distance(params, z):
        return ((z["x"] - params["phi"]["centre"][None]) ** 2).sum(1).mean() / 2

    def inner(params, z, batch, *, axis_name=None):
        return distance(params, z), {"inner": mean_over_devices(distance(params, z), axis_name)}

    def loss(params, z, batch, *, axis_name=None):
        value = base.loss(params, z, batch, axis_name=axis_name)[0] + distance(params, z)
        return value, {"loss": value}

    return Objective(init, base.encode, loss, inner)


def assert_close(a, b, tolerance, size=0.0):
    """Leaf by leaf, relative to the leaf and to ``size``."""
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * size), a, b)


def assert_same(objective, batch, txs, *, steps=2, tolerance=1e-5):
    """Some steps by jit and by pmap, from the same start: raw gradients, parameters and info agree."""
    a = b = train.make_init(objective, txs)(jax.random.key(0), batch)
    by_jit, by_pmap = (train.make_step(objective, txs, engine=engine, inner_steps=3) for engine in ("jit", "pmap"))
    for _ in range(steps):
        (a, info_a), (b, info_b) = by_jit(a, batch), by_pmap(b, batch)
        for name in txs:
            size = float(np.sqrt(sum((g**2).sum() for g in jax.tree.leaves(a.opt_state[name]))))
            assert size > 0
            assert_close(a.opt_state[name], b.opt_state[name], tolerance, size)
            assert_close(a.params[name], b.params[name], tolerance, size)
        assert info_a.keys() == info_b.keys() and int(a.step) == int(b.step)
        assert_close(info_a, info_b, tolerance, size=1.0)


def main():
    """Every objective on all devices; a batch that cannot be shared equally is refused."""
    assert jax.local_device_count() == 4
    txs = {"theta": SGD}
    assert_same(contrastive(), make_batch(), txs)
    assert_same(contrastive(noise=1.0), make_batch(), txs)
    assert_same(alternating(), make_batch(), txs | {"phi": optax.sgd(0.25, momentum=0.0)})

    sys.path.append(str(Path(__file__).parents[1] / "objectives"))
    import test_decomposition as tiny

    from pidjax.objectives import decomposition

    assert_same(decomposition(tiny.CONFIG, tiny.SHAPES), tiny.make_batch(), txs, steps=1)

    step = train.make_step(contrastive(), txs)
    try:
        step(train.make_init(contrastive(), txs)(jax.random.key(0), make_batch(6)), make_batch(6))
    except ValueError as error:
        assert "6 does not divide by 4" in str(error)
    else:
        raise AssertionError("with several devices the engine is pmap, and 6 does not divide by 4")
    print("OK")


if __name__ == "__main__":
    main()
