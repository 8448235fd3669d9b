"""What a simulator knows of trials, read from beside their events file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pidjax._checks import InputError
from pidjax.neuro.events import read_events_tsv
from pidjax.neuro.paired import PairedEpochs
from pidjax.neuro.simulate.belongs import IN_ALL_TRIALS
from pidjax.neuro.simulate.limits import Limit


class Known(NamedTuple):
    """What a simulator knows of trials.

    Attributes
    ----------
    factors : DataFrame [trials, factors]
        Hidden ones, and columns of the events that follow them; NaN where a trial does not show the factor.
    heads : {factor: tuple of heads}
        Where it belongs.
    limits : {factor: Limit}
        How well ideal observers decode it, where they were asked.
    """

    factors: pd.DataFrame
    heads: dict[str, tuple[str, ...]]
    limits: dict[str, Limit]


def known_of(pairs: PairedEpochs, events: str) -> Known | None:
    """What ``pidjax simulate`` wrote beside the events file; None of real recordings.

    Parameters
    ----------
    pairs : PairedEpochs
        Of metadata that say which row of the events file a trial is, ``events_row``, whatever clock its onsets are on.
    events : str
        Path of the file; any other word has nothing beside it.

    Raises
    ------
    InputError
        Files that cannot be read or do not go together, or hidden factors of another number of trials than the events
        file has.
    """
    folder = Path(events).parent
    if not Path(events).is_file() or not (folder / "belongs.json").is_file():
        return None
    told = read_events_tsv(events)
    try:
        heads = {name: tuple(where) for name, where in json.loads((folder / "belongs.json").read_text()).items()}
        factors = pd.read_csv(folder / "factors.tsv", sep="\t", dtype={"event": bool})
        shown, n = factors["event"], len(factors)
        factors = pd.concat([factors, told.drop(columns=factors.columns, errors="ignore")], axis=1)[list(heads)]
        path = folder / "limits.json"
        observed = json.loads(path.read_text()) if path.exists() else {}
        limits = {
            name: Limit(one["unit"], *(float(one[field]) for field in Limit._fields[1:]))
            for name, one in observed.items()
        }
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(
            f"{folder / 'belongs.json'} tells the heads of columns of factors.tsv and {Path(events).name} beside it, "
            f"limits.json how well they can be decoded, and they do not go together ({str(error).splitlines()[0]}): "
            "use all as pidjax simulate wrote them, or move the events away."
        ) from error
    if len(told) != n:
        raise InputError(
            f"{folder / 'factors.tsv'} holds {n} trials and {events} {len(told)}: use both as pidjax simulate wrote "
            "them, or move the events away."
        )
    hidden = [name for name in heads if name not in IN_ALL_TRIALS]
    factors = factors.assign(**{name: factors[name].where(shown) for name in hidden})
    return Known(factors.iloc[pairs.metadata.events_row].reset_index(drop=True), heads, limits)
