"""pidjax/neuro/simulate/limits.py: ideal observers' scores against the truth of drawn trials, and closed forms."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

from pidjax._checks import InputError
from pidjax.neuro.simulate import CLEAR, make_task, observe, posterior, sensitivity, simulate_trials
from pidjax.neuro.simulate.behaviour import behave, difficulty
from pidjax.neuro.simulate.factors import draw_factors
from pidjax.neuro.simulate.limits import Limit, limits

EFFICIENCY = make_task("efficiency").config


@pytest.fixture(scope="module")
def found():
    return limits(EFFICIENCY, behaviour=True, n=200)


def test_posterior_means_of_drawn_trials_correlate_as_told(found):
    """To three standard errors, (1 − r²) / √n, of 400 trials."""
    n = 400
    trials = simulate_trials(EFFICIENCY, n, seed=5)
    seen = observe(trials, step=0.2, cells=15)
    p = posterior(seen, ("intensity", "cost"))
    u, v = (seen.axes[name].values for name in ("intensity", "cost"))
    for name, nodes in {"efficiency": u[:, None] - v, "cost": v + 0 * u[:, None]}.items():
        of = trials.factors
        true = of.intensity - of.cost if name == "efficiency" else of.cost
        r, told = np.corrcoef((p * nodes).sum((1, 2)), true)[0, 1], found[name].both
        assert abs(r - told) < 3 * (1 - told**2) / n**0.5


def test_what_a_modality_does_not_see_it_does_not_tell(found):
    """Chance of the EEG about the cost; both never know less than either, but for the error of averaging."""
    assert found["cost"].eeg == pytest.approx(0, abs=1e-6) and found["intensity"].fnirs == pytest.approx(0, abs=1e-6)
    assert found["difficulty"].eeg == pytest.approx(1 / 3)
    assert all(one.both > max(one.eeg, one.fnirs) for one in found.values())


def test_gaussian_closed_form():
    """Amplitudes are lognormal and their errors 1/d': r² of the cost alone is near V / (V + 1/d'²)."""
    law = make_task("cost").config
    d = sensitivity(law, np.full(16, 0.9)).fnirs
    assert limits(law, n=100)["cost"].fnirs == pytest.approx((1 / (1 + 1 / (law.cost_sd * d) ** 2)) ** 0.5, abs=0.03)


def test_detection_of_an_event():
    """Balanced accuracy Φ(d'/2) of known shapes in Gaussian noise, over subjects' waves to a hundredth."""
    law = make_task("event").config
    d = sensitivity(law, np.full(16, 0.9)).eeg
    told = limits(law, n=400)["event"]
    assert told.eeg == pytest.approx(norm.cdf(d / 2), abs=0.03) and told.unit == "balanced accuracy"


def test_levels_of_difficulty_are_those_that_are_drawn():
    of = draw_factors(dataclasses.replace(CLEAR, cost_sd=0.35), 200_000, np.random.default_rng(0))
    drawn = np.bincount(behave(of, np.random.default_rng(1)).difficulty) / 200_000
    np.testing.assert_allclose(difficulty(of.cost).mean(0), drawn, atol=3 * 0.5 / 200_000**0.5)


def test_heads_are_held_to_what_they_see():
    one = Limit("r", 0.1, 0.2, 0.3)
    assert [one.of_head(head) for head in ("unique_eeg", "redundancy_fnirs", "synergy")] == [0.1, 0.2, 0.3]


def test_too_few_trials():
    with pytest.raises(InputError, match="20 trials or more; found 3"):
        limits(EFFICIENCY, n=3)
