"""Preprocessing of both recordings by mne and mne-nirs; every choice is returned in words."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import mne
import numpy as np
import pandas as pd
from scipy.signal import detrend

from pidjax._checks import InputError, one_of
from pidjax.neuro.events import run_edges
from pidjax.neuro.recordings import good_data, pair_names

Choices = dict[str, str]
SHORT = 0.010
"""Source–detector distance (m) under which a channel sees the scalp alone."""


@dataclasses.dataclass(frozen=True)
class PreprocessConfig:
    """Settings of the preprocessing; frequencies in Hz, the defaults are those of the preset ``default``.

    Attributes
    ----------
    erp_band, eeg_band : (lo, hi)
        Zero-phase FIR on the continuous EEG: for event-related potentials, and for band powers (and the
        network).
    line : float
        Mains frequency; notched only if ``eeg_band`` reaches above 45 Hz.
    reference : "average" | "original"
    eeg_sfreq, fnirs_sfreq : float
        Highest sampling rates kept after filtering.
    min_sci : float
        Channels with a lower scalp coupling index (0.7–1.5 Hz) are bad.
    motion_z : float
        Robust z of the spatial RMS of temporal derivatives above which a moment is marked BAD_motion.
    tddr : bool
        Temporal derivative distribution repair of the optical densities (costs about a quarter of the
        evoked response where there is no motion).
    ppf : float
        Partial pathlength factor of both wavelengths.
    fnirs_band : (lo, hi), fnirs_transitions : (lo, hi)
        Zero-phase FIR on the continuous concentrations, and its transition widths.
    """

    erp_band: tuple[float, float] = (0.1, 30.0)
    eeg_band: tuple[float, float] = (1.0, 45.0)
    line: float = 50.0
    reference: str = "average"
    eeg_sfreq: float = 100.0
    fnirs_sfreq: float = 10.0
    min_sci: float = 0.5
    motion_z: float = 20.0
    tddr: bool = False
    ppf: float = 6.0
    fnirs_band: tuple[float, float] = (0.01, 0.2)
    fnirs_transitions: tuple[float, float] = (0.005, 0.05)

    def __post_init__(self):
        one_of("reference", self.reference, ("average", "original"))


class EEG(NamedTuple):
    """Preprocessed EEG: the band branch (``raw``) and the ERP branch, in volts, and which channels were bad."""

    raw: mne.io.BaseRaw
    erp: mne.io.BaseRaw
    choices: Choices
    bads: tuple[str, ...]


class FNIRS(NamedTuple):
    """Preprocessed fNIRS: HbO and HbR in mol/L, and the quality of every pair."""

    raw: mne.io.BaseRaw
    quality: pd.DataFrame
    choices: Choices


def safe_band(
    band: tuple[float, float], transitions: tuple[float, float], seconds: float
) -> tuple[tuple[float | None, float], tuple[float, float]]:
    """The nearest band and transitions whose FIR filter is not longer than the recording.

    A Hamming-windowed FIR lasts 3.3 / (its narrowest transition). Where that exceeds ``seconds``, transitions
    widen to 3.3 / seconds and the lower edge rises until its stop band begins at 0 Hz; a lower edge past half
    the upper one is given up (None).
    """
    (lo, hi), widest = band, 3.3 / seconds
    transitions = (max(transitions[0], widest), max(transitions[1], widest))
    lo = max(lo, transitions[0])
    return (lo if lo <= hi / 2 else None, hi), transitions


def preprocess_eeg(raw: mne.io.BaseRaw, config: PreprocessConfig | None = None) -> EEG:
    """Filter, find and repair bad channels, re-reference and resample a continuous EEG recording.

    Raises
    ------
    InputError
        If no good channel is left, or the sampling rate is below 30 Hz.
    """
    config, raw = config or PreprocessConfig(), raw.copy().load_data(verbose="error")
    choices: Choices = {}
    sfreq = raw.info["sfreq"]
    if sfreq < 30:
        raise InputError(f"EEG sampled at {sfreq:g} Hz holds no alpha band: at least 30 Hz are needed.")
    if config.eeg_band[1] > 45 and sfreq > 2 * config.line:
        raw = bridge_bad(raw)
        raw.notch_filter(config.line, verbose="error")
        choices["line noise"] = f"notch at {config.line:g} Hz"
    else:
        choices["line noise"] = f"no notch: the band branch's stop band begins at the mains, {config.line:g} Hz"
    names = raw.copy().pick("eeg").ch_names
    good = dict(zip(names, good_data(raw, names), strict=True))
    flat = {n for n, x in good.items() if np.ptp(x) == 0}
    clipped = {n for n, x in good.items() if n not in flat and max((x == x.max()).mean(), (x == x.min()).mean()) > 0.01}
    choices["clipped channels"] = f"at their limit in over 1 % of good samples: {', '.join(sorted(clipped)) or 'none'}"
    raw.info["bads"] = sorted({*raw.info["bads"], *flat, *clipped})
    if set(names) <= set(raw.info["bads"]):
        raise InputError(f"all {len(names)} EEG channels are bad: nothing is left to analyse.")
    raw.info["bads"] = sorted({*raw.info["bads"], *_outlying(raw, config, choices)})
    bads = tuple(raw.info["bads"])
    raw = _repair(raw, choices)
    if config.reference == "average" and len(raw.copy().pick("eeg").ch_names) >= 8:
        raw.set_eeg_reference("average", verbose="error")
        choices["reference"] = "average of all EEG channels"
    else:
        choices["reference"] = "as recorded" + (
            " (an average needs 8 channels)" if config.reference == "average" else ""
        )
    branches = []
    for name, band in (("band branch", config.eeg_band), ("ERP branch", config.erp_band)):
        nyquist = sfreq / 2
        wanted = (band[0], min(band[1], 0.8 * nyquist))
        rise = min(max(0.25 * wanted[0], 2.0), wanted[0])
        fall = min(max(0.25 * wanted[1], 2.0), nyquist - wanted[1], _to_mains(wanted[1], config.line))
        branches.append(_filter(raw, wanted, (rise, fall), name, choices))
    if sfreq > config.eeg_sfreq:
        branches = [branch.resample(config.eeg_sfreq, verbose="error") for branch in branches]
        choices["EEG rate"] = f"resampled from {sfreq:g} to {config.eeg_sfreq:g} Hz after filtering"
    return EEG(branches[0], branches[1], choices, bads)


def preprocess_fnirs(raw: mne.io.BaseRaw, config: PreprocessConfig | None = None) -> FNIRS:
    """Optical density, quality, motion marks, short-channel regression, Beer–Lambert, filter.

    Files that already hold densities or concentrations enter at the step they have reached.

    Raises
    ------
    InputError
        If no good pair is left, or mne cannot convert the pairs.
    """
    config, raw = config or PreprocessConfig(), raw.copy().load_data(verbose="error")
    choices: Choices = {}
    kind = raw.get_channel_types()[0]
    quality = pd.DataFrame(index=pd.Index(pair_names(raw), name="pair"))
    quality["distance_mm"] = [1e3 * d for d in pair_distances(raw).values()]
    quality["bad"] = [any(pair_of(n) == pair for n in raw.info["bads"]) for pair in quality.index]
    if kind == "fnirs_cw_amplitude":
        _judge_saturation(raw, quality, choices)
    raw = _without_bad_pairs(raw, quality, choices)
    try:
        if kind == "fnirs_cw_amplitude":
            raw, kind = mne.preprocessing.nirs.optical_density(raw, verbose="error"), "fnirs_od"
            choices["optical density"] = "−ln(I / mean I)"
        if kind == "fnirs_od":
            _judge_coupling(raw, config, quality, choices)
            raw = _without_bad_pairs(raw, quality, choices)
            raw = _clean_density(raw, config, choices)
            raw = mne.preprocessing.nirs.beer_lambert_law(raw, ppf=config.ppf)
            choices["Beer–Lambert"] = f"modified law, partial pathlength factor {config.ppf:g} at both wavelengths"
        else:
            raw = _without_bad_pairs(raw, quality, choices)
    except (ValueError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        reason = str(error).splitlines()[0]
        raise InputError(f"mne cannot turn these fNIRS channels into concentrations: {reason}") from error
    distance = pair_distances(raw)
    short = [n for n in raw.ch_names if distance[pair_of(n)] < SHORT]
    if 0 < len(short) < len(raw.ch_names):
        raw.drop_channels(short)
        # concentrations enter after the step that would have used them
        choices.setdefault("short channels", f"{len(short) // 2} pairs under 10 mm left out, not regressed")
    raw = _filter(raw, config.fnirs_band, config.fnirs_transitions, "fNIRS filter", choices)
    if raw.info["sfreq"] > config.fnirs_sfreq:
        choices["fNIRS rate"] = f"resampled from {raw.info['sfreq']:g} to {config.fnirs_sfreq:g} Hz after filtering"
        raw = raw.resample(config.fnirs_sfreq, verbose="error")
    return FNIRS(raw, quality.reset_index(), choices)


def _filter(raw, band, transitions, name: str, choices: Choices):
    """Zero-phase FIR of a copy, shortened where the recording is too short for it, and said in words."""
    runs = np.diff([0.0, *run_edges(raw), raw.times[-1]])
    # mne filters every contiguous run by itself, so the shortest decides (but for scraps)
    seconds = float(min(runs[runs >= min(30.0, runs.max())]))
    (lo, hi), (lo_width, hi_width) = safe_band(band, transitions, seconds)
    out = bridge_bad(raw.copy())
    data_types = [t for t in ("eeg", "eog", "hbo", "hbr") if t in raw.get_channel_types()]
    if lo is None:
        out.apply_function(detrend, picks=data_types, verbose="error")
    hi_width = min(hi_width, raw.info["sfreq"] / 2 - hi)
    out.filter(lo, hi, picks=data_types, l_trans_bandwidth=lo_width, h_trans_bandwidth=hi_width, verbose="error")
    used = f"{lo:.3g}–{hi:g} Hz" if lo is not None else f"straight line removed, then below {hi:g} Hz"
    if lo != band[0]:
        used += (
            f" instead of {band[0]:g}–{band[1]:g} Hz, whose filter would last {3.3 / transitions[0]:.0f} s "
            f"and the recording {seconds:.0f} s"
        )
    widths = f"{lo_width:.3g} and {hi_width:.3g} Hz" if lo is not None else f"{hi_width:.3g} Hz"
    choices[name] = f"zero-phase FIR {used}; transitions {widths}"
    return out


def _to_mains(hi: float, line: float) -> float:
    """Width from the upper edge to the mains, so that the stop band holds it; no limit where it is inside."""
    return line - hi if line > hi else np.inf


def bridge_bad(raw):
    """Straight lines across segments marked BAD, so that filters do not smear them over their neighbours.

    The segments stay marked, and no trial is taken from them.
    """
    marked = raw.get_data(picks=[0], reject_by_annotation="NaN", verbose="error")[0]
    good = np.flatnonzero(np.isfinite(marked))
    if 0 < good.size < raw.n_times:
        raw.apply_function(lambda x: np.interp(np.arange(x.size), good, x[good]), picks="data", verbose="error")
    return raw


def _outlying(raw, config: PreprocessConfig, choices: Choices) -> list[str]:
    """EEG channels that the local outlier factor calls bad, on the filtered good data."""
    good = raw.copy().pick("eeg", exclude="bads").ch_names
    if len(good) < 10:
        choices["outlying channels"] = f"not searched: {len(good)} good EEG channels, 10 are needed"
        return []
    probe = mne.io.RawArray(good_data(raw, good), mne.create_info(good, raw.info["sfreq"], "eeg"), verbose="error")
    (lo, hi), _ = safe_band((1.0, min(45.0, 0.4 * raw.info["sfreq"])), (1.0, 2.0), probe.times[-1])
    probe.filter(lo, hi, verbose="error")
    found = mne.preprocessing.find_bad_channels_lof(probe, n_neighbors=min(20, len(good) - 1), verbose="error")
    choices["outlying channels"] = f"local outlier factor above 1.5: {', '.join(found) or 'none'}"
    return found


def _repair(raw, choices: Choices):
    """Interpolate bad EEG channels where positions are known, drop them otherwise."""
    eeg = raw.copy().pick("eeg").ch_names
    bads = [n for n in raw.info["bads"] if n in eeg]
    if not bads:
        choices["bad EEG channels"] = "none"
        return raw
    placed = all(np.isfinite(raw.info["chs"][raw.ch_names.index(n)]["loc"][:3]).all() for n in eeg)
    if placed and len(eeg) - len(bads) >= 8:
        raw.interpolate_bads(reset_bads=True, verbose="error")
        choices["bad EEG channels"] = f"{', '.join(bads)}: interpolated by spherical splines"
        return raw
    choices["bad EEG channels"] = f"{', '.join(bads)}: dropped (no positions to interpolate from)"
    return raw.drop_channels(bads)


def _judge_saturation(raw, quality: pd.DataFrame, choices: Choices) -> None:
    """Intensities that hardly vary sit at the detector's limit, or see no tissue: their pairs are bad.

    A pulse alone moves an intensity by about 1 %; the limit is a coefficient of variation of 0.05 %.
    """
    data = good_data(raw)
    still = {pair_of(n) for n, x in zip(raw.ch_names, data, strict=True) if x.std() < 5e-4 * abs(np.median(x))}
    quality["bad"] |= quality.index.isin(still)
    choices["saturation"] = f"intensities that vary by less than 0.05 %: {', '.join(sorted(still)) or 'none'}"


def _judge_coupling(raw, config: PreprocessConfig, quality: pd.DataFrame, choices: Choices) -> None:
    """Scalp coupling index of every pair; pairs below the limit are bad.

    When no pair reaches the limit the recording as a whole is poor, or has no pulse to see (a phantom, a few
    seconds): dropping everything would help nobody, so all are kept and the report warns.
    """
    sfreq = raw.info["sfreq"]
    good = mne.io.RawArray(good_data(raw), raw.info.copy(), verbose="error")
    if sfreq <= 3 or good.times[-1] < 10:
        choices["coupling"] = f"not tested: {sfreq:g} Hz and {good.times[-1]:.0f} s, it needs more than 3 Hz and 10 s"
        return
    sci = mne.preprocessing.nirs.scalp_coupling_index(
        good, h_trans_bandwidth=min(0.3, sfreq / 2 - 1.5), verbose="error"
    )
    by_channel = dict(zip(raw.ch_names, np.nan_to_num(sci), strict=True))
    quality["sci"] = [
        min((s for n, s in by_channel.items() if pair_of(n) == pair), default=np.nan) for pair in quality.index
    ]
    poor = (quality.sci < config.min_sci).to_numpy()
    if (poor | quality.bad.to_numpy()).all():
        choices["warning: coupling"] = (
            f"no fNIRS pair reaches a scalp coupling index of {config.min_sci:g} (best {quality.sci.max():.2f}): "
            "the optodes hardly see the pulse; the limit was not applied, read every fNIRS result with doubt"
        )
        return
    quality["bad"] |= poor
    choices["coupling"] = f"scalp coupling index 0.7–1.5 Hz on good segments, bad below {config.min_sci:g}"


def _without_bad_pairs(raw, quality: pd.DataFrame, choices: Choices):
    bad = list(quality.index[quality.bad])
    if len(bad) == len(quality):
        raise InputError(
            f"all {len(bad)} fNIRS pairs are bad (flat, not finite or marked): nothing is left to analyse."
        )
    choices["fNIRS pairs"] = f"{len(quality) - len(bad)} of {len(quality)} kept; bad: {', '.join(bad) or 'none'}"
    raw = raw.pick([n for n in raw.ch_names if pair_of(n) not in bad])
    raw.info["bads"] = []
    return raw


def _clean_density(raw, config: PreprocessConfig, choices: Choices):
    """Motion marks, optional repair and short-channel regression of optical densities."""
    if config.tddr:
        raw = mne.preprocessing.nirs.tddr(raw, verbose="error")
    _mark_motion(raw, config, choices)  # what the repair has left
    choices["motion repair"] = "TDDR on optical densities" if config.tddr else "none (TDDR is opt-in)"
    distance = pair_distances(raw)
    short = [pair for pair, d in distance.items() if d < SHORT]
    if 0 < len(short) < len(distance):
        from mne_nirs.signal_enhancement import short_channel_regression

        # the regression has no intercept and would be fitted on bad segments too; and each wavelength needs
        # the short channel of its own
        raw = bridge_bad(raw).apply_function(lambda x: x - x.mean(), verbose="error")
        wavelength = {n: ch["loc"][9] for n, ch in zip(raw.ch_names, raw.info["chs"], strict=True)}
        first, second = (
            short_channel_regression(raw.copy().pick([n for n in raw.ch_names if wavelength[n] == w]))
            for w in sorted(set(wavelength.values()))
        )
        raw = first.add_channels([second]).reorder_channels(raw.ch_names)
        choices["short channels"] = (
            f"{len(short)} pairs under 10 mm, the nearest regressed out of {len(distance) - len(short)} long ones"
        )
    else:
        choices["warning: short channels"] = "none under 10 mm: systemic waves of the scalp remain"
    return raw


def _mark_motion(raw, config: PreprocessConfig, choices: Choices) -> None:
    """Annotate moments where the whole probe jumps: RMS over channels of the temporal derivative."""
    speed = probe_speed(raw)
    middle = np.median(speed)
    spread = 1.4826 * np.median(np.abs(speed - middle))
    moments = np.flatnonzero(speed > middle + config.motion_z * spread) if spread > 0 else np.array([], int)
    groups = np.split(moments, np.flatnonzero(np.diff(moments) > raw.info["sfreq"]) + 1) if moments.size else []
    for group in groups:
        start = max(0.0, raw.times[group[0]] - 0.5)
        raw.annotations.append(start + raw.first_time, raw.times[group[-1]] + 0.5 - start, "BAD_motion")
    choices["motion"] = (
        f"{len(groups)} moments marked BAD_motion (robust z of the probe's speed above {config.motion_z:g})"
    )


def probe_speed(raw) -> np.ndarray:
    """Root mean square over channels of the difference of successive samples, [times − 1]."""
    return np.sqrt((np.diff(raw.get_data(), axis=1) ** 2).mean(axis=0))


def pair_distances(raw) -> dict[str, float]:
    """Source–detector distance (m) of every pair; NaN where positions are unknown."""
    distance = mne.preprocessing.nirs.source_detector_distances(raw.info)
    return {
        pair_of(n): (d if np.isfinite(d) and d > 0 else np.nan) for n, d in zip(raw.ch_names, distance, strict=True)
    }


def pair_of(channel: str) -> str:
    return channel.split(" ")[0]
