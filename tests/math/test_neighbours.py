"""Neighbours against brute force and against scikit-learn's trees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from pidjax._checks import InputError
from pidjax.math import neighbours
from pidjax.math.neighbours import count_closer, kth_distance

DISTANCE = jax.jit(kth_distance, static_argnums=1)
COUNT = jax.jit(count_closer)


def points(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def brute(x):
    """Chebyshev distances of all pairs, each point infinitely far from itself."""
    far = np.abs(x[:, None] - x[None]).max(2)
    np.fill_diagonal(far, np.inf)
    return far


@pytest.mark.parametrize(("n", "d", "k"), [(257, 1, 3), (300, 4, 299), (2, 2, 1), (300, 70, 5)])
def test_distances_and_counts_are_those_of_all_pairs(n, d, k):
    x = points(n, d)
    far = brute(x)
    found = DISTANCE(x, k)
    np.testing.assert_array_equal(found, np.sort(far, 1)[:, k - 1])
    np.testing.assert_array_equal(COUNT(x, found), (far < np.asarray(found)[:, None]).sum(1))


def test_distances_are_those_of_a_tree():
    x = points(2000, 3)
    expected = NearestNeighbors(n_neighbors=4, metric="chebyshev").fit(x).kneighbors()[0][:, -1]
    np.testing.assert_allclose(DISTANCE(x, 4), expected, rtol=1e-6)


def test_copies_are_neighbours_at_no_distance():
    x = np.repeat(points(50, 2), 4, axis=0)
    far = brute(x)
    np.testing.assert_array_equal(DISTANCE(x, 3), 0)
    np.testing.assert_array_equal(COUNT(x, DISTANCE(x, 3)), 0)
    np.testing.assert_array_equal(COUNT(x[:, :1], DISTANCE(x, 3)), 0)
    np.testing.assert_array_equal(DISTANCE(x, 4), np.sort(far, 1)[:, 3])


@pytest.mark.parametrize("d", [1, 2])
def test_a_point_on_the_radius_is_not_closer(d):
    """Counts of a margin, where the k-th neighbour lies on the radius exactly and rounding must not move it in."""
    x = points(1000, d) + np.float32(100)  # few digits below the point
    radius = np.asarray(DISTANCE(np.hstack([x, points(1000, 1, seed=1)]), 3))
    np.testing.assert_array_equal(COUNT(x, radius), (brute(x) < radius[:, None]).sum(1))


def test_blocks_are_the_whole(monkeypatch):
    """Whatever few rows a block holds, and whether or not blocks come out even."""
    x = points(331, 3)
    distance, count = DISTANCE(x, 5), COUNT(x, DISTANCE(x, 5))
    monkeypatch.setattr(neighbours, "default_tiling", lambda: type("Small", (), {"table": 2**15}))
    found = jax.jit(lambda: (kth_distance(x, 5), count_closer(x, distance)))()
    np.testing.assert_array_equal(found[0], distance)
    np.testing.assert_array_equal(found[1], count)


def test_vmap_is_a_loop():
    x = jnp.stack([points(200, 2, seed) for seed in range(3)])
    found = jax.jit(jax.vmap(lambda z: kth_distance(z, 3)))(x)
    np.testing.assert_array_equal(found, jnp.stack([DISTANCE(z, 3) for z in x]))


@pytest.mark.parametrize("k", [0, 10, 2.5])
def test_k_without_neighbours_is_refused(k):
    with pytest.raises(InputError, match=r"from 1 to n - 1 = 9; found"):
        kth_distance(jnp.asarray(points(10, 2)), k)
