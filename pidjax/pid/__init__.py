"""Partial information decomposition as numbers.

=========================  ========================================================================
``broja``                  atoms of a table p[x1, x2, y]; ``certified_broja`` with a proof of its error
``mmi``                    the same by R = min(I1, I2)
``williams_beer``          the same by the expected minimum of specific informations
``informations``           I(X1; Y), I(X2; Y), I(X1, X2; Y) of a table
``gaussian_broja``         atoms of Gaussian vectors, in closed form; ``gaussian_mmi`` by R = min(I1, I2)
``gaussian_informations``  the three informations of Gaussian vectors
``atoms_mmi``              atoms of any three informations by R = min(I1, I2)
``cmi_decomposition``      FactorCL's form of any three informations
=========================  ========================================================================
"""

from pidjax.pid.atoms import PIDAtoms, atoms_mmi
from pidjax.pid.broja import Certified, broja, certified_broja
from pidjax.pid.cmi import CMIAtoms, cmi_decomposition
from pidjax.pid.gaussian import gaussian_broja, gaussian_informations, gaussian_mmi
from pidjax.pid.tables import informations, mmi, williams_beer

__all__ = [
    "CMIAtoms",
    "Certified",
    "PIDAtoms",
    "atoms_mmi",
    "broja",
    "certified_broja",
    "cmi_decomposition",
    "gaussian_broja",
    "gaussian_informations",
    "gaussian_mmi",
    "informations",
    "mmi",
    "williams_beer",
]
