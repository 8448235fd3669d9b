"""pidjax/estimators/known_posteriors.py: atoms of an ideal observer's probabilities against closed forms and tables."""

import numpy as np
import pytest
from scipy.special import entr, expit

from pidjax._checks import InputError
from pidjax.estimators import pid_of_posteriors
from pidjax.pid import broja

N = 5000


def two(p):
    return np.stack([1 - p, p], axis=1)


def test_two_gaussian_detectors():
    """Two shifts of one fair event: R = min I by Blackwell, from quadrature; within 0.03 nats and 4.5 errors."""
    rng = np.random.default_rng(0)
    event, d = rng.integers(2, size=N), np.array([1.38, 0.72])
    log_odds = d * (event[:, None] * d + rng.standard_normal((N, 2))) - d**2 / 2
    rows = [two(expit(v)) for v in (log_odds[:, 0], log_odds[:, 1], log_odds.sum(1))]
    atoms, error = pid_of_posteriors(np.full(2, 0.5), *rows)
    z, w = np.polynomial.hermite_e.hermegauss(101)

    def nats(d):
        p = expit(d * z + d * d / 2)
        return np.log(2) - (w / w.sum()) @ (entr(p) + entr(1 - p))

    one, other, both = nats(1.38), nats(0.72), nats(np.hypot(*d))
    expected = np.array([other, one - other, 0.0, both - one])
    assert np.abs(np.array(atoms) - expected).max() < 0.03
    assert (np.abs(np.array(atoms) - expected) < 4.5 * np.array(error) + 0.004).all()


def test_and_of_two_bits():
    """Posteriors of few values are a table: atoms are those of the exact solver."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(2, size=(2, N))
    rows = [two(a / 2), two(b / 2), two((a & b) * 1.0)]
    atoms, error = pid_of_posteriors(np.array([0.75, 0.25]), *rows)
    table = np.zeros((2, 2, 2))
    for i, j in np.ndindex(2, 2):
        table[i, j, i & j] = 0.25
    assert (np.abs(np.array(atoms) - np.array(broja(table))) < 4.5 * np.array(error) + 1e-3).all()


def test_shapes_and_few_rows_are_refused():
    """Posteriors of other shapes, and rows that the jackknife cannot divide."""
    p = np.full((200, 2), 0.5)
    with pytest.raises(InputError, match="one shape"):
        pid_of_posteriors(np.full(2, 0.5), p, p[:-1], p)
    with pytest.raises(InputError, match="too few for a jackknife"):
        pid_of_posteriors(np.full(2, 0.5), p[:50], p[:50], p[:50])


def test_a_class_that_never_happens_tells_nothing():
    """Atoms are those without it; a label of one class has none."""
    some = two(np.linspace(0.1, 0.9, N))
    more = np.pad(some, ((0, 0), (0, 1)))
    expected = pid_of_posteriors(np.full(2, 0.5), some, some, some)
    np.testing.assert_allclose(pid_of_posteriors(np.array([0.5, 0.5, 0.0]), more, more, more), expected)
    sure = two(np.zeros(N))
    np.testing.assert_array_equal(pid_of_posteriors(np.array([1.0, 0.0]), sure, sure, sure), 0)
