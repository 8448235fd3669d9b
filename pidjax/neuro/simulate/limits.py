"""How well a factor, or what subjects do, can be decoded from a trial at best, by ideal observers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pidjax._checks import InputError
from pidjax.neuro.simulate.behaviour import accuracy, behave, difficulty, reaction_time
from pidjax.neuro.simulate.belongs import IN_ALL_TRIALS, belongs
from pidjax.neuro.simulate.config import TrialConfig
from pidjax.neuro.simulate.factors import draw_factors
from pidjax.neuro.simulate.observers import Observation, observe, posterior
from pidjax.neuro.simulate.trials import draw_scalp, simulate_trials

CHUNK = 50
"""Trials whose likelihoods are held at a time: 160 MB where all factors vary and no marker tells the onset."""
GRID = {"step": 0.2, "cells": 15}
SOURCES = (("eeg",), ("fnirs",), ("eeg", "fnirs"))


class Limit(NamedTuple):
    """Highest expected score of any decoder that sees the EEG, the fNIRS, or both.

    ``unit`` is "r", the correlation with a number, or "balanced accuracy", of classes.
    """

    unit: str
    eeg: float
    fnirs: float
    both: float

    def of_head(self, head: str) -> float:
        """Of what a head sees: "unique_eeg" the EEG, "redundancy_fnirs" the fNIRS, "synergy" both."""
        return getattr(self, head.split("_")[1] if "_" in head else "both")


def limits(law: TrialConfig, *, behaviour: bool = False, n: int = 200, seed: int = 0) -> dict[str, Limit]:
    r"""Limits of all that ``belongs(law, behaviour)`` names, but for the dispersion, a nuisance to the observers.

    .. math::
        \max_f \mathrm{corr}(f(x), y)^2 = 1 - E\, \mathrm{Var}(y \mid x) / \mathrm{Var}\, y, \qquad
        \max_f \frac1K \sum_k p(f(x) = k \mid y = k) = \frac1K\, E \max_k \frac{p(y = k \mid x)}{p(y = k)}

    Event and mode are asked of all trials, the others of activations, known to be such. No label is drawn, so that all
    error is that of averaging over ``n`` trials.

    Parameters
    ----------
    law : TrialConfig
    behaviour : bool
    n : int
        Trials of one subject; 20 or more.
    seed : int
    """
    if n < 20:
        raise InputError(f"limits are estimated from 20 trials or more; found {n}.")
    rng = np.random.default_rng(seed)
    scalp, names = draw_scalp(rng), [name for name in belongs(law, behaviour) if name != "dispersion"]
    active = dataclasses.replace(law, event=1.0)
    spread = {name: y.std() for name, y in _drawn(active, rng).items()}
    found: dict[str, list[np.ndarray]] = {}
    for config, asked in ((law, IN_ALL_TRIALS), (active, set(names) - set(IN_ALL_TRIALS))):
        wanted = [name for name in names if name in asked]
        for start in range(0, n if wanted else 0, CHUNK):
            trials = simulate_trials(config, min(CHUNK, n - start), seed=rng, scalp=scalp)
            seen = observe(trials, **GRID)
            for name in wanted:
                found.setdefault(name, []).append(np.array([_told(seen, name, which) for which in SOURCES]))

    def limit(name: str) -> Limit:
        mean = np.concatenate(found[name], axis=1).mean(1)
        if name in _CLASSES:
            return Limit("balanced accuracy", *mean.tolist())
        return Limit("r", *(np.sqrt(np.maximum(mean, 0)) / spread[name]).tolist())

    return {name: limit(name) for name in names}


def _drawn(law: TrialConfig, rng: np.random.Generator) -> dict[str, np.ndarray]:
    of = draw_factors(law, 100_000, rng)
    return {**of._asdict(), "efficiency": of.intensity - of.cost, **behave(of, rng)._asdict()}


def _told(seen: Observation, name: str, sources: tuple[str, ...]) -> np.ndarray:
    """Of every trial, [n]: by how much it lowers the variance of a number, or the balanced accuracy of classes."""
    factors, asked = _ASKED.get(name, ((name,), lambda x: x))
    nodes = np.meshgrid(*(seen.axes[factor].values for factor in factors), indexing="ij")
    prior = functools.reduce(np.multiply.outer, (seen.axes[factor].prob for factor in factors)).ravel()
    p, values = posterior(seen, factors, sources).reshape(-1, prior.size), asked(*nodes)
    if name not in _CLASSES:
        values = values.ravel() - prior @ values.ravel()
        return prior @ values**2 - p @ values**2 + (p @ values) ** 2
    table = values.reshape(prior.size, -1)
    return (p @ table / (prior @ table)).max(1) / table.shape[1]


def _one_hot(x: np.ndarray) -> np.ndarray:
    return np.eye(x.size)


_CLASSES = ("event", "mode", "correct", "difficulty")
_BOTH = ("intensity", "cost")
_ASKED: dict[str, tuple[tuple[str, ...], Callable[..., np.ndarray]]] = {
    "event": (("event",), _one_hot),
    "mode": (("mode",), _one_hot),
    "efficiency": (_BOTH, lambda u, v: u - v),
    "reaction_time": (_BOTH, lambda u, v: reaction_time(u - v)),
    "correct": (_BOTH, lambda u, v: np.stack([1 - accuracy(u - v), accuracy(u - v)], axis=-1)),
    "difficulty": (("cost",), difficulty),
    "fatigue": (("cost",), lambda v: 2 * v),
}
"""Factors that are integrated, and what is asked: a number, or probabilities of classes, of every node."""
