"""Settings of the experiment, its presets, methods and augmentations."""

from __future__ import annotations

import dataclasses
from typing import Any

from pidjax._checks import InputError

COMM: dict[str, tuple[str, dict[str, Any]]] = {
    "comm": ("released", {}),
    "comm_joint": ("released", {"weight_unimodal": 0.0}),
    "comm_unimodal": ("released", {"weight_joint": 0.0}),
    "comm_linear": ("released", {"mask": "token"}),
    "comm_paper": ("paper", {}),
    "infmasking": ("infmasking", {}),
}
"""Of CoMM's family: preset and changes; "comm_linear" fuses by a linear map of mean tokens."""
METHODS = ("cross", "cross_self", "factorcl", *COMM)
SHOWN = ("cross", "cross_self", "factorcl", "comm", "infmasking")
"""By default; of smoke ``FEW``."""
FEW = ("cross", "comm")
WHOLE = ("cross",)
"""Methods without augmentation, which see whole pictures: they are probed at the size that they were trained on."""
AUGMENTS: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None]] = {
    "all": ({}, {}),
    "all, none": ({}, None),
    "none, all": (None, {}),
    "no crop on 1": ({"crop": None}, {}),
    "no crop on 2": ({}, {"crop": None}),
    "no colour": ({"jitter_rate": 0, "grey_rate": 0}, {"jitter_rate": 0, "grey_rate": 0}),
    "weak": ({"crop": (0.5, 1.0), "blur_rate": 0}, {"crop": (0.5, 1.0), "blur_rate": 0}),
}
"""Changes of ``simclr`` for the first and the second picture; None augments nothing."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Of pictures, training and probes.

    Attributes
    ----------
    sizes : tuple of int
        Pixels of pictures: drawn at the largest and shrunk to the others. The smallest are trained on, since crops
        enlarge what they show (Touvron et al. 2019); probes see the mean of what is made of all (of ``WHOLE``, of the
        smallest).
    channels, stride : int
        First width and first stride of AlexNet.
    convolutions : tuple of int
        Widths of ``encoders.convnet``, which then takes AlexNet's place.
    residual : int
        Further convolutions of ``convnet``, which keep the size of its map.
    crop : (least, most)
        Share of a picture that a view keeps.
    width, heads : int
        Of tokens and of the fusion.
    head : tuple of int
        Of the projection.
    pairs : int
        To train on; 10,000 as published.
    probed : int
        Training pairs that a probe is fitted on, and as many test pairs at the most.
    batch, epochs, learning_rate, weight_decay
        Of AdamW.
    warm : int
        Steps in which the rate rises, before it falls as a cosine; 0 keeps it constant.
    cross_width : int
        Of Cross's projections, which probes of it see; fewer leave less room beside what is shared.
    cross_decay : float
        Weight decay of Cross alone. What the loss does not hold shrinks, until the probe's penalty hides it. Summed
        over training, rate times decay is 7 in ``small``, 20 in CLIP's own (Radford et al. 2021, Tables 18 and 20), but
        0.0005 in CoMM's runs of Cross, whose 15,600 steps came to U 11.6 without.
    cross_temperature : float, optional
        Fixed; None learns it, as CLIP does, which ends at 0.055 in ``small``.
    """

    sizes: tuple[int, ...] = (224,)
    channels: int = 64
    stride: int = 4
    convolutions: tuple[int, ...] = ()
    residual: int = 0
    crop: tuple[float, float] = (0.08, 1.0)
    width: int = 512
    heads: int = 8
    head: tuple[int, ...] = (512, 512, 256)
    pairs: int = 10_000
    probed: int = 10_000
    batch: int = 64
    epochs: int = 100
    learning_rate: float = 3e-4
    weight_decay: float = 1e-4
    warm: int = 0
    cross_width: int = 512
    cross_decay: float = 1e-4
    cross_temperature: float | None = None

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 16 or len(set(self.sizes)) < len(self.sizes):
            raise InputError(f"sizes are different numbers of pixels, 16 or more each; found {self.sizes}.")
        if self.residual and not self.convolutions:
            raise InputError(
                f"residual is of convnet: give convolutions too; found none, and residual {self.residual}."
            )

    @property
    def view(self) -> int:
        """Pixels of what is trained on."""
        return min(self.sizes)


PRESETS = {
    "full": Config(),
    "small": Config(
        sizes=(64, 80, 96),
        convolutions=(16, 32, 64, 128),
        residual=1,
        crop=(0.5, 1.0),
        width=128,
        head=(128, 128, 64),
        epochs=6,
        learning_rate=2e-3,
        warm=60,
        cross_width=10,
        cross_decay=7.0,
        cross_temperature=0.3,
    ),
    "smoke": Config(
        sizes=(24, 32),
        convolutions=(4, 8, 8),
        residual=1,
        width=8,
        heads=2,
        head=(8, 4),
        pairs=48,
        probed=150,
        batch=16,
        epochs=1,
        warm=1,
        cross_width=8,
    ),
}
