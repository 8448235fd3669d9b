"""What a subject does and says: noisy functions of the factors of a trial."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from pidjax.neuro.simulate.factors import Factors


class Behaviour(NamedTuple):
    """One value a trial, [n] each; efficiency is u − v, what neural activity there is for its cost.

    Attributes
    ----------
    difficulty : 0, 1 or 2
        Harder tasks cost more: v and as much noise, cut at ± 0.15.
    reaction_time : s
        0.7 exp(−0.4 efficiency + 0.15 noise).
    correct : bool
        With probability ``accuracy`` of the efficiency.
    fatigue : 1 to 7
        3, plus 2 over the session, plus 2 v, plus noise of 0.5.
    """

    difficulty: np.ndarray
    reaction_time: np.ndarray
    correct: np.ndarray
    fatigue: np.ndarray


def accuracy(efficiency: np.ndarray) -> np.ndarray:
    """Probability of a correct answer: logistic, 0.73 at an efficiency of 0."""
    return expit(1 + 4 * efficiency)


def behave(of: Factors, rng: np.random.Generator, elapsed: np.ndarray | float = 0.0) -> Behaviour:
    """Draw behaviour; ``elapsed`` is the share of the session that has passed, [n]."""
    n = of.cost.size
    efficiency = of.intensity - of.cost
    hard = of.cost + 0.35 * rng.standard_normal(n)
    return Behaviour(
        (hard > -0.15).astype(int) + (hard > 0.15),
        0.7 * np.exp(-0.4 * efficiency + 0.15 * rng.standard_normal(n)),
        rng.random(n) < accuracy(efficiency),
        np.clip(3 + 2 * elapsed + 2 * of.cost + 0.5 * rng.standard_normal(n), 1, 7),
    )
