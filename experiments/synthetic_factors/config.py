"""Settings of the experiment, and its presets."""

from __future__ import annotations

import dataclasses

from pidjax._checks import InputError, one_of
from pidjax.objectives import PAPER, FactorCLConfig

SELF_SUPERVISED = ("simclr", "cross_self", "factorcl_ssl", "clean_ssl")
SUPERVISED = ("supcon", "factorcl_sup")
FEW = ("simclr", "factorcl_ssl")
"""What smoke takes by default."""
BASELINES = ("simclr", "cross_self", "supcon")


@dataclasses.dataclass(frozen=True)
class Config:
    """Of data, training and probes.

    Attributes
    ----------
    dims : (int, int, int)
        Coordinates of w_s, w_1, w_2: 50/50/50 in the paper, 10/6/6 in the released notebook.
    width : int
        Of X1 and X2.
    noise : float
        σ of the observations, 0 as released: then I(X1; X2) is infinite.
    mixing : "uniform" | "orthogonal"
        Of the factors in X, see ``pidjax.data.synthetic.factors``; the paper says "fixed full-rank" and no more.
    label : "sum" | "planar"
    ratios : tuple of float
        Shares of unique coordinates in the label.
    whole_label : bool
        The label reads every coordinate of every factor, as the notebook's does, whatever ``ratios`` (one) says.
    train_rows, test_rows : int
        Rows the representation is fitted on, and others: two thirds of these for probes, a third to be scored. They
        cost no training, and few of them cost a probe of FactorCL's 1,280 numbers some points.
    batch, epochs, learning_rate
        Of Adam.
    encoder : tuple of int
        Hidden widths and width of the output.
    augmentation : "mild" | "released"
        Noise of a tenth and a tenth of the coordinates zeroed; or, drawn for each sample, one of: halves swapped, noise
        of 0.01, a tenth zeroed, nothing. What is the same for a vector and for its halves swapped has half of its
        dimensions, in which no direction is free of w_s at 50/50/50.
    released_simclr : bool
        SimCLR of vectors as they are, at a temperature of 0.07 and twice the epochs, as released; otherwise of unit
        vectors.
    contrast_head : tuple of int
        Widths of a perceptron on each encoder whose vectors SimCLR and SupCon contrast, while probes see the encoders,
        as released; () contrasts the encoders' vectors themselves.
    factorcl : FactorCLConfig
    inner_steps : int
        k of Alg. 3.
    probe_steps : int
        Of the perceptron that reads vectors (``vector_information``).
    seeds : int
        Trained side by side, by one compiled step.
    """

    dims: tuple[int, int, int] = (50, 50, 50)
    width: int = 100
    noise: float = 0.5
    mixing: str = "uniform"
    label: str = "sum"
    ratios: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    whole_label: bool = False
    train_rows: int = 24_000
    test_rows: int = 36_000
    batch: int = 256
    epochs: int = 10
    learning_rate: float = 1e-4
    encoder: tuple[int, ...] = (512, 128)
    augmentation: str = "mild"
    released_simclr: bool = False
    contrast_head: tuple[int, ...] = (128, 128, 128)
    factorcl: FactorCLConfig = PAPER
    inner_steps: int = 1
    probe_steps: int = 1500
    seeds: int = 5

    def __post_init__(self):
        if self.whole_label and len(self.ratios) != 1:
            raise InputError(f"a label of every coordinate has one ratio; found {len(self.ratios)}.")
        if self.seeds < 1:
            raise InputError(f"give one seed or more; found {self.seeds}.")
        one_of("label", self.label, ("sum", "planar"))
        one_of("augmentation", self.augmentation, ("mild", "released"))


PRESETS = {
    "full": Config(),
    "small": Config(train_rows=12_000, batch=128, epochs=10, learning_rate=3e-4, seeds=1),
    # the released notebook: its data, augmentation and label; critics of one hidden layer, as the paper has them
    "notebook": Config(
        dims=(10, 6, 6),
        noise=0.0,
        ratios=(12 / 22,),
        whole_label=True,
        augmentation="released",
        released_simclr=True,
        encoder=(512, 512, 512, 128),
        seeds=1,
    ),
    "smoke": Config(
        dims=(4, 2, 2),
        width=8,
        ratios=(0.0, 1.0),
        train_rows=128,
        test_rows=300,
        batch=32,
        epochs=1,
        encoder=(8, 6),
        contrast_head=(8, 6),
        factorcl=dataclasses.replace(PAPER, critic_hidden=(8,)),
        probe_steps=20,
        seeds=2,
    ),
}
