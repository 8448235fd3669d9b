"""The engine: one compiled step, a loop that reports nats, checkpoints that resume bit for bit."""

from pidjax.train.checkpoint import CheckpointError, Checkpoints, CheckpointWarning
from pidjax.train.loop import TrainingError, train
from pidjax.train.optimiser import adamw
from pidjax.train.seeds import copy_of, over_seeds, side_by_side
from pidjax.train.step import Step, make_init, make_step
from pidjax.train.update import TrainState

__all__ = [
    "CheckpointError",
    "CheckpointWarning",
    "Checkpoints",
    "Step",
    "TrainState",
    "TrainingError",
    "adamw",
    "copy_of",
    "make_init",
    "make_step",
    "over_seeds",
    "side_by_side",
    "train",
]
