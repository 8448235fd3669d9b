"""pidjax/estimators/neural_broja.py: couplings of posteriors that are known, against what is possible at the least."""

import jax
import numpy as np
import pytest

from pidjax.estimators.neural_broja import neural_broja, of_many_rows

N = 512
RNG = np.random.default_rng(0)
fitted = jax.jit(neural_broja, static_argnames=("batch", "steps"))


def posteriors(a, classes=2, right=0.9):
    """log p(y | x) of a detector that says class a: right, with 0.9."""
    p = np.full((len(a), classes), (1 - right) / (classes - 1))
    p[np.arange(len(a)), a] = right
    return np.log(p).astype(np.float32)


SAID = RNG.integers(0, 2, (2, N))
NOTHING = np.full((N, 2), np.log(0.5), np.float32)
INFORMATION = np.log(2) + 0.9 * np.log(0.9) + 0.1 * np.log(0.1)


@pytest.mark.parametrize("case", ["alike", "first alone", "sure of it"])
def test_uniques(case):
    """Two alike detectors have nothing of their own, one beside nothing all; probabilities of 0 do no harm."""
    sure = np.where(np.eye(2)[SAID] > 0, 0.0, -1e4).astype(np.float32)
    first, second, truth = {
        "alike": (posteriors(SAID[0]), posteriors(SAID[1]), (0, 0)),
        "first alone": (posteriors(SAID[0]), NOTHING, (INFORMATION, 0)),
        "sure of it": (sure[0], sure[1], (0, 0)),
    }[case]
    found = fitted(jax.random.key(0), first, second, batch=64, steps=60)
    # 0.02: shares of a class vary between blocks of 128 by 0.04, and the information with them
    whole, halves, quarters = (np.asarray(u) for u in (found.whole, found.halves, found.quarters))
    np.testing.assert_allclose(of_many_rows(whole, halves, quarters).mean(0), truth, atol=0.02)
    # scaling is tight before what it leaves is rounded away
    assert found.residual.max() < 1e-5
    assert min(whole.min(), halves.min(), quarters.min()) > -1e-5
    rows = np.sort(np.asarray(found.rows).ravel())
    assert (np.diff(rows) > 0).all() and len(rows) == N


@pytest.mark.parametrize("rate", [0.5, 0.7, 1.0])
def test_extrapolation_is_exact_where_uniques_fall_as_a_power(rate):
    """U + c m^(−rate), whatever the rate; never faster than one over the rows."""
    limit, slope = np.array([0.2, 0.05]), np.array([1.0, 0.5])
    sizes = [np.tile(limit + slope * m**-rate, (3, 1)) for m in (512.0, 256.0, 128.0)]
    np.testing.assert_allclose(of_many_rows(*sizes), np.tile(limit, (3, 1)), rtol=1e-9)
    fast = [np.tile(limit + slope * m**-2.0, (3, 1)) for m in (512.0, 256.0, 128.0)]
    np.testing.assert_allclose(of_many_rows(*fast), 2 * fast[0] - fast[1])
    np.testing.assert_array_equal(of_many_rows(*(np.tile(limit, (3, 1)),) * 3), np.tile(limit, (3, 1)))
