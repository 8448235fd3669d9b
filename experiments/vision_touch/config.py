"""What is asked, methods and their settings."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from experiments.multibench.config import Setting
from pidjax.objectives.methods import BACKBONES, FACTORS


class Asked(NamedTuple):
    """Task and modalities of ``vision_touch``, and CoMM's width of tokens."""

    task: str
    modalities: tuple[str, ...]
    width: int


SETS = {
    "end_effector": Asked("end_effector", ("image", "force"), 128),
    "contact": Asked("contact", ("image", "proprio"), 512),
    "contact3": Asked("contact", ("image", "proprio", "force"), 512),
}
READ: dict[str, dict[str, tuple[str, ...]]] = {
    "clip": {"clip": ("projection1", "projection2")},
    "cross_self": {"cross_self": BACKBONES},
    "factorcl_ssl": {"factorcl_ssl": FACTORS},
    "cmc": {"cmc": ("backbone1", "backbone2", "backbone3")},
    "comm": {"comm": ("joint",)},
}
"""Methods, and the rows of the tables that each gives: the heads that a probe sees."""
TUNED = "comm, fine-tuned"
"""On end_effector, with the squared error of a linear output."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Of encoders and training; the defaults are CoMM's.

    Attributes
    ----------
    encoder : "resnet18" | "alexnet"
        Of pictures.
    channels : int
        Of its first layers.
    width : int
        Of tokens, instead of what a task has where not 0.
    head : tuple of int
        CoMM's projection, whose last width CLIP's and CMC's have.
    batch, epochs : int
    steps : int
        Instead of the epochs where not 0.
    seeds : int
    """

    encoder: str = "resnet18"
    channels: int = 64
    width: int = 0
    head: tuple[int, ...] = (512, 512, 256)
    batch: int = 64
    epochs: int = 100
    steps: int = 0
    seeds: int = 5

    def setting(self, method: str) -> Setting:
        """Of AdamW: CoMM's, or FactorCL's rate without decay (Duplums/FactorCL)."""
        rate, decay = (5e-5, 0.0) if method == "factorcl_ssl" else (1e-4, 1e-2)
        return Setting(self.batch, self.epochs, rate, decay, self.steps)


PRESETS = {
    "full": Config(),
    "smoke": Config(encoder="alexnet", channels=2, width=8, head=(16, 8), batch=8, steps=2, seeds=1),
}
FEW = {"sets": ("end_effector",), "method": ("clip",)}
"""What the smoke preset takes by default, so that it ends in about a minute."""
