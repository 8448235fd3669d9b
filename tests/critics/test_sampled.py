"""pidjax/critics/sampled.py: which negatives are drawn, how often, and what they estimate."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from devices_script import CRITICS, WHOLE, data, parameters
from test_critics import every_critic, same

from pidjax import bounds, critics


def by_index(n):
    """A critic whose score of (x_i, y_j) says i and j: 100 i + j."""

    def paired(params, x, y):
        return 100 * x[:, 0] + y[:, 0]

    rows = jnp.arange(n, dtype=jnp.float32)[:, None]
    return critics.bilinear()._replace(paired=paired), rows, rows


@pytest.mark.parametrize("k", [1, 3, 7])
def test_sampled_negatives_are_others_and_each_used_equally(k):
    """The negatives' sum over the batch is k Σ y, none is the row's own, and all k of a row differ."""
    critic, x, y = by_index(8)
    draw = jax.jit(lambda key, t: critics.sampled_stats(critic, {}, key, x, y, k=k, transform=t), static_argnums=1)
    uses = np.zeros((8, 8))
    for seed in range(100):
        stats = draw(jax.random.key(seed), "identity")
        means = stats.neg_mean - 100 * np.arange(8)
        np.testing.assert_allclose(means.sum(), 28, rtol=1e-5)
        if k == 1:
            at = np.round(means).astype(int)
            assert sorted(at) == list(range(8)) and (at != np.arange(8)).all()
            uses[np.arange(8), at] += 1
        if k == 7:
            np.testing.assert_allclose(means, (28 - np.arange(8)) / 7, rtol=1e-3)
    assert (np.asarray(stats.num_neg) == k).all()
    if k == 1:  # each other row is a negative with probability 1/7: 4 standard errors of a count of 100
        off = uses[~np.eye(8, dtype=bool)]
        assert np.abs(off - 100 / 7).max() < 4.5 * np.sqrt(100 / 7 * 6 / 7)


@every_critic
def test_all_negatives_sampled_are_all_pairs(name):
    """k = n − 1 gives the statistics of ``critic.stats``."""
    critic, params, (x, y) = CRITICS[name].make(WHOLE), parameters(name), data(name)
    with jax.enable_x64(True):

        @jax.jit
        def both(params, x, y, key):
            return critics.sampled_stats(critic, params, key, x, y, k=7), critic.stats(params, x, y)

        same(*both(params, x, y, jax.random.key(0)))


def test_sampled_club_has_the_expectation_of_variational_club():
    """Mean over 500 draws of CLUBSample, against CLUB of all pairs, within 4 standard errors."""
    critic, (x, y), params = CRITICS["gaussian"].make(WHOLE), data("gaussian"), parameters("gaussian")
    keys = jax.random.split(jax.random.key(0), 500)
    values = np.asarray(
        jax.jit(jax.vmap(lambda key: bounds.club(critics.sampled_stats(critic, params, key, x, y))))(keys)
    )
    expected = bounds.club(critic.stats(params, x, y))
    np.testing.assert_allclose(values.mean(), expected, rtol=0, atol=4 * values.std() / 500**0.5)


def test_shards_draw_the_negatives_of_the_whole_batch():
    """Statistics of four shards in turn are those of one device with the same key."""
    critic, (x, y), params = CRITICS["concat"].make(WHOLE), data("concat"), parameters("concat")
    key = jax.random.key(0)

    def draw(x, y, axis_name=None):
        return critics.sampled_stats(critic, params, key, x, y, k=3, axis_name=axis_name)

    shards = jax.vmap(functools.partial(draw, axis_name="data"), axis_name="data")
    found = jax.jit(shards)(x.reshape(4, 2, -1), y.reshape(4, 2, -1))
    same(jax.tree.map(lambda v: v.reshape(8), found), jax.jit(draw)(x, y), 1e-5)


@pytest.mark.parametrize("k", [0, 8, -1])
def test_k_is_less_than_the_batch(k):
    """8 rows have 7 negatives."""
    x, y = data("bilinear")
    with pytest.raises(ValueError, match="less than the 8 rows"):
        critics.sampled_stats(critics.bilinear(), parameters("bilinear"), jax.random.key(0), x, y, k=k)
