"""The engine: one compiled step, a loop that reports nats, checkpoints that resume bit for bit."""

from pidjax.train.checkpoint import Checkpoints
from pidjax.train.loop import TrainingError, train
from pidjax.train.optimiser import adamw
from pidjax.train.step import TrainState, make_init, make_step

__all__ = ["Checkpoints", "TrainState", "TrainingError", "adamw", "make_init", "make_step", "train"]
