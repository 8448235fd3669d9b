"""Samples in, nats out: mutual information with a standard error.

``estimate_mi`` is the front door: it checks data, chooses, and gives a bracket. Behind it, as pure functions that
``jit`` and ``vmap``: ``auto_mi`` (the portfolio), ``anchored_mi`` (Gaussian copula plus learned residual),
``learned_mi`` (the published critics, cross-fitted), and ``pidjax.estimators.classical`` (no training).

``estimate_cmi`` is the front door to I(X; Y | Z); behind it ``difference_cmi``, ``conditional_infonce_cmi``, and the
closed forms.

``estimate_pid`` is the front door to the PID of samples: redundant, unique and synergistic information.
"""

from pidjax.estimators.anchored import Anchored, anchored_mi
from pidjax.estimators.classical import (
    Nats,
    Spectrum,
    cca_spectrum,
    copula_cmi,
    copula_mi,
    frenzel_pompe_cmi,
    gaussian_cmi,
    gaussian_mi,
    ksg_mi,
    radial_ksg_mi,
)
from pidjax.estimators.difference import Difference, conditional_infonce_cmi, difference_cmi
from pidjax.estimators.estimate import ESTIMATORS, Estimate, estimate_each, estimate_mi
from pidjax.estimators.estimate_conditional import CONDITIONAL, estimate_cmi
from pidjax.estimators.known_posteriors import pid_of_posteriors
from pidjax.estimators.learned import METHODS, Reading, learned_mi, learned_readings, sharing
from pidjax.estimators.pid import PIDEstimate, counted_pid, estimate_pid
from pidjax.estimators.portfolio import Auto, auto_mi

__all__ = [
    "CONDITIONAL",
    "ESTIMATORS",
    "METHODS",
    "Anchored",
    "Auto",
    "Difference",
    "Estimate",
    "Nats",
    "PIDEstimate",
    "Reading",
    "Spectrum",
    "anchored_mi",
    "auto_mi",
    "cca_spectrum",
    "conditional_infonce_cmi",
    "copula_cmi",
    "copula_mi",
    "counted_pid",
    "difference_cmi",
    "estimate_cmi",
    "estimate_each",
    "estimate_mi",
    "estimate_pid",
    "frenzel_pompe_cmi",
    "gaussian_cmi",
    "gaussian_mi",
    "ksg_mi",
    "learned_mi",
    "learned_readings",
    "pid_of_posteriors",
    "radial_ksg_mi",
    "sharing",
]
