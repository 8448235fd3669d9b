"""pidjax/data/batches.py: a batch is a function of (key, step)."""

import jax
import numpy as np
import pytest

from pidjax.data import batch_indices

KEY = jax.random.key(0)


@pytest.mark.parametrize(("n", "size"), [(20, 1), (20, 7), (20, 20)])
def test_no_sample_comes_twice(n, size):
    """``size`` different positions of 0...n − 1."""
    for step in range(5):
        found = np.asarray(batch_indices(KEY, step, n, size))
        assert found.shape == (size,) and len(set(found.tolist())) == size and found.min() >= 0 and found.max() < n


def test_a_batch_depends_on_key_and_step_alone():
    """The same again for the same pair, another for another step or key."""
    first = batch_indices(KEY, 3, 100, 10)
    np.testing.assert_array_equal(first, batch_indices(KEY, 3, 100, 10))
    assert (first != batch_indices(KEY, 4, 100, 10)).any()
    assert (first != batch_indices(jax.random.key(1), 3, 100, 10)).any()


def test_a_traced_step_gives_the_same_batch():
    """Inside a compiled step the batch is the same."""
    compiled = jax.jit(lambda step: batch_indices(KEY, step, 100, 10))
    np.testing.assert_array_equal(compiled(3), batch_indices(KEY, 3, 100, 10))


def test_every_sample_is_drawn_as_often():
    """Over 2000 steps the count of each sample lies within 5 standard errors of its mean."""
    drawn = jax.jit(jax.vmap(lambda step: batch_indices(KEY, step, 10, 3)))(np.arange(2000))
    counts = np.bincount(np.asarray(drawn).ravel(), minlength=10)
    assert np.abs(counts - 600).max() < 5 * np.sqrt(2000 * 0.3 * 0.7)


def test_a_batch_larger_than_the_data_is_refused():
    """Repeats would make a sample its own negative."""
    with pytest.raises(ValueError, match="21 cannot be drawn without replacement from 20"):
        batch_indices(KEY, 0, 20, 21)
