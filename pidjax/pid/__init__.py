"""Partial information decomposition as numbers."""

from pidjax.pid.atoms import PIDAtoms, atoms_mmi

__all__ = ["PIDAtoms", "atoms_mmi"]
