"""What the chain-rule difference reads: residuals of the better regression, and the directions of z that matter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.data import synthetic
from pidjax.estimators.difference import directions, residuals
from pidjax.math.ranks import normal_scores

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)


@pytest.mark.parametrize("law", ["linear in values", "linear in normal scores"])
def test_residuals_are_of_the_regression_that_leaves_less(law):
    """y is a z + noise of uniform z, or its exponential of lognormal z: what is left is the noise, ranked.

    One regression on 2 columns of 2,000 rows leaves a correlation of √(1 - 2/2000) with the noise.
    """
    z, noise = RNG.uniform(-2, 2, (2000, 2)), RNG.normal(size=(2000, 1))
    if law == "linear in normal scores":
        z = RNG.normal(size=(2000, 2))
    y = z @ [[2.0], [-1.0]] + noise
    if law == "linear in normal scores":
        y, z = np.exp(y), np.exp(z)
    _, left, _ = jax.jit(residuals)(KEY, RNG.normal(size=(2000, 1)), y, z)
    assert np.corrcoef(left[:, 0], noise[:, 0])[0, 1] > 0.995


def test_the_direction_of_z_that_matters_is_found():
    """Y = cos(2 X + mean(Z) + noise): of 30 columns of z, fitted to 4,000 rows, the mean; nothing of other z."""
    task = synthetic.nonlinear("tanh", "cos", 30)
    x, y, z = task.sample(KEY, 5000)
    both, rows = jnp.concatenate([normal_scores(x), normal_scores(y)], 1), jnp.arange(4000)
    found = jax.jit(directions)(normal_scores(z), both, rows)
    assert found.shape == (5000, 4)
    assert abs(np.corrcoef(found[4000:, 0], z[4000:].mean(1))[0, 1]) > 0.95
    assert (jax.jit(directions)(RNG.normal(size=(5000, 30)), both, rows) == 0).all()
