"""One simulated session of simultaneous EEG and fNIRS, written as the files a laboratory would have.

Per trial: an activation event or rest (in both modalities), one of three band modes (EEG only), a gain of
the haemodynamic response (fNIRS only). Simple on purpose: the parts are right, the truths are not in nats.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
from pathlib import Path
from typing import NamedTuple

import mne
import numpy as np
import pandas as pd
from scipy.stats import gamma

from pidjax._checks import InputError
from pidjax.neuro.features import BANDS
from pidjax.neuro.recordings import MONTAGE

EEG_CHANNELS = [
    "Fp1",
    "AFF5h",
    "AFz",
    "F1",
    "FC5",
    "FC1",
    "T7",
    "C3",
    "Cz",
    "CP5",
    "CP1",
    "P7",
    "P3",
    "Pz",
    "POz",
    "O1",
    "Fp2",
    "AFF6h",
    "F2",
    "FC2",
    "FC6",
    "C4",
    "T8",
    "CP2",
    "CP6",
    "P4",
    "P8",
    "O2",
]
"""The 28 scalp channels of Shin et al. 2018."""
OPTODES = {"C3": "FC3 C5 C1 CP3", "C4": "FC4 C6 C2 CP4", "Fz": "AFz F1 F2 FCz", "Pz": ""}
"""Sources and, about 30 mm from each, its detectors; every source also has one detector at 8 mm."""
SITE = "C3"
WAVELENGTHS = (760, 850)
MODES = {name: BANDS[name] for name in ("alpha", "beta", "gamma")}


@dataclasses.dataclass(frozen=True)
class SessionConfig:
    """Settings of a simulated session; amplitudes in volts and mol/L.

    Attributes
    ----------
    n_trials : int
        Half of them activation, half rest.
    task : float
        Duration of a trial's task (s).
    interval : (float, float)
        Range of the time between onsets (s).
    erp : float
        Peak of the event-related potential of an activation at its site (V).
    theta_rms : float
        RMS of the theta activity that an activation induces (V).
    mode_rms : (float, float, float)
        RMS of the induced alpha, beta and gamma activity (V).
    hbo : float
        Peak of the HbO response (M); HbR is −1/3 of it, 1.7 s later.
    log_gain_sd : float
        SD of the log gain of the haemodynamic response.
    clock_offset, clock_drift : float
        The fNIRS clock reads offset + (1 + drift) · EEG clock (s).
    """

    n_trials: int = 60
    task: float = 10.0
    interval: tuple[float, float] = (22.0, 26.0)
    erp: float = 10e-6
    theta_rms: float = 5e-6
    mode_rms: tuple[float, float, float] = (12e-6, 6e-6, 3e-6)
    hbo: float = 1.0e-6
    log_gain_sd: float = 0.5
    clock_offset: float = 12.4
    clock_drift: float = 50e-6
    eeg_sfreq: float = 200.0
    fnirs_sfreq: float = 10.0


class Session(NamedTuple):
    """Two recordings, each on its own clock, and what is true of every trial (onsets on the EEG clock)."""

    raw_eeg: mne.io.BaseRaw
    raw_fnirs: mne.io.BaseRaw
    trials: pd.DataFrame


def simulate_session(config: SessionConfig | None = None, *, seed: int = 0) -> Session:
    """Simulate one session.

    EEG: 1/f and alpha background with spatial covariance; an ERP (N180, P350) and a rise of theta in
    activation trials; induced activity in the band of the trial's mode in every trial. fNIRS: intensities at
    760 and 850 nm of 12 long and 4 short channels; SPM double-gamma response in activation trials; cardiac,
    respiratory, Mayer and very slow systemic waves, shared with the short channels. Parameter values: Shin et
    al. 2018 (montage, rates), Wyser et al. 2020 (scalp correlation), nilearn's ``spm`` response.
    """
    config = config or SessionConfig()
    rng = np.random.default_rng(seed)
    trials = _trials(config, rng)
    end = trials.onset.iloc[-1] + 40.0
    when = datetime.datetime(2026, 1, 1, 9, tzinfo=datetime.UTC)
    raw_eeg = _eeg(config, trials, end, rng).set_meas_date(when)
    raw_fnirs = _fnirs(config, trials, end, rng).set_meas_date(when)
    raw_fnirs.info["subject_info"] = {"his_id": "simulated"}  # the SNIRF writer asks for one
    for raw, onset in ((raw_eeg, trials.onset), (raw_fnirs, _on_fnirs_clock(config, trials.onset))):
        raw.set_annotations(mne.Annotations(onset, config.task, trials.trial_type, orig_time=raw.info["meas_date"]))
    return Session(raw_eeg, raw_fnirs, trials)


def save_session(session: Session, folder: str | Path) -> dict[str, Path]:
    """Write ``eeg.edf``, ``fnirs.snirf`` and a BIDS ``events.tsv`` (EEG clock) into ``folder``."""
    from mne_nirs.io.snirf import write_raw_snirf

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / name for name in ("eeg.edf", "fnirs.snirf", "events.tsv")}
    mne.export.export_raw(paths["eeg.edf"], session.raw_eeg, overwrite=True, verbose="error")
    write_raw_snirf(session.raw_fnirs, str(paths["fnirs.snirf"]))
    session.trials.to_csv(paths["events.tsv"], sep="\t", index=False, na_rep="n/a", float_format="%.6f")
    return paths


def _trials(config: SessionConfig, rng: np.random.Generator) -> pd.DataFrame:
    n = config.n_trials
    if n < 6:
        raise InputError(f"a session needs at least 6 trials, one of every kind; found n_trials={n}.")
    if not 0 < config.interval[0] <= config.interval[1]:
        raise InputError(f"interval needs a positive shortest and longest time in order; found {config.interval}.")
    kinds = [(event, mode) for event in ("activation", "rest") for mode in MODES]
    # every stretch of six trials holds each kind once, so time on task tells nothing about the condition
    order = np.concatenate([rng.permutation(6) for _ in range(-(-n // 6))])[:n]
    events, modes = zip(*(kinds[i] for i in order), strict=True)
    active = np.array(events) == "activation"
    return pd.DataFrame(
        {
            "onset": 30.0 + np.cumsum(rng.uniform(*config.interval, n)),
            "duration": config.task,
            "trial_type": events,
            "mode": modes,
            "log_hbo_gain": np.where(active, config.log_gain_sd * rng.standard_normal(n), np.nan),
        }
    )


def _on_fnirs_clock(config: SessionConfig, t):
    return config.clock_offset + (1 + config.clock_drift) * t


@functools.cache
def _template() -> dict[str, np.ndarray]:
    return mne.channels.make_standard_montage(MONTAGE).get_positions()["ch_pos"]


def _positions(names) -> np.ndarray:
    return np.array([_template()[name] for name in names])


def _noise(rng, psd, sfreq: float, shape: tuple[int, ...]) -> np.ndarray:
    """Gaussian noise with one-sided power spectral density ``psd(f)``, drawn in the frequency domain."""
    n = shape[-1]
    f = np.fft.rfftfreq(n, 1 / sfreq)
    f[0] = f[1]
    amplitude = np.sqrt(psd(f) * sfreq * n / 4)
    spectrum = amplitude * (
        rng.standard_normal((*shape[:-1], f.size)) + 1j * rng.standard_normal((*shape[:-1], f.size))
    )
    spectrum[..., 0] = 0
    return np.fft.irfft(spectrum, n)


def _eeg(config: SessionConfig, trials: pd.DataFrame, end: float, rng) -> mne.io.BaseRaw:
    sfreq = config.eeg_sfreq
    position = _positions(EEG_CHANNELS)
    t = np.arange(round(end * sfreq)) / sfreq

    def background(f):
        slow = 2 * 8e-12 / (1 + f**1.2) * np.minimum(1, (f / 0.5) ** 2)
        return slow + 1.2e-11 * np.exp(-0.5 * ((f - 10) / 1.2) ** 2) + 2e-14

    distance = np.linalg.norm(position[:, None] - position[None], axis=-1)
    covariance = 0.8 * np.exp(-(distance**2) / (2 * 0.05**2)) + 0.2 * np.eye(len(position))
    data = np.linalg.cholesky(covariance) @ _noise(rng, background, sfreq, (len(position), t.size))

    pattern = np.exp(-(np.linalg.norm(position - _positions([SITE]), axis=-1) ** 2) / (2 * 0.07**2))
    source = np.zeros(t.size)
    for trial in trials.itertuples():
        since = t - trial.onset
        near = (since > -2) & (since < config.task + 2)
        edges = 1 / (1 + np.exp(-(since[near] - 0.3) / 0.1)) / (1 + np.exp((since[near] - config.task) / 0.3))
        induced = [(MODES[trial.mode], config.mode_rms[list(MODES).index(trial.mode)])]
        if trial.trial_type == "activation":
            n180 = -0.4 * np.exp(-0.5 * ((since - 0.18) / 0.03) ** 2)
            source += config.erp * (n180 + np.exp(-0.5 * ((since - 0.35) / 0.08) ** 2))
            induced.append((BANDS["theta"], config.theta_rms))
        for (lo, hi), rms in induced:
            wave = _noise(rng, lambda f, lo=lo, hi=hi: ((f >= lo) & (f < hi)) / (hi - lo), sfreq, (int(near.sum()),))
            source[near] += rms * edges * wave
    data += pattern[:, None] * source
    info = mne.create_info(list(EEG_CHANNELS), sfreq, "eeg")
    return mne.io.RawArray(data, info, verbose="error").set_montage(MONTAGE)


def _response(t: np.ndarray, duration: float) -> np.ndarray:
    """SPM double gamma convolved with a boxcar, unit peak."""
    integral = gamma.cdf(t, 6) - gamma.cdf(t - duration, 6)
    undershoot = gamma.cdf(t, 16) - gamma.cdf(t - duration, 16)
    shape = integral - undershoot / 6
    return shape / shape.max()


def _fnirs(config: SessionConfig, trials: pd.DataFrame, end: float, rng) -> mne.io.BaseRaw:
    sfreq = config.fnirs_sfreq
    t = np.arange(round((_on_fnirs_clock(config, end)) * sfreq)) / sfreq
    info, site_gain, short = _fnirs_info(sfreq)
    pairs = len(short)

    def wave(f0, width):
        return lambda f: np.exp(-0.5 * ((f - f0) / width) ** 2) / (width * np.sqrt(2 * np.pi))

    def slow(f):
        return (f < 0.06) / 0.06

    def local(f):
        return np.where(f > 0.02, 1 / f, 0) / np.log(sfreq / 2 / 0.02)

    cardiac = 0.25e-6 * _noise(rng, wave(1.05, 0.06), sfreq, (1, t.size))
    rest = {wave(0.27, 0.03): 0.15e-6, wave(0.09, 0.015): 0.35e-6, slow: 0.45e-6}
    correlation = 0.8

    def systemic() -> np.ndarray:
        common = sum(rms * _noise(rng, psd, sfreq, (1, t.size)) for psd, rms in rest.items())
        own = sum(rms * _noise(rng, psd, sfreq, (pairs, t.size)) for psd, rms in rest.items())
        return np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own

    scalp = rng.uniform(0.7, 1.1, (pairs, 1))
    body = systemic()
    own_hbr = 0.5  # HbR's systemic part is only partly HbO's, so no fixed combination cancels it
    hbo = scalp * (cardiac + body) + 0.10e-6 * _noise(rng, local, sfreq, (pairs, t.size))
    hbr_body = np.sqrt(1 - own_hbr) * body + np.sqrt(own_hbr) * systemic()
    hbr = scalp * (0.25 * cardiac + 0.2 * hbr_body) + 0.05e-6 * _noise(rng, local, sfreq, (pairs, t.size))
    for trial in trials.itertuples():
        if trial.trial_type == "activation":
            since = t - _on_fnirs_clock(config, trial.onset)
            peak = config.hbo * np.exp(trial.log_hbo_gain)
            hbo += site_gain * peak * _response(since, config.task)
            hbr -= site_gain * peak / 3 * _response(since - 1.7, config.task)

    concentration = np.stack([hbo, hbr], axis=1)  # [pairs, 2, times]
    density = np.einsum("pwc,pct->pwt", _density_of_concentration(info), concentration)
    density += 2e-4 * rng.standard_normal(density.shape)
    return mne.io.RawArray(0.5 * np.exp(-density.reshape(2 * pairs, -1)), info, verbose="error")


def _fnirs_info(sfreq: float) -> tuple[mne.Info, np.ndarray, np.ndarray]:
    """Channel info, response gain of each pair [pairs, 1], and which pairs are short [pairs]."""
    names, places, short = [], [], []
    detectors: list[np.ndarray] = []
    for s, (source_name, detector_names) in enumerate(OPTODES.items(), start=1):
        source = _positions([source_name])[0]
        for detector in [*_positions(detector_names.split()), None]:
            is_short = detector is None
            if detector is None:
                sideways = np.cross(source, [0.0, 0.0, 1.0]) if np.hypot(*source[:2]) > 0.01 else np.array([1.0, 0, 0])
                detector = source + 0.008 * sideways / np.linalg.norm(sideways)
            detectors.append(detector)
            for wavelength in WAVELENGTHS:
                names.append(f"S{s}_D{len(detectors)} {wavelength}")
                places.append(np.concatenate([(source + detector) / 2, source, detector, [wavelength, np.nan, np.nan]]))
            short.append(is_short)
    info = mne.create_info(names, sfreq, "fnirs_cw_amplitude")
    for channel, place in zip(info["chs"], places, strict=True):
        channel["loc"][:] = place
        channel["coord_frame"] = mne.io.constants.FIFF.FIFFV_COORD_HEAD
    middle = np.array(places)[::2, :3]
    gain = np.exp(-(np.linalg.norm(middle - _positions([SITE]), axis=-1) ** 2) / (2 * 0.02**2))
    return info, np.where(short, 0.0, gain)[:, None], np.array(short)


def _density_of_concentration(info: mne.Info) -> np.ndarray:
    """Optical density per concentration [pairs, wavelength, chromophore]: the inverse of mne's Beer–Lambert law.

    Found by passing unit densities through mne itself, so the intensities return the concentrations exactly.
    """
    unit = np.zeros((len(info.ch_names), 2 + info["sfreq"].__ceil__()))
    unit[0::2, 0] = unit[1::2, 1] = 1.0
    raw = mne.io.RawArray(unit, info.copy(), verbose="error")
    raw.set_channel_types(dict.fromkeys(raw.ch_names, "fnirs_od"), verbose="error")
    out = mne.preprocessing.nirs.beer_lambert_law(raw, ppf=6.0).get_data()[:, :2]
    return np.linalg.inv(out.reshape(-1, 2, 2))
