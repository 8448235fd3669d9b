"""Triples: exact truths against the notes, Monte Carlo of densities, draws of p(y | z) that are such draws."""

import functools
import math

import jax
import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.data import synthetic

KEY = jax.random.key(0)
TASKS = {
    "model_one": (3,),
    "model_two": (3,),
    "conditionally_independent": (3,),
    "nonlinear": ("exp_abs", "cos", 4),
}
"""Arguments: the last takes a second to make, which both workers would pay who import this file."""


@functools.cache
def made(name):
    return getattr(synthetic, name)(*TASKS[name])


def test_linear_models():
    """I(X; Y | Z) = ½ log 101 in both; I(Z; Y), the difference of the two estimands, as the notes have it."""
    one, two = synthetic.model_one(20), synthetic.model_two(20)
    assert one.truth == two.truth == pytest.approx(2.30756, abs=5e-6)
    assert one.joint - one.truth == pytest.approx(0.03964, abs=5e-6)
    assert two.joint - two.truth == pytest.approx(0.34409, abs=5e-6)
    assert two.joint == pytest.approx(math.log(201) / 2) and two.jeffreys == pytest.approx(100)


@pytest.mark.parametrize("name", list(TASKS)[:3])
def test_the_mean_of_the_exact_log_ratio_is_the_truth(name):
    task = made(name)
    x, y, z = task.sample(KEY, 20_000)
    values = np.asarray(task.log_ratio(x, y, z))
    assert abs(values.mean() - task.truth) <= 4 * values.std() / math.sqrt(len(values))


@pytest.mark.parametrize("name", TASKS)
def test_draws_given_z_are_exchangeable_with_y(name):
    """y's rank among k draws of p(y | z) is uniform, whatever z: mean and variance, and no correlation with z."""
    task, n, k = made(name), 4000, 9
    _, y, z = task.sample(KEY, n)
    draws = task.draw_y(jax.random.key(1), z, k)
    assert draws.shape == (n, k, 1)
    rank = np.asarray((draws < y[:, None]).sum(1))[:, 0]
    error = 4 / math.sqrt(n)
    assert abs(rank.mean() - k / 2) < error * math.sqrt(k * (k + 2) / 12)
    assert abs(rank.var() / (k * (k + 2) / 12) - 1) < 1.5 * error
    assert abs(np.corrcoef(rank, np.asarray(z).sum(1))[0, 1]) < error


def test_a_one_to_one_link_takes_z_off():
    """f2 = tanh: I(X; 2X + η') whatever dz, the notes' 0.73459."""
    assert synthetic.nonlinear("tanh", "tanh", 10).truth == pytest.approx(0.73459, abs=5e-6)
    assert synthetic.nonlinear("tanh", "tanh", 50).truth == pytest.approx(0.73459, abs=5e-6)


def test_a_link_that_folds_against_monte_carlo():
    """cos of cos: densities of the folded angle, p(y | z) as the mean over fresh X; 4 standard errors."""
    task, n, sd = synthetic.nonlinear("cos", "cos", 2), 2000, math.sqrt(0.1)
    x, y, z = (np.asarray(v, np.float64) for v in task.sample(KEY, n))
    t = np.arccos(np.clip(y, -1, 1))[:, :1]
    fresh = np.cos(sd * np.random.default_rng(0).normal(size=4000))[None]

    def density(x):
        centre = 2 * x + z.mean(1, keepdims=True)
        images = [s * t + 2 * math.pi * k - centre for k in (-1, 0, 1) for s in (1, -1)]
        return sum(np.exp(-((image / sd) ** 2) / 2) for image in images).mean(1)

    values = np.log(density(x) / density(fresh))
    assert abs(values.mean() - task.truth) < 4 * values.std() / math.sqrt(n)
    assert task.mi < task.truth < task.joint


def test_tables():
    """A Markov chain has nothing left given its middle; a parity has one bit that neither alone shows."""
    chain = synthetic.discrete_chain(0.1, 0.2)
    assert chain.truth == pytest.approx(0, abs=1e-12) and chain.mi > 0.1
    parity = np.array([[[0.25, 0], [0, 0.25]], [[0, 0.25], [0.25, 0]]])
    task = synthetic.discrete(parity)
    assert task.truth == pytest.approx(math.log(2)) and task.mi == pytest.approx(0, abs=1e-12)
    x, y, z = (np.asarray(v, int) for v in task.sample(KEY, 400))
    assert ((x ^ y) == z).all()
    draws = np.asarray(task.draw_y(KEY, z, 50), int)
    assert abs(draws.mean() - 0.5) < 4 * 0.5 / math.sqrt(400 * 50)


def test_what_is_refused():
    for make in (synthetic.model_one, synthetic.model_two, synthetic.conditionally_independent):
        with pytest.raises(InputError, match="dz must be an integer of at least 1; found 0"):
            make(0)
    with pytest.raises(InputError, match="f1 must be one of 'tanh'"):
        synthetic.nonlinear("sin", "cos", 2)
    with pytest.raises(InputError, match="sum to 1"):
        synthetic.discrete(np.ones((2, 2, 2)))
