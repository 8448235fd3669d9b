"""Settings of the experiment, its presets, and what was published."""

from __future__ import annotations

import dataclasses
from typing import Any

METHODS = ("simclr", "supcon", "factorcl_sup")
"""Names of ``pidjax.objectives.METHODS``."""
PUBLISHED = {
    "cifar10": {"simclr": "87.0", "supcon": "92.7", "factorcl_sup": "91.3"},
    "mnist": {"simclr": "98.84", "supcon": "99.38", "factorcl_sup": "99.21"},
}
"""Accuracy (%), FactorCL's Table 8."""
VIEWS: dict[str, dict[str, Any]] = {
    "cifar10": {"crop": (0.2, 1.0), "blur_rate": 0.0},
    "mnist": {"crop": (0.2, 1.0), "blur_rate": 0.0, "flip": 0.0, "jitter_rate": 0.0, "grey_rate": 0.0},
}
"""Changes of ``simclr`` for pictures so small, and for digits, which a mirror makes into others."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Of networks and training: those usual for such pictures, since but CIFAR-10's epochs none is published.

    Attributes
    ----------
    encoder : "resnet18" | "alexnet"
        One a view, with small first layers.
    channels : int
        Of the first layer.
    critic_hidden : tuple of int
        Of FactorCL.
    epochs : dict
        By set; FactorCL trained on CIFAR-10 for 300 (App. D.3).
    batch, learning_rate, weight_decay
        Of AdamW.
    steps : int
        Instead of the epochs where not 0.
    seeds : int
    """

    encoder: str = "resnet18"
    channels: int = 64
    critic_hidden: tuple[int, ...] = (512,)
    epochs: dict[str, int] = dataclasses.field(default_factory=lambda: {"cifar10": 300, "mnist": 100})
    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    steps: int = 0
    seeds: int = 3


PRESETS = {"full": Config(), "smoke": Config("alexnet", 1, (4,), batch=16, steps=2, seeds=1)}
FEW = ("simclr",)
"""What the smoke preset takes by default of the methods, so that it ends in about a minute."""
