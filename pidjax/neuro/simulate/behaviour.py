"""What a subject does and says: noisy functions of the factors of a trial."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from pidjax.neuro.simulate.factors import Factors

HARD_SD = 0.35
"""Of what makes a task difficult besides its cost."""
HARD_EDGES = (-0.15, 0.15)


class Behaviour(NamedTuple):
    """One value a trial, [n] each; efficiency is u − v, what neural activity there is for its cost.

    Attributes
    ----------
    difficulty : 0, 1 or 2
        Harder tasks cost more: v and as much noise (``HARD_SD``), cut at ``HARD_EDGES``; see ``difficulty``.
    reaction_time : s
        ``reaction_time`` of the efficiency.
    correct : bool
        With probability ``accuracy`` of the efficiency.
    fatigue : 1 to 7
        ``fatigue`` of the cost and the time.
    """

    difficulty: np.ndarray
    reaction_time: np.ndarray
    correct: np.ndarray
    fatigue: np.ndarray


def accuracy(efficiency: np.ndarray) -> np.ndarray:
    """Probability of a correct answer: logistic, 0.73 at an efficiency of 0."""
    return expit(1 + 4 * efficiency)


def reaction_time(efficiency: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Seconds: 0.7 exp(−0.4 efficiency + 0.15 noise), of standard normal noise."""
    return 0.7 * np.exp(-0.4 * efficiency + 0.15 * noise)


def fatigue(cost: np.ndarray, elapsed: np.ndarray | float, noise: np.ndarray) -> np.ndarray:
    """3, plus 2 over the session, plus 2 v, plus 0.5 noise, cut off at 1 and 7."""
    return np.clip(3 + 2 * elapsed + 2 * cost + 0.5 * noise, 1, 7)


def difficulty(cost: np.ndarray) -> np.ndarray:
    """Probabilities of the three levels, [..., 3]."""
    low, high = (norm.cdf((edge - cost) / HARD_SD) for edge in HARD_EDGES)
    return np.stack([low, high - low, 1 - high], axis=-1)


def behave(of: Factors, rng: np.random.Generator, elapsed: np.ndarray | float = 0.0) -> Behaviour:
    """Draw behaviour; ``elapsed`` is the share of the session that has passed, [n]."""
    n = of.cost.size
    efficiency = of.intensity - of.cost
    hard = of.cost + HARD_SD * rng.standard_normal(n)
    return Behaviour(
        np.searchsorted(HARD_EDGES, hard),
        reaction_time(efficiency, rng.standard_normal(n)),
        rng.random(n) < accuracy(efficiency),
        fatigue(of.cost, elapsed, rng.standard_normal(n)),
    )
