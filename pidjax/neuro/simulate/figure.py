"""One trial of everything: signals of both modalities, and what the ideal observers make of every factor."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pidjax._checks import InputError
from pidjax.evaluate.figures import COLOURS
from pidjax.neuro.simulate.factors import latency
from pidjax.neuro.simulate.montage import EEG_CHANNELS, montage
from pidjax.neuro.simulate.observers import Observation, posterior
from pidjax.neuro.simulate.trials import Trials, eeg_clock, fnirs_clock

_SOURCES = {"EEG": ("eeg",), "fNIRS": ("fnirs",), "both": ("eeg", "fnirs")}
_WORDS = {
    "event": "activation",
    "onset": "onset (s)",
    "activation": "log activation a",
    "mode": "mode",
    "intensity": "log intensity u",
    "cost": "log cost v",
    "delay": "delay τ (s)",
}


def trial_figure(trials: Trials, seen: Observation, trial: int = 0) -> Figure:
    """Signals of a trial above, posteriors of its factors given EEG, fNIRS and both below, true values as lines.

    Parameters
    ----------
    trials : Trials
    seen : Observation
        Of these trials.
    trial : int
        Which of them.
    """
    if not 0 <= trial < len(trials.eeg):
        raise InputError(f"trial must be one of 0 ... {len(trials.eeg) - 1}; found {trial}.")
    varied = [name for name in _WORDS if np.count_nonzero(seen.axes[name].prob) > 1]
    figure = Figure(figsize=(12, 8), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.5, 1])
    above, below = parts
    _eeg(above.add_subplot(1, 3, 1), trials, trial)
    _spectrum(above.add_subplot(1, 3, 2), trials, trial)
    _fnirs(above.add_subplot(1, 3, 3), trials, trial)
    one = seen._replace(eeg=seen.eeg[trial : trial + 1], fnirs=seen.fnirs[trial : trial + 1])
    for i, name in enumerate(varied):
        axes = below.add_subplot(1, len(varied), i + 1)
        _posterior(axes, one, name, trials.config.modes)
        truth = getattr(trials.factors, name)[trial]
        axes.axvline(truth, color=COLOURS[7], lw=1, ls="--", label="truth")
        if i == 0:
            axes.legend(fontsize=7, frameon=False)
            axes.set(ylabel="probability of a node")
    return figure


def _eeg(axes, trials: Trials, trial: int) -> None:
    """Some channels, and the filtered one that holds all there is."""
    place, times = montage(trials.config.site), eeg_clock(trials.config)
    order = np.argsort(-place.pattern)[[0, 2, 5, 10, 20]]
    step = 50.0
    for row, channel in enumerate(order):
        axes.plot(times, 1e6 * trials.eeg[trial, channel] - step * row, color=COLOURS[6], lw=0.6)
        axes.text(times[0], -step * row + 15, f" {EEG_CHANNELS[channel]}", fontsize=7)
    best = np.linalg.solve(place.covariance, place.pattern) @ trials.eeg[trial] / place.power
    axes.plot(times, 1e6 * best - step * len(order), color=COLOURS[0], lw=0.8)
    axes.text(times[0], -step * len(order) + 15, " best combination", fontsize=7, color=COLOURS[0])
    axes.axvline(0, color="0.6", lw=0.8)
    axes.axvline(trials.factors.onset[trial], color=COLOURS[7], lw=1, ls="--")
    axes.set(xlabel="s from the marker", yticks=[], title=f"EEG, {step:g} µV between lines", xlim=times[[0, -1]])
    axes.locator_params(axis="x", nbins=5)


def _spectrum(axes, trials: Trials, trial: int) -> None:
    """Mean power of eight channels near the site."""
    config = trials.config
    near = np.argsort(-montage(config.site).pattern)[:8]
    x = trials.eeg[trial, near]
    f = np.fft.rfftfreq(x.shape[-1], 1 / config.eeg_sfreq)
    power = 2 * np.abs(np.fft.rfft(x * np.hanning(x.shape[-1]))) ** 2
    power /= config.eeg_sfreq * (np.hanning(x.shape[-1]) ** 2).sum()
    shown = (f >= 1) & (f <= 60)
    axes.semilogy(f[shown], 1e12 * power.mean(axis=0)[shown], color=COLOURS[0], lw=0.8)
    axes.set(xlabel="Hz", ylabel="µV²/Hz", title="EEG near the site")


def _fnirs(axes, trials: Trials, trial: int) -> None:
    """Haemoglobin where the response is, and at a short pair."""
    config, gain, times = trials.config, montage(trials.config.site).gain, fnirs_clock(trials.config)
    x = 1e6 * trials.fnirs[trial].reshape(-1, 2, times.size)
    long = x[gain > 0.4].mean(axis=0)
    axes.plot(times, long[0], color=COLOURS[1], lw=1, label="HbO, four pairs at the site")
    axes.plot(times, long[1], color=COLOURS[0], lw=1, label="HbR")
    axes.plot(times, x[np.flatnonzero(gain == 0)[0], 0], color=COLOURS[6], lw=0.7, label="HbO, short pair")
    axes.axvline(0, color="0.6", lw=0.8)
    if trials.factors.event_fnirs[trial]:
        start = latency(config, trials.factors.onset[trial], trials.factors.delay[trial])
        axes.axvline(start, color=COLOURS[7], lw=1, ls="--")
    axes.set(xlabel="s from the marker", ylabel="µM", title="fNIRS", xlim=times[[0, -1]])
    axes.legend(fontsize=7, frameon=False)


def _posterior(axes, seen: Observation, name: str, modes: tuple[str, ...]) -> None:
    values = seen.axes[name].values
    few = values.size <= 3
    for i, (label, sources) in enumerate(_SOURCES.items()):
        p = posterior(seen, (name,), sources)[0]
        colour = COLOURS[(0, 1, 2)[i]]
        if few:
            gap = values[1] - values[0]
            axes.bar(values + 0.25 * gap * (i - 1), p, width=0.22 * gap, color=colour, label=label)
        else:
            axes.plot(values, p, color=colour, label=label, lw=1.2)
    if few:
        words = {"event": ["rest", "activation"], "mode": list(modes)}.get(name, [f"{v:.2g}" for v in values])
        axes.set_xticks(values, words, fontsize=7)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(_WORDS[name], fontsize=9)
    axes.tick_params(labelsize=7)
