"""What the explicit decomposition must be told: the shapes of its signals, and its settings."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from pidjax._checks import InputError, one_of

ADVERSARIES = ("adversarial", "grl")


class Shapes(NamedTuple):
    """What an objective must know of its data before it sees any.

    ``signals`` maps "eeg", "fnirs" and, where there are events, "erp" to (channels, times, sampling rate in
    Hz); ``features`` maps "eeg" and "fnirs" to the number of features that a decoder rebuilds. Both are
    tuples of pairs, so that the whole is hashable.
    """

    signals: tuple[tuple[str, tuple[int, int, float]], ...]
    features: tuple[tuple[str, int], ...]


@dataclasses.dataclass(frozen=True)
class DecompositionConfig:
    """Settings of the explicit decomposition; the defaults are those of the original design.

    Attributes
    ----------
    n_dims : int
        Width of every head.
    width, depth, attention_heads : int
        Of the transformer; the recurrent encoders use ``width``.
    encoder : "transformer" | "lstm" | "gru"
    fusion : "concat" | "cross_attention"
        How H_eeg and H_fnirs become the input of the synergy head.
    unique_loss : "negative" | "squared" | "adversarial" | "grl"
        What keeps the other modality out of Z_U: −log(1 − sim) of the design, or sim²; the first rewards a fully
        dependent anti-aligned code (its minimum is −ln 2 at cos = −1), the second does not. Or the information that
        an adversary finds, a classifier that picks, of all segments, the one that Z_U belongs to: in turns, the
        adversary by a loss of its own ("adversarial"), or both at once through a gradient-reversal layer ("grl").
    similarity : "cosine" | "dot"
        sim of L_U and L_orth. Dot products vanish where heads shrink, and −log(1 − sim) is cut off from 1 on.
    bands_transform : "stft" | "wavelet"
        How the EEG becomes band energies: ``band_energy_frames`` or ``wavelet_energy_frames``.
    temperature : float
        Of both InfoNCE terms.
    min_gap : float
        Segments whose onsets are closer than this (s) are not negatives of one another; 0 uses all.
    weight_redundancy, weight_unique, weight_synergy, weight_orthogonality : float
        The λ of the four terms.
    classes : int
        Of labels that the synergy head is taught, two or more; 0 is without labels.
    bands : tuple of (lo, hi) in Hz
        Of the EEG band-energy frames.
    eeg_frame, erp_frame, fnirs_frame : float
        Seconds of signal that become one token; EEG frames overlap by half.
    noise_sd, mask_fraction, dropout : float
        Additive noise (in channel standard deviations), masked share of time, probability of dropping a
        channel; both modalities.
    band_log_sd : float
        SD of the log gain of one EEG band.
    delay_sd, response_log_sd : float
        SD of the haemodynamic delay (s) and log amplitude.
    """

    n_dims: int = 32
    width: int = 64
    depth: int = 1
    attention_heads: int = 4
    encoder: str = "transformer"
    fusion: str = "concat"
    unique_loss: str = "negative"
    similarity: str = "cosine"
    bands_transform: str = "stft"
    temperature: float = 0.1
    min_gap: float = 0.0
    weight_redundancy: float = 1.0
    weight_unique: float = 1.0
    weight_synergy: float = 1.0
    weight_orthogonality: float = 1.0
    classes: int = 0
    bands: tuple[tuple[float, float], ...] = ((1, 4), (4, 8), (8, 12), (12, 30), (30, 45))
    eeg_frame: float = 1.0
    erp_frame: float = 0.1
    fnirs_frame: float = 1.0
    noise_sd: float = 0.3
    mask_fraction: float = 0.1
    dropout: float = 0.1
    band_log_sd: float = 0.35
    delay_sd: float = 0.8
    response_log_sd: float = 0.35

    def __post_init__(self):
        one_of("encoder", self.encoder, ("transformer", "lstm", "gru"))
        one_of("fusion", self.fusion, ("concat", "cross_attention"))
        one_of("unique_loss", self.unique_loss, ("negative", "squared", *ADVERSARIES))
        one_of("similarity", self.similarity, ("cosine", "dot"))
        one_of("bands_transform", self.bands_transform, ("stft", "wavelet"))
        if self.classes < 0 or self.classes == 1:
            raise InputError(f"classes must be 0, without labels, or at least 2; found {self.classes}.")
