"""The statistics under every transform, from explicit negatives, joined; what they refuse, and in which words."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.bounds import ScoreStats, infonce, join_negatives, negative_stats, score_stats

TRANSFORMS = {
    "identity": lambda f: f,
    "softplus": lambda f: np.log1p(np.exp(f)),
    ("clip", 0.8): lambda f: np.clip(f, -0.8, 0.8),
}
every_transform = pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
STATS = jax.jit(score_stats, static_argnames="transform")
NEGATIVES = jax.jit(negative_stats, static_argnames="transform")
JOIN = jax.jit(join_negatives)
POSITIVE = np.array([3, 0, 4, 2, 1])
ROWS = np.arange(5)


def table(seed=0):
    """Scores [5, 8] and weights of negatives, far from 0."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(5, 8)).astype(np.float32), rng.uniform(0.1, 2, (5, 8)).astype(np.float32)


def others(x):
    """What does not stand at the positive, [5, 7]."""
    return np.stack([np.delete(row, p) for row, p in zip(x, POSITIVE, strict=True)])


def assert_same(found, expected):
    """Up to float32 rounding."""
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), found, expected)


def masking(*rows):
    """log_weights of a square 4 that leave these rows without a negative."""
    log_weights = np.zeros((4, 4), np.float32)
    log_weights[list(rows)] = -np.inf
    return log_weights


@every_transform
def test_negatives_are_transformed_and_positives_are_not(transform):
    """positive, neg_logsumexp, neg_mean, num_neg and weight are their formulas."""
    f, w = table()
    weight = np.array([1, 0.5, 0, 2, 1], np.float32)
    found = STATS(f, positive=POSITIVE, log_weights=np.log(w), weight=weight, transform=transform)
    phi, w = TRANSFORMS[transform](others(f.astype(float))), others(w)
    expected = ScoreStats(
        positive=f[ROWS, POSITIVE],
        neg_logsumexp=np.log((w * np.exp(phi)).sum(1)),
        neg_mean=(w * phi).sum(1) / w.sum(1),
        num_neg=w.sum(1),
        weight=weight,
        transform=transform,
    )
    assert_same(found, expected)
    np.testing.assert_allclose(found.neg_logmeanexp, np.log((w * np.exp(phi)).sum(1) / w.sum(1)), rtol=1e-5, atol=1e-6)


@every_transform
@pytest.mark.parametrize("weighted", [False, True])
def test_explicit_negatives_are_those_of_the_matrix(transform, weighted):
    """negative_stats equals score_stats on the same numbers."""
    f, w = table()
    log_w = np.log(w) if weighted else None
    assert_same(
        NEGATIVES(f[ROWS, POSITIVE], others(f), log_weights=others(log_w) if weighted else None, transform=transform),
        STATS(f, positive=POSITIVE, log_weights=log_w, transform=transform),
    )


@every_transform
@pytest.mark.parametrize("weighted", [False, True])
def test_joined_negatives_are_those_of_all_columns(transform, weighted):
    """Columns reduced apart and joined equal columns reduced together; the first set weighs the rows."""
    f, w = table()
    log_w = np.log(w) if weighted else None
    left, right = (log_w[:, :5], log_w[:, 5:]) if weighted else (None, None)
    weight = np.array([1, 0.5, 0, 2, 1], np.float32)
    stats = STATS(f[:, :5], positive=POSITIVE, log_weights=left, weight=weight, transform=transform)
    more = NEGATIVES(f[ROWS, POSITIVE], f[:, 5:], log_weights=right, transform=transform)
    assert_same(JOIN(stats, more), STATS(f, positive=POSITIVE, log_weights=log_w, weight=weight, transform=transform))


@pytest.mark.parametrize("order", [1, -1], ids=["first", "second"])
def test_a_row_without_negatives_on_one_side_has_those_of_the_other(order):
    """Whichever of the two is empty there, the row counts."""
    f, w = table()
    log_w = np.log(w)
    log_w[2, :5] = -np.inf
    parts = [
        NEGATIVES(f[:, 0], f[:, :5], log_weights=log_w[:, :5]),
        NEGATIVES(f[:, 0], f[:, 5:], log_weights=log_w[:, 5:]),
    ]
    assert_same(JOIN(*parts[::order]), NEGATIVES(f[:, 0], f, log_weights=log_w))


def test_rows_without_negatives_on_both_sides_do_not_count():
    """Joined, they still say -inf, 0, 0 and weight 0; InfoNCE has a finite gradient and 0 there."""
    f, empty = table()[0][:4, :4], masking(1)

    joined = JOIN(*2 * [STATS(f, log_weights=empty)])
    assert (joined.neg_logsumexp[1], joined.neg_mean[1], joined.num_neg[1], joined.counted[1]) == (-np.inf, 0, 0, 0)
    twice = jax.jit(jax.grad(lambda f, log_w: infonce(join_negatives(*2 * [score_stats(f, log_weights=log_w)]))))
    gradient = twice(f, empty)
    assert np.isfinite(gradient).all() and (np.asarray(gradient)[1] == 0).all()


def test_a_masked_row_stays_masked_when_joined():
    """A row of weight 0 counts neither with negatives of its own nor, having none, with those it is joined to."""
    f, weight = table()[0][:4, :4], np.array([1, 0, 0, 1], np.float32)
    stats = STATS(f, log_weights=masking(2), weight=weight)
    np.testing.assert_array_equal(JOIN(stats, STATS(f)).weight, weight)


def test_no_explicit_negatives_at_all():
    """K = 0: the statistics of rows without negatives, -inf, 0 and 0; none is counted."""
    found = negative_stats(jnp.ones(3), jnp.ones((3, 0)))
    assert_same(found, ScoreStats(np.ones(3), np.full(3, -np.inf), np.zeros(3), np.zeros(3), np.ones(3)))
    np.testing.assert_array_equal(found.counted, np.zeros(3))


def test_the_mean_exponential_of_no_negatives_is_one():
    """neg_logmeanexp is 0, with gradient 0, in a row without negatives."""
    f = table()[0][:4, :4]
    value, gradient = jax.jit(
        jax.value_and_grad(lambda f, log_weights: score_stats(f, log_weights=log_weights).neg_logmeanexp[1])
    )(f, masking(1))
    assert value == 0 and (np.asarray(gradient) == 0).all()


def test_one_candidate_is_no_negative():
    """Anchors that share their only candidate have no negatives."""
    found = STATS(np.ones((3, 1), np.float32), positive=np.zeros(3, int))
    assert (np.asarray(found.num_neg) == 0).all() and (np.asarray(found.counted) == 0).all()


def test_statistics_of_two_transforms_are_of_two_types():
    """The transform is static: trees differ, and cannot be mapped together."""
    f = jnp.zeros((3, 3))
    one, two = score_stats(f), score_stats(f, transform="softplus")
    assert jax.tree.structure(one) != jax.tree.structure(two)
    assert len(jax.tree.leaves(one)) == 5
    with pytest.raises(ValueError, match="softplus"):
        jax.tree.map(jnp.add, one, two)


SQUARE = np.zeros((4, 4))


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"positive": np.arange(3)}, ValueError, r"positive must be one column a row, \[4\]; found shape \(3,\)"),
        ({"positive": np.zeros((4, 1), int)}, ValueError, "positive must be one column a row"),
        ({"positive": np.zeros(4)}, TypeError, "positive must be integer"),
        ({"weight": np.ones(3)}, ValueError, r"weight must be one number a row, \[4\]; found shape \(3,\)"),
        ({"weight": np.ones((4, 1))}, ValueError, "weight must be one number a row"),
        ({"log_weights": np.zeros(4)}, ValueError, r"log_weights must have the shape of the scores, \[4, 4\]"),
        ({"log_weights": np.zeros((4, 3))}, ValueError, "log_weights must have the shape of the scores"),
        ({"log_weights": masking(2)}, ValueError, r"row 2 \(and 0 more\) without a negative"),
        ({"log_weights": masking(1, 3)}, ValueError, r"row 1 \(and 1 more\) without a negative"),
        ({"log_weights": masking(1, 3), "weight": np.array([1, 0, 1, 1.0])}, ValueError, r"row 3 \(and 0 more\)"),
        ({"transform": "relu"}, ValueError, "found 'relu'"),
        ({"transform": "clip"}, ValueError, "transform must be"),
        ({"transform": ("clip", -1)}, ValueError, r"a number τ > 0; found \('clip', -1\)"),
        ({"transform": ("clip", 0.0)}, ValueError, "a number τ > 0"),
        ({"transform": ("clip",)}, ValueError, "a number τ > 0"),
        ({"transform": None}, ValueError, "transform must be"),
    ],
    ids=lambda x: "-".join(x) if isinstance(x, dict) else "",
)
def test_unusable_arguments_are_refused(given, error, words):
    """Each in a sentence that says what was expected and what was found."""
    with pytest.raises(error, match=words):
        score_stats(SQUARE, **given)


@pytest.mark.parametrize("column", [-1, 4])
def test_positives_outside_the_row_are_refused(column):
    """Such a row would have no score of its own, and no candidate that is not a negative."""
    with pytest.raises(ValueError, match="positive"):
        score_stats(SQUARE, positive=np.array([0, 1, 2, column]))


@pytest.mark.parametrize("positive", [[0, 1, 2, 3], [1, 1, 1, 1]], ids=["diagonal", "one column"])
def test_a_positive_is_no_negative(positive):
    """A row whose only candidate left is its own positive is empty."""
    log_weights = np.zeros((4, 4))
    log_weights[2, np.arange(4) != positive[2]] = -np.inf
    with pytest.raises(ValueError, match="row 2"):
        score_stats(SQUARE, positive=np.array(positive), log_weights=log_weights)


def test_a_masked_row_needs_no_negatives():
    """Weight 0 says so."""
    weight = np.array([1, 1, 0, 1.0])
    np.testing.assert_array_equal(score_stats(SQUARE, log_weights=masking(2), weight=weight).weight, weight)


def test_traced_weights_are_not_looked_at():
    """Under jit an emptied row gets weight 0 instead."""
    np.testing.assert_array_equal(STATS(SQUARE, log_weights=masking(2)).counted, [1, 1, 0, 1])


@pytest.mark.parametrize(
    ("positive", "negatives", "given", "error", "words"),
    [
        (np.zeros(3), np.zeros((4, 2)), {}, ValueError, r"positive must be \[n\] and negatives \[n, K\]"),
        (np.zeros(3), np.zeros(3), {}, ValueError, r"found shapes \(3,\) and \(3,\)"),
        (np.zeros((3, 1)), np.zeros((3, 2)), {}, ValueError, "positive must be"),
        (np.zeros(3, int), np.zeros((3, 2)), {}, TypeError, "positive must be floating"),
        (np.zeros(3), np.zeros((3, 2), int), {}, TypeError, "negatives must be floating"),
        (np.zeros(3), np.zeros((3, 2)), {"log_weights": np.zeros((3, 3))}, ValueError, r"\[3, 2\]"),
        (np.zeros(3), np.zeros((3, 2)), {"log_weights": np.full((3, 2), -np.inf)}, ValueError, "row 0"),
        (np.zeros(3), np.zeros((3, 2)), {"transform": "relu"}, ValueError, "found 'relu'"),
    ],
    ids=["rows", "vector", "column", "int positive", "int negatives", "log_weights", "empty", "transform"],
)
def test_unusable_negatives_are_refused(positive, negatives, given, error, words):
    """Shapes that do not match, scores that are not floating."""
    with pytest.raises(error, match=words):
        negative_stats(positive, negatives, **given)


def test_only_like_statistics_are_joined():
    """One transform, the same anchors."""
    with pytest.raises(ValueError, match="one transform; found 'identity' and 'softplus'"):
        join_negatives(score_stats(SQUARE), score_stats(SQUARE, transform="softplus"))
    with pytest.raises(ValueError, match=r"same anchors; found \(4,\) and \(3,\)"):
        join_negatives(score_stats(SQUARE), score_stats(np.zeros((3, 3))))
