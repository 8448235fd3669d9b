"""Estimators of mutual information without training: closed forms, ranks and nearest neighbours.

==================  ==================================  =======================================================
function            reads                               right for
==================  ==================================  =======================================================
``gaussian_mi``     covariances                         jointly Gaussian vectors, any dimension below n
``copula_mi``       ranks                               Gaussian copulas: monotone maps of each coordinate
``cca_spectrum``    covariances                         as ``gaussian_mi``, pair by pair
``ksg_mi``          nearest neighbours                  any smooth density in up to about 4 dimensions in all
``radial_ksg_mi``   nearest neighbours of two radii     dependence through the lengths of two vectors alone
==================  ==================================  =======================================================

All are pure functions of matrices x [n, dx] and y [n, dy] whose rows belong together: they ``jit`` and ``vmap``,
draw nothing (ties are broken at random only when given a key), and return ``Nats(value, std_error)``. None is a
bound of the information in general; each says what it converges to. Values near 0 may be negative: an unbiased
estimate of 0 must be. Columns may have any offset and scale; float64 numpy arrays are centred and ranked in
float64 before they become float32, float32 data keep the digits they have. Whether data are finite,
continuous and not constant is for the caller to see to.
"""

from pidjax.estimators.classical.gaussian import Spectrum, cca_spectrum, copula_mi, gaussian_mi
from pidjax.estimators.classical.inputs import Nats
from pidjax.estimators.classical.neighbours import ksg_mi, radial_ksg_mi

__all__ = ["Nats", "Spectrum", "cca_spectrum", "copula_mi", "gaussian_mi", "ksg_mi", "radial_ksg_mi"]
