"""Data sets, methods and their settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from pidjax._checks import InputError
from pidjax.data.multibench import WIDTHS
from pidjax.data.multibench.affect import MODALITIES
from pidjax.objectives.methods import BACKBONES, FACTORS


class Recorded(NamedTuple):
    """A data set: its file's name, its key among ``WIDTHS`` (none: MIMIC), modalities, FactorCL's batch."""

    file: str
    key: str | None
    modalities: tuple[str, ...]
    batch: int

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of a sample of each modality: (features,) of a table, (steps, features) of a sequence."""
        if self.key is None:
            return (5,), (24, 12)
        return tuple((50, WIDTHS[self.key][MODALITIES.index(modality)]) for modality in self.modalities)


PAIR = ("vision", "text")
SETS = {
    "mimic": Recorded("im.pk", None, ("static", "series"), 40),
    "mosei": Recorded("mosei_senti_data.pkl", "mosei", PAIR, 128),
    "mosi": Recorded("mosi_data.pkl", "mosi", PAIR, 32),
    "urfunny": Recorded("humor.pkl", "humor", PAIR, 128),
    "mustard": Recorded("sarcasm.pkl", "sarcasm", PAIR, 128),
    "urfunny3": Recorded("humor.pkl", "humor", MODALITIES, 128),
}
"""FactorCL's five, and UR-FUNNY with three modalities (CoMM, Table 3). MOSEI's batch is not published."""

OF_SENTIMENT = ("mosei", "mosi")
"""Sets whose labels are numbers from -3 to 3, which the released code cuts elsewhere."""


def _parts(name: str) -> dict[str, tuple[str, ...]]:
    """FactorCL and what is read of it: its factors, its encoders (OurCL), and the parts of Table 4."""
    return {
        f"factorcl_{name}": FACTORS,
        f"ourcl_{name}": BACKBONES,
        f"factorcl_{name}, S": ("shared1", "shared2"),
        f"factorcl_{name}, U1": ("unique1",),
        f"factorcl_{name}, U2": ("unique2",),
    }


READ: dict[str, dict[str, tuple[str, ...]]] = {
    "simclr": {"simclr": BACKBONES},
    "cross_self": {"cross_self": BACKBONES},
    "cross_self_fact": {"cross_self_fact": BACKBONES},
    "factorcl_ssl": _parts("ssl"),
    "clip": {"clip": ("projection1", "projection2")},
    "cmc": {"cmc": ("backbone1", "backbone2", "backbone3")},
    "comm": {"comm": ("joint",)},
    "supcon": {"supcon": BACKBONES},
    "factorcl_sup": _parts("sup"),
}
"""Methods, and the rows of the tables that each gives: the heads that a probe sees."""
OF_COMM = ("clip", "cmc", "comm")
"""Methods in CoMM's setting; the others are in FactorCL's."""
TUNED = "comm, fine-tuned"


def methods_of(name: str, modalities: Sequence[str], method: Sequence[str]) -> list[str]:
    """Those that take the set's modalities; CMC is the baseline where there are three.

    Raises
    ------
    InputError
        None does.
    """
    three = len(modalities) > 2
    found = [one for one in method if (one in ("cmc", "comm") if three else one != "cmc")]
    if not found:
        raise InputError(
            f"none of the methods {', '.join(method)} takes {name}: cmc is for three modalities, comm for any, the "
            "others for two."
        )
    return found


@dataclasses.dataclass(frozen=True)
class Setting:
    """Of AdamW; ``steps`` instead of ``epochs`` where not 0."""

    batch: int
    epochs: int
    learning_rate: float
    weight_decay: float
    steps: int = 0


@dataclasses.dataclass(frozen=True)
class Config:
    """Of encoders and training; the defaults are the papers'.

    Attributes
    ----------
    depth, feedforward, dropout
        Of the transformers of words and frames, 40 wide.
    series : int
        Width of the tokens of MIMIC's series in CoMM.
    head : tuple of int
        CoMM's projection.
    epochs : int
        Of training, and of fine-tuning.
    steps, batch : int
        Instead of the epochs and of the papers' batches where not 0.
    seeds : int
    """

    depth: int = 5
    feedforward: int = 2048
    dropout: float = 0.1
    series: int = 512
    head: tuple[int, ...] = (512, 512, 256)
    epochs: int = 100
    steps: int = 0
    batch: int = 0
    seeds: int = 5

    def setting(self, name: str, method: str) -> Setting:
        """Of a method on a set: batches of 64 at 1e-3, or FactorCL's of the set at 1e-4 without decay."""
        of_comm = method in OF_COMM
        batch = self.batch or (64 if of_comm else SETS[name].batch)
        rate, decay = (1e-3, 1e-2) if of_comm else (1e-4, 0.0)
        return Setting(batch, self.epochs, rate, decay, self.steps)


PRESETS = {"full": Config(), "smoke": Config(1, 64, 0.0, 16, (16, 8), steps=2, batch=8, seeds=1)}
FEW = {"sets": ("mimic", "mosi"), "method": ("simclr",)}
"""What the smoke preset takes by default, so that it ends in about a minute."""
