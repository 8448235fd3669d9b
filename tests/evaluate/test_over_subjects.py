"""pidjax/evaluate/over_subjects.py: p by brute force, by hand, and as often small as they say."""

import itertools

import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.evaluate import holm, least_p, sign_flip


def test_exact_p_by_brute_force():
    """Every assignment of signs, counted one by one; ties count as reached, and a difference of zero is never one."""
    d = np.array([[0.3, 1, 0], [0.1, 1, 0], [-0.2, -1, 0], [0.8, 1, 0], [0.5, 1, 0]])
    expected = [
        np.mean([abs(np.dot(s, x)) >= abs(sum(x)) - 1e-9 for s in itertools.product((-1, 1), repeat=5)]) for x in d.T
    ]
    np.testing.assert_allclose(sign_flip(d), expected)
    # five equal signs and the reverse are two of 32; one of five reversed: 2 (1 + 5) / 32
    assert sign_flip(np.arange(1.0, 6)) == 2 / 32
    assert sign_flip(d)[1] == 12 / 32
    assert sign_flip(d)[2] == 1


def test_random_signs_are_the_exact_test_but_for_chance():
    """(1 + b) / (1 + B) within 4 standard errors of the exact p, and never 0."""
    d = np.random.default_rng(0).normal(0.3, 1, (10, 4))
    exact, drawn = sign_flip(d), sign_flip(d, flips=1000)
    assert (np.abs(drawn - exact) < 4 * np.sqrt(exact * (1 - exact) / 1000) + 1e-3).all()
    assert sign_flip(np.ones(40), flips=999) == 1 / 1000


def test_least_p():
    """What equal differences have: two signs of all while these are tried one by one, none of the drawn ones later."""
    for n in (6, 13, 40):
        assert least_p(n) == sign_flip(np.ones(n))
    assert least_p(14) == 1 / 10_001


@pytest.mark.parametrize("n", [8, 20])
def test_level_under_the_null(n):
    """Symmetric differences of heavy tails: p <= 0.05 in 5 % of 2,000 data sets (standard error 0.5 %)."""
    d = np.random.default_rng(n).standard_t(2, (n, 2000))
    assert abs((sign_flip(d, flips=1999) <= 0.05).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 2000)


def test_holm_by_hand():
    """0.01 · 4, 0.02 · 3, then 0.03 · 2 raised to no less, 0.4 · 1; the order is kept, and none exceeds 1."""
    np.testing.assert_allclose(holm([0.03, 0.4, 0.01, 0.02]), [0.06, 0.4, 0.04, 0.06])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1.0, 1.0])


def test_holm_keeps_the_level_of_a_family():
    """Six dependent true nulls: any is rejected in at most 5 % of 2,000 families (within 4 standard errors)."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(9, 2000, 6)) + rng.normal(size=(9, 2000, 1))
    p = sign_flip(z.reshape(9, -1)).reshape(2000, 6)
    rejected = np.mean([(holm(family) <= 0.05).any() for family in p])
    assert rejected < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 2000)
    assert (p <= 0.05).any(1).mean() > 0.1


@pytest.mark.parametrize("d", [[0.1], [0.1, np.nan], np.zeros((2, 2, 2))])
def test_what_cannot_be_tested_is_refused(d):
    with pytest.raises(InputError, match="at least 2 subjects"):
        sign_flip(d)
