"""FactorCL's decomposition: conditional informations, in which synergy is not an atom but counted in the others."""

from __future__ import annotations

from typing import NamedTuple

from pidjax.typing import Array


class CMIAtoms(NamedTuple):
    """FactorCL's "shared" and "unique" information about Y in two sources, nats; not the PID atoms of these names.

    Attributes
    ----------
    shared : I(X1; X2; Y) = I(X1; X2) − I(X1; X2 | Y)
        R − S: negative where synergy prevails.
    unique1, unique2 : I(X1; Y | X2), I(X2; Y | X1)
        U1 + S and U2 + S.
    """

    shared: Array
    unique1: Array
    unique2: Array

    @property
    def total(self) -> Array:
        """I(X1, X2; Y) = shared + unique1 + unique2 (FactorCL, Eq. 1): synergy is in both uniques, less once."""
        return self.shared + self.unique1 + self.unique2


def cmi_decomposition(mi1: Array, mi2: Array, total: Array) -> CMIAtoms:
    """FactorCL's decomposition of three informations; exact, for any law, since it is no more than the chain rule.

    Of a table ``cmi_decomposition(*informations(p))``, of PID atoms
    ``cmi_decomposition(atoms.mi1, atoms.mi2, atoms.total)``: that shared = R − S and unique_i = U_i + S holds for
    every PID, whatever its redundancy.

    Source: Liang et al. 2023 (FactorCL), Eq. 1; the identities: Williams & Beer 2010, CoMM Eq. 2.

    Parameters
    ----------
    mi1, mi2, total : nats
        I(X1; Y), I(X2; Y) and I(X1, X2; Y), of one shape.
    """
    return CMIAtoms(mi1 + mi2 - total, total - mi2, total - mi1)
