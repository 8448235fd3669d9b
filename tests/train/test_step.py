"""pidjax/train/step.py: one step against gradients by hand, alternating updates, keys, and several devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from toys import SGD, alternating, contrastive, keeping_draws, make_batch

from pidjax import train

BATCH = make_batch()
TXS = {"theta": SGD}


@functools.cache
def init(objective):
    """Compiled once an objective, with ``TXS``."""
    return train.make_init(objective, TXS)


def start(objective, txs=TXS, seed=0):
    """The state before the first step."""
    return (init(objective) if txs is TXS else train.make_init(objective, txs))(jax.random.key(seed), BATCH)


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
    assert new.step == 1 and set(info) == {"loss", "gradient_norm"}
    size = jnp.sqrt(sum((g**2).sum() for g in gradient.values()))
    np.testing.assert_allclose(info["gradient_norm"], size, rtol=1e-5)
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
    step = train.make_step(keeping_draws(), TXS)
    state = start(keeping_draws())
    for batch in (BATCH, make_batch(seed=1)):
        new, _ = step(state, batch)
        np.testing.assert_allclose(new.state["draws"], [jax.random.normal(k) for k in sample_keys(state)], rtol=1e-6)
        state = new
    other = step(start(keeping_draws(), seed=1), BATCH)[0].state["draws"]
    assert len({*np.asarray(new.state["draws"]).tolist(), *np.asarray(other).tolist()}) == 16


def test_the_start_is_a_function_of_its_key():
    """Parameters and run key: the same again for the same key, others for another; run and init keys differ."""
    a, b, c = (start(contrastive(), seed=seed) for seed in (0, 0, 1))
    leaves_equal(a.params, b.params)
    assert (a.params["theta"]["x"] != c.params["theta"]["x"]).all()
    keys = [jax.random.key_data(k).tolist() for k in (a.key, c.key, jax.random.key(0), *jax.random.split(a.key))]
    assert a.step == 0 and len(set(map(tuple, keys))) == 5


def embeddings(state, batch=BATCH, first=0):
    """Of x by the toy, as the step draws its noise at the positions from ``first`` on."""
    draws = np.array([jax.random.normal(k) for k in sample_keys(state, first + len(batch["x"]))[first:]])
    return lambda theta: (batch["x"] + 0.3 * draws[:, None]) @ np.asarray(theta["x"])


@pytest.mark.parametrize("inner_steps", [1, 4])
def test_inner_updates_phi_as_often_as_asked(inner_steps):
    """Gradient steps of ½|z − φ|² at rate ¼: φ_k = m + (φ_0 − m)·(¾)^k, with m the mean embedding of the new theta."""
    txs = {"theta": SGD, "phi": optax.sgd(0.25)}
    state = start(alternating(), txs)
    new, info = train.make_step(alternating(), txs, inner_steps=inner_steps)(state, BATCH)
    m = embeddings(state)(new.params["theta"]).mean(0)
    phi = np.asarray(state.params["phi"]["centre"])
    np.testing.assert_allclose(new.params["phi"]["centre"], m + (phi - m) * 0.75**inner_steps, rtol=1e-4, atol=1e-5)
    assert set(info) == {"loss", "inner", "gradient_norm", "inner_gradient_norm"}


def test_fresh_inner_batches_have_their_own_samples_and_noise():
    """φ moves a quarter of the way to the mean of each inner batch; its positions follow those of the outer batch."""
    txs = {"theta": SGD, "phi": optax.sgd(0.25)}
    state = start(alternating(), txs)
    inner = [make_batch(6, seed=7), make_batch(6, seed=8)]
    step = train.make_step(alternating(), txs, inner_steps=2, inner_batch="fresh")
    new, _ = step(state, (BATCH, jax.tree.map(lambda *x: np.stack(x), *inner)))
    same, _ = train.make_step(alternating(), txs)(state, BATCH)
    leaves_equal(new.params["theta"], same.params["theta"])
    phi = np.asarray(state.params["phi"]["centre"])
    for k, batch in enumerate(inner):
        m = embeddings(state, batch, first=8 + 6 * k)(new.params["theta"]).mean(0)
        phi = m + (phi - m) * 0.75
    np.testing.assert_allclose(new.params["phi"]["centre"], phi, rtol=1e-4, atol=1e-5)


def test_theta_sees_the_phi_before_its_update():
    """The outer gradient is that of the loss at the old theta and phi: Alg. 3 moves theta first."""
    txs = {"theta": SGD, "phi": optax.sgd(0.25)}
    objective = alternating()
    state = start(objective, txs)
    new, _ = train.make_step(objective, txs, inner_steps=2)(state, BATCH)

    @jax.jit
    def gradient(theta, keys):
        def outer(theta):
            params = {"theta": theta, "phi": state.params["phi"]}
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


def test_several_steps_a_call_are_single_steps():
    """lax.scan over three batches: the state and every step's info of three calls."""
    objective, txs = contrastive(1.0), {"theta": optax.adam(1e-2)}
    one, three = start(objective, txs), start(objective, txs)
    batches = [make_batch(seed=i) for i in range(3)]
    step, infos = train.make_step(objective, txs), []
    for batch in batches:
        one, info = step(one, batch)
        infos.append(info["loss"])
    three, info = train.make_step(objective, txs, steps_per_call=3)(
        three, jax.tree.map(lambda *x: np.stack(x), *batches)
    )
    assert three.step == 3
    np.testing.assert_allclose(info["loss"], infos, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), one.params, three.params)


def test_donation_changes_no_number():
    """The memory of the old state is used again; the new one is the same."""
    kept, given = start(contrastive()), start(contrastive())
    a, _ = train.make_step(contrastive(), TXS)(kept, BATCH)
    b, _ = train.make_step(contrastive(), TXS, donate=True)(given, BATCH)
    leaves_equal(a.params, b.params)
    assert given.params["theta"]["x"].is_deleted() and not kept.params["theta"]["x"].is_deleted()


def test_rematerialised_gradients_are_the_same():
    """Nothing but when activations are computed changes."""
    state = start(contrastive(0.3))
    a, b = (train.make_step(contrastive(0.3), TXS, remat=remat)(state, BATCH)[0].params for remat in (False, True))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), a, b)


@pytest.mark.parametrize("accumulate", [1, 4])
def test_encoding_in_bfloat16(accumulate):
    """Gradients within the 2⁻⁸ of its mantissa and not equal; parameters, gradients and loss stay float32."""
    seen = []
    base = contrastive(0.3)

    def encode(params, state, batch, key=None, *, train):
        seen.append((params["theta"]["x"].dtype, batch["x"].dtype))
        return base.encode(params, state, batch, key, train=train)

    objective = base._replace(encode=encode)
    state = start(base)
    exact, _ = train.make_step(base, TXS)(state, BATCH)
    coarse, info = train.make_step(objective, TXS, compute_dtype=jnp.bfloat16, accumulate=accumulate)(state, BATCH)
    assert set(seen) == {(jnp.dtype("bfloat16"),) * 2}
    assert {x.dtype for x in jax.tree.leaves((coarse.params, coarse.opt_state, info))} == {jnp.dtype("float32")}
    a, b = exact.opt_state["theta"][0].trace["x"], coarse.opt_state["theta"][0].trace["x"]
    error = jnp.linalg.norm(a - b) / jnp.linalg.norm(a)
    assert 1e-6 < error < 4 * 2**-8


def test_pieces_need_an_encoder_without_batch_statistics():
    """A state that encode changes would be that of the pieces."""
    objective = keeping_draws()
    with pytest.raises(ValueError, match=r"batch normalisation.*accumulate=1"):
        train.make_step(objective, TXS, accumulate=2)(start(objective), BATCH)


def test_pieces_must_divide_the_batch():
    """8 samples are not 3 pieces."""
    with pytest.raises(ValueError, match="8 samples does not divide into accumulate=3"):
        train.make_step(contrastive(), TXS, accumulate=3)(start(contrastive()), BATCH)


@pytest.mark.parametrize("name", ["inner_steps", "accumulate", "steps_per_call"])
def test_counts_are_positive(name):
    """Zero is refused by name."""
    with pytest.raises(ValueError, match=f"{name} must be 1 or more; found 0"):
        train.make_step(contrastive(), TXS, **{name: 0})


def test_an_unknown_engine_is_refused():
    """The message names the engines there are."""
    with pytest.raises(ValueError, match="'auto', 'jit', 'pmap', 'shard_map'"):
        train.make_step(contrastive(), TXS, engine="xmap")


def test_an_inner_loss_needs_an_optimiser():
    """An objective with ``inner`` and no transformation for phi."""
    with pytest.raises(ValueError, match='transformation for "phi"'):
        train.make_step(alternating(), TXS)


def test_fresh_inner_batches_need_an_inner_loss():
    """And the name of what to do is one of two."""
    with pytest.raises(ValueError, match="inner loss; this one has none"):
        train.make_step(contrastive(), TXS, inner_batch="fresh")
    with pytest.raises(ValueError, match="'same', 'fresh'"):
        train.make_step(contrastive(), TXS, inner_batch="new")
