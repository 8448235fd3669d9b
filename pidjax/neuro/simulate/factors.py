"""Hidden factors of trials: drawn for data, and as grids of nodes with probabilities for ideal observers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import norm, truncnorm

from pidjax._checks import InputError
from pidjax.neuro.simulate.config import TrialConfig


class Factors(NamedTuple):
    """One value a trial, [n] each: the letters are those of ``TrialConfig``.

    Attributes
    ----------
    event : bool
    onset : s after the marker
    activation, intensity, cost : a, u, v
    mode : index into ``config.modes``
    delay : tau, s
    dispersion : of the double gamma
    event_eeg, event_fnirs, mode_eeg
        What each modality shows of event and mode: the same where there are no errors.
    """

    event: np.ndarray
    onset: np.ndarray
    activation: np.ndarray
    intensity: np.ndarray
    cost: np.ndarray
    mode: np.ndarray
    delay: np.ndarray
    dispersion: np.ndarray
    event_eeg: np.ndarray
    event_fnirs: np.ndarray
    mode_eeg: np.ndarray

    @property
    def log_power(self) -> np.ndarray:
        """g = a + u of the induced activity."""
        return self.activation + self.intensity

    @property
    def log_amplitude(self) -> np.ndarray:
        """log A = a + v of the response."""
        return self.activation + self.cost


class Axis(NamedTuple):
    """Nodes of one factor and their probabilities, [k] each."""

    values: np.ndarray
    prob: np.ndarray


def draw_factors(
    config: TrialConfig,
    n: int,
    rng: np.random.Generator,
    *,
    event: np.ndarray | None = None,
    mode: np.ndarray | None = None,
) -> Factors:
    """n trials, independent and identically distributed; with events and modes in an order that is given, if it is."""
    k = len(config.modes)
    event = rng.random(n) < config.event if event is None else event
    mode = rng.integers(k, size=n) if mode is None else mode
    cost = rng.choice([-1.0, 1.0], n) if config.cost_law == "binary" else rng.standard_normal(n)
    other = (mode + rng.integers(1, k, size=n)) % k if k > 1 else mode
    return Factors(
        event,
        rng.uniform(0, config.onset_range, n) if config.onset_range else np.zeros(n),
        config.activation_sd * rng.standard_normal(n),
        config.intensity_sd * rng.standard_normal(n),
        config.cost_sd * cost,
        mode,
        _delays(config, n, rng),
        np.maximum(1 + config.dispersion_sd * rng.standard_normal(n), 0.3),
        event ^ (rng.random(n) < config.event_errors[0]),
        event ^ (rng.random(n) < config.event_errors[1]),
        np.where(rng.random(n) < config.mode_error, other, mode),
    )


def latency(config: TrialConfig, onset: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """Start of the response after the marker (s)."""
    total = onset + delay
    return total % config.delay_modulus if config.delay_modulus else total


def axes(config: TrialConfig, *, step: float = 0.1, cells: int = 21) -> dict[str, Axis]:
    """The law of every factor on nodes; dispersion, a nuisance to all, by Gauss–Hermite quadrature.

    Parameters
    ----------
    step : float
        Width of the cells of onset and delay (s).
    cells : int
        Of a normal factor, out to ± 3.5 SD.
    """
    if not step > 0 or cells < 3:
        raise InputError(f"grids need a step above 0 s and 3 cells or more; found step={step}, cells={cells}.")
    sides = np.array([-1.0, 1.0])
    two = np.full(2, 0.5)
    nodes, weights = np.polynomial.hermite_e.hermegauss(5 if config.dispersion_sd else 1)
    spread = config.onset_range
    count = max(1, round(spread / step))
    event = Axis(np.array([0.0, 1.0]), np.array([1 - config.event, config.event]))
    return {
        "event": event,
        "onset": Axis((np.arange(count) + 0.5) * spread / count, np.full(count, 1 / count)),
        "activation": _normal(config.activation_sd, cells),
        "mode": Axis(np.arange(len(config.modes)), np.full(len(config.modes), 1 / len(config.modes))),
        "intensity": _normal(config.intensity_sd, cells),
        "cost": Axis(config.cost_sd * sides, two) if config.cost_law == "binary" else _normal(config.cost_sd, cells),
        "delay": _delay_axis(config, step),
        "dispersion": Axis(1 + config.dispersion_sd * nodes, weights / weights.sum()),
    }


def _normal(sd: float, cells: int) -> Axis:
    if sd == 0:
        return Axis(np.zeros(1), np.ones(1))
    nodes = np.linspace(-3.5, 3.5, cells)
    half = (nodes[1] - nodes[0]) / 2
    prob = norm.cdf(nodes + half) - norm.cdf(nodes - half)
    return Axis(sd * nodes, prob / prob.sum())


def _delay_law(config: TrialConfig):
    low, high = ((edge - config.delay_mean) / config.delay_sd for edge in config.delay_range)
    return truncnorm(low, high, config.delay_mean, config.delay_sd)


def _delays(config: TrialConfig, n: int, rng: np.random.Generator) -> np.ndarray:
    if config.delay_sd == 0:
        return np.full(n, config.delay_mean)
    if config.delay_law == "binary":
        return config.delay_mean + config.delay_sd * rng.choice([-1.0, 1.0], n)
    return _delay_law(config).rvs(n, random_state=rng)


def _delay_axis(config: TrialConfig, step: float) -> Axis:
    if config.delay_sd == 0:
        return Axis(np.array([config.delay_mean]), np.ones(1))
    if config.delay_law == "binary":
        return Axis(config.delay_mean + config.delay_sd * np.array([-1.0, 1.0]), np.full(2, 0.5))
    low, high = config.delay_range
    # cells as wide as those of the onset: then few sums of the two differ
    edges = low + step * np.arange(int(np.ceil((high - low) / step - 1e-9)) + 1)
    return Axis((edges[1:] + edges[:-1]) / 2, np.diff(_delay_law(config).cdf(edges)))
