"""Cross-fitting: every row read once by what did not see it; row terms are the jackknife's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax import bounds
from pidjax._checks import InputError
from pidjax.bounds import score_stats
from pidjax.estimators import crossfit


def test_rows_come_back_in_order():
    """Each row is held once; rows of a fold are disjoint and all there; what fits no fold gets the mean."""
    n, folds = 103, 4

    def part(key, rows):
        everything = jnp.sort(jnp.concatenate(rows))
        complete = jnp.all(everything == jnp.arange(n))
        return rows.held.astype(float), jnp.full(rows.held.shape, complete)

    found, complete = crossfit.cross_fit(jax.random.key(0), n, folds, part)
    left = np.asarray(found) != np.arange(n)
    assert left.sum() <= 3 and np.allclose(found[left], found[~left].mean())
    assert np.all(complete[~left])


@pytest.mark.parametrize("folds, n", [(1, 100), (0, 100), (5, 39)])
def test_too_little_to_cross_fit(folds, n):
    with pytest.raises(InputError, match="needs 2 folds of 8 rows"):
        crossfit.cross_fit(jax.random.key(0), n, folds, lambda key, rows: rows.held)


def test_line_ups_are_read_apart(monkeypatch):
    """Ten rows in line-ups of 4 at most: three of 3, and one row that gets the mean."""
    monkeypatch.setattr(crossfit, "LINE_UP", 4)
    held = jnp.arange(10)
    found = crossfit.line_ups(lambda rows: rows, held, lambda rows: rows + 100 * rows.shape[0])
    np.testing.assert_array_equal(found[:9], 300 + np.arange(9))
    assert found[9] == 304


@pytest.mark.parametrize("over", ["y", "x", "both"])
@pytest.mark.parametrize("read", [bounds.infonce, bounds.l1out, bounds.dv], ids=lambda f: f.__name__)
def test_row_terms_are_the_jackknife(read, over):
    """Mean: the bound. Standard error: that of leaving one row out, as anchor and as candidate, to 5 %."""
    n = 150
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    y = 0.8 * x + 0.6 * rng.normal(size=n)
    f = jnp.asarray(x[:, None] * y[None] - 0.4 * (x[:, None] ** 2 + y[None] ** 2), jnp.float32)

    def value(scores):
        sides = {"y": [scores], "x": [scores.T], "both": [scores, scores.T]}[over]
        return sum(read(score_stats(s)) for s in sides) / len(sides)

    terms = jax.jit(lambda f: crossfit.row_terms(read, f, over=over))(f)
    np.testing.assert_allclose(terms.mean(), value(f), rtol=1e-5)
    keep = jnp.asarray([[j for j in range(n) if j != i] for i in range(n)])
    left_out = jax.lax.map(lambda rows: value(f[rows][:, rows]), keep)
    jackknife = np.sqrt((n - 1) * left_out.var())
    np.testing.assert_allclose(crossfit.mean_and_error(terms)[1], jackknife, rtol=0.05)
