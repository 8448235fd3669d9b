"""Continuous recordings of simultaneous EEG and fNIRS, as a laboratory would have them, with what is true of them."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Literal, NamedTuple

import mne
import numpy as np
import pandas as pd
import scipy.fft

from pidjax._checks import InputError, one_of
from pidjax.neuro.simulate import artefacts, noise, spectra
from pidjax.neuro.simulate.behaviour import behave
from pidjax.neuro.simulate.config import MODES, TrialConfig
from pidjax.neuro.simulate.factors import Factors, draw_factors, latency
from pidjax.neuro.simulate.montage import Montage, eeg_info, fnirs_info, montage
from pidjax.neuro.simulate.responses import double_gamma, envelope, erp
from pidjax.neuro.simulate.tasks import Task
from pidjax.neuro.simulate.trials import draw_scalp, response_scale

CLEAR = TrialConfig(erp=10e-6, theta_rms=5e-6, band_rms=(12e-6, 6e-6, 3e-6), hbo=1.0e-6)
"""Trials of a session by default: every factor varies, at the upper end of what is seen."""
RESPONSE = 12.0
"""Seconds after the end of a task in which the response is large."""
_BLOCK = 1024


@dataclasses.dataclass(frozen=True)
class SessionConfig:
    """Settings of a recording; seconds.

    Attributes
    ----------
    n_trials : int
        Activation and rest, and the modes, alternate in random order, each kind once in every few trials.
    interval : (float, float) or None
        Range of the time between markers; None is 2 to 6 s more than jitter, task and response take.
    overlap : bool
        Whether a trial may begin before the response to the last is over.
    clock_offset, clock_drift : float
        The fNIRS clock reads offset + (1 + drift) · EEG clock.
    subject_shift : float
        Size of what differs between subjects: 1 is an SD of 1 s of the delay and of 0.35 of a, u and v.
    behaviour : bool
        Whether the table of trials has difficulty, reaction_time, correct and fatigue.
    blinks, muscle, mains : bool
        Artefacts of the EEG.
    alpha_desynchronisation : float
        Share of the background's alpha that is absent during the task of an activation, in all channels.
    motion : str
        "none", "fnirs", or "both": the same movements in EEG and fNIRS.
    """

    n_trials: int = 60
    interval: tuple[float, float] | None = None
    overlap: bool = False
    clock_offset: float = 12.4
    clock_drift: float = 50e-6
    subject_shift: float = 0.0
    behaviour: bool = False
    blinks: bool = False
    muscle: bool = False
    mains: bool = False
    alpha_desynchronisation: float = 0.0
    motion: Literal["none", "fnirs", "both"] = "none"

    def __post_init__(self) -> None:
        if self.interval is not None and not 0 < self.interval[0] <= self.interval[1]:
            raise InputError(f"interval needs a positive shortest and longest time in order; found {self.interval}.")
        if not 0 <= self.alpha_desynchronisation <= 1:
            raise InputError(f"alpha_desynchronisation must lie in 0 ... 1; found {self.alpha_desynchronisation}.")
        if self.subject_shift < 0:
            raise InputError(f"subject_shift is the size of a spread: 0 or more; found {self.subject_shift}.")
        if abs(self.clock_drift) > 500e-6:
            raise InputError(f"clock_drift={self.clock_drift:g} is no drift of a clock: at most 500e-6 (500 ppm).")
        one_of("motion", self.motion, ("none", "fnirs", "both"))


class Subject(NamedTuple):
    """What is constant in a subject: scalp gains [16], and what is added to delay, a, u and v of all trials."""

    scalp: np.ndarray
    delay: float
    activation: float
    intensity: float
    cost: float


class Session(NamedTuple):
    """Two recordings, each on its own clock, and what is true of every trial.

    Attributes
    ----------
    raw_eeg, raw_fnirs : mne.io.RawArray
        V; light intensities.
    trials : DataFrame
        A BIDS table of events (markers on the EEG clock): onset, duration, trial_type, mode, log_hbo_gain, the label of
        a task, behaviour if asked for.
    factors : DataFrame
        All of ``Factors``, which no laboratory knows, and the efficiency u − v.
    artefacts : DataFrame
        onset (EEG clock) and kind.
    subject, session : str
    """

    raw_eeg: mne.io.BaseRaw
    raw_fnirs: mne.io.BaseRaw
    trials: pd.DataFrame
    factors: pd.DataFrame
    artefacts: pd.DataFrame
    subject: str
    session: str


def simulate_session(
    config: SessionConfig | None = None,
    trial: TrialConfig | Task | None = None,
    *,
    seed: int | np.random.Generator = 0,
    subject: Subject | None = None,
    names: tuple[str, str] = ("01", "01"),
) -> Session:
    """Simulate one session: the parts of ``simulate_trials`` laid out in time, with edges, clocks and artefacts.

    Unlike in ``simulate_trials`` a trial's noise is cut out of longer noise, responses outlast trials and induced
    activity has edges, so an epoch's likelihood is near that of an independent trial but not it.

    Parameters
    ----------
    config : SessionConfig
    trial : TrialConfig or Task
        What a trial is; ``CLEAR`` when not given. A task adds its label to the table of trials.
    seed : int or Generator
    subject : Subject
        Drawn from ``seed`` when not given.
    names : (str, str)
        Of subject and session.
    """
    config = config or SessionConfig()
    task = trial if isinstance(trial, Task) else None
    law = trial.config if isinstance(trial, Task) else trial or CLEAR
    interval = _interval(config, law)
    if config.mains and law.eeg_sfreq <= 2 * artefacts.MAINS:
        raise InputError(
            f"mains of {artefacts.MAINS} Hz need an EEG of more than {2 * artefacts.MAINS} Hz; found eeg_sfreq="
            f"{law.eeg_sfreq:g}: raise it, or leave mains out."
        )
    rng = np.random.default_rng(seed)
    subject = draw_subject(config, rng) if subject is None else subject
    of = _shifted(_ordered(config, law, rng), subject)
    markers = 30.0 + np.cumsum(rng.uniform(*interval, config.n_trials))
    end = markers[-1] + law.onset_range + law.task + 30.0
    moves = artefacts.motion(rng, end, subject.scalp.size)
    if config.motion == "none":
        moves = artefacts.Motion(moves.times[:0], moves.moved[:0])
    raw_eeg, spoilt = _eeg(config, law, of, markers, end, moves, rng)
    raw_fnirs = _fnirs(config, law, subject, of, markers, end, moves, rng)
    spoilt += [(at, "motion") for at in moves.times]
    table = _table(config, law, task, of, markers, rng)
    when = datetime.datetime(2026, 1, 1, 9, tzinfo=datetime.UTC)
    for raw, onset in ((raw_eeg, markers), (raw_fnirs, _on_fnirs_clock(config, markers))):
        raw.set_meas_date(when)
        raw.set_annotations(mne.Annotations(onset, law.task, table.trial_type, orig_time=when))
    raw_fnirs.info["subject_info"] = {"his_id": names[0]}  # the SNIRF writer asks for one
    hidden = pd.DataFrame(of._asdict()).assign(efficiency=of.intensity - of.cost)
    found = pd.DataFrame(sorted(spoilt), columns=["onset", "kind"])
    return Session(raw_eeg, raw_fnirs, table, hidden, found, *names)


def simulate_study(
    config: SessionConfig | None = None,
    trial: TrialConfig | Task | None = None,
    *,
    n_subjects: int = 29,
    n_sessions: int = 1,
    seed: int = 0,
) -> Iterator[Session]:
    """Sessions of several subjects, one at a time: scalp gains and ``subject_shift`` are a subject's."""
    for name, count in (("n_subjects", n_subjects), ("n_sessions", n_sessions)):
        if count < 1:
            raise InputError(f"{name} must be 1 or more; found {count}.")
    config = config or SessionConfig()
    for i in range(n_subjects):
        # not [seed, i]: zeros at its end change nothing, so that would be the stream of the first session
        subject = draw_subject(config, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i,))))
        for j in range(n_sessions):
            rng = np.random.default_rng([seed, i, j])
            names = (f"{i + 1:02d}", f"{j + 1:02d}")
            yield simulate_session(config, trial, seed=rng, subject=subject, names=names)


def draw_subject(config: SessionConfig, rng: np.random.Generator) -> Subject:
    """Gains U(0.7, 1.1), shifts normal."""
    shift = config.subject_shift * rng.standard_normal(4) * np.array([1.0, 0.35, 0.35, 0.35])
    return Subject(draw_scalp(rng), *map(float, shift))


def _interval(config: SessionConfig, law: TrialConfig) -> tuple[float, float]:
    """Range of the time between markers, checked."""
    kinds = len(_kinds(law))
    if config.n_trials < kinds:
        raise InputError(
            f"a session needs at least {kinds} trials, one of every kind; found n_trials={config.n_trials}."
        )
    over = law.onset_range + law.task + RESPONSE
    if config.interval is None:
        return over + 2, over + 6
    if config.interval[0] < over and not config.overlap:
        raise InputError(
            f"responses overlap: an interval of {config.interval[0]:g} s is shorter than the {over:g} s that jitter, "
            "task and response take; widen it, or set overlap."
        )
    return config.interval


def _kinds(law: TrialConfig) -> list[tuple[bool, int]]:
    events = [event for event, chance in ((True, law.event), (False, 1 - law.event)) if chance > 0]
    return [(event, mode) for event in events for mode in range(len(law.modes))]


def _ordered(config: SessionConfig, law: TrialConfig, rng: np.random.Generator) -> Factors:
    """Factors of the trials of a session."""
    n, kinds = config.n_trials, _kinds(law)
    if law.event not in (0.0, 0.5, 1.0):
        return draw_factors(law, n, rng)
    # every stretch of so many trials holds each kind once, so time on task tells nothing about the condition
    order = np.concatenate([rng.permutation(len(kinds)) for _ in range(-(-n // len(kinds)))])[:n]
    event, mode = (np.array(column) for column in zip(*(kinds[i] for i in order), strict=True))
    return draw_factors(law, n, rng, event=event, mode=mode)


def _shifted(of: Factors, subject: Subject) -> Factors:
    return of._replace(
        delay=of.delay + subject.delay,
        activation=of.activation + subject.activation,
        intensity=of.intensity + subject.intensity,
        cost=of.cost + subject.cost,
    )


def _table(
    config: SessionConfig,
    law: TrialConfig,
    task: Task | None,
    of: Factors,
    markers: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "onset": markers,
            "duration": law.task,
            "trial_type": np.where(of.event, "activation", "rest"),
            "mode": np.array(law.modes)[of.mode],
            "log_hbo_gain": np.where(of.event_fnirs, of.log_amplitude, np.nan),
        }
    )
    if task is not None:
        label = task.label(of, rng)
        table["label"] = label.astype(int) if label.dtype == bool else label
    if config.behaviour:
        told = behave(of, rng, markers / markers[-1])
        if task is not None and task.name == "behaviour":
            told = told._replace(correct=label)
        table = table.assign(**{name: x.astype(int) if x.dtype == bool else x for name, x in told._asdict().items()})
    return table


def _on_fnirs_clock(config: SessionConfig, t):
    return config.clock_offset + (1 + config.clock_drift) * t


@noise.one_thread
def _eeg(
    config: SessionConfig,
    law: TrialConfig,
    of: Factors,
    markers: np.ndarray,
    end: float,
    moves: artefacts.Motion,
    rng: np.random.Generator,
) -> tuple[mne.io.RawArray, list[tuple[float, str]]]:
    sfreq, place = law.eeg_sfreq, montage(law.site)
    times = np.arange(round(end * sfreq)) / sfreq
    onset = markers + of.onset
    data = _background(config, law, place, of, onset, times, rng)
    source = np.zeros(times.size)
    for i, start in enumerate(onset):
        since = times - start
        near = slice(*np.searchsorted(since, [-1.0, law.task + 3.0]))
        edges = envelope(since[near], law.task)
        at = noise.bins(edges.size, sfreq)
        mode = law.modes[of.mode_eeg[i]]
        induced = [(mode, law.band_rms[MODES.index(mode)] * np.exp(of.log_power[i] / 2))]
        if of.event_eeg[i]:
            source[near] += law.erp * np.exp(of.activation[i] / 2) * erp(since[near])
            induced.append(("theta", law.theta_rms))
        for name, rms in induced:
            wave = noise.draw(rng, at, rms * np.sqrt(spectra.band(at.f, name, law.band_scale)), 1)
            source[near] += edges * noise.samples(wave[0, 0], at.n)
    data += place.pattern[:, None] * source
    spoilt: list[tuple[float, str]] = []
    for asked, spoil, kind in (
        (config.blinks, artefacts.blinks, "blink"),
        (config.muscle, artefacts.muscle, "muscle"),
    ):
        if asked:
            wave, when = spoil(rng, times.size, sfreq)
            data += wave
            spoilt += [(float(t), kind) for t in when]
    if config.mains:
        data += artefacts.mains(rng, times.size, sfreq)
    if config.motion == "both":
        data += artefacts.moved_potential(rng, moves, times)
    return mne.io.RawArray(data, eeg_info(sfreq), verbose="error"), spoilt


def _background(
    config: SessionConfig,
    law: TrialConfig,
    place: Montage,
    of: Factors,
    onset: np.ndarray,
    times: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    at = noise.bins(scipy.fft.next_fast_len(times.size, real=True), law.eeg_sfreq)
    root = np.linalg.cholesky(place.covariance)

    def of_density(psd: np.ndarray) -> np.ndarray:
        return root @ noise.samples(noise.draw(rng, at, np.sqrt(psd), len(root))[:, 0], at.n)[:, : times.size]

    if config.alpha_desynchronisation == 0:
        return of_density(spectra.background(at.f))
    left = np.ones(times.size)
    for start in onset[of.event_eeg]:
        left *= 1 - config.alpha_desynchronisation * envelope(times - start, law.task)
    return of_density(spectra.aperiodic(at.f)) + left * of_density(spectra.resting_alpha(at.f))


def _fnirs(
    config: SessionConfig,
    law: TrialConfig,
    subject: Subject,
    of: Factors,
    markers: np.ndarray,
    end: float,
    moves: artefacts.Motion,
    rng: np.random.Generator,
) -> mne.io.RawArray:
    place = montage(law.site)
    times = np.arange(round(_on_fnirs_clock(config, end) * law.fnirs_sfreq)) / law.fnirs_sfreq
    pairs = _systemic(law, place, subject.scalp, times.size, rng).reshape(-1, 2, times.size)
    start = _on_fnirs_clock(config, markers + latency(law, of.onset, of.delay))
    seen = place.gain > 0
    size = law.hbo * np.exp(of.log_amplitude)
    hbo, hbr = response_scale(law, of.mode)
    for i in np.flatnonzero(of.event_fnirs):
        since = times - start[i]
        near = slice(*np.searchsorted(since, [0.0, law.task + 40.0]))
        rise = double_gamma(since[near], law.task, of.dispersion[i])
        fall = law.hbr_ratio * double_gamma(since[near] - law.hbr_lag, law.task, of.dispersion[i])
        response = size[i] * np.stack([hbo[i] * rise, hbr[i] * fall])
        pairs[seen, :, near] += place.gain[seen, None, None] * response
    density = np.einsum("pwc,pct->pwt", place.density, pairs)
    light = 0.5 * np.exp(-density)
    if moves.times.size:
        on_clock = moves._replace(times=_on_fnirs_clock(config, moves.times))
        light *= artefacts.moved_intensity(rng, on_clock, times)[:, None]
    return mne.io.RawArray(light.reshape(-1, times.size), fnirs_info(law.fnirs_sfreq), verbose="error")


@noise.one_thread
def _systemic(law: TrialConfig, place: Montage, scalp: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Concentrations [32, n] without any response, some bins at a time: the matrices of all would fill the memory."""
    at = noise.bins(scipy.fft.next_fast_len(n, real=True), law.fnirs_sfreq)
    found = []
    for i in range(0, at.f.size, _BLOCK):
        some = at._replace(f=at.f[i : i + _BLOCK], weight=at.weight[i : i + _BLOCK])
        root = np.linalg.cholesky(spectra.haemoglobin(some.f, law, place, scalp))
        found.append(noise.draw(rng, some, root, 1)[0])
    return noise.samples(np.concatenate(found, axis=-1), at.n)[:, :n]
