"""The anchored estimator: exact where its anchor is, and what it finds beyond."""

import functools

import jax
import numpy as np

from pidjax.data import synthetic
from pidjax.estimators import anchored_mi, copula_mi

TASK = synthetic.gaussian([0.9, 0.5])


@functools.cache
def anchored():
    return jax.jit(functools.partial(anchored_mi, folds=2, steps=150))


def test_a_gaussian_copula_is_the_closed_form():
    """The residual finds nothing: the value is that of ``copula_mi``, the truth within 4 standard errors."""
    x, y = TASK.sample(jax.random.key(1), 400)
    found, closed = anchored()(jax.random.key(0), x, y), copula_mi(x, y)
    assert abs(found.value - closed.value) < closed.std_error
    assert abs(found.value - TASK.truth) < 4 * found.std_error
    assert found.infonce.mean() < found.gaussian < found.l1out.mean() + 4 * found.std_error
    np.testing.assert_allclose(found.gaussian, closed.value, rtol=1e-5)


def test_the_residual_finds_what_a_gaussian_cannot():
    """Signs flip at random: no correlation at all, 0.8 nats of a copula that is not Gaussian."""
    task = synthetic.cross(0.9, pairs=2)
    found = anchored()(jax.random.key(0), *task.sample(jax.random.key(1), 400))
    assert abs(found.gaussian) < 0.05
    assert 0.6 * task.truth < found.value < task.truth + 4 * found.std_error
