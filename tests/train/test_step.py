"""pidjax/train/step.py: one step against gradients by hand, alternating updates, keys, and several devices."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from pmap_script import SGD, alternating, contrastive, make_batch

from pidjax import train

BATCH = make_batch()
TXS = {"theta": SGD}


def start(objective, txs=TXS, seed=0):
    """The state before the first step."""
    return train.make_init(objective, txs)(jax.random.key(seed), BATCH)


def sample_keys(state, n=8):
    """The keys of the samples of a step: run key, then step, then row."""
    return [jax.random.fold_in(jax.random.fold_in(state.key, state.step), row) for row in range(n)]


def leaves_equal(a, b):
    """The same tree, bit for bit."""
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_a_step_is_the_gradient_by_hand():
    """theta − ∇(−InfoNCE) of both directions, written with softmax; step and state move on, the key stays."""
    state = start(contrastive())

    def by_hand(theta):
        x, y = (BATCH[name] @ theta[name] for name in ("x", "y"))
        f = x @ y.T / jnp.linalg.norm(x, axis=1)[:, None] / jnp.linalg.norm(y, axis=1)[None] / 0.5
        return -(jnp.diag(jax.nn.log_softmax(f, 1)) + jnp.diag(jax.nn.log_softmax(f, 0))).mean() / 2 - jnp.log(8)

    value, gradient = jax.jit(jax.value_and_grad(by_hand))(state.params["theta"])
    new, info = train.make_step(contrastive(), TXS, engine="jit")(state, BATCH)
    for name, g in gradient.items():
        np.testing.assert_allclose(state.params["theta"][name] - new.params["theta"][name], g, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(info["loss"], value, rtol=1e-5)
    assert new.step == 1 and set(info) == {"loss"}
    leaves_equal(jax.random.key_data(new.key), jax.random.key_data(state.key))


def test_a_step_learns():
    """Forty steps of Adam raise the bound."""
    txs = {"theta": train.adamw(3e-2)}
    state, step = start(contrastive(), txs), train.make_step(contrastive(), txs)
    losses = []
    for _ in range(40):
        state, info = step(state, BATCH)
        losses.append(float(info["loss"]))
    assert losses[-1] < losses[0] - 0.3


def test_a_step_is_reproducible():
    """The same state and batch give the same result bit for bit, also by a step compiled anew."""
    objective = contrastive(noise=1.0)
    state = start(objective)
    step = train.make_step(objective, TXS)
    (a, info), (b, again), (c, _) = (
        step(state, BATCH),
        step(state, BATCH),
        train.make_step(objective, TXS)(state, BATCH),
    )
    leaves_equal((a.params, a.opt_state, info), (b.params, b.opt_state, again))
    leaves_equal(a.params, c.params)


def test_keys_depend_on_run_step_and_row():
    """Each sample draws from fold_in(fold_in(run key, step), row), and from nothing of the data."""
    step = train.make_step(contrastive(), TXS)
    state = start(contrastive())
    for batch in (BATCH, make_batch(seed=1)):
        new, _ = step(state, batch)
        np.testing.assert_allclose(new.state["draws"], [jax.random.normal(k) for k in sample_keys(state)], rtol=1e-6)
        state = new
    other = step(start(contrastive(), seed=1), BATCH)[0].state["draws"]
    assert len({*np.asarray(new.state["draws"]).tolist(), *np.asarray(other).tolist()}) == 16


def test_the_start_is_a_function_of_its_key():
    """Parameters and run key: the same again for the same key, others for another; run and init keys differ."""
    a, b, c = (start(contrastive(), seed=seed) for seed in (0, 0, 1))
    leaves_equal(a.params, b.params)
    assert (a.params["theta"]["x"] != c.params["theta"]["x"]).all()
    keys = [jax.random.key_data(k).tolist() for k in (a.key, c.key, jax.random.key(0), *jax.random.split(a.key))]
    assert a.step == 0 and len(set(map(tuple, keys))) == 5


@pytest.mark.parametrize("inner_steps", [1, 4])
def test_inner_updates_phi_as_often_as_asked(inner_steps):
    """Gradient steps of ½|z − φ|² at rate ¼: φ_k = m + (φ_0 − m)·(¾)^k, with m the mean embedding before the step."""
    txs = {"theta": SGD, "phi": optax.sgd(0.25)}
    state = start(alternating(), txs)
    new, info = train.make_step(alternating(), txs, inner_steps=inner_steps)(state, BATCH)
    draws = np.asarray(new.state["draws"])
    m = ((BATCH["x"] + 0.3 * draws[:, None]) @ np.asarray(state.params["theta"]["x"])).mean(0)
    phi = np.asarray(state.params["phi"]["centre"])
    np.testing.assert_allclose(new.params["phi"]["centre"], m + (phi - m) * 0.75**inner_steps, rtol=1e-4, atol=1e-5)
    assert set(info) == {"loss", "inner"}


def test_theta_sees_the_phi_that_was_updated():
    """The outer gradient is that of the loss at the new phi and at the old theta."""
    txs = {"theta": SGD, "phi": optax.sgd(0.25)}
    objective = alternating()
    state = start(objective, txs)
    new, _ = train.make_step(objective, txs, inner_steps=2)(state, BATCH)

    @jax.jit
    def gradient(theta, keys):
        def outer(theta):
            params = {"theta": theta, "phi": new.params["phi"]}
            return objective.loss(params, objective.encode(params, {}, BATCH, keys, train=True)[0], BATCH)[0]

        return jax.grad(outer)(theta)

    expected = gradient(state.params["theta"], jnp.stack(sample_keys(state)))
    for name, g in expected.items():
        change = state.params["theta"][name] - new.params["theta"][name]
        np.testing.assert_allclose(change, g, rtol=1e-4, atol=1e-5)


def test_the_outer_loss_does_not_move_phi():
    """With an inner rate of 0 phi stays as it is, though the outer loss depends on it."""
    txs = {"theta": SGD, "phi": optax.sgd(0.0)}
    state = start(alternating(), txs)
    new, _ = train.make_step(alternating(), txs)(state, BATCH)
    leaves_equal(new.params["phi"], state.params["phi"])
    assert (new.params["theta"]["x"] != state.params["theta"]["x"]).any()


def test_auto_is_jit_on_one_device():
    """The default engine gives what jit gives; on one device pmap gives it too."""
    assert jax.local_device_count() == 1
    state = start(contrastive(noise=1.0))
    auto, jit, pmap = (
        train.make_step(contrastive(noise=1.0), TXS, engine=engine)(state, BATCH)[0]
        for engine in ("auto", "jit", "pmap")
    )
    leaves_equal(auto.params, jit.params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), jit.params, pmap.params)


def test_four_devices_give_the_gradients_of_one(four_devices):
    """In a process with four devices: the toys and the decomposition, jit against pmap."""
    four_devices("train/pmap_script.py")


def test_an_unknown_engine_is_refused():
    """The message names the engines there are."""
    with pytest.raises(ValueError, match="'auto', 'jit', 'pmap'"):
        train.make_step(contrastive(), TXS, engine="xmap")


def test_an_inner_loss_needs_an_optimiser():
    """An objective with ``inner`` and no transformation for phi."""
    with pytest.raises(ValueError, match='transformation for "phi"'):
        train.make_step(alternating(), TXS)
