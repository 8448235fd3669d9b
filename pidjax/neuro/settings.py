"""Every choice of an analysis, and which of them cannot work with any recording."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from pidjax._checks import InputError, one_of

FNIRS_BAND = {"default": (0.01, 0.2), "original": (0.01, 0.1), "canonical": (0.01, 0.2)}
"""Pass band of each preset (Hz). The original's moves the peak of a response by up to 0.7 s."""
MIN_WINDOW = 1.0
"""Shortest window (s): the shortest that resolves the EEG bands and holds a few fNIRS samples."""

TRAINING = ("steps", "encoder", "fusion", "unique_loss", "similarity", "bands_transform", "n_dims", "batch_size")
"""Settings that the closed form has no use for."""


@dataclasses.dataclass(frozen=True)
class DecomposeSettings:
    """Every choice of an analysis; written to ``config.json``."""

    preset: Literal["default", "original", "canonical"] = "default"
    """"original": the original design. "default": other negatives, augmentation, temperature, leakage loss, filter,
    features that unique heads rebuild.

    "canonical": closed form instead of training, for some hundred trials; it takes no setting of training.
    """
    dataset: Literal[
        "files", "shin2017", "shin2017_arithmetic", "shin2017_imagery", "shin2018_cognitive", "shin2018_nback"
    ] = "files"
    """Published recordings: give the folder of all subjects alone, as unpacked, or EEG and fNIRS folders of one.

    "shin2017" has both tasks; "shin2018_cognitive" is word generation, "shin2018_nback" the blocks of n-back.
    """
    task_offset: float = 0.0
    """Of a data set: seconds from a marker to the task, 2 where a copy's markers are at the instruction."""
    subjects: tuple[int, ...] = ()
    """Which of the data set's (all by default)."""
    events: str = "auto"
    """A BIDS events.tsv; "auto" or "annotations" (of the files); or "windows" of fixed length.

    "auto" takes annotations that last two windows and come less than three times for lasting states, not events.
    """
    events_clock: Literal["eeg", "fnirs"] = "eeg"
    """Whose clock the onsets of an events.tsv are on."""
    conditions: tuple[str, ...] = ()
    """Names of the events to use (all shared ones by default)."""
    epoch: tuple[float, float] | None = None
    """EEG window around an event (s; -1 10 by default), or the length of windows without events (0 10)."""
    fnirs_epoch: tuple[float, float] | None = None
    """fNIRS window around an event (s; -5 20 by default); without events the EEG's."""
    clock: Literal["auto", "fit", "offset", "start", "none"] = "auto"
    """How the fNIRS clock is found: offset and drift, offset alone, start times, or none (both began together)."""
    seed: int = 0
    """Of initial weights, batches, augmentations and permutations."""
    jitter: float = 0.0
    """Onsets lie within this (s) after the marker and are learned; 0: at the marker. Not of "original"."""
    steps: int = 120
    """Training steps."""
    encoder: Literal["transformer", "lstm", "gru"] = "transformer"
    fusion: Literal["concat", "cross_attention"] = "concat"
    unique_loss: Literal["negative", "squared", "adversarial", "grl"] | None = None
    """What keeps the other modality out of a unique head; the preset's by default."""
    similarity: Literal["cosine", "dot"] = "cosine"
    """Of a unique head and the other modality, and of heads that must differ."""
    bands_transform: Literal["stft", "wavelet"] = "stft"
    """How the EEG becomes band energies."""
    n_dims: int = 32
    """Width of every head."""
    batch_size: int = 32
    folds: int = 5
    """Contiguous blocks of every recording: a fold tests one of each, or a subject; nulls stay within one."""
    leave_out: Literal["block", "subject"] = "block"
    """What a fold tests: a block of every recording, or one subject by all others (blocks where there is only one)."""
    permutations: int = 200
    """Of every null; at most 99 of a claim of synergy and 39 of what synergy adds, always 200 of a redundant pair."""
    reference: Literal["average", "original"] = "average"
    reject_eeg: float = 150.0
    """Peak-to-peak (µV) beyond which a trial is bad."""
    line: float = 50.0
    """Mains frequency (Hz)."""
    ppf: float = 6.0
    """Partial pathlength factor of the Beer-Lambert law."""
    min_sci: float = 0.5
    """Scalp coupling index below which an fNIRS pair is bad."""
    tddr: bool = False
    """Repair motion by TDDR (costs part of the response)."""


def check_settings(settings: DecomposeSettings) -> None:
    """Raise ``InputError`` where a setting cannot work with any recording."""
    least = {"steps": 1, "batch_size": 2, "n_dims": 1, "folds": 2, "permutations": 0, "seed": 0}
    for name, smallest in least.items():
        if getattr(settings, name) < smallest:
            raise InputError(
                f"--{name.replace('_', '-')} must be at least {smallest}: found {getattr(settings, name)}."
            )
    one_of("--leave-out", settings.leave_out, ("block", "subject"))
    if not 0 <= settings.jitter < np.inf or (settings.jitter and settings.preset == "original"):
        raise InputError(
            f"--jitter must be 0 s or more, and does not go with --preset original; found {settings.jitter:g} with "
            f"{settings.preset}."
        )
    trained = [name for name in TRAINING if getattr(settings, name) != getattr(DecomposeSettings, name)]
    if trained and settings.preset == "canonical":
        raise InputError(
            f"--preset canonical trains nothing: leave out {', '.join('--' + n.replace('_', '-') for n in trained)}, "
            "or take --preset default."
        )
    for name in ("reject_eeg", "line", "ppf"):
        if not 0 < getattr(settings, name) < np.inf:
            raise InputError(f"--{name.replace('_', '-')} must be positive; found {getattr(settings, name)}.")
    for name in ("epoch", "fnirs_epoch"):
        window = getattr(settings, name)
        if window is not None and not (np.isfinite(window).all() and window[1] - window[0] >= MIN_WINDOW):
            raise InputError(
                f"--{name.replace('_', '-')} needs START before STOP, at least {MIN_WINDOW:g} s apart; "
                f"found {window[0]:g} {window[1]:g}."
            )
