"""How well a factor, or what subjects do, can be decoded from a trial at best, by ideal observers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pidjax._checks import InputError
from pidjax.neuro.simulate.behaviour import accuracy, difficulty, fatigue, reaction_time
from pidjax.neuro.simulate.belongs import IN_ALL_TRIALS, belongs
from pidjax.neuro.simulate.config import TrialConfig
from pidjax.neuro.simulate.observers import SOURCES, Observation, observe, posterior, prior_of
from pidjax.neuro.simulate.trials import draw_scalp, simulate_trials

CHUNK = 50
"""Trials whose likelihoods are held at a time: 160 MB where all factors vary and no marker tells the onset."""
GRID = {"step": 0.2, "cells": 15}
MID_SESSION = 0.5
"""When fatigue is asked for: the time is taken as known."""


class Limit(NamedTuple):
    """Highest expected score of any decoder that sees the EEG, the fNIRS, or both, and standard errors.

    ``unit`` is "r", the correlation with a number, or "balanced accuracy", of classes.
    """

    unit: str
    eeg: float
    fnirs: float
    both: float
    eeg_se: float
    fnirs_se: float
    both_se: float

    def of_head(self, head: str) -> tuple[float, float]:
        """Of what a head sees, "unique_eeg" the EEG, "redundancy_fnirs" the fNIRS, "synergy" both; standard error."""
        source = head.split("_")[1] if "_" in head else "both"
        return getattr(self, source), getattr(self, f"{source}_se")


def limits(law: TrialConfig, *, behaviour: bool = False, n: int = 200, seed: int = 0) -> dict[str, Limit]:
    r"""Limits of all that ``belongs(law, behaviour)`` names, but for the dispersion, a nuisance to the observers.

    .. math::
        \max_f \mathrm{corr}(f(x), y)^2 = 1 - E\, \mathrm{Var}(y \mid x) / \mathrm{Var}\, y, \qquad
        \max_f \frac1K \sum_k p(f(x) = k \mid y = k) = \frac1K\, E \max_k \frac{p(y = k \mid x)}{p(y = k)}

    Event and mode are asked of all trials, the others of activations, known to be such, whose EEG lasts as long as the
    task. All but the average over ``n`` trials is by quadrature, on the observers' nodes.

    Parameters
    ----------
    law : TrialConfig
    behaviour : bool
    n : int
        Trials of one subject, whose scalp is drawn from ``seed``; 20 or more.
    seed : int
    """
    if n < 20:
        raise InputError(f"limits are estimated from 20 trials or more; found {n}.")
    rng = np.random.default_rng(seed)
    scalp, (first, last) = draw_scalp(rng), law.eeg_window
    law = dataclasses.replace(law, eeg_window=(first, max(last, law.task)))
    asked: dict[TrialConfig, list[str]] = {}
    for name in belongs(law, behaviour):
        if name != "dispersion":
            of = law if name in IN_ALL_TRIALS else dataclasses.replace(law, event=1.0)
            asked.setdefault(of, []).append(name)
    found: dict[str, Limit] = {}
    for config, names in asked.items():
        parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for start in range(0, n, CHUNK):
            trials = simulate_trials(config, min(CHUNK, n - start), seed=rng, scalp=scalp)
            seen = observe(trials, **GRID)
            for name in names:
                parts[name].append(np.array([_told(seen, name, which) for which in SOURCES.values()]))
        found |= {name: _limit(np.concatenate(parts[name], axis=1), _is_class(seen, name)) for name in names}
    return found


def _limit(told: np.ndarray, is_class: bool) -> Limit:
    """Of what three observers tell of every trial, [3, n]."""
    mean, error = told.mean(1), told.std(1, ddof=1) / told.shape[1] ** 0.5
    if is_class:
        return Limit("balanced accuracy", *mean.tolist(), *error.tolist())
    r = np.sqrt(np.maximum(mean, 0))
    return Limit("r", *r.tolist(), *(error / (2 * np.maximum(r, 1e-3))).tolist())  # where r is 0 all trials tell 0


def _is_class(seen: Observation, name: str) -> bool:
    """Also what has two values."""
    return name in _CLASSES or name in IN_ALL_TRIALS or (name in seen.axes and seen.axes[name].values.size == 2)


def _told(seen: Observation, name: str, sources: tuple[str, ...]) -> np.ndarray:
    """Of every trial, [n]: the share of a number's variance that it takes away, or of classes the balanced accuracy."""
    factors, ask = {**_CLASSES, **_NUMBERS}.get(name, ((name,), None))
    nodes = np.meshgrid(*(seen.axes[factor].values for factor in factors), indexing="ij")
    prior = prior_of(seen, factors).ravel()
    p = posterior(seen, factors, sources).reshape(-1, prior.size)
    if _is_class(seen, name):
        table = ask(*nodes).reshape(prior.size, -1) if ask else np.eye(prior.size)
        return (p @ table / (prior @ table)).max(1) / table.shape[1]
    noise, weight = np.polynomial.hermite_e.hermegauss(21)
    weight = weight / weight.sum()
    columns = [x.reshape(-1, 1) for x in nodes]
    values = ask(*columns, noise[None]) if ask else columns[0]
    values = np.broadcast_to(values, (prior.size, noise.size))
    values = values - prior @ values @ weight
    mean = values @ weight  # given the nodes: Var(mean) less Var(mean | x) is what x takes away
    return (prior @ mean**2 - p @ mean**2 + (p @ mean) ** 2) / (prior @ values**2 @ weight)


_BOTH = ("intensity", "cost")
_NUMBERS: dict[str, tuple[tuple[str, ...], Callable[..., np.ndarray]]] = {
    "efficiency": (_BOTH, lambda u, v, noise: u - v),
    "reaction_time": (_BOTH, lambda u, v, noise: reaction_time(u - v, noise)),
    "fatigue": (("cost",), lambda v, noise: fatigue(v, MID_SESSION, noise)),
}
"""Factors that are integrated, and the number at every node and standard normal noise; others are nodes themselves."""
_CLASSES: dict[str, tuple[tuple[str, ...], Callable[..., np.ndarray]]] = {
    "correct": (_BOTH, lambda u, v: np.stack([1 - accuracy(u - v), accuracy(u - v)], axis=-1)),
    "difficulty": (("cost",), difficulty),
}
"""Factors, and probabilities of classes at every node."""
