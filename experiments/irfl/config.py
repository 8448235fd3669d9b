"""Settings of the experiment, its presets, and what was published."""

from __future__ import annotations

import dataclasses

METHODS = (
    "frozen",
    "simclr",
    "cross_self",
    "factorcl_indaug",
    "factorcl_ssl",
    "supervised",
    "supcon",
    "factorcl_sup",
)
"""CLIP as it was loaded, and names of ``pidjax.objectives.METHODS``."""
PUBLISHED = {
    "frozen": ("89.2 ± 0.0", "89.15"),
    "simclr": ("91.6 ± 0.0", "91.57"),
    "cross_self": ("91.1 ± 1.2", "95.18"),
    "factorcl_indaug": ("91.6 ± 1.3", "92.77"),
    "factorcl_ssl": ("93.8 ± 1.4", "95.18"),
    "supervised": ("96.4 ± 0.0", "96.39"),
    "supcon": ("87.7 ± 4.7", "89.16"),
    "factorcl_sup": ("98.3 ± 1.2", "98.80"),
}
"""Accuracy (%): FactorCL's Table 7, of five runs, and its Table 3."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Of the division, training and seeds; the defaults are FactorCL's but for ``split``.

    Attributes
    ----------
    split : "phrases" | "rows"
        Whether all rows of a phrase are on one side of the division, or rows are divided whatever their phrase, as
        released: then a probe need only remember phrases. A fifth is scored, a tenth chooses the probe's penalty.
    batch, epochs, learning_rate
        Of Adam.
    steps : int
        Instead of the epochs where not 0.
    critic_hidden : tuple of int
        Of FactorCL.
    seeds : int
    """

    split: str = "phrases"
    batch: int = 16
    epochs: int = 10
    learning_rate: float = 1e-6
    steps: int = 0
    critic_hidden: tuple[int, ...] = (512,)
    seeds: int = 5


PRESETS = {"full": Config(), "smoke": Config(batch=8, steps=2, critic_hidden=(4,), seeds=1)}
FEW = ("frozen", "simclr")
"""What the smoke preset takes by default of the methods, so that it ends in about a minute."""
