"""What the chain-rule difference reads: residuals of the better regression, and the directions of z that matter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.data import synthetic
from pidjax.estimators import estimate_cmi
from pidjax.estimators.difference import directions, residuals
from pidjax.math.ranks import normal_scores

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)


@pytest.mark.parametrize(
    "z, monotone",
    [(RNG.uniform(-2, 2, (2000, 2)), lambda w: w), (RNG.normal(size=(2000, 2)), np.exp)],
    ids=["values", "normal scores"],
)
def test_residuals_are_of_the_regression_that_leaves_less(z, monotone):
    """Two columns, linear in values of uniform z or in scores of lognormal z: what is left is their noise, ranked.

    Regression on 2 columns leaves a correlation of √(1 - 2/2000) with the noise. Ranks of 2,000 rows place a value
    within 0.03 (centre) to 0.06 (tails) of a deviation, and y has up to 2.5 deviations of the noise: up to 0.15 of it.
    """
    noise = RNG.normal(size=(2000, 2))
    y = z @ np.array([[2.0, 0.5], [-1.0, 1.0]]) + noise
    x, y, z = RNG.normal(size=(2000, 1)), monotone(y), monotone(z)
    _, left, _ = jax.jit(residuals)(KEY, x, y, z, tuple(jnp.asarray(normal_scores(w)) for w in (x, y, z)))
    for column in range(2):
        assert np.corrcoef(left[:, column], noise[:, column])[0, 1] > (1 + 0.15**2) ** -0.5


def test_the_direction_of_z_that_matters_is_found():
    """Y = cos(2 X + mean(Z) + noise), 30 columns of z: the mean; nothing of other z, nothing of rows held out.

    A canonical correlation of 0.37 in 4,000 rows: the direction found has √(1 + 30 · 0.86 / (4,000 · 0.137))⁻¹ = 0.977
    with the right one, give or take 0.006 (a χ² of 29).
    """
    task = synthetic.nonlinear("tanh", "cos", 30)
    x, y, z = jax.jit(task.sample, static_argnums=1)(KEY, 5000)
    both, z_scores, rows = normal_scores(jnp.concatenate([x, y], 1)), normal_scores(z), jnp.arange(4000)
    found = jax.jit(directions)(z_scores, both, rows)
    assert found.shape == (5000, 5)  # as many as there are features
    assert abs(np.corrcoef(found[4000:, 0], z[4000:].mean(1))[0, 1]) > 0.95
    np.testing.assert_array_equal(found, jax.jit(directions)(z_scores, both.at[4000:].set(0), rows))
    assert (jax.jit(directions)(RNG.normal(size=(5000, 30)), both, rows) == 0).all()


def test_float64_keeps_its_order():
    """y over a hundred orders of magnitude, which float32 takes for one value, is as good as its logarithm.

    The same rows and fits; what differs is that scores are regressed, not values: under one standard error.
    """
    x, z, noise = np.random.default_rng(0).normal(size=(3, 400, 1))
    log_y = 0.8 * x + 0.6 * noise + z
    far, near = (
        estimate_cmi(KEY, x, y, z, method="l1out", folds=2, steps=300, rounds=3) for y in (np.exp(40 * log_y), log_y)
    )
    assert abs(far.value - near.value) < near.std_error
    assert near.value > 5 * near.std_error
