"""What one simulated trial is made of: the law of its factors and the sizes of its signals."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from pidjax._checks import InputError, check_share, not_negative, one_of
from pidjax.neuro.features import BANDS

MODES = ("alpha", "beta", "gamma")
"""Bands whose induced power an activation mode raises; limits in ``features.BANDS``."""


@dataclasses.dataclass(frozen=True)
class TrialConfig:
    """Law of the factors and sizes of the signals; seconds, volts, mol/L, natural logarithms.

    EEG shows an event as an ERP of size erp · exp(a / 2), and a mode as band power band_rms² · exp(a + u); fNIRS shows
    an event as a response of amplitude hbo · exp(a + v), tau later than the onset. Values without a source are design
    choices; rates and channel counts are those of Shin et al. 2018.

    Attributes
    ----------
    event : float
        Probability that a trial holds an activation rather than rest.
    event_errors : (float, float)
        Probability that the EEG, and that the fNIRS, shows activation in rest or rest in activation.
    jitter : float
        Onset after the marker, U(0, jitter).
    modes : tuple of str
        Equally likely modes.
    mode_error : float
        Probability that the EEG shows one of the other modes.
    activation_sd, intensity_sd, cost_sd : float
        SDs of a (both modalities), u (EEG alone) and v (fNIRS alone).
    cost_law : str
        v is N(0, cost_sd²), or "binary": ± cost_sd.
    delay_mean, delay_sd : float
        Of the coupling delay tau beyond the response's own 5 s (Aguirre 1998: 1 s, within a subject 0.8 s).
    delay_law : str
        tau is normal, cut (not clipped) at ``delay_range``, or "binary": mean ± sd.
    delay_modulus : float
        When not 0, the response begins at (onset + tau) modulo this; onsets are then uniform on it.
    dispersion_sd : float
        SD of the dispersion of the double gamma around 1.
    mode_on_hrf, mode_on_hbr : float
        Log factor of the whole response, or of HbR alone, in trials of the first mode: controls.
    task : float
        Length of the boxcar that drives the response, and of the induced activity.
    erp, theta_rms : float
        Peak of the ERP, and RMS of the theta that an activation induces.
    band_rms : (float, float, float)
        RMS of the induced alpha, beta and gamma.
    band_scale : float
        Factor of the edges of their bands and of theta's.
    hbo, hbr_ratio, hbr_lag : float
        Peak of HbO; HbR is ratio times it, lag later (Homer3: 1.7 s).
    systemic_correlation : float
        Between the scalps of two channels (Wyser et al. 2020: 0.69 to 0.92); cardiac waves are always common.
    hbr_own, hbr_systemic_lag : float
        Share of HbR's systemic power that HbO does not have, and lag of the rest: no fixed combination of the two
        cancels the systemic part.
    site : str
        Electrode position over the one active site of both modalities.
    eeg_sfreq, fnirs_sfreq : float
    eeg_window, fnirs_window : (float, float)
        Of a trial, around its marker, without jitter, which is added to the end.
    """

    event: float = 0.5
    event_errors: tuple[float, float] = (0.0, 0.0)
    jitter: float = 0.0
    modes: tuple[str, ...] = MODES
    mode_error: float = 0.0
    activation_sd: float = 0.35
    intensity_sd: float = 0.35
    cost_sd: float = 0.35
    cost_law: Literal["normal", "binary"] = "normal"
    delay_mean: float = 1.0
    delay_sd: float = 0.8
    delay_law: Literal["normal", "binary"] = "normal"
    delay_range: tuple[float, float] = (-0.5, 4.0)
    delay_modulus: float = 0.0
    dispersion_sd: float = 0.1
    mode_on_hrf: float = 0.0
    mode_on_hbr: float = 0.0
    task: float = 10.0
    erp: float = 6e-6
    theta_rms: float = 0.0
    band_rms: tuple[float, float, float] = (6e-6, 3e-6, 1.5e-6)
    band_scale: float = 1.0
    hbo: float = 0.6e-6
    hbr_ratio: float = -1 / 3
    hbr_lag: float = 1.7
    systemic_correlation: float = 0.8
    hbr_own: float = 0.5
    hbr_systemic_lag: float = 0.5
    site: str = "C3"
    eeg_sfreq: float = 200.0
    fnirs_sfreq: float = 10.0
    eeg_window: tuple[float, float] = (-0.5, 1.5)
    fnirs_window: tuple[float, float] = (-5.0, 40.0)

    def __post_init__(self) -> None:
        for name in _SIZES:
            not_negative(name, getattr(self, name))
        if len(self.band_rms) != len(MODES) or len(self.event_errors) != 2:
            raise InputError(
                f"band_rms holds three sizes and event_errors two; found {self.band_rms} and {self.event_errors}."
            )
        for rms in self.band_rms:
            not_negative("band_rms", rms)
        for name in ("event", "mode_error", "systemic_correlation", "hbr_own"):
            check_share(name, getattr(self, name))
        for error in self.event_errors:
            check_share("event_errors", error)
        one_of("cost_law", self.cost_law, ("normal", "binary"))
        one_of("delay_law", self.delay_law, ("normal", "binary"))
        for mode in self.modes:
            one_of("a mode", mode, MODES)
        if len(set(self.modes)) != len(self.modes) or not self.modes:
            raise InputError(f"modes must be one or more different bands; found {self.modes}: name each once.")
        if self.mode_error and len(self.modes) < 2:
            raise InputError("mode_error needs another mode to show; found one mode: give two or three.")
        if (self.mode_on_hrf or self.mode_on_hbr) and self.mode_error:
            raise InputError("mode_error and an effect of the mode on the response exclude each other: leave one at 0.")
        if self.mode_on_hrf and self.mode_on_hbr:
            raise InputError("mode_on_hrf and mode_on_hbr both act on HbR: ask for one of them.")
        self._check_times()

    def _check_times(self) -> None:
        if not self.delay_range[0] < self.delay_mean < self.delay_range[1]:
            raise InputError(f"delay_mean={self.delay_mean} must lie inside delay_range={self.delay_range}.")
        if self.delay_modulus and self.jitter:
            raise InputError(
                "delay_modulus already makes onsets uniform on it, and jitter asks for the onset again: leave jitter "
                "at 0."
            )
        if not min(self.task, self.eeg_sfreq, self.fnirs_sfreq, self.band_scale) > 0:
            raise InputError("task, both sampling rates and band_scale must be positive.")
        used = self.band_scale * max(BANDS[mode][1] for mode in self.modes)
        if self.eeg_sfreq < 2.5 * used:
            raise InputError(
                f"eeg_sfreq={self.eeg_sfreq:g} Hz cannot hold the mode up to {used:g} Hz: at least {2.5 * used:g} Hz, "
                "or leave that mode out."
            )
        if self.fnirs_sfreq < 3:
            raise InputError(f"fnirs_sfreq={self.fnirs_sfreq:g} Hz cannot hold the heart beat: take 3 Hz or more.")
        for name, window, sfreq in (
            ("eeg_window", self.eeg_window, self.eeg_sfreq),
            ("fnirs_window", self.fnirs_window, self.fnirs_sfreq),
        ):
            samples = (window[1] - window[0]) * sfreq
            if window[0] > 0 or window[1] <= 0:
                raise InputError(f"{name}={window} must hold the marker at 0.")
            if abs(samples - round(samples)) > 1e-6:
                raise InputError(
                    f"{name}={window} holds {samples:g} samples at {sfreq:g} Hz, not a whole number: change the window "
                    "or the rate."
                )
        if self.onset_range and not (self.eeg_window[0] <= -0.05 and self.eeg_window[1] >= 0.75):
            raise InputError(f"with a jitter, eeg_window={self.eeg_window} must hold the whole ERP, -0.05 to 0.75 s.")
        if self.dispersion_sd > 0.24:
            raise InputError(
                f"dispersion_sd must be 0.24 or less, or a response has no width; found {self.dispersion_sd:g}."
            )
        spread = self.onset_range * self.eeg_sfreq
        if abs(spread - round(spread)) > 1e-6:
            raise InputError(f"jitter={self.onset_range:g} s must be a whole number of samples of the EEG.")

    @property
    def onset_range(self) -> float:
        """Onsets are uniform on (0, this); 0: at the marker."""
        return self.jitter or self.delay_modulus

    @property
    def eeg_times(self) -> int:
        """Samples of the EEG of a trial."""
        return round((self.eeg_window[1] - self.eeg_window[0] + self.onset_range) * self.eeg_sfreq)

    @property
    def fnirs_times(self) -> int:
        """Samples of the fNIRS of a trial."""
        return math.ceil((self.fnirs_window[1] - self.fnirs_window[0] + self.onset_range) * self.fnirs_sfreq - 1e-6)


_SIZES = (
    *("jitter", "activation_sd", "intensity_sd", "cost_sd", "delay_sd", "delay_modulus", "dispersion_sd"),
    *("erp", "theta_rms", "hbo", "hbr_lag", "hbr_systemic_lag"),
)
