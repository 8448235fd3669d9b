"""Ranks against scipy; what normal scores do not see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from scipy.stats import norm, rankdata

from pidjax.math.ranks import normal_scores, ranks, student_scores

RANKS = jax.jit(ranks)
SCORES = jax.jit(normal_scores)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(501, 3)).astype(np.float32)


def test_ties_share_their_mean_rank(x):
    for values in (x, np.round(x, 1), np.zeros_like(x)):
        np.testing.assert_array_equal(RANKS(values), rankdata(values, axis=0))
    np.testing.assert_array_equal(RANKS(x[:, 0]), rankdata(x[:, 0]))


def test_ties_broken_at_random_keep_the_order_of_the_rest(x):
    coarse = np.round(x)
    found = np.asarray(RANKS(coarse, jax.random.key(0)))
    np.testing.assert_array_equal(np.sort(found, axis=0), np.arange(1, 502)[:, None].repeat(3, 1))
    lowest, highest = rankdata(coarse, "min", axis=0), rankdata(coarse, "max", axis=0)
    assert ((lowest <= found) & (found <= highest)).all()
    other = np.asarray(RANKS(coarse, jax.random.key(1)))
    assert (found != other).mean() > 0.5
    np.testing.assert_array_equal(RANKS(x, jax.random.key(0)), rankdata(x, axis=0))


def test_scores_are_quantiles_of_the_normal(x):
    np.testing.assert_allclose(SCORES(x), norm.ppf(rankdata(x, axis=0) / 502), atol=2e-6)


def test_scores_see_no_monotone_map(x):
    """To the last bit."""
    scores = np.asarray(SCORES(x))
    for f in (np.exp, np.arctan, lambda z: z**3, lambda z: 2 * z + 1):
        if len(np.unique(mapped := f(x.astype(float)).astype(np.float32))) == x.size:
            np.testing.assert_array_equal(SCORES(mapped), scores)
    np.testing.assert_array_equal(SCORES(-x), -scores)


def test_float64_arrays_are_ranked_in_float64():
    """Neighbours that float32 would merge keep their order."""
    x = np.random.default_rng(0).permutation(1000) * 1e-4 + 1e6
    assert len(np.unique(x.astype(np.float32))) < 10
    np.testing.assert_array_equal(ranks(x), rankdata(x))


def test_vmap_is_a_loop(x):
    both = jnp.stack([jnp.asarray(x), jnp.round(jnp.asarray(x))])
    np.testing.assert_array_equal(jax.jit(jax.vmap(ranks))(both), jnp.stack([RANKS(z) for z in both]))


@pytest.mark.parametrize("dof", [1, 2.5, np.inf])
def test_student_scores_are_quantiles(dof):
    """Of ranks over n + 1; ties share the quantile of their mean rank."""
    x = np.array([[3.0], [-1.0], [7.0], [-1.0], [0.5]], np.float32)
    found = student_scores(x, dof)[:, 0]
    expected = scipy.stats.t.ppf(np.array([4, 1.5, 5, 1.5, 3]) / 6, dof)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    if np.isinf(dof):
        np.testing.assert_allclose(found, normal_scores(x)[:, 0], atol=1e-6)
