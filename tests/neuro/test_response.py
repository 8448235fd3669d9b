"""pidjax/neuro/response.py: a known response in known noise; what is learned is what an ideal observer would use."""

import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.neuro.response import Response, _noise, amplitude, learn_response, match, onset, onset_posterior

SFREQ, START, TIMES, CHANNELS = 10.0, -1.0, 60, 3
T = START + np.arange(TIMES) / SFREQ
PATTERN = np.array([1.0, -0.5, 0.2])
SETTINGS = {"support": (-0.5, 2.0), "band": (0.0, 5.0), "rank": 1, "separable": True}


def shape(t):
    return np.exp(-0.5 * ((t - 0.6) / 0.2) ** 2)


def trials(n, size, late, seed):
    """Responses of these sizes and onsets in white noise of SD 1, mixed over channels."""
    rng = np.random.default_rng(seed)
    mixing = np.array([[1.0, 0, 0], [0.5, 1.0, 0], [0, 0.3, 1.0]])
    noise = np.einsum("cd,ndt->nct", mixing, rng.standard_normal((n, CHANNELS, TIMES)))
    clean = np.asarray(size)[:, None, None] * PATTERN[:, None] * shape(T - np.asarray(late)[:, None])[:, None]
    power = PATTERN @ np.linalg.solve(mixing @ mixing.T, PATTERN)
    return clean + noise, power


def what_is_seen():
    """The response without its mean, cut to the support, without the mean of what is left."""
    seen = np.where((T >= -0.5) & (T < 2.0 - 1e-9), shape(T) - shape(T).mean(), 0.0)
    return seen - seen.mean()


def test_energy_is_the_squared_sensitivity_and_amplitudes_are_as_sure():
    """E of the closed form; least-squares amplitudes have the slope of what is seen, and the standard error 1 / √E."""
    n, size = 2000, 1.0 + 0.5 * np.random.default_rng(1).standard_normal(2000)
    x, power = trials(n, np.ones(n), np.zeros(n), 2)
    seen = what_is_seen()
    energy, factor = power * (seen**2).sum(), (shape(T) * seen).sum() / (seen**2).sum()
    response = learn_response(x, SFREQ, START, **SETTINGS)
    assert response.energy == pytest.approx(energy, rel=0.05)
    fresh, _ = trials(n, size, np.zeros(n), 3)
    found = amplitude(response, match(response, fresh), np.zeros(n))
    slope, at_zero = np.polyfit(size, found, 1)
    error = (found - size).std() / n**0.5 / 0.5
    assert slope == pytest.approx(factor, abs=4 * error)
    assert at_zero == pytest.approx(0.0, abs=8 * error)
    assert (found - np.polyval([slope, at_zero], size)).std() == pytest.approx(energy**-0.5, rel=0.07)


def test_amplitudes_that_vary_are_no_noise():
    """Half of the trials lack the response: τ² of sizes 0 and 2 is 1, and E is what it is of noise alone."""
    n = 2000
    x, power = trials(n, 2.0 * (np.arange(n) % 2), np.zeros(n), 9)
    response = learn_response(x, SFREQ, START, **SETTINGS)
    assert response.spread == pytest.approx(1.0, rel=0.1)
    assert response.energy == pytest.approx(power * (what_is_seen() ** 2).sum(), rel=0.07)


def test_an_onset_counts_whatever_the_amplitude():
    """exp(a m − a² E / 2) integrated over amplitudes above 0 of mean 1 and variance τ², on a grid."""
    energy, spread = 9.0, 0.5
    response = Response(np.ones((2, 1, 1)), np.array([[0.0, energy**0.5]]), spread, 3, 1.0, 0.0)
    energy = response.energy
    course = np.array([[-6.0, 1.0, 12.0], [2.0, -1.0, 0.0]])
    a = np.linspace(0, 12, 100_001)
    density = np.exp(-0.5 * (a - 1) ** 2 / spread)
    likelihood = np.array([[(np.exp(a * m - a**2 * energy / 2) * density).sum() for m in row] for row in course])
    prior = np.array([0.2, 0.5, 0.3])
    expected = prior * likelihood / (prior * likelihood).sum(1, keepdims=True)
    np.testing.assert_allclose(onset_posterior(response, course, prior), expected, rtol=1e-3)


def test_onsets_that_no_marker_tells_are_learned():
    """From a prior around the truth of 0.5 s SD; errors are then near the Cramér–Rao bound, a tenth of that."""
    n, rng = 400, np.random.default_rng(4)
    late = rng.uniform(0.0, 3.0, n)
    x, _ = trials(n, np.full(n, 4.0), late, 5)
    guess = np.exp(-0.5 * ((T - (late + 0.5 * rng.standard_normal(n))[:, None]) / 0.5) ** 2)
    response = learn_response(x, SFREQ, START, onsets=guess, **SETTINGS)
    fresh, _ = trials(n, np.full(n, 4.0), late, 6)
    found = onset(response, match(response, fresh), ((T >= -0.5) & (T <= 3.5)).astype(float))
    assert (found - late).std() < 0.1
    assert np.corrcoef(found, late)[0, 1] > 0.99


def test_the_marker_is_an_onset_that_is_known():
    """One sample of probability 1 there gives the same response."""
    x, _ = trials(300, np.ones(300), np.zeros(300), 7)
    at_marker = np.zeros((300, TIMES))
    at_marker[:, 10] = 1.0
    locked = learn_response(x, SFREQ, START, iterations=2, **SETTINGS)
    known = learn_response(x, SFREQ, START, onsets=at_marker, iterations=2, **SETTINGS)
    np.testing.assert_allclose(known.template, locked.template, atol=1e-8)


def test_trials_too_few_or_too_short_are_refused():
    x, _ = trials(3, np.ones(3), np.zeros(3), 8)
    with pytest.raises(InputError, match="4 trials"):
        learn_response(x, SFREQ, START, **SETTINGS)
    with pytest.raises(InputError, match="at least as long"):
        learn_response(np.ones((10, 2, 15)), SFREQ, START, **SETTINGS)
    with pytest.raises(InputError, match="resolve no frequency"):
        learn_response(trials(10, np.ones(10), np.zeros(10), 8)[0], SFREQ, START, **SETTINGS | {"band": (0.0, 0.1)})


def test_one_covariance_of_all_frequencies_needs_few_trials():
    """20 trials of 50 bins: the least eigenvalue of 8 channels that share nine tenths, to 0.1 of it."""
    rng = np.random.default_rng(0)
    covariance = 0.1 * np.eye(8) + 0.9
    root = np.linalg.cholesky(covariance)
    spectra = np.einsum("cd,ndf->ncf", root, rng.normal(size=(20, 8, 50)) + 1j * rng.normal(size=(20, 8, 50)))
    found = _noise(spectra, separable=True)[7]
    least = np.linalg.eigvalsh(found)[0] / (np.trace(found) / 8)
    assert least.real == pytest.approx(0.1, rel=0.15)
