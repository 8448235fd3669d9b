"""pidjax/critics/dot.py, cosine: scores, the sides of the negatives, and a batch shared between devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.bounds import infonce
from pidjax.critics import cosine

X, Y = (jnp.asarray(np.random.default_rng(i).normal(size=(8, 5)).astype(np.float32)) for i in (0, 1))


def test_scores_are_cosines_over_the_temperature():
    """f(x, y) = x·y / (|x| |y| τ)."""
    x, y = np.asarray(X, float), np.asarray(Y, float)
    expected = x @ y.T / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(y, axis=1) / 0.2
    np.testing.assert_allclose(cosine(0.2).scores({}, X, Y), expected, rtol=1e-4, atol=1e-5)


def test_there_are_no_parameters():
    """``init`` gives an empty dict."""
    assert cosine().init(jax.random.key(0), X, Y) == {}


def test_paired_is_the_diagonal_of_scores():
    """Row i of x against row i of y."""
    critic = cosine(0.3)
    np.testing.assert_allclose(critic.paired({}, X, Y), jnp.diag(critic.scores({}, X, Y)), rtol=1e-5, atol=1e-6)


def test_both_joins_the_two_directions():
    """``over="both"``: first the anchors of x, then those of y."""
    stats = jax.jit(functools.partial(cosine().stats, {}, X, Y), static_argnames="over")
    each = jax.tree.map(lambda y, x: jnp.concatenate([y, x]), stats(over="y"), stats(over="x"))
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-6), stats(over="both"), each)


def test_over_names_the_side_of_the_negatives():
    """``over="x"`` is ``over="y"`` with x and y exchanged."""
    stats = jax.jit(cosine().stats, static_argnames="over")
    exchanged = stats({}, X, Y, over="x"), stats({}, Y, X, over="y")
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-6), *exchanged)


def test_a_zero_vector_has_finite_gradients():
    """Its scores are 0, and the gradient does not divide by its length."""
    x = X.at[2].set(0.0)
    critic = cosine()
    assert (np.asarray(critic.scores({}, x, Y))[2] == 0).all()
    gradient = jax.jit(jax.grad(lambda x: infonce(critic.stats({}, x, Y, over="both"))))(x)
    assert np.isfinite(gradient).all()


@functools.cache
def shared_and_whole(over):
    """Value and gradient of four shards and of one device, compiled together."""
    critic = cosine(0.5)

    def loss(w, x, y, log_weights, axis_name=None):
        stats = critic.stats({}, x @ w[0], y @ w[1], log_weights=log_weights, over=over, axis_name=axis_name)
        return infonce(stats)

    local = jax.value_and_grad(functools.partial(loss, axis_name="data"))
    shards = jax.vmap(local, in_axes=(None, 0, 0, 0), axis_name="data")

    @jax.jit
    def both(w, x, y, log_weights):
        shared = shards(w, x.reshape(4, 2, 5), y.reshape(4, 2, 5), log_weights.reshape(4, 2, 8))
        return jax.tree.map(lambda a: a.mean(0), shared), jax.value_and_grad(loss)(w, x, y, log_weights)

    return both


@pytest.mark.parametrize("over", ["x", "y", "both"])
@pytest.mark.parametrize("weighted", [False, True])
def test_four_shards_equal_one_device(over, weighted):
    """The means over shards of the local value and of the local gradient are those of the whole batch."""
    w = np.random.default_rng(2).normal(size=(2, 5, 3)).astype(np.float32)
    together = np.arange(8)[:, None] // 3 == np.arange(8)[None, :] // 3
    log_weights = np.where(together | (not weighted), 0, -np.inf).astype(np.float32)
    (value, gradient), (expected_value, expected_gradient) = shared_and_whole(over)(w, X, Y, log_weights)
    np.testing.assert_allclose(value, expected_value, rtol=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-5, atol=1e-6)


def test_half_precision_is_normalised_in_float32():
    """float16 of scale 300, whose squares overflow, and a row of zeros: as in float32."""
    x, y = (300 * X).astype(jnp.float16).at[1].set(0), (300 * Y).astype(jnp.float16)
    expected = cosine().scores({}, x.astype(jnp.float32), y.astype(jnp.float32))
    np.testing.assert_allclose(cosine().scores({}, x, y), expected, rtol=1e-6)
    assert np.isfinite(expected).all()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_the_temperature_is_positive(temperature):
    """Zero, negative and NaN are refused."""
    with pytest.raises(ValueError, match="temperature must be positive"):
        cosine(temperature)


def test_unpaired_shapes_are_refused():
    """Rows of x and y are pairs."""
    with pytest.raises(ValueError, match="as many rows"):
        cosine().stats({}, X, Y[:4])


def test_an_unknown_side_is_refused():
    """The message names the sides there are."""
    with pytest.raises(ValueError, match="'y', 'x', 'both'"):
        cosine().stats({}, X, Y, over="z")
