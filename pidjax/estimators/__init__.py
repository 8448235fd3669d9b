"""Samples in, nats out: mutual information with a standard error.

``pidjax.estimators.classical`` holds the estimators that need no training.
"""

from pidjax.estimators.classical import (
    Nats,
    Spectrum,
    cca_spectrum,
    copula_mi,
    gaussian_mi,
    ksg_mi,
    radial_ksg_mi,
)

__all__ = ["Nats", "Spectrum", "cca_spectrum", "copula_mi", "gaussian_mi", "ksg_mi", "radial_ksg_mi"]
