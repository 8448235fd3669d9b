"""Conditional negatives against the chain rule: what each form of InfoNCE is about, on triples with exact truths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax import bounds
from pidjax._checks import InputError
from pidjax.critics import (
    concat,
    condition,
    conditional_infonce,
    conditional_nce_club,
    conditional_stats,
    joint_infonce,
    separable,
)
from pidjax.data import synthetic
from pidjax.typing import Critic

TASK = synthetic.model_two(2)
N, K = 2000, 128


def exact(log_ratio):
    """A critic without parameters, f([x, z], y) = log_ratio(x, y, z), one column of x."""

    def paired(params, xz, y):
        return log_ratio(xz[:, :1], y, xz[:, 1:])

    def scores(params, xz, y):
        return jax.vmap(lambda one: paired(params, xz, jnp.broadcast_to(one, (len(xz), y.shape[1]))), out_axes=1)(y)

    def stats(params, xz, y, **settings):
        return bounds.score_stats(scores(params, xz, y), **settings)

    return Critic(lambda key, x, y: {}, paired, scores, stats)


def sample(task=TASK, n=N):
    return task.sample(jax.random.key(0), n)


def value_and_error(stats, read):
    """A bound, and the standard error of its rows taken for independent."""
    rows = np.asarray(jax.jit(jax.vmap(lambda one: read(jax.tree.map(lambda v: v[None], one))))(stats))
    return float(rows.mean()), float(rows.std()) / len(rows) ** 0.5


@pytest.mark.parametrize("task", [synthetic.model_one(2), TASK], ids=lambda t: t.name)
def test_exact_critic_and_draws_give_the_conditional_truth(task):
    """InfoNCE of K = 128 is below the truth by little; L1Out above; NCE-CLUB is the Jeffreys divergence, 100."""
    x, y, z = sample(task)
    critic = exact(task.log_ratio)

    @jax.jit
    def found(x, y, z):
        drawn = task.draw_y(jax.random.key(1), z, K)
        whole = (f(critic, {}, x, y, z, negatives=drawn) for f in (conditional_infonce, conditional_nce_club))
        return conditional_stats(critic, {}, x, y, z, negatives=drawn), *whole

    stats, mean_infonce, mean_club = found(x, y, z)
    infonce, error = value_and_error(stats, bounds.infonce)
    assert task.truth - 0.1 - 4 * error < infonce < task.truth + 4 * error
    assert infonce == pytest.approx(float(mean_infonce), abs=1e-4)
    jeffreys, error = value_and_error(stats, bounds.nce_club)
    assert abs(jeffreys - task.jeffreys) < 4 * error
    assert jeffreys == pytest.approx(float(mean_club), rel=1e-4)


def test_marginal_negatives_are_about_more():
    """log p(y | x, z) with negatives from the batch: I(X, Z; Y) = 2.652, not 2.308."""
    x, y, z = sample()
    w = np.linalg.lstsq(np.asarray(z), np.asarray(y - x)[:, 0], rcond=None)[0]

    def log_density(x, y, z):
        return -(((y - x)[:, 0] - z @ w) ** 2) / 0.02

    critic = exact(log_density)
    stats, joint = jax.jit(
        lambda x, y, z: (critic.stats({}, *condition(x, y, z, "x")), joint_infonce(critic, {}, x, y, z))
    )(x, y, z)
    value, error = value_and_error(stats, bounds.infonce)
    assert TASK.joint - 0.1 - 4 * error < value < TASK.joint + 4 * error
    assert value == pytest.approx(float(joint), abs=1e-4)
    assert value > TASK.truth + 4 * error


def test_groups_are_conditional_for_a_discrete_condition():
    """A parity: I(X; Y | Z) = log 2 though x and y alone share nothing; of a chain nothing is left."""
    table = np.array([[[0.25, 0], [0, 0.25]], [[0, 0.25], [0.25, 0]]])
    task = synthetic.discrete(table)
    x, y, z = sample(task, 400)

    def log_ratio(x, y, z):
        return jnp.where(((x + y + z) % 2)[:, 0] == 0, 0.0, -1e3)

    critic = exact(log_ratio)
    found = jax.jit(lambda x, y, z: conditional_infonce(critic, {}, x, y, z, groups=z[:, 0].astype(int)))(x, y, z)
    assert abs(found - np.log(2)) < 0.05


@pytest.mark.parametrize("critic", [separable((8,), 4), concat((8,))], ids=["separable", "concat"])
def test_sources_of_negatives_agree(critic):
    """Explicit copies of the other rows of a group are the group's negatives; a mask as log_weights is the same."""
    x, y, z = sample(n=12)
    groups = np.arange(12) % 3
    others = np.stack([np.flatnonzero((groups == g) & (np.arange(12) != i)) for i, g in enumerate(groups)])

    @jax.jit
    def informations(x, y, z):
        params = critic.init(jax.random.key(0), jnp.concatenate([x, z], 1), y)
        sources = {"groups": groups}, {"log_weights": bounds.same_group(groups)}, {"negatives": y[others]}
        return [conditional_infonce(critic, params, x, y, z, **source) for source in sources]

    values = informations(x, y, z)
    np.testing.assert_allclose(values, values[0], rtol=1e-5)


def test_what_is_refused():
    critic = separable((4,), 2)
    x, y, z = sample(n=10)
    params = jax.jit(critic.init)(jax.random.key(0), np.concatenate([x, z], 1), y)
    with pytest.raises(InputError, match="one of negatives, groups and log_weights; found none"):
        conditional_infonce(critic, params, x, y, z)
    with pytest.raises(InputError, match="found negatives and groups"):
        conditional_infonce(critic, params, x, y, z, negatives=y[:, None], groups=np.zeros(10, int))
    with pytest.raises(InputError, match="K draws for each of 10 rows"):
        conditional_infonce(critic, params, x, y, z, negatives=y)
    with pytest.raises(InputError, match=r"leave row 3 .* without a negative"):
        conditional_infonce(critic, params, x, y, z, groups=np.array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
