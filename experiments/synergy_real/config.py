"""Settings of the experiment, and its presets."""

from __future__ import annotations

import dataclasses

METHODS = ("cross", "cross_self", "comm", "infmasking")
FEW = ("cross", "comm")
"""Of smoke by default."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Of pairs, training and probes.

    Attributes
    ----------
    pairs, probed : int
        Pairs to train on; of each of the three parts that a probe is fitted on, stopped on and scored on.
    hidden, tokens : int
        Hidden width of the encoders, and the tokens that each gives.
    width, heads : int
        Of tokens, of the fusion and of Z.
    batch, steps, learning_rate, weight_decay
        Of AdamW.
    temperature : float
    head : tuple of int
        Widths of projection heads.
    seeds : int
    """

    pairs: int = 10_000
    probed: int = 3_000
    hidden: int = 256
    tokens: int = 4
    width: int = 64
    heads: int = 4
    batch: int = 128
    steps: int = 600
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    temperature: float = 0.1
    head: tuple[int, ...] = (128, 64)
    seeds: int = 3


PRESETS = {
    "full": Config(),
    "smoke": Config(pairs=64, probed=200, hidden=8, width=8, heads=2, batch=16, steps=2, head=(8, 4), seeds=1),
}
