"""Events of a recording: from its annotations, from a BIDS events.tsv, or as fixed-length windows."""

from __future__ import annotations

from pathlib import Path

import mne
import numpy as np
import pandas as pd

from pidjax._checks import InputError

_TECHNICAL = ("bad", "edge", "new segment", "boundary", "comment", "syncstatus")


def annotation_table(raw: mne.io.BaseRaw) -> pd.DataFrame:
    """Annotations that name an event or a state: ``onset`` (s from the first sample), ``duration``, ``trial_type``."""
    notes = raw.annotations
    start = raw.first_time
    keep = np.array([not str(name).strip().lower().startswith(_TECHNICAL) for name in notes.description], bool)
    table = pd.DataFrame(
        {
            "onset": notes.onset - start,
            "duration": notes.duration,
            "trial_type": [str(d).strip() for d in notes.description],
        }
    )
    return table[keep].sort_values("onset", kind="stable").reset_index(drop=True)


def is_state(table: pd.DataFrame, window: float) -> np.ndarray:
    """Which annotations mark a state that lasts (``eyes_closed``, 31 s) rather than an event: bool [n].

    A state lasts at least twice the analysis window and has fewer than three stretches; what comes more often
    is a block of a design, whose onsets are events.
    """
    count = table.groupby("trial_type").duration.transform("size")
    shortest = table.groupby("trial_type").duration.transform("min")
    return ((shortest >= 2 * window) & (count < 3)).to_numpy(bool)


def read_events_tsv(path: str | Path) -> pd.DataFrame:
    """Read a BIDS ``events.tsv``: ``onset``, ``duration`` (s), ``trial_type`` and any further columns.

    Raises
    ------
    InputError
        Missing or unreadable file, or a column that BIDS requires is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"the events file {path} does not exist.")
    options: dict = {"sep": "\t", "keep_default_na": False, "na_values": ["n/a", ""], "dtype": {"trial_type": str}}
    try:
        try:
            table = pd.read_csv(path, **options)
        except UnicodeDecodeError:
            table = pd.read_csv(path, encoding="latin1", **options)
    except Exception as error:
        raise InputError(f"cannot read {path} as a tab-separated table: {str(error).splitlines()[0]}") from error
    if "onset" not in table or not pd.api.types.is_numeric_dtype(table["onset"]):
        raise InputError(f"{path} needs a numeric column onset (seconds); found columns {', '.join(map(str, table))}.")
    if "trial_type" not in table:
        raise InputError(f"{path} needs a column trial_type; found columns {', '.join(map(str, table))}.")
    table = table.dropna(subset=["onset", "trial_type"]).astype({"trial_type": str})
    if "duration" not in table:
        table["duration"] = 0.0
    if not pd.api.types.is_numeric_dtype(table["duration"]):
        raise InputError(f"{path} needs numbers (seconds) or n/a in its column duration.")
    table["duration"] = table["duration"].fillna(0.0)
    return table.sort_values("onset", kind="stable").reset_index(drop=True)


def window_table(
    epoch: tuple[float, float],
    span: tuple[float, float],
    bad: list[tuple[float, float]],
    states: pd.DataFrame,
) -> pd.DataFrame:
    """Fixed-length windows that tile every good stretch of ``span``, labelled by the state they lie in.

    Parameters
    ----------
    epoch : (start, stop)
        Window relative to its onset (s).
    span : (start, stop)
        Time that both recordings cover (s, EEG clock).
    bad : list of (start, stop)
        Segments to avoid.
    states : table
        Annotations of lasting states; a window wholly inside one takes its name, others are ``window``.
    """
    length = epoch[1] - epoch[0]
    edges = sorted((max(a, span[0]), min(b, span[1])) for a, b in bad if b > span[0] and a < span[1])
    onsets, start = [], span[0]
    for a, b in [*edges, (span[1], span[1])]:
        # half a millisecond of slack: the window may end on the last sample of the stretch
        onsets += [start + k * length for k in range(max(0, int((a - start + 5e-4) // length)))]
        start = max(start, b)
    names = []
    for onset in onsets:
        inside = states[(states.onset <= onset + 1e-6) & (states.onset + states.duration >= onset + length - 5e-4)]
        names.append(inside.trial_type.iloc[0] if len(inside) else "window")
    return pd.DataFrame({"onset": np.array(onsets) - epoch[0], "duration": length, "trial_type": names})


def bad_segments(raw: mne.io.BaseRaw) -> list[tuple[float, float]]:
    """(start, stop) in seconds from the first sample of every annotation that starts with BAD or EDGE."""
    # mne counts annotations from the recording's own zero, which lies first_time before its first sample
    start = raw.first_time
    return [
        (float(o - start), float(o - start + d))
        for o, d, name in zip(raw.annotations.onset, raw.annotations.duration, raw.annotations.description, strict=True)
        if str(name).lower().startswith(("bad", "edge"))
    ]


def run_edges(raw: mne.io.BaseRaw) -> list[float]:
    """Times (s from the first sample) at which a new contiguous run begins."""
    start = raw.first_time
    marks = {
        float(o - start)
        for o, name in zip(raw.annotations.onset, raw.annotations.description, strict=True)
        if "boundary" in str(name).lower() or str(name).lower().startswith(("edge", "new segment"))
    }
    return sorted(t for t in marks if 1.0 < t < raw.times[-1] - 1.0)


def start_lead(raw_eeg: mne.io.BaseRaw, raw_fnirs: mne.io.BaseRaw) -> float | None:
    """Start time of the EEG less that of the fNIRS (s); None where a file does not say, or they are days apart."""
    starts = raw_eeg.info["meas_date"], raw_fnirs.info["meas_date"]
    if None in starts:
        return None
    lead = (starts[0] - starts[1]).total_seconds() + raw_eeg.first_time - raw_fnirs.first_time
    return lead if abs(lead) < 86400 else None
