"""Baselines against values that the released code and a rewrite agree on (float64 there, float32 here)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.objectives import clip, contrastive, cross, cross_self, method, supcon
from pidjax.objectives.contrastive import ntxent_loss
from pidjax.objectives.pair import joined
from pidjax.typing import Encoder

IDENTITY = Encoder(lambda key: ({}, {}), lambda params, state, x, key=None, *, train=False, mask=None: (x, state))


def grid(shape, function):
    return jnp.asarray(np.fromfunction(function, shape), jnp.float32)


Z1 = [grid((3, 4), lambda n, d, k=k: np.sin(1 + k + 2 * n + 3 * d)) for k in range(3)]
Z2 = [grid((3, 4), lambda n, d, k=k: np.cos(1 + 2 * k + n + 3 * d)) for k in range(3)]
VIEWS = grid((4, 2, 3), lambda n, v, d: np.sin(1 + n + 2 * v + 3 * d))


def test_ntxent_and_cross_self():
    """Section 7 of the notes: NTX(z1_2, z2_2), and Cross+Self of z1_0, z1_1 with views z1_k, z2_k."""

    @jax.jit
    def run():
        objective = cross_self([IDENTITY] * 2, augment=lambda key, sample: sample, head=())
        batch = {"x1": Z1[0], "x2": Z1[1]}
        views = [jnp.stack([clean, one, two], 1) for clean, one, two in zip(Z1[:2], Z1[:2], Z2[:2], strict=True)]
        z = {f"cross_projection{side}": v for side, v in zip("12", views, strict=True)}
        value, info = objective.loss({}, z, batch)
        return ntxent_loss(Z1[2], Z2[2], 0.1), value, info

    one, both, info = jax.device_get(run())
    assert one == pytest.approx(7.5001864320, rel=1e-5)
    assert both == pytest.approx(13.4329753676, rel=1e-5)
    assert info["cross"] <= np.log(5) and info["self1"] <= np.log(5)


@pytest.mark.parametrize(
    ("settings", "labels", "value"),
    [
        ({"temperature": 0.07}, [0, 0, 1, 1], 14.7935550776),
        ({"temperature": 0.07}, [0, 1, 2, 3], 15.2357812223),
        ({"temperature": 0.5, "base_temperature": 0.07, "normalise": False}, [0, 0, 1, 1], 24.3346470803),
        ({"temperature": 0.5, "base_temperature": 0.07, "normalise": False}, [0, 1, 2, 3], 31.2285267670),
    ],
)
def test_supcon(settings, labels, value):
    """A class of one member, as all of the second and fourth, still has the other modality's view of it."""
    objective = supcon([IDENTITY] * 2, **settings)
    batch = {"x1": VIEWS[:, 0], "x2": VIEWS[:, 1], "y": jnp.array(labels)}
    z = {"projection1": VIEWS[:, 0], "projection2": VIEWS[:, 1]}
    assert objective.loss({}, z, batch)[0] == pytest.approx(value, rel=1e-5)


def test_supcon_of_constant_vectors_is_the_trivial_value_and_devices_see_one_batch():
    objective = supcon([IDENTITY] * 2, temperature=0.5, base_temperature=0.07, normalise=False)
    y = jnp.array([0, 0, 1, 1])

    @jax.jit
    def run():
        constant = {f"projection{side}": jnp.ones((4, 3)) for side in "12"}
        value, info = objective.loss({}, constant, {"y": y})
        z = {"projection1": VIEWS[:, 0], "projection2": VIEWS[:, 1]}
        shards = jax.tree.map(lambda x: x.reshape(2, 2, *x.shape[1:]), (z, {"y": y}))
        split = jax.vmap(lambda z, b: objective.loss({}, z, b, axis_name="data")[0], axis_name="data")(*shards)
        return value, info["trivial"], split.mean()

    value, trivial, split = jax.device_get(run())
    assert value == pytest.approx(trivial, rel=1e-6) == pytest.approx(0.5 / 0.07 * np.log(7), rel=1e-6)
    assert split == pytest.approx(24.3346470803, rel=1e-5)


@pytest.mark.parametrize("name", ["supcon", "simclr"])
def test_heads_are_contrasted_and_encoders_probed(name):
    """The loss is that of no head on what the heads say, written out; without a head, on what encoders say."""
    batch = {"x1": VIEWS[:, 0], "x2": VIEWS[:, 1], "y": jnp.array([0, 0, 1, 1])}

    @jax.jit
    def run(key):
        found = {}
        for head in ((), (5, 2)):
            of, heads = method(name, [IDENTITY] * 2, classes=2, head=head)
            params, state = of.init(key, batch)
            z, probed = (of.encode(params, state, batch, None, train=train)[0] for train in (True, False))
            found[len(head)] = of.loss(params, z, batch)[0], params["theta"], joined(probed, heads)
        return found

    found = jax.device_get(run(jax.random.key(0)))
    vectors = [np.asarray(VIEWS[:, i]) for i in (0, 1)]
    (plain, *_), (headed, theta, _) = found[0], found[2]
    theta = theta if name == "supcon" else theta["cross"]

    def projected(side):
        first, last = (theta[f"head{side + 1}"]["layers"][i] for i in (0, 1))
        return np.maximum(vectors[side] @ first["kernel"] + first["bias"], 0) @ last["kernel"] + last["bias"]

    def expected(one, two):
        z = np.vstack([one, two]).astype(float)
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        scores, rows = z @ z.T / 0.1, np.arange(8)
        of = np.tile(batch["y"] if name == "supcon" else np.arange(4), 2)
        alike, others = (of == of[:, None]) & (rows != rows[:, None]), rows != rows[:, None]
        return np.mean(np.log((np.exp(scores) * others).sum(1)) - (scores * alike).sum(1) / alike.sum(1))

    assert plain == pytest.approx(expected(*vectors), rel=1e-4)
    assert headed == pytest.approx(expected(projected(0), projected(1)), rel=1e-4)
    for _, _, probed in found.values():
        np.testing.assert_array_equal(probed, np.hstack(vectors))


def test_factorised_heads_are_side_by_side():
    batch = {"x1": Z1[0], "x2": Z1[1]}
    objective = contrastive.cross_self([IDENTITY] * 2, augment=lambda k, s: s, head=(), factorised=True)
    params, state = objective.init(jax.random.key(0), batch)
    z, _ = objective.encode(params, state, batch, train=False)
    assert z["backbone1"].shape == (3, 8)


def test_cross_of_vectors_as_they_are():
    """The released SimCLR: SupCon without labels, not on unit vectors, which the notes give at T/T_0 = 50/7."""
    z = {f"cross_projection{side}": VIEWS[:, None, i] for i, side in enumerate("12")}
    value, _ = jax.jit(cross([IDENTITY] * 2, temperature=0.5, normalise=False).loss)({}, z, {})
    assert value * 0.5 / 0.07 == pytest.approx(31.2285267670, rel=1e-5)


def test_clip():
    """Cross-entropy of rows and of columns of cos / τ, τ no less than 0.01; its gradient against differences.

    Beyond the bound the gradient is that at the bound, so that τ comes back; devices see one batch. A fixed one is
    no parameter.
    """
    objective = clip([IDENTITY] * 2, width=3)
    batch = {"x1": Z1[0], "x2": Z1[1]}
    params, state = objective.init(jax.random.key(0), batch)
    theta = jax.device_get(params["theta"])
    assert theta["critic"]["log_scale"] == pytest.approx(-np.log(0.07))

    @jax.jit
    def run(log_scale):
        given = {"theta": params["theta"] | {"critic": {"log_scale": log_scale}}}
        return objective.loss(given, objective.encode(given, state, batch, train=True)[0], batch)[0]

    def expected(log_scale):
        p = [np.asarray(x, float) @ theta[f"projection{s}"] for x, s in zip(Z1, "12", strict=False)]
        one, two = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in p)
        scores = one @ two.T * np.exp(min(log_scale, np.log(100)))
        ce = [np.log(np.exp(s).sum(1)) - np.diag(s) for s in (scores, scores.T)]
        return np.mean(ce)

    for log_scale in (np.log(5.0), np.log(500.0)):
        assert run(log_scale) == pytest.approx(expected(log_scale), rel=1e-4)
    compiled = jax.jit(jax.grad(run))

    def slope(log_scale):
        return float(compiled(log_scale))

    assert slope(1.6) == pytest.approx((expected(1.6 + 1e-4) - expected(1.6 - 1e-4)) / 2e-4, rel=1e-3)
    assert slope(6.0) == pytest.approx(slope(np.log(100.0)), rel=1e-5) and slope(6.0) != 0
    fixed = clip([IDENTITY] * 2, width=3, temperature=0.2, learned=False)
    assert fixed.init(jax.random.key(0), batch)[0]["theta"]["critic"] == {}
    given = {"theta": params["theta"] | {"critic": {}}}
    value, info = fixed.loss(given, fixed.encode(given, state, batch, train=True)[0], batch)
    assert value == pytest.approx(expected(np.log(5.0)), rel=1e-4) and set(info) == {"loss", "cross"}
    with pytest.raises(ValueError, match="starts in"):
        clip([IDENTITY] * 2, temperature=2.0)
