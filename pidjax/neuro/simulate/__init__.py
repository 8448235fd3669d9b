"""Simultaneous EEG and fNIRS from known factors, so that what they say of the factors is known.

``simulate_session`` writes what a laboratory would have; ``simulate_trials`` draws independent trials whose likelihood
is exact, and ``observe`` is the ideal observer of them.
"""

from pidjax.neuro.simulate.config import MODES, TrialConfig
from pidjax.neuro.simulate.controls import repaired
from pidjax.neuro.simulate.factors import Axis, Factors, axes, draw_factors
from pidjax.neuro.simulate.files import save_session, save_study
from pidjax.neuro.simulate.montage import EEG_CHANNELS, Montage, montage
from pidjax.neuro.simulate.observers import (
    Observation,
    Sensitivity,
    information,
    informations,
    observe,
    posterior,
    sensitivity,
)
from pidjax.neuro.simulate.sessions import (
    CLEAR,
    Session,
    SessionConfig,
    Subject,
    draw_subject,
    simulate_session,
    simulate_study,
)
from pidjax.neuro.simulate.tasks import TASKS, Task, Truth, label_posteriors, make_task, observed_label, truth
from pidjax.neuro.simulate.trials import Trials, simulate_trials

__all__ = [
    "CLEAR",
    "EEG_CHANNELS",
    "MODES",
    "TASKS",
    "Axis",
    "Factors",
    "Montage",
    "Observation",
    "Sensitivity",
    "Session",
    "SessionConfig",
    "Subject",
    "Task",
    "TrialConfig",
    "Trials",
    "Truth",
    "axes",
    "draw_factors",
    "draw_subject",
    "information",
    "informations",
    "label_posteriors",
    "make_task",
    "montage",
    "observe",
    "observed_label",
    "posterior",
    "repaired",
    "save_session",
    "save_study",
    "sensitivity",
    "simulate_session",
    "simulate_study",
    "simulate_trials",
    "truth",
]
