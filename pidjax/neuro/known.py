"""What a simulator knows of trials, read from beside their events file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pidjax._checks import InputError
from pidjax.neuro.events import read_events_tsv
from pidjax.neuro.paired import PairedEpochs

IN_ALL_TRIALS = ("event", "mode")
"""Factors that rest shows too; all others are looked at where there is an activation."""


class Known(NamedTuple):
    """What a simulator knows of trials.

    Attributes
    ----------
    factors : DataFrame [trials, factors]
        NaN where a trial does not show the factor.
    heads : {factor: tuple of heads}
        Where it belongs.
    """

    factors: pd.DataFrame
    heads: dict[str, tuple[str, ...]]


def known_of(pairs: PairedEpochs, events: str) -> Known | None:
    """What ``pidjax simulate`` wrote beside the events file; None of real recordings.

    Raises
    ------
    InputError
        Hidden factors of another number of trials than the events file has.
    """
    folder = Path(events).parent
    if not Path(events).is_file() or not (folder / "belongs.json").is_file():
        return None
    heads = {name: tuple(where) for name, where in json.loads((folder / "belongs.json").read_text()).items()}
    onset = read_events_tsv(events).onset.to_numpy()
    factors = pd.read_csv(folder / "factors.tsv", sep="\t")
    if len(factors) != len(onset):
        raise InputError(
            f"{folder / 'factors.tsv'} holds {len(factors)} trials and {events} {len(onset)}: use both as pidjax "
            "simulate wrote them, or move the events away."
        )
    nearest = np.abs(pairs.metadata.onset_eeg.to_numpy()[:, None] - onset).argmin(axis=1)
    factors = factors.iloc[nearest].reset_index(drop=True)
    hidden = [name for name in heads if name not in IN_ALL_TRIALS]
    factors[hidden] = factors[hidden].where(factors.event)
    return Known(factors[list(heads)], heads)
