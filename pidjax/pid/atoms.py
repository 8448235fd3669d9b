"""The four atoms of I(X1, X2; Y), and the one-line redundancy that turns informations into atoms."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from pidjax.typing import Array


class PIDAtoms(NamedTuple):
    """Redundant, unique and synergistic information about Y in two sources, in nats."""

    redundancy: Array
    unique1: Array
    unique2: Array
    synergy: Array

    @property
    def mi1(self) -> Array:
        """I(X1; Y) = R + U1."""
        return self.redundancy + self.unique1

    @property
    def mi2(self) -> Array:
        """I(X2; Y) = R + U2."""
        return self.redundancy + self.unique2

    @property
    def total(self) -> Array:
        """I(X1, X2; Y) = R + U1 + U2 + S (CoMM, Eq. 1)."""
        return self.redundancy + self.unique1 + self.unique2 + self.synergy

    @property
    def coinformation(self) -> Array:
        """I(X1; X2; Y) = R − S (CoMM, Eq. 2); may be negative."""
        return self.redundancy - self.synergy


def atoms_mmi(mi1: Array, mi2: Array, total: Array) -> PIDAtoms:
    """Atoms from three informations by minimum mutual information, R = min(I1, I2) (Barrett 2015).

    Exact where the sources are Blackwell-ordered or Gaussian with a univariate target; an upper bound of R
    under every non-negative lattice PID otherwise, so U1 and U2 (of which one is 0) and S are what is left.

    Parameters
    ----------
    mi1, mi2, total : nats
        I(X1; Y), I(X2; Y) and I(X1, X2; Y), of one shape. Estimates may break
        total >= max(mi1, mi2); S is then negative, and shown so.
    """
    redundancy = jnp.minimum(mi1, mi2)
    return PIDAtoms(redundancy, mi1 - redundancy, mi2 - redundancy, total - jnp.maximum(mi1, mi2))
