"""Negatives that share a condition: the weights, and kernel bounds against brute force and the exact critic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax import bounds
from pidjax._checks import InputError
from pidjax.data import synthetic


def gram(z, scale=1.0):
    return np.exp(-((z[:, None] - z[None]) ** 2).sum(-1) / 2 / scale)


def test_groups_kernels_and_neighbours():
    """Each by its definition."""
    z = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    square = ((z[:, None] - z[None]) ** 2).sum(-1)
    groups = np.array([0, 1, 0, 2, 1, 0, 2])
    np.testing.assert_array_equal(np.exp(bounds.same_group(groups)), groups[:, None] == groups)
    np.testing.assert_allclose(bounds.near(z, 0.5), -square / 0.5, atol=1e-5)
    np.testing.assert_allclose(bounds.near(z), -square / 2 / np.median(square), atol=1e-5)
    ranks = np.argsort(np.argsort(square, 1), 1)
    np.testing.assert_array_equal(np.exp(bounds.nearest(z, 3)), (ranks > 0) & (ranks <= 3))
    np.testing.assert_allclose(bounds.effective_negatives(bounds.nearest(z, 3)), 3)


@pytest.mark.parametrize("regularisation", [1e-3, 1.0, 1e3])
def test_ridge_weights(regularisation):
    """Those of kernel ridge regression where they are not negative, no own index, rows of sum n − 1, never NaN."""
    z = np.random.default_rng(0).normal(size=(30, 2))
    g = gram(z)
    plain = np.linalg.solve(g + regularisation * np.eye(30), g)
    off = np.where(np.eye(30, dtype=bool), 0, np.maximum((plain + plain.T) / 2, 0))
    with jax.enable_x64(True):
        found = np.asarray(bounds.ridge(g, regularisation))
    np.testing.assert_allclose(np.exp(found), off * 29 / off.sum(1, keepdims=True), rtol=1e-6, atol=1e-9)
    assert not np.isnan(found).any()


def test_kernel_bounds_are_eqs_70_and_71():
    """Brute force with the ridge weights; for Eq. 71 of the published weights, where none of them is negative."""
    rng = np.random.default_rng(0)
    scores, z = rng.normal(size=(20, 20)), rng.normal(size=(20, 1))
    g = gram(z)
    with jax.enable_x64(True):
        w = np.exp(np.asarray(bounds.ridge(g, 0.5)))
        found = [f(jnp.asarray(scores), g, 0.5) for f in (bounds.kernel_infonce, bounds.kernel_l1out)]
    p, a = np.diagonal(scores), (w * np.exp(scores)).sum(1) / 19
    np.testing.assert_allclose(found, [(p - np.log(np.exp(p) + 19 * a)).mean() + np.log(20), (p - np.log(a)).mean()])


def test_kernel_bounds_of_the_exact_critic():
    """Model II, dz = 1, a narrow kernel: about 170 negatives; both near ½ log 101, from lambda = 1 to 10.

    4 standard errors of 1,024 rows are 0.12 nats; the kernel's blur and the few negatives add some hundredths. As
    published, the value goes from 0 to 4 with lambda.
    """
    task, n = synthetic.model_two(1), 1024
    x, y, z = (np.asarray(v, np.float64) for v in task.sample(jax.random.key(0), n))
    rest = y[None, :, 0] - z[:, :1] * np.sign((y - x)[:, 0] @ z[:, 0])  # w is 1 or -1
    scores = jnp.asarray(-(((rest - x) / 0.1) ** 2) / 2 + (rest**2) / 2 / 1.01, jnp.float32)
    g = jnp.asarray(gram(z, 0.15), jnp.float32)
    assert 100 < float(bounds.effective_negatives(bounds.ridge(g, 1.0)).mean()) < 300
    for regularisation in (1.0, 10.0):
        infonce, l1out = (f(scores, g, regularisation) for f in (bounds.kernel_infonce, bounds.kernel_l1out))
        assert abs(infonce - task.truth) < 0.2 and infonce < l1out < task.truth + 0.2
    slope = jax.grad(bounds.kernel_l1out)(scores, g, 1.0)
    assert jnp.isfinite(slope).all()


def test_what_is_refused():
    z = np.ones((4, 2), np.float32)
    for message, call in {
        "one label a row": lambda: bounds.same_group(np.ones((2, 2), int)),
        "bandwidth must be positive; found 0": lambda: bounds.near(z, 0),
        "k from 1 to n - 1": lambda: bounds.nearest(z, 4),
        "square matrix": lambda: bounds.ridge(z, 1.0),
        "regularisation must be positive": lambda: bounds.ridge(z @ z.T, 0.0),
    }.items():
        with pytest.raises(InputError, match=message):
            call()
    with pytest.raises(TypeError, match="integer labels"):
        bounds.same_group(z[:, 0])
