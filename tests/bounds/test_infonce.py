"""pidjax/bounds: the row statistics and InfoNCE against their formulas, their invariances and their edges."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.bounds import infonce, score_stats

STATS = jax.jit(score_stats)
VALUE = jax.jit(lambda f, **weights: infonce(score_stats(f, **weights)))
GRADIENT = jax.jit(jax.value_and_grad(lambda f, log_weights: infonce(score_stats(f, log_weights=log_weights))))
NONE = np.zeros((6, 6), np.float32)


def normal(*shape, seed=0):
    """Scores of unit variance."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def uniform(*shape):
    """Weights that are far from 0."""
    return np.random.default_rng(1).uniform(0.1, 2, shape).astype(np.float32)


def brute_force(f, positive, w):
    """Mean over rows of f⁺ − log(e^{f⁺} + Σ w e^f) + log(K + 1), one row at a time."""
    rows = []
    for i, p in enumerate(positive):
        negatives = [j for j in range(f.shape[1]) if j != p]
        total = sum(w[i, j] * np.exp(float(f[i, j])) for j in negatives)
        rows.append(f[i, p] - np.log(np.exp(float(f[i, p])) + total) + np.log(w[i, negatives].sum() + 1))
    return np.mean(rows)


def test_statistics_are_their_formulas():
    """positive, neg_logsumexp, neg_mean and num_neg of weighted negatives, positives anywhere in the row."""
    f, w = normal(5, 8), uniform(5, 8)
    positive = np.array([3, 0, 7, 7, 1])
    stats = STATS(f, positive=positive, log_weights=np.log(w))
    np.testing.assert_array_equal(stats.positive, f[np.arange(5), positive])
    w[np.arange(5), positive] = 0
    np.testing.assert_allclose(stats.neg_logsumexp, np.log((w * np.exp(f)).sum(1)), rtol=1e-5)
    np.testing.assert_allclose(stats.neg_mean, (w * f).sum(1) / w.sum(1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(stats.num_neg, w.sum(1), rtol=1e-6)
    np.testing.assert_array_equal(stats.weight, np.ones(5))


def test_positives_of_a_square_matrix_lie_on_the_diagonal():
    """No ``positive`` means the diagonal."""
    f = normal(6, 6)
    jax.tree.map(np.testing.assert_array_equal, STATS(f), STATS(f, positive=np.arange(6)))


@pytest.mark.parametrize("shape", [(6, 6), (5, 8)])
@pytest.mark.parametrize("weighted", [False, True])
def test_infonce_is_its_formula(shape, weighted):
    """Square or not, weighted or not."""
    f, positive = 3 * normal(*shape), np.arange(shape[0])
    w = uniform(*shape) if weighted else np.ones(shape, np.float32)
    found = VALUE(f, positive=positive, log_weights=np.log(w))
    np.testing.assert_allclose(found, brute_force(f, positive, w), rtol=1e-5, atol=1e-6)


def test_row_weights_weigh_the_mean():
    """A row of weight 0 does not count."""
    stats = STATS(normal(6, 6))
    first = jax.tree.map(lambda x: x[:4], stats)
    weighted = dataclasses.replace(stats, weight=jnp.array([1.0, 1, 1, 1, 0, 0]))
    np.testing.assert_allclose(infonce(weighted), infonce(first), rtol=1e-6)


def test_a_function_of_the_anchor_changes_nothing():
    """F + c(anchor) has the value of F."""
    f, c = normal(6, 6), 5 * normal(6, 1, seed=3)
    np.testing.assert_allclose(VALUE(f + c), VALUE(f), atol=1e-5)


@pytest.mark.parametrize("c", [-3, 0, 7])
def test_constant_scores_tell_nothing(c):
    """A critic that does not look gives 0 nats."""
    np.testing.assert_allclose(VALUE(np.full((6, 6), c, np.float32)), 0, atol=1e-6)


def test_the_ceiling_is_log_n():
    """c·I goes to log N as c grows, and never beyond."""
    values = [float(VALUE(c * np.eye(6, dtype=np.float32))) for c in (1, 4, 16, 100)]
    assert values == sorted(values)
    np.testing.assert_allclose(values[-1], np.log(6), rtol=1e-6)


def test_minus_infinity_removes_a_negative():
    """log_weights of -inf act as the deletion of the column."""
    f, positive, removed = normal(5, 8), np.arange(5), np.zeros((5, 8), np.float32)
    removed[:, 6] = -np.inf
    deleted = STATS(np.delete(f, 6, axis=1), positive=positive)
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-5),
        STATS(f, positive=positive, log_weights=removed),
        deleted,
    )


def test_weights_at_positives_are_ignored():
    """Whatever stands at the positive, even -inf."""
    f, at_positives = normal(6, 6), np.where(np.eye(6) > 0, -np.inf, 0).astype(np.float32)
    np.testing.assert_allclose(VALUE(f, log_weights=at_positives), VALUE(f), rtol=1e-6)


def test_a_row_without_negatives_does_not_count():
    """Its statistics say -inf, 0 and 0, and it is not counted: the value is that of the other rows."""
    f, removed = normal(6, 6), NONE.copy()
    removed[1] = -np.inf
    stats = STATS(f, log_weights=removed)
    assert (stats.neg_logsumexp[1], stats.neg_mean[1], stats.num_neg[1], stats.counted[1]) == (-np.inf, 0, 0, 0)
    others = [brute_force(f[[i]], [i], np.ones((1, 6))) for i in (0, 2, 3, 4, 5)]
    np.testing.assert_allclose(VALUE(f, log_weights=removed), np.mean(others), rtol=1e-5)


@pytest.mark.parametrize("rows", [[1], [0, 1, 2, 3, 4, 5]], ids=["one row", "all rows"])
def test_a_row_without_negatives_has_finite_gradients(rows):
    """Zero in that row, finite elsewhere."""
    removed = NONE.copy()
    removed[rows] = -np.inf
    _, gradient = GRADIENT(normal(6, 6), removed)
    assert np.isfinite(gradient).all() and (np.asarray(gradient)[rows] == 0).all()


@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_large_scores_stay_finite(scale):
    """Scores of ±1e4: value and gradient are finite."""
    f = np.float32(scale) * (np.eye(6, dtype=np.float32) + 0.1 * normal(6, 6))
    value, gradient = GRADIENT(f, NONE)
    assert np.isfinite(value) and np.isfinite(gradient).all() and value <= np.log(6)


def test_the_gradient_is_the_softmax_residual():
    """d/dF = (onehot − softmax) / n."""
    f = normal(6, 6)
    softmax = np.exp(f) / np.exp(f).sum(1, keepdims=True)
    np.testing.assert_allclose(GRADIENT(f, NONE)[1], (np.eye(6) - softmax) / 6, atol=1e-6)


def test_correlated_gaussians_stay_below_the_truth():
    """The optimal critic of correlated Gaussians gives at most I = −½ log(1 − ρ²), within 4 standard errors."""
    rho, n, repeats = 0.8, 64, 50
    rng = np.random.default_rng(0)
    x = rng.normal(size=(repeats, n, 1))
    y = (rho * x + np.sqrt(1 - rho**2) * rng.normal(size=(repeats, n, 1))).transpose(0, 2, 1)
    f = y**2 / 2 - (y - rho * x) ** 2 / (2 * (1 - rho**2))
    values = np.asarray(jax.jit(jax.vmap(VALUE))(f.astype(np.float32)))
    truth, error = -0.5 * np.log(1 - rho**2), values.std() / np.sqrt(repeats)
    assert truth - 0.1 < values.mean() < truth + 4 * error


@pytest.mark.parametrize(
    ("scores", "error", "words"),
    [
        (np.zeros((3, 4)), ValueError, "not square"),
        (np.zeros((3, 3), np.int32), TypeError, "floating"),
        (np.zeros(3), ValueError, "matrix"),
        (np.zeros((2, 3, 3)), ValueError, "matrix"),
    ],
    ids=["not square", "integer", "vector", "stack"],
)
def test_unusable_scores_are_refused(scores, error, words):
    """Not square without ``positive``, not floating, not a matrix."""
    with pytest.raises(error, match=words):
        score_stats(scores)
