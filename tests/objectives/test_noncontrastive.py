"""VICReg and Barlow Twins against loops in numpy, their minima and collapses, and four devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.objectives.noncontrastive import barlow, vicreg

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(2, 8, 3)).astype(np.float32) * np.array([0.3, 1.0, 2.0], np.float32)
LOSSES = {"vicreg": vicreg, "barlow": barlow}
every = pytest.mark.parametrize("name", LOSSES)


def vicreg_by_hand(z1, z2):
    """Loops over samples and pairs of coordinates, in float64."""
    (n, d), views = z1.shape, [np.asarray(z, float) for z in (z1, z2)]
    invariance = sum((views[0][b, j] - views[1][b, j]) ** 2 for b in range(n) for j in range(d)) / (n * d)
    variance = covariance = 0.0
    for z in views:
        mean = z.mean(0)
        for i in range(d):
            for j in range(d):
                cov = sum((z[b, i] - mean[i]) * (z[b, j] - mean[j]) for b in range(n)) / (n - 1)
                if i == j:
                    variance += max(0.0, 1 - np.sqrt(cov + 1e-4)) / d
                else:
                    covariance += cov**2 / d
    return 25 * invariance + 25 * variance + covariance


def barlow_by_hand(z1, z2):
    """The same."""
    n, d = z1.shape
    a, b = (np.asarray(z, float) - np.asarray(z, float).mean(0) for z in (z1, z2))
    a, b = (z / np.sqrt((z**2).mean(0) + 1e-5) for z in (a, b))
    c = np.array([[sum(a[r, i] * b[r, j] for r in range(n)) / n for j in range(d)] for i in range(d)])
    return sum((1 - c[i, i]) ** 2 if i == j else 5e-3 * c[i, j] ** 2 for i in range(d) for j in range(d))


@functools.cache
def compiled(name):
    """Loss, terms and gradients as one program."""
    return jax.jit(jax.value_and_grad(LOSSES[name], argnums=(0, 1), has_aux=True))


@every
def test_the_loss_is_its_formula(name):
    """A loop over samples and coordinates; the terms add up to it."""
    (loss, info), _ = compiled(name)(*Z)
    np.testing.assert_allclose(loss, {"vicreg": vicreg_by_hand, "barlow": barlow_by_hand}[name](*Z), rtol=1e-4)
    weights = {
        "vicreg": {"invariance": 25, "variance": 25, "covariance": 1},
        "barlow": {"on_diagonal": 1, "off_diagonal": 5e-3},
    }[name]
    np.testing.assert_allclose(loss, sum(weights[term] * info[term] for term in info), rtol=1e-5)


WHITE = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]] * 2, np.float32)
"""Columns of mean 0 and variance 1 (8/7 unbiased) that do not correlate."""


@every
def test_equal_white_views_cost_nothing(name):
    """No invariance, no missing variance, no covariance; C is the identity, but for ε."""
    (loss, _), slopes = compiled(name)(WHITE, WHITE)
    np.testing.assert_allclose([loss, *[np.abs(g).max() for g in slopes]], 0, atol=1e-4)


@every
def test_constant_embeddings_are_punished(name):
    """VICReg: 2 · 25 · (1 − √ε) = 49.5. Barlow Twins: d, all of the diagonal. The gradient is finite."""
    (loss, _), slopes = compiled(name)(0 * WHITE + 2, 0 * WHITE + 2)
    np.testing.assert_allclose(loss, {"vicreg": 49.5, "barlow": 3.0}[name], rtol=1e-4)
    assert all(np.isfinite(g).all() for g in slopes)


def test_barlow_twins_do_not_see_scale_and_shift():
    """Standardised over the batch, but for the ε of the normalisation."""
    moved = [z * np.array([2, 5, 3], np.float32) + 1 for z in Z]
    np.testing.assert_allclose(compiled("barlow")(*moved)[0][0], compiled("barlow")(*Z)[0][0], rtol=1e-3)


@every
def test_four_devices_are_one(name):
    """Each has the loss of the whole batch, and the mean of their gradients is its gradient."""

    def of_parameters(theta, z, axis_name=None):
        return LOSSES[name](z[0] @ theta, z[1] @ theta, axis_name=axis_name)

    theta = RNG.normal(size=(3, 3)).astype(np.float32)
    slope = jax.value_and_grad(of_parameters, has_aux=True)
    (loss, info), expected = jax.jit(slope)(theta, Z)
    four = jax.vmap(functools.partial(slope, axis_name="data"), in_axes=(None, 1), axis_name="data")
    (losses, infos), found = jax.jit(four)(theta, Z.reshape(2, 4, 2, 3))
    np.testing.assert_allclose(losses, np.full(4, loss), rtol=1e-5)
    np.testing.assert_allclose(found.mean(0), expected, rtol=1e-4, atol=1e-5)
    assert all(np.allclose(infos[term], info[term], rtol=1e-4, atol=1e-6) for term in info)


def test_one_row_a_device_is_a_batch():
    """Statistics are of all devices: two of one row each are a batch of two."""
    z = Z[:, :2].reshape(2, 2, 1, 3)
    found = jax.vmap(lambda z: vicreg(*z, axis_name="data")[0], in_axes=1, axis_name="data")(z)
    np.testing.assert_allclose(found, np.full(2, vicreg_by_hand(*Z[:, :2])), rtol=1e-4)


@every
def test_words(name):
    """One sample has no variance; views of unequal shape do not belong together."""
    with pytest.raises(ValueError, match="a batch of 1 has no variance"):
        LOSSES[name](jnp.ones((1, 3)), jnp.ones((1, 3)))
    with pytest.raises(ValueError, match=r"found \(4, 3\) and \(4, 2\)"):
        LOSSES[name](jnp.ones((4, 3)), jnp.ones((4, 2)))
