"""pidjax/neuro/simulate/limits.py: ideal observers' scores against the truth of drawn trials, and closed forms."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

from pidjax._checks import InputError
from pidjax.neuro.simulate import CLEAR, make_task, observe, posterior, sensitivity, simulate_trials
from pidjax.neuro.simulate import limits as room
from pidjax.neuro.simulate.behaviour import behave, difficulty
from pidjax.neuro.simulate.factors import axes, draw_factors
from pidjax.neuro.simulate.limits import Limit, limits
from pidjax.neuro.simulate.observers import Observation, prior_of

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
    """Chance of the EEG about the cost; both know more than either."""
    assert found["cost"].eeg == pytest.approx(0, abs=1e-6) and found["intensity"].fnirs == pytest.approx(0, abs=1e-6)
    assert found["difficulty"].eeg == pytest.approx(1 / 3)
    assert all(one.both + 4 * one.both_se > max(one.eeg, one.fnirs) for one in found.values())


def test_gaussian_closed_form():
    """Log amplitudes of variance V have errors of 1/d': r² is V / (V + 1/d'²), but for their being logarithms."""
    law = make_task("cost").config
    d = sensitivity(law, np.full(16, 0.9)).fnirs
    told = limits(law, n=100)["cost"]
    assert told.fnirs == pytest.approx((1 / (1 + 1 / (law.cost_sd * d) ** 2)) ** 0.5, abs=0.01) and told.fnirs_se < 0.01


def test_detection_of_an_event():
    """Balanced accuracy Φ(d'/2) of a known shape in Gaussian noise, to four standard errors."""
    law = dataclasses.replace(make_task("event").config, eeg_window=(-0.5, 10.0))
    told = limits(law, n=200)["event"]
    expected = norm.cdf(sensitivity(law, np.full(16, 0.9)).eeg / 2)
    assert abs(told.eeg - expected) < 4 * told.eeg_se and told.unit == "balanced accuracy"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("reaction_time", lambda of: np.exp(-0.4 * (of.intensity - of.cost))),
        ("fatigue", lambda of: of.cost),
        ("efficiency", lambda of: of.intensity - of.cost),
    ],
)
def test_who_knows_all_factors_is_left_with_the_noise(name, known, monkeypatch):
    """r of what behaviour follows with what subjects do, in 200,000 draws; the grid costs 0.003, the draws as much."""
    seen = Observation(axes(EFFICIENCY, **room.GRID), np.zeros(0), np.zeros(0))
    factors = ("cost",) if name == "fatigue" else ("intensity", "cost")
    prior = prior_of(seen, factors)
    monkeypatch.setattr(room, "posterior", lambda *_: np.eye(prior.size).reshape(prior.size, *prior.shape))
    told = (prior.ravel() @ room._told(seen, name, ("eeg",))) ** 0.5
    rng = np.random.default_rng(0)
    of = draw_factors(EFFICIENCY, 200_000, rng)
    done = {**behave(of, rng, room.MID_SESSION)._asdict(), "efficiency": of.intensity - of.cost}
    assert told == pytest.approx(np.corrcoef(known(of), done[name])[0, 1], abs=0.006)


def test_two_values_are_classes():
    """A binary cost of both signs, told apart by the fNIRS nearly always; the EEG guesses."""
    told = limits(make_task("xor").config, n=20)["cost"]
    assert told.unit == "balanced accuracy" and told.eeg == pytest.approx(0.5) and told.fnirs > 0.97


def test_induced_activity_is_seen_whole():
    """An EEG window shorter than the task does not make the observer blinder than epochs of a recording are."""
    whole = dataclasses.replace(CLEAR, eeg_window=(CLEAR.eeg_window[0], CLEAR.task))
    assert CLEAR.eeg_window[1] < CLEAR.task and limits(CLEAR, n=20) == limits(whole, n=20)


def test_levels_of_difficulty_are_those_that_are_drawn():
    of = draw_factors(dataclasses.replace(CLEAR, cost_sd=0.35), 200_000, np.random.default_rng(0))
    drawn = np.bincount(behave(of, np.random.default_rng(1)).difficulty) / 200_000
    np.testing.assert_allclose(difficulty(of.cost).mean(0), drawn, atol=3 * 0.5 / 200_000**0.5)


def test_heads_are_held_to_what_they_see():
    one = Limit("r", 0.1, 0.2, 0.3, 0.01, 0.02, 0.03)
    found = [one.of_head(head) for head in ("unique_eeg", "redundancy_fnirs", "synergy")]
    assert found == [(0.1, 0.01), (0.2, 0.02), (0.3, 0.03)]


def test_too_few_trials():
    with pytest.raises(InputError, match="20 trials or more; found 3"):
        limits(EFFICIENCY, n=3)
