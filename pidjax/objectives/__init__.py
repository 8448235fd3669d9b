"""What is learned: every member builds an ``Objective(init, encode, loss, inner)``."""

from pidjax.objectives.cmc import cmc
from pidjax.objectives.comm import CoMMConfig, comm, preset
from pidjax.objectives.decomposition import HEADS, DecompositionConfig, Shapes, decomposition
from pidjax.objectives.finetune import finetune

__all__ = ["HEADS", "CoMMConfig", "DecompositionConfig", "Shapes", "cmc", "comm", "decomposition", "finetune", "preset"]
