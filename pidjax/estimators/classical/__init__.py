"""Estimators of mutual and conditional information without training: closed forms, ranks and nearest neighbours.

=====================  ===================================  ==================================================
function               reads                                right for
=====================  ===================================  ==================================================
``gaussian_mi``        covariances                          jointly Gaussian vectors, any dimension below n
``copula_mi``          ranks                                Gaussian copulas: monotone maps of each coordinate
``cca_spectrum``       covariances                          as ``gaussian_mi``, pair by pair
``ksg_mi``             nearest neighbours                   any smooth density in up to about 4 dimensions in all
``radial_ksg_mi``      nearest neighbours of two radii      dependence through the lengths of two vectors alone
``gaussian_cmi``       covariances, given z                 linear regression on z with Gaussian noise
``copula_cmi``         ranks, given z                       Gaussian copulas
``frenzel_pompe_cmi``  nearest neighbours, given z          as ``ksg_mi``
=====================  ===================================  ==================================================

All are pure functions of matrices x [n, dx], y [n, dy], z [n, dz] whose rows belong together: they ``jit`` and
``vmap``, draw nothing (ties are broken at random only when given a key), and return ``Nats(value, std_error)``.
None is a bound of the information in general; each says what it converges to. Values near 0 may be negative: an
unbiased estimate of 0 must be. Columns may have any offset and scale; float64 numpy arrays are centred and ranked
in float64 before they become float32, float32 data keep the digits they have. Whether data are finite, continuous
and not constant is for the caller to see to.
"""

from pidjax.estimators.classical.gaussian import (
    Spectrum,
    cca_spectrum,
    copula_cmi,
    copula_mi,
    gaussian_cmi,
    gaussian_mi,
)
from pidjax.estimators.classical.inputs import Nats
from pidjax.estimators.classical.neighbours import frenzel_pompe_cmi, ksg_mi, radial_ksg_mi

__all__ = [
    "Nats",
    "Spectrum",
    "cca_spectrum",
    "copula_cmi",
    "copula_mi",
    "frenzel_pompe_cmi",
    "gaussian_cmi",
    "gaussian_mi",
    "ksg_mi",
    "radial_ksg_mi",
]
