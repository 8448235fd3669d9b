"""Gaussian informations and canonical pairs against float64 linear algebra; digits that offsets and scales cost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import digamma

from pidjax.math.gaussian import canonical, information_bias, information_rows, standardise, wishart_bias

ROWS = jax.jit(information_rows)
CANONICAL = jax.jit(canonical)


def sample(n, dx, dy, r, seed=0):
    """x and y whose first coordinates have these canonical correlations, mixed by random matrices; float64."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, dx)), rng.normal(size=(n, dy))
    r = np.asarray(r)
    y[:, : len(r)] = r * x[:, : len(r)] + np.sqrt(1 - r**2) * y[:, : len(r)]
    return x @ rng.normal(size=(dx, dx)), y @ rng.normal(size=(dy, dy))


def log_det_information(x, y):
    """½ log |S_x||S_y| / |S_xy| in float64."""
    return (
        -np.subtract(
            np.linalg.slogdet(np.cov(np.hstack([x, y]).T))[1],
            np.linalg.slogdet(np.atleast_2d(np.cov(x.T)))[1] + np.linalg.slogdet(np.atleast_2d(np.cov(y.T)))[1],
        )
        / 2
    )


@pytest.mark.parametrize("shape", [(2, 4), (4, 2)])
def test_information_is_the_ratio_of_determinants(shape):
    x, y = sample(300, *shape, [0.9, 0.3])
    value, rows = ROWS(x.astype(np.float32), y.astype(np.float32))
    np.testing.assert_allclose(value, log_det_information(x, y), rtol=1e-5)
    np.testing.assert_allclose(rows.mean(), value, rtol=1e-5)


def test_rows_are_log_density_ratios():
    x, y = sample(300, 2, 3, [0.8])
    z = np.hstack([x, y])

    def distances(v):
        v = v - v.mean(0)
        return np.einsum("ij,jk,ik->i", v, np.linalg.inv(v.T @ v / len(v)), v)

    expected = log_det_information(x, y) + (distances(x) + distances(y) - distances(z)) / 2
    np.testing.assert_allclose(ROWS(x, y)[1], expected, rtol=1e-3, atol=1e-4)


def test_eight_nats_of_one_pair_keep_their_digits_in_float32():
    """A covariance would hold 1 - r² = 1e-7 with no digit at all."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 1)).astype(np.float32)
    y = (x + np.float32(3e-4) * rng.normal(size=(2000, 1))).astype(np.float32)
    expected = log_det_information(x.astype(float), y.astype(float))
    assert expected > 8
    assert abs(ROWS(x, y)[0] - expected) < 1e-3
    np.testing.assert_allclose(CANONICAL(x, y).information[0], expected, atol=1e-3)


def test_constant_and_repeated_columns_add_nothing():
    x, y = (z.astype(np.float32) for z in sample(300, 2, 2, [0.8]))
    value = ROWS(x, y)[0]
    same = {
        "constant": (x, np.hstack([y, np.full((300, 1), 3, np.float32)])),
        "repeated": (x, np.hstack([y, y[:, :1]])),
        "repeated in x": (np.hstack([x, x[:, :1]]), y),
    }
    for name, pair in same.items():
        # a repeated column of x takes up a direction of rounding, as a column of noise would
        assert abs(ROWS(*pair)[0] - value) < (0.02 if "x" in name else 1e-5), name


def test_bias_is_the_wishart_formula():
    assert wishart_bias(50, 3) == pytest.approx(
        (sum(digamma((50 - i) / 2) for i in (1, 2, 3)) + 3 * np.log(2 / 49)) / 2
    )
    assert information_bias(10_000, 200, 200) == pytest.approx(200 * 200 / 2e4, rel=0.03)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3)])
def test_canonical_pairs_are_uncorrelated_but_for_r(shape):
    """And r are the singular values of the whitened cross-covariance."""
    x, y = sample(400, *shape, [0.95, 0.4])
    found = CANONICAL(x, y)
    a, b = (x - np.asarray(found.x_mean)) @ found.x_weights, (y - np.asarray(found.y_mean)) @ found.y_weights
    r = np.diag(np.asarray(found.r))
    np.testing.assert_allclose(np.cov(a.T, b.T, bias=True), np.block([[np.eye(3), r], [r, np.eye(3)]]), atol=2e-5)
    q_x, q_y = (np.linalg.qr(z - z.mean(0))[0] for z in (x, y))
    expected = np.linalg.svd(q_x.T @ q_y, compute_uv=False)
    np.testing.assert_allclose(found.r, expected, atol=2e-6)
    np.testing.assert_allclose(found.information, -np.log1p(-(expected**2)) / 2, rtol=1e-4, atol=1e-6)


def test_canonical_pairs_of_many_dimensions():
    """100 + 100 of them: the sum of their informations is that of the determinants."""
    x, y = sample(1000, 100, 100, np.full(50, 0.5))
    found = CANONICAL(x, y)
    assert found.information.sum() == pytest.approx(log_det_information(x, y), rel=1e-4)


@pytest.mark.parametrize(("offset", "scale"), [(1e6, 1.0), (0.0, 1e-12), (-1e6, 1e-3), (0.0, 1e30)])
def test_float64_arrays_keep_their_digits(offset, scale):
    z = np.random.default_rng(0).normal(size=(1000, 2))
    np.testing.assert_allclose(standardise(offset + scale * z), (z - z.mean(0)) / z.std(0), atol=2e-6)


@pytest.mark.parametrize(("offset", "scale"), [(1e6, 1.0), (0.0, 1e-12), (0.0, 1e30)])
def test_float32_arrays_lose_no_more_digits(offset, scale):
    """What float32 holds of an offset of 1e6 is taken as it is."""
    z = np.random.default_rng(0).normal(size=(1000, 2))
    held = (offset + scale * z).astype(np.float32)
    exact = held.astype(float)
    found = jax.jit(standardise)(jnp.asarray(held))
    np.testing.assert_allclose(found, (exact - exact.mean(0)) / exact.std(0), atol=2e-6)
    assert standardise(np.full((5, 2), 3.0)).tolist() == np.zeros((5, 2)).tolist()
