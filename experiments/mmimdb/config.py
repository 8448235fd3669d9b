"""Settings of the experiment, its presets, and what was published."""

from __future__ import annotations

import dataclasses
from typing import Any

COMM: dict[str, tuple[str, dict[str, Any]]] = {
    "comm": ("comm", {}),
    "comm_joint": ("comm", {"weight_unimodal": 0.0}),
    "comm_unimodal": ("comm", {"weight_joint": 0.0}),
    "infmasking": ("infmasking", {}),
}
"""Of CoMM's family: the name of the method, and changes of its settings."""
METHODS = ("frozen", "clip", "cross_self", *COMM)
"""CLIP's vectors as they are, and what is trained on its tokens; "clip" is CoMM's Cross."""
TUNED = "comm, fine-tuned"
ALONE = {"frozen, posters": ("backbone1",), "frozen, plots": ("backbone2",)}
"""Rows of one side of CLIP's vectors, and the heads they are."""
PUBLISHED = {
    "frozen": ("58.9", "50.9"),
    "frozen, posters": ("51.5", "40.8"),
    "frozen, plots": ("51.0", "43.0"),
    "clip": ("54.49 ± 0.19", "44.94 ± 0.30"),
    "cross_self": ("56.54 ± 0.19", "47.35 ± 0.27"),
    "comm": ("61.48 ± 0.18", "54.63 ± 0.22"),
    TUNED: ("64.90 ± 0.21", "58.97 ± 0.19"),
    "comm_joint": ("54.94 ± 0.50", "47.13 ± 0.56"),
    "comm_unimodal": ("60.71 ± 0.17", "53.35 ± 0.37"),
    "infmasking": ("62.60", "55.93"),
}
"""Weighted and macro F1 (%): Dufumier et al. 2025, Tables 2 and 6 (Cross+Self is SLIP there); Wen et al. 2025."""
NOT_MADE = {
    "SimCLR, posters": ("40.35 ± 0.23", "27.99 ± 0.33"),
    "BLIP-2": ("57.4", "49.9"),
    "CoMM on BLIP-2": ("64.75 ± 0.17", "58.44 ± 0.43"),
    "CoMM on BLIP-2, fine-tuned": ("67.39 ± 0.07", "62.0 ± 0.25"),
    "MFAS, supervised": ("62.50", "55.6"),
    "ReFNet, supervised": ("–", "56.7"),
    "LLaVA-NeXT, which may have seen IMDb": ("64.28", "56.51"),
}
"""Other rows of Table 2."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Of networks and training; the defaults are CoMM's.

    Attributes
    ----------
    width, heads : int
        Of the tokens that are fused, and of the block that fuses them.
    projection : tuple of int
        Widths of the projection head.
    slip : tuple of int
        Widths of the head of Cross+Self, which is SLIP's.
    masked : float
        Share of a plot's tokens that an augmentation hides.
    batch, epochs, learning_rate, weight_decay
        Of AdamW.
    warm_up : int
        Epochs in which the rate rises from ``least`` to its height; it then falls to ``least`` as a cosine.
    least : float
    steps : int
        Instead of the epochs where not 0.
    seeds : int
    """

    width: int = 768
    heads: int = 8
    projection: tuple[int, ...] = (512, 512, 256)
    slip: tuple[int, ...] = (4096, 4096, 256)
    masked: float = 0.15
    batch: int = 64
    epochs: int = 70
    learning_rate: float = 1e-4
    weight_decay: float = 1e-2
    warm_up: int = 10
    least: float = 1e-6
    steps: int = 0
    seeds: int = 3


PRESETS = {"full": Config(), "smoke": Config(16, 2, (8, 4), (8, 4), batch=8, warm_up=0, steps=2, seeds=1)}
FEW = ("frozen", "clip")
"""What the smoke preset takes by default of the methods, so that it ends in about a minute."""
