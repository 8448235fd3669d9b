"""Learned estimators: held-out values on the right side of the truth."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.critics import separable
from pidjax.data import synthetic
from pidjax.estimators import METHODS, learned_mi, learned_readings, sharing

TASK = synthetic.gaussian([0.9, 0.5])


@functools.cache
def sample(n, seed=0):
    return TASK.sample(jax.random.key(seed), n)


@functools.cache
def readings(methods):
    """Two folds of 400 rows, a quick fit."""
    return jax.jit(functools.partial(learned_readings, methods=methods, folds=2, steps=300, rounds=5))(
        jax.random.key(1), *sample(800)
    )


def reading(method):
    """One of those, the critic shared with the others of its training."""
    return readings(next(group for group in sharing(tuple(METHODS)) if method in group))[method]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_reads_what_it_says(method):
    """Lower bounds are below the truth, upper ones above, within 4 standard errors; all learned something."""
    found = reading(method)
    assert found.terms.shape == (800,)
    np.testing.assert_allclose(found.terms.mean(), found.value, rtol=1e-5)
    assert found.value > 0.2
    if METHODS[method].direction.startswith("lower"):
        assert found.value < TASK.truth + 4 * found.std_error
    if METHODS[method].direction.startswith("upper"):
        assert found.value > TASK.truth - 4 * found.std_error
    certificate = found.infonce.mean()
    assert certificate < min(TASK.truth + 4 * found.infonce.std() / 800**0.5, np.log(400))


def test_independent_data_give_nothing():
    """Also for another critic; InfoNCE of a critic that learned noise is below 0, not above."""
    x, y = np.random.default_rng(0).normal(size=(2, 600, 3)).astype(np.float32)
    estimate = functools.partial(learned_mi, critic=separable((8,), 4), folds=2, steps=60, rounds=3)
    found = jax.jit(estimate)(jax.random.key(0), x, y)
    assert -0.2 < found.value < 4 * found.std_error + 1e-3


def test_fits_are_vmapped():
    """Two data sets at once: the numbers of each alone."""
    estimate = functools.partial(learned_mi, critic=separable((4,), 2), folds=2, steps=5, rounds=1)
    keys = jax.random.split(jax.random.key(0))
    pairs = [jnp.stack([sample(100, seed)[side] for seed in range(2)]) for side in range(2)]
    together = jax.jit(jax.vmap(estimate))(keys, *pairs)
    alone = jax.jit(estimate)(keys[1], *(z[1] for z in pairs))
    np.testing.assert_allclose(together.terms[1], alone.terms, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", ["club", "l1out"])
def test_an_exact_density_bounds_from_above(method):
    """L1Out of log q(y|x) is an upper bound with y as anchor, for whatever method reads that critic."""
    found = reading(method)
    assert found.l1out.mean() > TASK.truth - 4 * found.l1out.std() / 800**0.5


def test_methods_share_a_critic_or_are_refused():
    """Every pair of names with one training, and each read off it as alone."""
    assert sharing(tuple(METHODS)) == [
        ("infonce", "nce_club"),
        ("dv",),
        ("nwj",),
        ("js", "smile", "classifier"),
        ("club", "l1out"),
    ]
    alone = jax.jit(functools.partial(learned_mi, method="l1out", folds=2, steps=300, rounds=5))
    np.testing.assert_allclose(alone(jax.random.key(1), *sample(800)).value, reading("l1out").value, rtol=1e-4)
    with pytest.raises(InputError, match="infonce, dv do not read one critic"):
        learned_readings(jax.random.key(0), *sample(100), ("infonce", "dv"))


def test_rows_must_belong_together():
    with pytest.raises(InputError, match="rows belong together"):
        learned_mi(jax.random.key(0), sample(100)[0], sample(100)[1][:50])


def test_unknown_method():
    with pytest.raises(InputError, match="method must be one of 'infonce'"):
        learned_mi(jax.random.key(0), *sample(100), "mine")
