"""Two recordings, two clocks: t_fnirs = offset + (1 + drift) · t_eeg, fitted on shared markers, a run at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from pidjax._checks import InputError, one_of
from pidjax.neuro.events import annotation_table, run_edges, start_lead

MAX_DRIFT = 500e-6
MODES = ("auto", "fit", "offset", "start", "none")


class ClockRun(NamedTuple):
    """The map within one contiguous run, and how well it fits."""

    start: float
    offset: float
    drift: float
    eeg: np.ndarray
    """Matched marker times, EEG clock (s)."""
    residual: np.ndarray
    """fNIRS time of each matched marker less its prediction (s)."""


class Clock(NamedTuple):
    """Piecewise linear map from the EEG clock to the fNIRS clock."""

    mode: str
    runs: tuple[ClockRun, ...]
    unmatched: int
    """Shared-name markers of either recording that found no partner."""

    def run_of(self, t_eeg) -> np.ndarray:
        """Index of the run that each EEG time falls in."""
        starts = np.array([run.start for run in self.runs])
        return np.maximum(np.searchsorted(starts, np.asarray(t_eeg), side="right") - 1, 0)

    def to_fnirs(self, t_eeg) -> np.ndarray:
        """EEG times (s) on the fNIRS clock."""
        index = self.run_of(t_eeg)
        offset, drift = (np.array([getattr(run, name) for run in self.runs])[index] for name in ("offset", "drift"))
        return offset + (1 + drift) * np.asarray(t_eeg, float)

    def to_eeg(self, t_fnirs) -> np.ndarray:
        """fNIRS times (s) on the EEG clock."""
        starts = np.array([run.offset + (1 + run.drift) * run.start for run in self.runs])
        index = np.maximum(np.searchsorted(starts, np.asarray(t_fnirs), side="right") - 1, 0)
        offset, drift = (np.array([getattr(run, name) for run in self.runs])[index] for name in ("offset", "drift"))
        return (np.asarray(t_fnirs, float) - offset) / (1 + drift)


def shared_clock(run_starts: list[float] | None = None, *, lead: float = 0.0, mode: str = "none") -> Clock:
    """The map of two recordings on one clock, of which the EEG began ``lead`` seconds after the fNIRS."""
    empty = np.array([])
    return Clock(mode, tuple(ClockRun(t, lead, 0.0, empty, empty) for t in (run_starts or [0.0])), 0)


def clock_of(raw_eeg, raw_fnirs, mode: str = "auto") -> Clock:
    """``fit_clock`` on the annotations, runs and start times of two recordings (mne.io.Raw)."""
    return fit_clock(
        annotation_table(raw_eeg),
        annotation_table(raw_fnirs),
        fnirs_sfreq=raw_fnirs.info["sfreq"],
        mode=mode,
        eeg_edges=run_edges(raw_eeg),
        fnirs_edges=run_edges(raw_fnirs),
        start_lead=start_lead(raw_eeg, raw_fnirs),
    )


def fit_clock(
    eeg: pd.DataFrame,
    fnirs: pd.DataFrame,
    *,
    fnirs_sfreq: float,
    mode: str = "auto",
    eeg_edges: list[float] | None = None,
    fnirs_edges: list[float] | None = None,
    start_lead: float | None = None,
) -> Clock:
    """Fit the clock on markers that both recordings name alike.

    Parameters
    ----------
    eeg, fnirs : tables with ``onset`` and ``trial_type``
        Each on its own clock.
    fnirs_sfreq : float
        Residuals are judged in fNIRS samples.
    mode : "auto" | "fit" | "offset" | "start" | "none"
        Offset and drift by least squares; offset alone (median); the start times written in the files; or one
        clock and one beginning. "auto" fits the drift where the markers determine it (20 or more, or a
        predicted alignment error below half an fNIRS sample), takes the offset where there are fewer, and
        assumes one beginning where only one file has markers and no start times say otherwise.
    eeg_edges, fnirs_edges : list of float
        Where new runs begin: every run is fitted on its own, since concatenated files jump in offset.
    start_lead : float, optional
        Start time of the EEG less that of the fNIRS (s), where both files say theirs. Chooses between
        alignments that match equally many markers.

    Raises
    ------
    InputError
        No shared event names; too few markers for ``mode``; drift above 500 ppm; markers that do not agree
        within one fNIRS sample, or agree equally well in several ways; different numbers of runs; no shared
        markers and different start times.
    """
    one_of("clock", mode, MODES)
    starts = [0.0, *(eeg_edges or [])]
    shared = sorted(set(eeg.trial_type) & set(fnirs.trial_type))
    if mode == "start":
        if start_lead is None:
            raise InputError("--clock start needs a start time in both files, and one has none: pass --clock none.")
        return shared_clock(starts, lead=start_lead, mode="start")
    apart = abs(start_lead or 0.0)
    if mode == "auto" and (eeg.empty or fnirs.empty) and apart > 0.5 / fnirs_sfreq:
        raise InputError(
            f"the recordings share no markers and their start times differ by {apart:.3f} s: pass --clock start to "
            "trust the start times, or --clock none if both began together."
        )
    if mode == "none" or (mode == "auto" and (eeg.empty or fnirs.empty)):
        return shared_clock(starts)
    if not shared:
        raise InputError(
            f"the two recordings share no event name: the EEG file has {_names(eeg)}, the fNIRS file has "
            f"{_names(fnirs)}; name the events alike, or pass --clock none if both started together."
        )
    eeg, fnirs = (table[table.trial_type.isin(shared)] for table in (eeg, fnirs))
    pieces = _pair_runs(eeg, fnirs, starts, [0.0, *(fnirs_edges or [])])
    runs: list[ClockRun] = []
    continuous = len(starts) > 1 + len(fnirs_edges or [])
    for start, e, f in pieces:
        if runs and continuous:  # each run follows the one before
            f = f[f.onset > runs[-1].offset + (1 + runs[-1].drift) * runs[-1].eeg.max() + 0.5]
        if e.empty or f.empty:
            raise InputError(f"the run that starts at {start:.1f} s has no shared marker: its clock cannot be fitted.")
        i, j = match_markers(e, f, expected=start_lead, earliest=continuous)
        runs.append(_fit_run(start, e.onset.to_numpy()[i], f.onset.to_numpy()[j], len(e), len(f), mode, fnirs_sfreq))
    unmatched = len(eeg) + len(fnirs) - 2 * sum(len(run.eeg) for run in runs)
    return Clock("fit" if any(run.drift for run in runs) or mode == "fit" else "offset", tuple(runs), unmatched)


def match_markers(
    eeg: pd.DataFrame,
    fnirs: pd.DataFrame,
    tolerance: float = 0.5,
    *,
    expected: float | None = None,
    earliest: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the markers of two recordings that are the same event, int [k] each.

    Finds the offset (and the drift, up to 500 ppm) on which most same-named markers coincide within
    ``tolerance`` seconds, so a marker missing from one file harms no other. Where different pairings match
    equally many (evenly spaced markers, one of them missing), the offset nearest ``expected`` is taken, or the
    ``earliest`` markers (runs of one schedule, in order).

    Raises
    ------
    InputError
        If pairings tie and nothing is expected.
    """
    te, tf = eeg.onset.to_numpy(float), fnirs.onset.to_numpy(float)
    same = eeg.trial_type.to_numpy()[:, None] == fnirs.trial_type.to_numpy()[None, :]
    if not same.any():
        return np.array([], int), np.array([], int)
    found = []
    for drift in np.linspace(-MAX_DRIFT, MAX_DRIFT, 21):
        lag = np.where(same, (tf - te.mean())[None, :] - (1 + drift) * (te - te.mean())[:, None], np.inf)
        lags = np.sort(lag[np.isfinite(lag)])
        counts = np.searchsorted(lags, lags + 2 * tolerance, side="right") - np.arange(lags.size)
        for first in np.flatnonzero(counts == counts.max()):
            offset = float(np.median(lags[first : first + counts.max()]))
            i, j = _one_to_one(np.abs(lag - offset), tolerance)
            found.append((len(i), float(np.abs(lag[i, j] - offset).sum()), offset, i, j))
    most = max(count for count, *_ in found)
    ties = sorted((f for f in found if f[0] == most), key=lambda f: f[1])
    best = ties[0]
    rivals = [f for f in ties if abs(f[2] - best[2]) > 2 * tolerance]
    if rivals and most > 0:
        if earliest:
            return min(ties, key=lambda f: (round(f[2] - best[2]), f[1]))[3:]
        if expected is None:
            raise InputError(
                f"the clocks cannot be reconciled: offsets of {best[2]:.1f} s and {rivals[0][2]:.1f} s match equally "
                f"many ({most}) markers; pass --clock none if both recordings began together."
            )
        best = min(ties, key=lambda f: (abs(f[2] - expected), f[1]))
    return best[3], best[4]


def _one_to_one(distance: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Mutual nearest neighbours within ``tolerance``."""
    i = np.arange(len(distance))
    j = distance.argmin(axis=1)
    keep = (distance[i, j] <= tolerance) & (distance.argmin(axis=0)[j] == i)
    return i[keep], j[keep]


def _fit_run(
    start: float, te: np.ndarray, tf: np.ndarray, n_eeg: int, n_fnirs: int, mode: str, sfreq: float
) -> ClockRun:
    n, sample = len(te), 1 / sfreq
    if n == 0 or n < 0.5 * min(n_eeg, n_fnirs):
        raise InputError(
            f"the clocks cannot be reconciled: of {n_eeg} EEG and {n_fnirs} fNIRS markers of the same names only {n} "
            "coincide under any common offset; check that both files are of the same session, or pass --clock none."
        )
    centre = te.mean()
    slope, offset = 0.0, float(np.median(tf - te))
    determined = False
    if n >= 5 and np.ptp(te) > 0:
        slope_fit, level = np.polyfit(te - centre, tf - te, 1)
        noise = np.std(tf - te - np.polyval([slope_fit, level], te - centre)) * np.sqrt(n / (n - 2))
        noise = max(noise, sample / np.sqrt(12))  # markers are no better than the sampling of one of the files
        reach = np.abs(te - centre).max()
        error = noise * np.sqrt(1 / n + reach**2 / ((te - centre) ** 2).sum())
        slope_error = noise / np.sqrt(((te - centre) ** 2).sum())
        implausible = MAX_DRIFT < abs(slope_fit) < MAX_DRIFT + 4 * slope_error  # jitter, not drift
        determined = (n >= 20 or error < 0.5 * sample) and not implausible
        if determined and mode in ("fit", "auto"):
            slope, offset = float(slope_fit), float(level - slope_fit * centre)
    if mode == "fit" and not determined:
        raise InputError(
            f"{n} shared markers do not determine the drift between the clocks (20 do, or fewer with an alignment "
            "error below half an fNIRS sample): pass --clock offset."
        )
    residual = tf - offset - (1 + slope) * te
    if abs(slope) > MAX_DRIFT:
        raise InputError(
            f"the clocks cannot be reconciled: a drift of {slope * 1e6:.0f} ppm was found, at most "
            f"{MAX_DRIFT * 1e6:.0f} ppm is plausible; check that both files are of the same session."
        )
    rms = float(np.sqrt(np.mean(residual**2)))
    if rms > sample:
        raise InputError(
            f"the clocks cannot be reconciled: shared markers disagree by {rms * 1e3:.0f} ms (rms) after the "
            f"{'fit' if determined and mode != 'offset' else 'offset'}, more than one fNIRS sample "
            f"({sample * 1e3:.0f} ms)."
        )
    return ClockRun(start, offset, slope, te, residual)


def _pair_runs(eeg, fnirs, eeg_starts: list[float], fnirs_starts: list[float]):
    """(start on the EEG clock, EEG markers, fNIRS markers) of every run."""

    def cut(table: pd.DataFrame, starts: list[float]) -> list[pd.DataFrame]:
        return [
            table[(table.onset >= a) & (table.onset < b)] for a, b in zip(starts, [*starts[1:], np.inf], strict=True)
        ]

    if len(eeg_starts) == len(fnirs_starts):
        return list(zip(eeg_starts, cut(eeg, eeg_starts), cut(fnirs, fnirs_starts), strict=True))
    if len(fnirs_starts) == 1:
        return [
            (start, piece, fnirs) for start, piece in zip(eeg_starts, cut(eeg, eeg_starts), strict=True) if len(piece)
        ]
    raise InputError(
        f"the clocks cannot be reconciled: the EEG file has {len(eeg_starts)} contiguous runs, the fNIRS file "
        f"{len(fnirs_starts)}; cut both alike."
    )


def _names(table: pd.DataFrame) -> str:
    names = sorted(set(table.trial_type))
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") if names else "no events"
