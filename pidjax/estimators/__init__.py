"""Samples in, nats out: mutual information with a standard error.

``estimate_mi`` is the front door: it checks data, chooses, and gives a bracket. Behind it, as pure functions that
``jit`` and ``vmap``: ``auto_mi`` (the portfolio), ``anchored_mi`` (Gaussian copula plus learned residual),
``learned_mi`` (the published critics, cross-fitted), and ``pidjax.estimators.classical`` (no training).
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
from pidjax.estimators.estimate import ESTIMATORS, Estimate, estimate_each, estimate_mi
from pidjax.estimators.learned import METHODS, Reading, learned_mi, learned_readings, sharing
from pidjax.estimators.portfolio import Auto, auto_mi

__all__ = [
    "ESTIMATORS",
    "METHODS",
    "Anchored",
    "Auto",
    "Estimate",
    "Nats",
    "Reading",
    "Spectrum",
    "anchored_mi",
    "auto_mi",
    "cca_spectrum",
    "copula_cmi",
    "copula_mi",
    "estimate_each",
    "estimate_mi",
    "frenzel_pompe_cmi",
    "gaussian_cmi",
    "gaussian_mi",
    "ksg_mi",
    "learned_mi",
    "learned_readings",
    "radial_ksg_mi",
    "sharing",
]
