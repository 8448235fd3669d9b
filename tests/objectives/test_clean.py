"""pidjax/objectives/clean.py: the loss by hand, of devices that share a batch, and what it learns of factors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pidjax import encoders, train
from pidjax.objectives import clean
from pidjax.objectives.contrastive import ntxent_loss
from pidjax.typing import Encoder

RNG = np.random.default_rng(0)
N = 8
BATCH = {"x1": RNG.normal(size=(N, 3, 2)).astype(np.float32), "x2": RNG.normal(size=(N, 5)).astype(np.float32)}


def noise(key, sample):
    return {name: x + 0.1 * jax.random.normal(key, x.shape) for name, x in sample.items()}


def standard(x):
    return (x - x.mean(0)) / x.std(0)


def test_loss_is_the_formula():
    flat = Encoder(
        lambda key: ({}, {}),
        lambda params, state, x, key=None, *, train=False, mask=None: (x.reshape(len(x), -1)[:, :4], state),
    )
    objective = clean([flat] * 2, augment=noise, leak=7.0, hidden=3)

    @jax.jit
    def run(key):
        params, state = objective.init(key, BATCH)
        z, _ = objective.encode(params, state, BATCH, jax.random.split(key, N), train=True)
        shards = jax.tree.map(lambda x: x.reshape(2, N // 2, *x.shape[1:]), (z, BATCH))

        def shared(z):
            found = jax.vmap(lambda z, b: objective.loss(params, z, b, axis_name="data")[0], axis_name="data")
            return found(z, shards[1]).mean()

        slopes = jax.grad(lambda z: objective.loss(params, z, BATCH)[0])(z), jax.grad(shared)(shards[0])
        return params, z, objective.loss(params, z, BATCH), shared(shards[0]), slopes

    params, z, (value, info), split, slopes = jax.device_get(run(jax.random.key(0)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b.reshape(a.shape), rtol=1e-3, atol=1e-4), *slopes)
    # the shared parts are moved by their contrast alone
    contrast = jax.grad(lambda a, b: ntxent_loss(a, b, 0.2), argnums=(0, 1))(z["shared1"], z["shared2"])
    for side, slope in zip("12", contrast, strict=True):
        np.testing.assert_allclose(slopes[0][f"shared{side}"], slope, rtol=1e-3, atol=1e-5)
    expected = float(ntxent_loss(z["shared1"], z["shared2"], 0.2))
    for side, other in ("12", "21"):
        layers = params["theta"]["decoders"][f"decoder{side}"]["layers"]
        x, u, s = BATCH[f"x{side}"].reshape(N, -1), z[f"unique{side}"], z[f"shared{other}"]
        h = np.hstack([standard(u[:, 1]), BATCH[f"x{other}"].reshape(N, -1)])
        h = np.maximum(h @ layers[0]["kernel"] + layers[0]["bias"], 0)
        error = ((h @ layers[1]["kernel"] + layers[1]["bias"] - x) ** 2).mean()
        told, leak = -x.shape[1] / 2 * np.log(error), (np.corrcoef(u[:, 0].T, s.T)[:4, 4:] ** 2).sum() / 2
        assert info[f"told{side}"] == pytest.approx(told, rel=1e-3)
        assert info[f"leak{side}"] == pytest.approx(leak, rel=1e-3)
        expected += 7 * leak - told
    assert value == pytest.approx(expected, rel=1e-3)
    assert split == pytest.approx(value, rel=1e-3)


def test_linear_encoders_find_the_factors():
    """Three columns a factor: R² of each in each head (4,000 rows: ± 0.01), of which 1 / 1.04 = 0.96 is the most.

    Batches of 128 leave a tenth at the most of either undone.
    """
    rng = np.random.default_rng(1)
    w = {name: rng.normal(size=(6000, 3)).astype(np.float32) for name in ("ws", "w1", "w2")}
    mix = [np.linalg.qr(rng.normal(size=(6, 6)))[0] for _ in range(2)]
    rows = {
        x: (np.hstack([w["ws"], w[own]]) @ t + 0.2 * rng.normal(size=(6000, 6))).astype(np.float32)
        for x, own, t in (("x1", "w1", mix[0]), ("x2", "w2", mix[1]))
    }
    objective = clean([encoders.mlp(6, 3)] * 2, augment=noise, leak=10.0, hidden=32)
    txs = {"theta": optax.adam(1e-2), "phi": optax.adam(1e-2)}
    state = train.make_init(objective, txs)(jax.random.key(0), {x: v[:128] for x, v in rows.items()})
    step = train.make_step(objective, txs)
    for _ in range(200):
        at = rng.integers(2000, size=128)
        state, _ = step.run(state, step.place({x: v[at] for x, v in rows.items()}))
    z = objective.encode(state.params, state.state, {x: jnp.asarray(v[2000:]) for x, v in rows.items()}, train=False)[0]

    def explained(head, factor):
        x, y = np.asarray(z[head]), w[factor][2000:]
        x = np.hstack([x, np.ones((len(x), 1))])
        return 1 - (y - x @ np.linalg.lstsq(x, y, rcond=None)[0]).var() / y.var()

    for side in "12":
        assert explained(f"unique{side}", f"w{side}") > 0.85
        assert explained(f"unique{side}", "ws") < 0.1
        assert explained(f"shared{side}", "ws") > 0.85
        assert explained(f"shared{side}", f"w{side}") < 0.1
