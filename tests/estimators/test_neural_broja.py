"""pidjax/estimators/neural_broja.py: couplings of posteriors that are known, against what is possible at the least."""

import jax
import numpy as np
import pytest

from pidjax.estimators.neural_broja import neural_broja

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
    np.testing.assert_allclose([found.unique1.mean(), found.unique2.mean()], truth, atol=0.02)
    # scaling is tight before what it leaves is rounded away
    assert found.residual.max() < 1e-5
    assert min(found.plain1.min(), found.plain2.min()) > -1e-5
    rows = np.sort(np.asarray(found.rows).ravel())
    assert (np.diff(rows) > 0).all() and len(rows) == N
