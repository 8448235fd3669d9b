"""pidjax/fit.py: one compiled fit against closed forms, optax by hand, and its promises about rows and rounds."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pidjax.fit import fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype(np.float32)
W = np.float32([1.0, -2.0, 0.5])
Y = (X @ W + 0.1 * RNG.normal(size=60)).astype(np.float32)
TRAIN, TEST = (X[:40], Y[:40]), (X[40:], Y[40:])
START = jnp.zeros(3)


def loss(w, rows):
    """Half the mean squared error of a linear map."""
    x, y = rows
    return ((x @ w - y) ** 2).mean() / 2


@functools.partial(jax.jit, static_argnames=("steps", "batch", "average", "rounds"))
def run(key, train=TRAIN, watched=TEST, start=START, learning_rate=0.1, weight_decay=0.0, **settings):
    """A fit of the linear map."""
    settings = {"steps": 200, "batch": 40, "rounds": 10} | settings
    return fit(key, loss, start, train, watched, learning_rate=learning_rate, weight_decay=weight_decay, **settings)


def test_it_finds_the_least_squares_solution():
    """All rows in every step: the closed form."""
    expected = np.linalg.lstsq(*TRAIN, rcond=None)[0]
    found = run(jax.random.key(0), watched=TRAIN, average=0.9)
    np.testing.assert_allclose(found.params, expected, atol=2e-3)


def test_the_best_round_is_kept():
    """Parameters are those of the lowest held-out loss, also where more steps make it worse."""
    found = run(jax.random.key(0), learning_rate=3.0)
    assert len(found.held_out) == 11 and found.best == np.argmin(found.held_out)
    np.testing.assert_allclose(loss(found.params, TEST), np.min(found.held_out), rtol=1e-5)


def test_a_start_that_nothing_beats_is_kept():
    """A learning rate that only harms: round 0, the start."""
    start = jnp.asarray(np.linalg.lstsq(*TEST, rcond=None)[0])
    found = run(jax.random.key(0), start=start, learning_rate=1.0)
    assert found.best == 0
    np.testing.assert_array_equal(found.params, start)


@pytest.mark.parametrize("average", [0.0, 0.8])
def test_steps_are_those_of_adamw(average):
    """Against optax with the cosine rate, one step after the other, and the mean of its parameters."""
    rate, decay, steps = 0.1, 0.05, 12
    found = run(jax.random.key(0), weight_decay=decay, steps=steps, rounds=1, average=average)
    schedule = optax.cosine_decay_schedule(rate, steps)
    tx = optax.chain(optax.clip_by_global_norm(10.0), optax.adamw(schedule, weight_decay=decay))
    w, state, mean = START, tx.init(START), jnp.zeros(3)
    for _ in range(steps):
        update, state = tx.update(jax.grad(loss)(w, TRAIN), state, w)
        w = optax.apply_updates(w, update)
        mean = average * mean + (1 - average) * w
    np.testing.assert_allclose(found.params, mean / (1 - average**steps), rtol=1e-4)


@pytest.mark.parametrize("n", [1, 7, 12, 30])
def test_rows_of_a_step_differ_and_are_drawn_equally(n):
    """A loss whose gradient counts rows: no row twice in a step of 5, all rows as often, within 5 standard errors."""
    steps, batch = 2000, min(5, n)
    one_hot = jnp.eye(n)

    def counts(key):
        """One step of Adam moves just those entries whose gradient is not 0, all by the same amount."""
        return fit(key, lambda w, rows: -(rows @ w).mean(), jnp.zeros(n), one_hot, one_hot, steps=1, batch=5, rounds=1)

    seen = np.asarray(jax.jit(jax.vmap(counts))(jax.random.split(jax.random.key(0), steps)).params) > 0
    assert (seen.sum(1) == batch).all()
    error = np.sqrt(steps * batch / n * (1 - batch / n)) if n > 5 else 0
    assert np.abs(seen.sum(0) - steps * batch / n).max() <= 5 * error


def test_many_fits_in_one_call():
    """vmap over keys, data sets and learning rates equals one after the other."""
    keys, rates = jax.random.split(jax.random.key(0), 3), jnp.array([0.3, 0.1, 0.03])
    noise = RNG.normal(size=(3, 40)).astype(np.float32)
    sets = np.stack([TRAIN[0]] * 3), TRAIN[1][None] + noise
    one = functools.partial(run, batch=8, average=0.9)
    many = jax.vmap(lambda key, train, rate: one(key, train, learning_rate=rate))(keys, sets, rates)
    for i in range(3):
        alone = one(keys[i], (sets[0][i], sets[1][i]), learning_rate=rates[i])
        np.testing.assert_allclose(many.params[i], alone.params, rtol=1e-3, atol=1e-4)
    assert len(np.unique(many.best)) >= 1 and many.held_out.shape == (3, 11)


def test_a_loss_of_nan_keeps_the_start():
    """What cannot be evaluated is never returned."""

    def broken(w, rows):
        return loss(w, rows) * jnp.where(jnp.abs(w).sum() > 0, jnp.nan, 1.0)

    found = jax.jit(lambda key: fit(key, broken, START, TRAIN, TEST, steps=5, rounds=5))(jax.random.key(0))
    np.testing.assert_array_equal(found.params, START)
    assert found.best == 0 and np.isnan(found.held_out[1:]).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"rounds": 0}, "rounds must be at least 1"),
        ({"average": 1.0}, r"average must lie in \[0, 1\)"),
    ],
)
def test_unusable_settings_are_refused(settings, words):
    """In words."""
    with pytest.raises(ValueError, match=words):
        fit(jax.random.key(0), loss, START, TRAIN, TEST, **settings)
