"""What is learned: every member builds an ``Objective(init, encode, loss, inner)``."""

from pidjax.objectives.decomposition import HEADS, DecompositionConfig, Shapes, decomposition

__all__ = ["HEADS", "DecompositionConfig", "Shapes", "decomposition"]
