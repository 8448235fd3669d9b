"""Tasks: a law of trials, a label, and the PID of the label given EEG and fNIRS.

======================  ==========================================  ====================================  ============
task                    label                                       what is known without numbers         truth
======================  ==========================================  ====================================  ============
``event``               activation or rest                          Blackwell-ordered, R = min I          closed form
``event_errors``        the same, each modality sometimes wrong                                           table solver
``mode``                band of the induced activity                fNIRS alone: 0                        observers
``cost``                v > 0, amplitude a fixed                    EEG alone: 0, no synergy              observers
``cost_varying``        v, amplitude a varies                       EEG alone: 0                          observers
``xor``                 mode bit XOR v > 0                          each alone: 0                         observers
``delay_locked``        tau, onsets at the marker                   EEG alone: 0, no synergy              observers
``delay``               tau, onsets U(0, 8 s)                       EEG alone: 0                          observers
``delay_modular``       tau, response at (t + tau) modulo 8 s       each alone: 0                         observers
``efficiency``          u > v                                                                             table solver
``behaviour``           a correct answer, by u − v                                                        table solver
======================  ==========================================  ====================================  ============

"observers": informations of ideal observers, of which those that are known are set; "table solver": observers'
posteriors binned and solved exactly. What the same tasks are worth without noise, or with noise of a given size in
each modality's one number, is in ``closed_forms``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from pidjax._checks import InputError, one_of
from pidjax.estimators import pid_of_posteriors
from pidjax.neuro.simulate import closed_forms
from pidjax.neuro.simulate.behaviour import accuracy
from pidjax.neuro.simulate.config import TrialConfig
from pidjax.neuro.simulate.factors import Axis, Factors
from pidjax.neuro.simulate.observers import SOURCES, information, observe, posterior, prior_of, sensitivity
from pidjax.neuro.simulate.trials import Trials, draw_scalp, simulate_trials
from pidjax.pid import PIDAtoms

CHUNK = 100
"""Trials that are simulated and observed at a time."""


class Task(NamedTuple):
    """A law of trials and a label.

    Attributes
    ----------
    name : str
    config : TrialConfig
    factors : tuple of str
        What the label depends on.
    table : callable
        Axes of ``factors`` to p(label | nodes), [nodes of the first factor, ..., classes]; cells of a number are
        classes.
    label : callable
        ``Factors`` and a generator to the label of every trial.
    silent : tuple of str
        Modalities that alone say nothing of the label, whatever the noise.
    closed_form : callable or None
        Of a subject's scalp gains, to atoms.
    """

    name: str
    config: TrialConfig
    factors: tuple[str, ...]
    table: Callable[..., np.ndarray]
    label: Callable[[Factors, np.random.Generator], np.ndarray]
    silent: tuple[str, ...] = ()
    closed_form: Callable[[np.ndarray], PIDAtoms] | None = None

    def truth(self, **how: Any) -> Truth:
        """PID of the label, and where it comes from: ``truth`` of this task."""
        return truth(self, **how)


class Truth(NamedTuple):
    """PID of a task's label, nats; unique1 is the EEG's, unique2 the fNIRS's.

    ``source`` is "closed form", "observers" or "table solver"; ``n`` the trials it rests on (0 for a closed form).
    """

    atoms: PIDAtoms
    std_error: PIDAtoms
    source: str
    n: int


_STILL = {"activation_sd": 0.0, "intensity_sd": 0.0, "cost_sd": 0.0, "delay_sd": 0.0, "dispersion_sd": 0.0}
_NO_BANDS = {"modes": ("alpha",), "band_rms": (0.0, 0.0, 0.0)}
_LONG = {"eeg_window": (-0.5, 9.5)}
_ACTIVE = {"event": 1.0}
# an onset that the EEG shows to 13 ms: with a usual ERP it is mostly not found (d' of 1.5)
_CLEAR = {"erp": 22e-6, "eeg_sfreq": 100.0}

_SETTINGS: dict[str, dict] = {
    "event": {**_STILL, **_NO_BANDS, "erp": 10e-6},
    "event_errors": {**_STILL, **_NO_BANDS, "erp": 22e-6, "event_errors": (0.05, 0.2)},
    "mode": {**_STILL, **_LONG, "intensity_sd": 0.35},
    "cost": {**_STILL, **_NO_BANDS, **_ACTIVE, "cost_sd": 0.35},
    "cost_varying": {**_STILL, **_LONG, **_ACTIVE, "modes": ("alpha",), "activation_sd": 0.35, "cost_sd": 0.35},
    "xor": {**_STILL, **_LONG, **_ACTIVE, "modes": ("alpha", "beta"), "cost_law": "binary", "cost_sd": 0.35},
    "delay_locked": {**_STILL, **_NO_BANDS, **_ACTIVE, **_CLEAR, "delay_sd": 0.8},
    "delay": {**_STILL, **_NO_BANDS, **_ACTIVE, **_CLEAR, "delay_sd": 0.8, "jitter": 8.0},
    "delay_modular": {**_STILL, **_NO_BANDS, **_ACTIVE, **_CLEAR, "delay_sd": 0.8, "delay_modulus": 8.0},
    "efficiency": {
        **_STILL,
        **_LONG,
        **_ACTIVE,
        **{"modes": ("gamma",), "erp": 0.0, "activation_sd": 0.35, "intensity_sd": 0.35, "cost_sd": 0.35},
    },
}
_SETTINGS["behaviour"] = _SETTINGS["efficiency"]
TASKS = tuple(_SETTINGS)


def make_task(name: str, **changes) -> Task:
    """A task of ``TASKS``, with other values of its ``TrialConfig``.

    Raises
    ------
    InputError
        An unknown task or setting, or a setting that contradicts the task.
    """
    one_of("task", name, TASKS)
    known = {field.name for field in dataclasses.fields(TrialConfig)}
    for setting in changes:
        if setting not in known:
            raise InputError(f"{setting!r} is no setting of a trial: those are {', '.join(sorted(known))}.")
    config = TrialConfig(**{**_SETTINGS[name], **changes})
    _consistent(name, config)
    return _BUILDERS[name](name, config)


def truth(task: Task, *, n: int = 1000, seed: int = 0, scalp: np.ndarray | None = None, step: float = 0.1) -> Truth:
    """PID of the label of one subject's trials.

    Parameters
    ----------
    task : Task
    n : int
        Trials to average over, when there is no closed form.
    seed : int
    scalp : [16]
        The subject; drawn from ``seed`` when not given.
    step : float
        Cells of onset and delay (s).
    """
    if n < 2:
        raise InputError(f"n must be 2 or more trials; found {n}.")
    rng = np.random.default_rng(seed)
    scalp = draw_scalp(rng) if scalp is None else scalp
    if task.closed_form is not None:
        found = task.closed_form(scalp)
        return Truth(found, jax.tree.map(lambda _: 0.0, found), "closed form", 0)
    prior, rows = label_posteriors(task, n=n, seed=rng, scalp=scalp, step=step)
    if not task.silent:
        return Truth(*pid_of_posteriors(prior, *rows), "table solver", n)
    eeg, fnirs, both = (information(p, prior) for p in rows)
    eeg, fnirs = (0 * x if name in task.silent else x for name, x in (("eeg", eeg), ("fnirs", fnirs)))
    terms: Any = PIDAtoms(*np.stack([0 * both, eeg, fnirs, both - eeg - fnirs]))
    value = jax.tree.map(lambda x: float(x.mean()), terms)
    error = jax.tree.map(lambda x: float(x.std(ddof=1) / n**0.5), terms)
    return Truth(value, error, "observers", n)


def label_posteriors(
    task: Task,
    *,
    n: int = 1000,
    seed: int | np.random.Generator = 0,
    scalp: np.ndarray | None = None,
    step: float = 0.1,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """p(label) and p(label | EEG), p(label | fNIRS), p(label | both) of n fresh trials, [n, classes] each."""
    rng = np.random.default_rng(seed)
    scalp = draw_scalp(rng) if scalp is None else scalp
    parts = []
    for start in range(0, n, CHUNK):
        trials = simulate_trials(task.config, min(CHUNK, n - start), seed=rng, scalp=scalp)
        prior, rows = observed_label(task, trials, step=step)
        parts.append(rows)
    return prior, [np.concatenate(rows) for rows in zip(*parts, strict=True)]


def observed_label(task: Task, trials: Trials, *, step: float = 0.1) -> tuple[np.ndarray, list[np.ndarray]]:
    """p(label), and the ideal observers' probabilities of the label of given trials: of EEG, fNIRS and both."""
    seen = observe(trials, step=step, cells=_cells(task))
    table = task.table(*(seen.axes[name] for name in task.factors))
    classes = table.shape[-1]

    def of_label(p: np.ndarray) -> np.ndarray:
        return p.reshape(len(p), -1) @ table.reshape(-1, classes)

    prior = of_label(prior_of(seen, task.factors)[None])[0]
    return prior, [of_label(posterior(seen, task.factors, which)) for which in SOURCES.values()]


def _cells(task: Task) -> int:
    """Cells of the normal factors that keep what the label loses to them below 0.002 nats.

    The cell around the edge of v > 0 lies on both sides of it: with 21 cells of a single factor 0.018 nats are lost,
    with 161 less than 0.0005. Where several vary, the others blur the edge, and 41 lose 0.0018.
    """
    if not {"intensity", "cost"} & set(task.factors):
        return 21
    varying = sum(getattr(task.config, sd) > 0 for sd in ("activation_sd", "intensity_sd", "cost_sd"))
    return 161 if varying == 1 else 41


def _acts(config: TrialConfig) -> bool:
    """Whether the mode acts on the response."""
    return bool(config.mode_on_hrf or config.mode_on_hbr)


def _identity(axis: Axis) -> np.ndarray:
    return np.eye(axis.values.size)


def _above(x: np.ndarray) -> np.ndarray:
    """Two classes: x is not above 0, is above 0; a cell around 0 lies half on either side."""
    p = (np.sign(np.round(x, 9)) + 1) / 2
    return np.stack([1 - p, p], axis=-1)


def _event(name: str, config: TrialConfig) -> Task:
    def closed_form(scalp: np.ndarray) -> PIDAtoms:
        found = sensitivity(config, scalp)
        return closed_forms.event(found.eeg, found.fnirs)

    # the closed form is of known shapes in known noise, an even chance, and detectors that make no mistake
    known = not any(getattr(config, sd) for sd in _STILL) and config.event == 0.5 and not config.onset_range
    known = known and not any(config.event_errors) and config.theta_rms == 0 and not _acts(config)
    known = known and (len(config.modes) == 1 or not any(config.band_rms))
    return Task(name, config, ("event",), _identity, lambda of, rng: of.event, (), closed_form if known else None)


def _mode(name: str, config: TrialConfig) -> Task:
    return Task(name, config, ("mode",), _identity, lambda of, rng: of.mode, () if _acts(config) else ("fnirs",))


def _cost(name: str, config: TrialConfig) -> Task:
    if name == "cost":
        return Task(name, config, ("cost",), lambda v: _above(v.values), lambda of, rng: of.cost > 0, ("eeg",))
    return Task(name, config, ("cost",), _identity, lambda of, rng: of.cost, ("eeg",))


def _xor(name: str, config: TrialConfig) -> Task:
    def table(mode: Axis, cost: Axis) -> np.ndarray:
        high = _above(cost.values)
        return np.stack([high, high[:, ::-1]])

    # a response that depends on the mode shows the fNIRS both bits
    silent = ("eeg",) if _acts(config) else ("eeg", "fnirs")
    return Task(name, config, ("mode", "cost"), table, lambda of, rng: (of.mode == 1) ^ (of.cost > 0), silent)


def _delay(name: str, config: TrialConfig) -> Task:
    silent = ("eeg", "fnirs") if config.delay_modulus else ("eeg",)
    return Task(name, config, ("delay",), _identity, lambda of, rng: of.delay, silent)


def _efficiency(name: str, config: TrialConfig) -> Task:
    def table(u: Axis, v: Axis) -> np.ndarray:
        return _above(u.values[:, None] - v.values)

    return Task(name, config, ("intensity", "cost"), table, lambda of, rng: of.intensity > of.cost)


def _behaviour(name: str, config: TrialConfig) -> Task:
    def table(u: Axis, v: Axis) -> np.ndarray:
        p = accuracy(u.values[:, None] - v.values)
        return np.stack([1 - p, p], axis=-1)

    def label(of: Factors, rng: np.random.Generator) -> np.ndarray:
        return rng.random(of.cost.size) < accuracy(of.intensity - of.cost)

    return Task(name, config, ("intensity", "cost"), table, label)


_BUILDERS: dict[str, Callable[[str, TrialConfig], Task]] = {
    "event": _event,
    "event_errors": _event,
    "mode": _mode,
    "cost": _cost,
    "cost_varying": _cost,
    "xor": _xor,
    "delay_locked": _delay,
    "delay": _delay,
    "delay_modular": _delay,
    "efficiency": _efficiency,
    "behaviour": _behaviour,
}


def _consistent(name: str, config: TrialConfig) -> None:
    """Refuse settings under which the name of the task would lie."""
    if name == "cost" and config.activation_sd:
        raise InputError("cost holds the activation fixed: leave activation_sd at 0, or take cost_varying.")
    if name == "delay_locked" and config.onset_range:
        raise InputError("delay_locked has its onsets at the marker: leave jitter at 0, or take delay.")
    if name == "delay" and not config.jitter:
        raise InputError("delay needs a jitter of its onsets: give one, or take delay_locked or delay_modular.")
    if name == "delay_modular" and not config.delay_modulus:
        raise InputError("delay_modular needs delay_modulus, the length of its circle (s).")
    if name == "xor" and (len(config.modes) != 2 or config.cost_law != "binary"):
        raise InputError("xor needs two modes and cost_law='binary', one bit in each modality.")
    if name == "mode" and len(config.modes) < 2:
        raise InputError("mode needs two or three modes to tell apart.")
    if name in ("delay", "delay_locked", "delay_modular") and config.delay_sd == 0:
        raise InputError(f"{name} needs a delay that varies: give delay_sd.")
    if name in ("cost", "cost_varying", "xor") and config.cost_sd == 0:
        raise InputError(f"{name} needs a cost that varies: give cost_sd.")
    if name == "efficiency" and config.cost_sd == config.intensity_sd == 0:
        raise InputError("efficiency needs an intensity or a cost that varies: give intensity_sd or cost_sd.")
