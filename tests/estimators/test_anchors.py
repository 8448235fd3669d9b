"""Critics in closed form: the log density ratio where it is known, and what each feature is for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.data import synthetic
from pidjax.estimators.anchors import anchors, infonce_terms
from pidjax.estimators.crossfit import Rows
from pidjax.math.ranks import normal_scores

ROWS = Rows(np.arange(3000), np.arange(3000, 3500), np.arange(3500, 4000))
found = jax.jit(anchors)


def sample(task, n=4000):
    """Normal scores."""
    return tuple(normal_scores(z) for z in task.sample(jax.random.key(0), n))


def held_out(critic):
    """InfoNCE of rows that neither fitted nor chose, and its standard error."""
    u, v = (z[ROWS.held] for z in critic)
    terms = infonce_terms(u @ v.T)
    return terms.mean(), terms.std() / len(terms) ** 0.5


def test_a_gaussian_is_its_log_density_ratio():
    """Up to a constant; errors of estimated correlations are of order 1 / sqrt(n), times the square of a score."""
    r = np.array([[0.8, 0.4]])
    x, y = (np.asarray(z) for z in sample(synthetic.gaussian(r[0])))
    u, v = found(x, y, ROWS).gaussian
    rest = 1 - r**2
    exact = ((x * y * r - r**2 * (x**2 + y**2) / 2) / rest).sum(1)
    difference = (u * v).sum(1) - exact
    assert jnp.abs(difference - difference.mean()).mean() < 4 * 3000**-0.5


@pytest.mark.parametrize(
    "task",
    [synthetic.cross(0.9, pairs=2), synthetic.concentric(2, 2, 0.9)],
    ids=["products", "squares"],
)
def test_features_find_what_a_gaussian_cannot(task):
    """Nothing is correlated; a critic in closed form has more than half of the information, never more than all."""
    critics = found(*sample(task), ROWS)
    plain, _ = held_out(critics.gaussian)
    best, error = held_out(critics.best)
    assert abs(plain) < 0.05 and 0.5 * task.truth < best < task.truth + 4 * error


def test_the_best_is_the_plain_one_where_that_is_true():
    """No feature costs more than noise: the best InfoNCE of watched rows is not below the plain one's."""
    critics = found(*sample(synthetic.gaussian([0.9, 0.3])), ROWS)
    (plain, _), (best, error) = held_out(critics.gaussian), held_out(critics.best)
    assert abs(plain - best) < 4 * error
