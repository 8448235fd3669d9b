"""Reading one EEG and one fNIRS file: any format mne knows, checked before anything is computed."""

from __future__ import annotations

import re
from pathlib import Path

import mne
import numpy as np

from pidjax._checks import InputError

MONTAGE = "colin27_1005"
"""mne's name of the template once called standard_1005."""
FNIRS_TYPES = ("fnirs_cw_amplitude", "fnirs_od", "hbo", "hbr")
OTHER = {"eog": r"EOG|^HEO|^VEO", "ecg": r"ECG|EKG", "emg": r"EMG"}


def read_eeg(path: str | Path) -> mne.io.BaseRaw:
    """Read an EEG recording: EEG (and EOG, ECG, EMG) channels in volts, 10-05 positions where names match.

    Channels that hold NaN or are flat outside bad segments are marked bad.

    Raises
    ------
    InputError
        Missing or unreadable file, an fNIRS file, no usable EEG channel.
    """
    raw = _read(path, "EEG")
    types = set(raw.get_channel_types())
    if "eeg" not in types:
        found = types & set(FNIRS_TYPES)
        hint = (
            "it is an fNIRS recording: give the EEG file first, the fNIRS file second" if found else "give an EEG file"
        )
        raise InputError(f"{path} holds no EEG channel, only {', '.join(sorted(types))}: {hint}.")
    names = {name: _clean(name) for name in raw.ch_names}
    if len(set(names.values())) == len(names):
        raw.rename_channels(names)
    for kind, pattern in OTHER.items():
        chosen = [
            n
            for n, t in zip(raw.ch_names, raw.get_channel_types(), strict=True)
            if t == "eeg" and re.search(pattern, n, re.I)
        ]
        raw.set_channel_types(dict.fromkeys(chosen, kind), verbose="error")
    if "stim" in types and len(raw.annotations) == 0:
        _annotate_triggers(raw)
    raw.pick([t for t in ("eeg", "eog", "ecg", "emg") if t in raw.get_channel_types()])
    if "eeg" not in raw.get_channel_types():
        raise InputError(f"{path} holds no EEG channel, only {', '.join(raw.ch_names)}.")
    if raw.get_montage() is None:
        raw.set_montage(MONTAGE, match_case=False, on_missing="ignore", verbose="error")
    mark_dead(raw, path, "eeg")
    return raw


def read_fnirs(path: str | Path) -> mne.io.BaseRaw:
    """Read an fNIRS recording: intensities, optical densities or concentrations, in complete pairs.

    Raises
    ------
    InputError
        Missing or unreadable file, an EEG file, no complete pair, unknown wavelengths, no usable channel.
    """
    raw = _read(path, "fNIRS")
    types = set(raw.get_channel_types())
    found = [t for t in FNIRS_TYPES if t in types]
    if not found:
        hint = (
            "it is an EEG recording: give the EEG file first, the fNIRS file second"
            if "eeg" in types
            else "give an fNIRS file"
        )
        raise InputError(f"{path} holds no fNIRS channel, only {', '.join(sorted(types))}: {hint}.")
    raw.pick(found)
    optical = [t for t in found if t.startswith("fnirs")]
    if optical:
        _check_wavelengths(raw, path)
    elif set(found) != {"hbo", "hbr"}:
        raise InputError(f"{path} holds {found[0]} without its partner: HbO and HbR of the same channels are needed.")
    else:
        kinds = {name: {n.split(" ")[-1] for n in raw.ch_names if n.split(" ")[0] == name} for name in pair_names(raw)}
        raw.pick([n for n in raw.ch_names if len(kinds[n.split(" ")[0]]) == 2])
    mark_dead(raw, path, "fnirs")
    return raw


def pair_names(raw: mne.io.BaseRaw) -> list[str]:
    """Source–detector names, ``S1_D1``, in the order of the channels."""
    return list(dict.fromkeys(name.split(" ")[0] for name in raw.ch_names))


def good_data(raw: mne.io.BaseRaw, picks=None) -> np.ndarray:
    """Samples outside annotations that start with BAD, [channels, times]."""
    return raw.get_data(picks=picks, reject_by_annotation="omit", verbose="error")


def _read(path: str | Path, kind: str) -> mne.io.BaseRaw:
    path = Path(path)
    if not path.exists():
        raise InputError(f"the {kind} file {path} does not exist.")
    attempts = [
        lambda: mne.io.read_raw(path, preload=True, verbose="error"),
        lambda: mne.io.read_raw(path, preload=True, verbose="error", encoding="latin1"),
    ]
    if path.is_dir() or path.suffix == ".hdr":
        attempts.append(lambda: mne.io.read_raw_nirx(path, preload=True, verbose="error"))
    first: Exception | None = None
    for attempt in attempts:
        try:
            return attempt()
        except Exception as error:  # mne's readers raise whatever their parsers raise
            first = first or error
    said = str(first).strip() or f"its reader stopped at {type(first).__name__}"
    raise InputError(
        f"cannot read {path} as {kind} ({said.splitlines()[0]}): give a file that mne reads, such as EDF, BrainVision, "
        "EEGLAB or FIF for EEG, SNIRF or a NIRx folder for fNIRS."
    ) from first


def _annotate_triggers(raw: mne.io.BaseRaw) -> None:
    """Trigger codes of a stimulus channel as annotations, ``1``, ``2``, ..."""
    found = mne.find_events(raw, shortest_event=1, verbose="error")
    if len(found):
        onset = (found[:, 0] - raw.first_samp) / raw.info["sfreq"]
        notes = mne.Annotations(onset, 0.0, [str(code) for code in found[:, 2]])
        raw.set_annotations(notes, verbose="error")


def _clean(name: str) -> str:
    """``Fc5.`` -> ``Fc5``, ``EEG C3-REF`` -> ``C3``."""
    return re.sub(r"^EEG[ _-]+|[-_ ](REF|LE|AVG)$|\.+$", "", name.strip(), flags=re.I) or name


def mark_dead(raw: mne.io.BaseRaw, path: str | Path, kind: str) -> None:
    """Mark channels bad that hold NaN or never change; raise when none is left."""
    picks = [n for n, t in zip(raw.ch_names, raw.get_channel_types(), strict=True) if t == kind or kind != "eeg"]
    data = good_data(raw, picks)  # what lies in bad segments may be anything
    if data.shape[1] == 0:
        raise InputError(f"every sample of {path} lies in a segment annotated as BAD: nothing is left to analyse.")
    not_finite = {n for n, x in zip(picks, data, strict=True) if not np.isfinite(x).all()}
    flat = {n for n, x in zip(picks, data, strict=True) if n not in not_finite and np.ptp(x) == 0}
    bads = set(raw.info["bads"]) | not_finite | flat
    if set(picks) <= bads:
        raise InputError(
            f"all {len(picks)} channels of {path} are bad: {len(not_finite)} hold NaN or infinity, {len(flat)} are "
            f"flat, {len(bads - not_finite - flat)} are marked bad in the file."
        )
    raw.info["bads"] = [n for n in raw.ch_names if n in bads]
    # finite everywhere, or filters and references would spread it; what is filled in is bad or in a bad segment
    raw.apply_function(_filled, picks=picks, verbose="error")


def _filled(x: np.ndarray) -> np.ndarray:
    """Straight lines across samples that are not finite."""
    good = np.isfinite(x)
    if good.all() or not good.any():
        return np.nan_to_num(x)
    return np.interp(np.arange(x.size), np.flatnonzero(good), x[good])


def _check_wavelengths(raw: mne.io.BaseRaw, path: str | Path) -> None:
    wavelengths = {name: raw.info["chs"][i]["loc"][9] for i, name in enumerate(raw.ch_names)}
    unknown = [name for name, w in wavelengths.items() if not 600 <= w <= 1000]
    if unknown:
        raise InputError(
            f"{path}: the wavelength of {len(unknown)} of {len(wavelengths)} channels is unknown (first: "
            f"{unknown[0]}); concentrations need two wavelengths between 600 and 1000 nm."
        )
    pairs: dict[str, set[float]] = {}
    for name, w in wavelengths.items():
        pairs.setdefault(name.split(" ")[0], set()).add(float(w))
    whole = [name for name, found in pairs.items() if len(found) == 2]
    if not whole:
        raise InputError(
            f"{path} holds no source-detector pair with two wavelengths: found {len(raw.ch_names)} channels "
            f"({', '.join(raw.ch_names[:3])}, ...)."
        )
    raw.pick([name for name in raw.ch_names if name.split(" ")[0] in whole])
