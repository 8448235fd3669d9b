"""pidjax/neuro/simulate/closed_forms.py: values worked out by hand or elsewhere, solved tables, and Monte Carlo."""

import math

import numpy as np
import pytest
from scipy.special import entr, expit
from scipy.stats import norm

from pidjax._checks import InputError
from pidjax.neuro.simulate import closed_forms as forms
from pidjax.pid import broja


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (forms.event(1.38, 0.72), (0.061, 0.133, 0.0, 0.041)),
        (forms.detectors(0.0, 0.0), (0.6931, 0.0, 0.0, 0.0)),
        (forms.detectors(0.05, 0.05), (0.4946, 0.0, 0.0, 0.1154)),
        (forms.detectors(0.1, 0.1), (0.3681, 0.0, 0.0, 0.1463)),
        (forms.detectors(0.05, 0.2), (0.1927, 0.3019, 0.0, 0.0389)),
        (forms.mode(), (0.0, 1.0986, 0.0, 0.0)),
        (forms.mode(0.2), (0.0, 0.4596, 0.0, 0.0)),
        (forms.cost(1.0, 1.0, 0.2), (0.0, 0.0, 0.3369, 0.9735)),
        (forms.cost(1.0, 0.0, 0.2), (0.0, 0.0, 1.6290, 0.0)),
        (forms.xor(0.02, 0.05), (0.0, 0.0, 0.0, 0.4447)),
        (forms.xor(0.1, 0.2), (0.0, 0.0, 0.0, 0.1201)),
        (forms.xor_signals(2.0, 2.0), (0.0, 0.0, 0.0, 0.174)),
        (forms.xor_signals(4.0, 7.8), (0.0, 0.0, 0.0, 0.633)),
        (forms.delay_binary(2.0, 20.0), (0.0, 0.0, 0.0693, 0.6238)),
        (forms.delay_gaussian(2 / 12**0.5, 0.8, 0.048, 0.46), (0.0, 0.0, 0.388, 0.304)),
        (forms.delay_gaussian(0.05, 1.0, 0.02, 0.3), (0.0, 0.0, 1.2345, 0.0108)),
        (forms.delay_uniform(8.0, 0.8, 0.048, 0.46), (0.0, 0.0, 0.105, 0.588)),
        (forms.delay_uniform(16.0, 0.8, 0.048, 1.16), (0.0, 0.0, 0.028, 0.166)),
        (forms.delay_modular(np.full(4, 0.25)), (0.0, 0.0, 0.0, math.log(4))),
        (forms.efficiency_binary(0.0), (0.1931, 0.0, 0.0, 0.5000)),
        (forms.efficiency_binary(5.0), (0.0062, 0.0, 0.0, 0.6870)),
        (forms.efficiency_gaussian(2.0, 0.3), (0.0503, 0.0, 0.0, 1.522)),
    ],
)
def test_known_values(found, expected):
    """Numbers of the design's tables, to their last digit."""
    np.testing.assert_allclose(found, expected, atol=6e-4)


def test_detectors_and_xor_solve_their_tables():
    """Tables of two detectors of a bit, and of two noisy bits and their XOR, solved by ``broja``."""
    table = np.zeros((2, 2, 2, 2))
    for a, b, wrong_a, wrong_b in np.ndindex(2, 2, 2, 2):
        if a == b:
            chance = (0.95, 0.05)[wrong_a] * (0.8, 0.2)[wrong_b]
            table[0, a ^ wrong_a, b ^ wrong_b, a] += chance / 2
        chance = (0.98, 0.02)[wrong_a] * (0.95, 0.05)[wrong_b]
        table[1, a ^ wrong_a, b ^ wrong_b, a ^ b] += chance / 4
    solved = np.stack(broja(table))
    np.testing.assert_allclose(solved[:, 0], forms.detectors(0.05, 0.2), atol=1e-6)
    np.testing.assert_allclose(solved[:, 1], forms.xor(0.02, 0.05), atol=1e-6)


N = 20_000


def close(terms, expected):
    """The mean of exact log ratios lies within 4.5 of its standard errors."""
    assert abs(terms.mean() - expected) < 4.5 * terms.std() / len(terms) ** 0.5


def test_event_by_monte_carlo():
    """Log posterior odds of drawn Gaussian shifts."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=N)
    x = y * 1.4 + rng.standard_normal(N)
    p = expit(1.4 * x - 1.4**2 / 2)
    close(np.log(2 * np.where(y, p, 1 - p)), forms.event(1.4, 2.0).mi1)


def test_cost_and_delay_by_monte_carlo():
    """Log density ratios of the linear Gaussian and of the uniform onset, from draws."""
    rng = np.random.default_rng(1)
    tau = rng.standard_normal(N) * 0.8
    onset = rng.uniform(0, 2, N)
    seen = onset + tau + 0.46 * rng.standard_normal(N)

    def box(x, mean, sd):
        return norm.cdf((x - mean) / sd) - norm.cdf((x - mean - 2) / sd)

    ratio = np.log(box(seen, tau, 0.46)) - np.log(box(seen, 0.0, math.hypot(0.8, 0.46)))
    close(ratio, forms.delay_uniform(2.0, 0.8, 0.01, 0.46).unique2)
    a, v = rng.standard_normal((2, N))
    eeg, fnirs = a + 0.2 * rng.standard_normal(N), a + v + 0.2 * rng.standard_normal(N)
    left = 1 / (1 + 1 / 0.04)
    guess = eeg * (1 - left)
    ratio = norm.logpdf(fnirs - guess - v, scale=(left + 0.04) ** 0.5)
    ratio -= norm.logpdf(fnirs - guess, scale=(1 + left + 0.04) ** 0.5)
    close(ratio, forms.cost(1.0, 1.0, 0.2).total)


def test_efficiency_by_monte_carlo():
    """What a + u says of u > v, by the conditional law of u."""
    rng = np.random.default_rng(2)
    a, u, v = rng.standard_normal((3, N)) * np.array([[2.0], [1.0], [1.0]])
    p = norm.cdf((a + u) / 5 / (2 - 1 / 5) ** 0.5)
    close(np.log(2 * np.where(u > v, p, 1 - p)), forms.efficiency_binary(2.0).redundancy)


def test_signals_of_xor_by_monte_carlo():
    """Two Gaussian shifts and the XOR of what they show."""
    rng = np.random.default_rng(3)
    bits = rng.integers(2, size=(2, N))
    p = expit(2.0 * (2.0 * bits + rng.standard_normal((2, N))) - 2.0)
    agree = p[0] * p[1] + (1 - p[0]) * (1 - p[1])
    close(math.log(2) - entr(agree) - entr(1 - agree), forms.xor_signals(2.0, 2.0).synergy)


@pytest.mark.parametrize(
    ("form", "given", "words"),
    [
        (forms.event, (-1.0, 1.0), "d_eeg must be a finite number of at least 0"),
        (forms.event, (1.0, math.nan), "d_fnirs must be a finite"),
        (forms.detectors, (0.1, 1.2), "error_fnirs must lie between 0 and 1"),
        (forms.mode, (-0.1,), "error must lie between 0 and 1"),
        (forms.mode, (0.0, 1), "two or more classes"),
        (forms.cost, (-1.0, 1.0, 0.2), "cost_sd must be a finite"),
        (forms.cost, (1.0, 1.0, 0.0), "noise_sd must be above 0"),
        (forms.xor, (0.1, math.nan), "error_fnirs must lie"),
        (forms.xor_signals, (2.0, math.inf), "d_fnirs must be a finite"),
        (forms.delay_gaussian, (1.0, -0.8, 0.1, 0.4), "delay_sd must be a finite"),
        (forms.delay_gaussian, (1.0, 0.8, 0.1, 0.0), "fnirs_error must be above 0"),
        (forms.delay_uniform, (8.0, 0.8, -0.1, 0.4), "eeg_error must be a finite"),
        (forms.delay_uniform, (8.0, 0.8, 0.1, 0.0), "fnirs_error must be above 0"),
        (forms.delay_modular, ([0.5, 0.6],), "sum to 1"),
        (forms.delay_modular, ([1.5, -0.5],), "0 or more"),
        (forms.efficiency_binary, (-1.0,), "coupling must be a finite"),
        (forms.efficiency_gaussian, (1.0, 0.0), "noise must be above 0"),
    ],
)
def test_impossible_values_are_refused(form, given, words):
    """SDs and d' below 0 or without end, probabilities that are none, numbers without noise: in words."""
    with pytest.raises(InputError, match=words):
        form(*given)


@pytest.mark.parametrize(
    "nothing",
    [
        forms.event(0.0, 0.0),
        forms.detectors(0.5, 0.5),
        forms.mode(2 / 3),
        forms.cost(0.0, 1.0, 0.2),
        forms.xor(0.5, 0.0),
        forms.xor_signals(0.0, 3.0),
        forms.delay_gaussian(0.0, 0.0, 0.0, 0.4),
        forms.delay_uniform(8.0, 0.0, 0.1, 0.4),
        forms.delay_modular([1.0, 0.0]),
    ],
)
def test_labels_that_nothing_shows_have_no_atoms(nothing):
    """Errors of chance, no signal, a number that does not vary."""
    np.testing.assert_allclose(nothing, 0, atol=1e-12)


def test_impossible_delays_are_refused():
    """Delays further apart than the jitter, and an EEG that does not resolve the jitter."""
    with pytest.raises(InputError, match="less than the jitter"):
        forms.delay_binary(3.0, 2.0)
    with pytest.raises(InputError, match="some times the EEG's error"):
        forms.delay_uniform(1.0, 0.8, 0.5, 0.4)
