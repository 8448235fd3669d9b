"""pidjax/math/canonical.py: closed forms of Gaussians, a generalised eigenproblem, invariance, gradients."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from pidjax.math.canonical import canonical, reproducible

N = 4000


@pytest.fixture(scope="module")
def pair():
    """Three and two features; their canonical correlations are 0.8 and 0.3."""
    rng = np.random.default_rng(0)
    rho = np.array([0.8, 0.3])
    shared = rng.standard_normal((N, 2))
    x = np.column_stack(
        [np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.standard_normal((N, 2)), rng.standard_normal(N)]
    )
    y = np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.standard_normal((N, 2))
    return x @ rng.standard_normal((3, 3)), y @ rng.standard_normal((2, 2))


def test_correlations_of_gaussians(pair):
    """The law's correlations, within four standard errors (1 − ρ²) / √n of a correlation."""
    rho = np.array([0.8, 0.3])
    found = np.asarray(canonical(*map(jnp.asarray, pair)).correlation)
    assert (np.abs(found - rho) < 4 * (1 - rho**2) / N**0.5).all()


def test_solves_the_generalised_eigenproblem(pair):
    x, y = (z - z.mean(0) for z in pair)
    cxx, cyy, cxy = x.T @ x / N, y.T @ y / N, x.T @ y / N
    squared = scipy.linalg.eigh(cxy @ np.linalg.solve(cyy, cxy.T), cxx, eigvals_only=True)[::-1][:2]
    np.testing.assert_allclose(np.asarray(canonical(x, y).correlation) ** 2, squared, rtol=1e-3)  # float32


def test_variates_are_uncorrelated_but_for_their_partner(pair):
    x, y = pair
    found = canonical(jnp.asarray(x), jnp.asarray(y))
    a, b = x @ np.asarray(found.x_weights), y @ np.asarray(found.y_weights)
    whole = np.cov(np.hstack([a, b]).T)
    expected = np.eye(5)
    for i, rho in enumerate(np.asarray(found.correlation)):
        expected[i, 3 + i] = expected[3 + i, i] = rho
    np.testing.assert_allclose(whole, expected, atol=2e-3)  # float32


def test_linear_maps_change_nothing(pair):
    x, y = pair
    mixed = canonical(x @ np.random.default_rng(1).standard_normal((3, 3)) + 5.0, 3.0 * y)
    np.testing.assert_allclose(mixed.correlation, canonical(x, y).correlation, atol=1e-3)


def test_a_full_ridge_leaves_covariances(pair):
    """With all of both covariances replaced by multiples of the identity, singular values of the cross-covariance."""
    x, y = (z - z.mean(0) for z in pair)
    scale = np.sqrt(np.trace(x.T @ x / N) / 3 * np.trace(y.T @ y / N) / 2)
    expected = np.linalg.svd(x.T @ y / N, compute_uv=False) / scale
    np.testing.assert_allclose(canonical(x, y, ridge=1.0).correlation, expected, rtol=1e-4)


def test_information_has_the_gradient_of_finite_differences(pair):
    x, y = (jnp.asarray(z[:200]) for z in pair)

    def nats(angle):
        turned = x.at[:, 0].add(angle * y[:, 0])
        return -0.5 * jnp.log1p(-(canonical(turned, y).correlation ** 2)).sum()

    step = 1e-2
    slope = (nats(0.3 + step) - nats(0.3 - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(nats)(0.3), slope, rtol=0.02)


def test_vmap_and_jit_agree_with_one_at_a_time(pair):
    """In 64 bits: in 32 inverting a covariance of condition 400 leaves more rounding than a mistake might."""
    with jax.enable_x64(True):
        x, y = (jnp.asarray(z).reshape(4, 1000, -1) for z in pair)
        together = jax.jit(jax.vmap(lambda a, b: canonical(a, b).correlation))(x, y)
        one_by_one = jnp.stack([canonical(a, b).correlation for a, b in zip(x, y, strict=True)])
    chex.assert_trees_all_close(together, one_by_one, atol=1e-12)


def test_reliability_of_signal_and_noise():
    """Signals of variance s in noise of variance v are reliable to s / (s + v), in the direction that parts them."""
    rng = np.random.default_rng(2)
    signal = np.sqrt([4.0, 1.0, 0.0]) * rng.standard_normal((N, 3))
    mixing = rng.standard_normal((3, 3))
    first, second = ((signal + rng.standard_normal((N, 3))) @ mixing for _ in range(2))
    weights, reliability = (np.asarray(z) for z in reproducible(first, second))
    np.testing.assert_allclose(reliability, [0.8, 0.5, 0.0], atol=4 / N**0.5)
    found = signal[:, 0] @ ((first + second) @ weights[:, 0]) / N / 2
    assert abs(found) > 0.95 * np.sqrt(4.0 / 5.0) * 2 * np.sqrt(0.9)
