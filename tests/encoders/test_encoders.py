"""pidjax/encoders: shapes, plain parameters, compilation and gradients of every member, and their masks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from pidjax.encoders import (
    concat_fusion,
    cross_attention_fusion,
    linear,
    mlp,
    recurrent,
    transformer,
)
from pidjax.encoders.feed_forward import feed_forward
from pidjax.encoders.flax_glue import from_nnx

STREAMS = ((3, 5), (2, 4))
KEY = jax.random.key(0)


def normal(*shape, seed=0):
    """Inputs of unit variance."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


TOKENS = (normal(6, 3, 5), normal(6, 2, 4))
PAIR = (normal(6, 3, 8), normal(6, 2, 8))
MEMBERS = {
    "linear": (lambda: linear(5, 8), TOKENS[0], (6, 3, 8)),
    "mlp": (lambda: mlp(5, 8, 4), TOKENS[0], (6, 3, 4)),
    "relu": (lambda: mlp(5, 8, 4, activation="relu", init="torch"), TOKENS[0], (6, 3, 4)),
    "transformer": (lambda: transformer(STREAMS, width=8, depth=2, heads=2), TOKENS, (6, 5, 8)),
    "lstm": (lambda: recurrent(STREAMS, width=8, cell="lstm"), TOKENS, (6, 5, 8)),
    "gru": (lambda: recurrent(STREAMS, width=8, cell="gru"), TOKENS, (6, 5, 8)),
    "concat": (lambda: concat_fusion(8), PAIR, (6, 8)),
    "cross-attention": (lambda: cross_attention_fusion(8, heads=2), PAIR, (6, 8)),
}
every = pytest.mark.parametrize("name", MEMBERS)


@functools.cache
def run(name):
    """Parameters, state, output, new state and gradients of a member, compiled as one program."""
    build, x, _ = MEMBERS[name]
    encoder = build()

    @jax.jit
    def program(key, x):
        params, state = encoder.init(key)

        def value(params, x):
            z, new_state = encoder.apply(params, state, x, train=True)
            return (z * jnp.cos(jnp.arange(z.size).reshape(z.shape))).sum(), (z, new_state)

        gradients, (z, new_state) = jax.grad(value, argnums=(0, 1), has_aux=True)(params, x)
        return params, state, z, new_state, gradients

    return encoder, *program(KEY, x)


@every
def test_shapes(name):
    """Tokens of all streams in, one vector a token out; fusions give one vector a sample."""
    z = run(name)[3]
    assert z.shape == MEMBERS[name][2] and z.dtype == jnp.float32 and np.isfinite(z).all()


@every
def test_parameters_are_plain_nested_dicts(name):
    """No class of flax leaves the glue."""
    _, params, state, _, new_state, _ = run(name)

    def plain(tree):
        return all(map(plain, tree.values())) if type(tree) is dict else isinstance(tree, jax.Array)

    assert all(type(tree) is dict and plain(tree) for tree in (params, state, new_state))


@pytest.mark.parametrize("name", MEMBERS)
def test_without_batch_statistics_there_is_no_state(name):
    """Empty before and after training on a batch."""
    _, _, state, _, new_state, _ = run(name)
    assert state == new_state == {}


@every
def test_gradients_are_finite_and_reach_the_inputs(name):
    """Every parameter and every input sample has a finite gradient; no sample's is zero."""
    of_params, of_x = run(name)[5]
    assert all(np.isfinite(g).all() for g in jax.tree.leaves((of_params, of_x)))
    assert all((np.abs(g).max(axis=(1, 2)) > 0).all() for g in jax.tree.leaves(of_x))


@every
def test_evaluation_is_the_same_function(name):
    """Nothing here is random or depends on ``train``; the compiled and the plain program agree."""
    encoder, params, state, z, _, _ = run(name)
    np.testing.assert_allclose(encoder.apply(params, state, MEMBERS[name][1])[0], z, rtol=1e-4, atol=1e-5)


def test_parameters_are_a_function_of_the_key():
    """The same key gives the same parameters, compiled or not; another key gives others."""
    encoder, params, *_ = run("mlp")
    for key, same in ((KEY, True), (jax.random.key(1), False)):
        found = encoder.init(key)[0]["layers"][1]["kernel"]
        assert np.allclose(found, params["layers"][1]["kernel"], rtol=1e-5) == same


@pytest.mark.parametrize("name", ["transformer", "lstm", "gru"])
def test_samples_do_not_see_each_other(name):
    """Changing one sample leaves the outputs of the others."""
    encoder, params, state, z, _, _ = run(name)
    changed = tuple(x.copy() for x in TOKENS)
    for x in changed:
        x[2] += 1
    out, others = encoder.apply(params, state, changed)[0], np.arange(6) != 2
    np.testing.assert_allclose(out[others], z[others], rtol=1e-4, atol=1e-5)
    assert np.abs(out[2] - z[2]).max() > 1e-2


@pytest.mark.parametrize(("name", "activation"), [("mlp", jax.nn.gelu), ("relu", jax.nn.relu)])
def test_perceptron_is_its_formula(name, activation):
    """W₂ g(W₁ x + b₁) + b₂, g the activation."""
    _, params, _, z, _, _ = run(name)
    first, second = params["layers"][0], params["layers"][1]
    hidden = activation(TOKENS[0] @ np.asarray(first["kernel"]) + np.asarray(first["bias"]).reshape(1, 1, -1))
    expected = np.asarray(hidden) @ np.asarray(second["kernel"]) + np.asarray(second["bias"])
    np.testing.assert_allclose(z, expected, rtol=1e-4, atol=1e-5)


def test_torch_initialisation_is_uniform_in_the_fan_in():
    """Kernels and biases fill (−1/√fan_in, 1/√fan_in) with its variance, within 4 standard errors."""
    params, _ = mlp(25, 400, 200, init="torch").init(KEY)
    for layer, fan_in in ((params["layers"][0], 25), (params["layers"][1], 400)):
        for values in map(np.asarray, (layer["kernel"], layer["bias"])):
            scaled = values.ravel() * np.sqrt(fan_in)
            n = scaled.size
            assert np.abs(scaled).max() <= 1 and np.abs(scaled).max() > 1 - 20 / n
            assert abs(scaled.mean()) < 4 * np.sqrt(1 / 3 / n)
            assert abs((scaled**2).mean() - 1 / 3) < 4 * np.sqrt(4 / 45 / n)  # var of u² is 1/5 − 1/9


@pytest.mark.parametrize(
    ("setting", "known"),
    [({"activation": "tanh"}, "'gelu', 'quick_gelu', 'relu'"), ({"init": "keras"}, "'flax', 'torch'")],
)
def test_unknown_settings_of_a_perceptron_are_refused(setting, known):
    """The message names those there are."""
    with pytest.raises(ValueError, match=known):
        mlp(5, 4, **setting)


@pytest.mark.parametrize("where", [0, 4], ids=["first stream", "second stream"])
def test_masked_tokens_are_not_seen(where):
    """Changing a masked token changes no other token's output; unmasked, it does."""
    encoder, params, state, _, _, _ = run("transformer")
    apply = jax.jit(lambda x, mask: encoder.apply(params, state, x, mask=mask)[0])
    changed = tuple(x.copy() for x in TOKENS)
    changed[where // 3][:, where % 3] += 3
    others = np.arange(5) != where
    mask, everything = np.broadcast_to(others, (6, 5)), np.ones((6, 5), bool)
    np.testing.assert_array_equal(apply(TOKENS, mask)[:, others], apply(changed, mask)[:, others])
    assert (apply(TOKENS, everything)[:, others] != apply(changed, everything)[:, others]).all(-1).any()


def test_a_mask_of_ones_is_no_mask():
    """All tokens real."""
    encoder, params, state, z, _, _ = run("transformer")
    masked = encoder.apply(params, state, TOKENS, mask=np.ones((6, 5), bool))[0]
    np.testing.assert_allclose(masked, z, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_recurrence_runs_forward_in_time(cell):
    """The fourth token changes its own output and the later ones, not the earlier ones."""
    encoder, params, state, z, _, _ = run(cell)
    changed = (TOKENS[0], TOKENS[1] + np.array([[[1], [0]]], np.float32))
    out = encoder.apply(params, state, changed)[0]
    np.testing.assert_allclose(out[:, :3], z[:, :3], rtol=1e-4, atol=1e-5)
    assert (np.abs(out[:, 3:] - z[:, 3:]).max(-1) > 1e-3).all()


def test_heads_must_divide_the_width():
    """8 is not a multiple of 3."""
    with pytest.raises(ValueError, match="width 8, heads 3"):
        transformer(STREAMS, width=8, heads=3)


def test_an_unknown_cell_is_refused():
    """The message names the cells there are."""
    with pytest.raises(ValueError, match="'lstm', 'gru'"):
        recurrent(STREAMS, cell="rnn")


def test_batch_statistics_travel_in_the_state():
    """A module with batch statistics moves them when training and reads them when not."""
    encoder = from_nnx(lambda rngs: nnx.BatchNorm(5, momentum=0.5, rngs=rngs))
    params, state = encoder.init(KEY)
    x = 3 + normal(50, 5)
    z, moved = encoder.apply(params, state, x, train=True)
    np.testing.assert_allclose(z.mean(0), np.zeros(5), atol=1e-4)
    np.testing.assert_allclose(moved["mean"], x.mean(0) / 2, rtol=1e-4)
    z, same = encoder.apply(params, moved, x, train=False)
    np.testing.assert_allclose(z.mean(0) * np.sqrt(moved["var"] + 1e-5), x.mean(0) / 2, rtol=1e-3)
    np.testing.assert_array_equal(same["mean"], moved["mean"])


def test_feed_forward_is_its_formula():
    """relu(x W + b) W' + b' and its gradients, in blocks of rows whose hidden layer is computed anew."""
    up, down = ({"kernel": normal(*shape), "bias": normal(shape[1])} for shape in ((5, 7), (7, 5)))
    x = normal(2 * 401, 5)  # a prime is cut into single rows, twice one into pairs

    def plain(up, down, x):
        return jax.nn.relu(x @ up["kernel"] + up["bias"][None]) @ down["kernel"] + down["bias"][None]

    found, expected = (
        jax.jit(jax.value_and_grad(lambda *args, f=f: jnp.sin(f(*args)).sum(), argnums=(0, 1, 2)))(up, down, x)
        for f in (feed_forward, plain)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), found, expected)
