"""SupCon against a double loop, published values, its relatives InfoNCE and NT-Xent, its edges, and four devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.bounds import infonce, ntxent, score_stats, supcon

VALUE = jax.jit(supcon)
GRADIENT = jax.jit(jax.value_and_grad(supcon))
LABELS = np.array([0, 1, 0, 2, 1, 0, 3, 1])
"""Classes 2 and 3 have one member each."""


def normal(*shape, seed=0):
    """Scores of unit variance."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def by_hand(f, labels, candidate_labels, own):
    """(sum over anchors that have a positive, their number) of mean f over P(i) − log Σ_{j ≠ own} e^f."""
    total = anchors = 0
    for i in range(len(f)):
        others = [j for j in range(f.shape[1]) if j != own[i]]
        positives = [float(f[i, j]) for j in others if candidate_labels[j] == labels[i]]
        if positives:
            total += np.mean(positives) - np.log(sum(np.exp(float(f[i, j])) for j in others))
            anchors += 1
    return total, anchors


def test_it_is_its_formula():
    """Anchors without a positive are left out."""
    f = normal(8, 8)
    total, anchors = by_hand(f, LABELS, LABELS, range(8))
    assert anchors == 6
    np.testing.assert_allclose(VALUE(f, LABELS), total / anchors, rtol=1e-5)


def test_rows_of_a_square_are_a_table_of_their_own():
    """With candidate_labels and own, some rows have the value they had in the square; a permuted square as well."""
    f, rows = normal(8, 8), np.array([5, 0, 3, 4])
    total, anchors = by_hand(f[rows], LABELS[rows], LABELS, rows)
    np.testing.assert_allclose(
        VALUE(f[rows], LABELS[rows], candidate_labels=LABELS, own=rows), total / anchors, rtol=1e-5
    )
    order = np.random.default_rng(0).permutation(8)
    np.testing.assert_allclose(
        VALUE(f[order], LABELS[order], candidate_labels=LABELS, own=order), VALUE(f, LABELS), rtol=1e-5
    )


def test_gradient_is_finite_differences():
    """In float64, and 0 for anchors that are left out and for an anchor with itself."""
    with jax.enable_x64(True):
        f, h = normal(8, 8).astype(np.float64), 1e-5
        steps = h * np.eye(64).reshape(64, 8, 8)
        gradient = np.asarray(GRADIENT(f, LABELS)[1])
        at = jax.jit(jax.vmap(supcon, in_axes=(0, None)))
        expected = np.asarray(at(f + steps, LABELS) - at(f - steps, LABELS)).reshape(8, 8) / (2 * h)
    # third derivatives · step² / 6, and float64 rounding / step
    np.testing.assert_allclose(gradient, expected, atol=1e-9)
    assert (gradient[[3, 6]] == 0).all() and (np.diag(gradient) == 0).all()


def test_the_published_loss():
    """Khosla et al., Eq. 2, times T/T₀ as released: −T/T₀ times this, with cosines over T."""
    t, t0 = 0.5, 0.07
    z = normal(6, 3)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    labels = np.array([0, 1, 2, 0, 1, 2])
    loss = 0
    for i in range(6):
        a = [j for j in range(6) if j != i]
        p = [j for j in a if labels[j] == labels[i]]
        denominator = sum(np.exp(z[i] @ z[j] / t) for j in a)
        loss += -(t / t0) / len(p) * sum(np.log(np.exp(z[i] @ z[j] / t) / denominator) for j in p) / 6
    np.testing.assert_allclose(-t / t0 * VALUE(z @ z.T / t, labels), loss, rtol=1e-5)


@pytest.mark.parametrize(("batch", "saved"), [(32, 29.594), (128, 39.580), (40, 31.210)])
def test_constant_features_give_the_loss_of_the_collapsed_runs(batch, saved):
    """−log(candidates − 1); times T/T₀ it is (0.5/0.07) log(2N − 1), where released runs on MultiBench ended."""
    found = VALUE(np.full((2 * batch, 2 * batch), 2, np.float32), np.arange(2 * batch) % batch)
    np.testing.assert_allclose(found, -np.log(2 * batch - 1), rtol=1e-5)
    assert abs(-0.5 / 0.07 * found - saved) < 1e-3


def test_with_one_positive_it_is_infonce():
    """Plus log(candidates), with the anchor itself out of the line-up."""
    f, partner = normal(6, 6), np.array([3, 4, 5, 0, 1, 2])
    itself = np.where(np.eye(6) > 0, -np.inf, 0).astype(np.float32)
    expected = infonce(score_stats(f, positive=jnp.array(partner), log_weights=itself))
    np.testing.assert_allclose(VALUE(f, np.arange(6) % 3) + np.log(5), expected, rtol=1e-5)


def test_two_views_as_classes_are_ntxent():
    """Khosla et al.: SimCLR is SupCon without labels. Plus log(2N − 1), the mean over both views of NT-Xent."""
    f = normal(6, 6)
    xx, xy, yx, yy = (score_stats(block) for block in (f[:3, :3], f[:3, 3:], f[3:, :3], f[3:, 3:]))
    expected = (ntxent(xy, xx) + ntxent(yx, yy)) / 2
    np.testing.assert_allclose(VALUE(f, np.arange(6) % 3) + np.log(5), expected, rtol=1e-5)


def test_a_function_of_the_anchor_changes_nothing():
    """F + c(anchor) has the value of F, and no value is above 0."""
    f = normal(8, 8)
    np.testing.assert_allclose(VALUE(f + 5 * normal(8, 1, seed=3), LABELS), VALUE(f, LABELS), atol=1e-5)
    assert max(float(VALUE(scale * f, LABELS)) for scale in (1, 100, 1e4)) <= 0


@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_large_scores_stay_finite(scale):
    """Scores of ±1e4: value and gradient."""
    value, gradient = GRADIENT(np.float32(scale) * normal(8, 8), LABELS)
    assert np.isfinite(value) and np.isfinite(gradient).all()


@pytest.mark.parametrize("n", [1, 8])
def test_without_positives_it_tells_nothing(n):
    """All classes differ, or one anchor is alone: value and gradient 0."""
    value, gradient = GRADIENT(normal(n, n), np.arange(n))
    assert value == 0 and (np.asarray(gradient) == 0).all()


def of_parameters(theta, f, labels, candidate_labels, own, axis_name=None):
    """The objective of scores that depend on parameters shared by all devices."""
    f = theta["scale"] * f + theta["columns"][None]
    return supcon(f, labels, candidate_labels=candidate_labels, own=own, axis_name=axis_name)


def test_four_devices_are_one():
    """The mean over devices of value and gradient is that of the batch, however many anchors have positives."""
    theta = {"scale": np.float32(0.8), "columns": normal(8, seed=4)}
    labels = np.array([0, 0, 0, 2, 1, 1, 3, 4])  # two, one, two and no anchors that count
    rows = (normal(8, 8), labels)
    shards = [x.reshape(4, 2, *x.shape[1:]) for x in (*rows, np.arange(8))]
    one = jax.jit(jax.value_and_grad(of_parameters))(theta, *rows, labels, np.arange(8))
    local = jax.value_and_grad(functools.partial(of_parameters, axis_name="data"))
    four = jax.jit(jax.vmap(local, in_axes=(None, 0, 0, None, 0), axis_name="data"))
    found = four(theta, *shards[:2], labels, shards[2])
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x.mean(axis=0), y, rtol=1e-5, atol=1e-6), found, one)


SQUARE, TABLE, FOUR, FIVE = np.zeros((4, 4)), np.zeros((4, 5)), np.arange(4), np.arange(5)


@pytest.mark.parametrize(
    ("scores", "labels", "given", "error", "words"),
    [
        (SQUARE.astype(int), FOUR, {}, TypeError, "scores must be floating"),
        (np.zeros(4), FOUR, {}, ValueError, "scores must be a matrix"),
        (np.zeros((2, 4, 4)), FOUR, {}, ValueError, "scores must be a matrix"),
        (TABLE, FOUR, {}, ValueError, "not square: pass candidate_labels"),
        (TABLE, FOUR, {"own": FOUR}, ValueError, "not square: pass candidate_labels"),
        (TABLE, FOUR, {"candidate_labels": FIVE}, ValueError, "not square: pass candidate_labels"),
        (TABLE, FOUR, {"candidate_labels": FOUR, "own": FOUR}, ValueError, r"candidate_labels \[5\]"),
        (TABLE, FOUR, {"candidate_labels": FIVE, "own": FIVE}, ValueError, r"own must be one column a row, \[4\]"),
        (SQUARE, FIVE, {}, ValueError, r"labels \[4\]"),
        (SQUARE, np.zeros((4, 1), int), {}, ValueError, r"labels \[4\]"),
        (SQUARE, FOUR, {"candidate_labels": FOUR, "own": FOUR + 1}, ValueError, "own must name columns 0 to 3"),
        (SQUARE, FOUR, {"candidate_labels": FOUR, "own": FOUR / 2}, TypeError, "own must be integer"),
    ],
    ids=[
        "integer",
        "vector",
        "stack",
        "neither",
        "own",
        "labels",
        "short",
        "long own",
        "long labels",
        "column",
        "far",
        "half",
    ],
)
def test_unusable_arguments_are_refused(scores, labels, given, error, words):
    """In a sentence that says what was expected and what was found."""
    with pytest.raises(error, match=words):
        supcon(scores, labels, **given)
