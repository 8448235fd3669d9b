"""EEG and fNIRS: two recordings in, a decomposition out. The only rooms that import mne."""

from pidjax.neuro.berlin import read_shin2017, read_shin2018
from pidjax.neuro.canonical import CanonicalDecomposer
from pidjax.neuro.clock import Clock, fit_clock
from pidjax.neuro.decomposer import EEGfNIRSDecomposer
from pidjax.neuro.evidence import Evidence, evidence_of_arrays, evidence_of_pairs
from pidjax.neuro.job import decompose
from pidjax.neuro.paired import PairedEpochs
from pidjax.neuro.preprocess import PreprocessConfig, preprocess_eeg, preprocess_fnirs
from pidjax.neuro.recordings import read_eeg, read_fnirs
from pidjax.neuro.settings import DecomposeSettings
from pidjax.neuro.simulate import SessionConfig, save_session, simulate_session
from pidjax.neuro.single_trial import single_trial_responses
from pidjax.neuro.validate import SynergyClaim, synergy_claim

__all__ = [
    "CanonicalDecomposer",
    "Clock",
    "DecomposeSettings",
    "EEGfNIRSDecomposer",
    "Evidence",
    "PairedEpochs",
    "PreprocessConfig",
    "SessionConfig",
    "SynergyClaim",
    "decompose",
    "evidence_of_arrays",
    "evidence_of_pairs",
    "fit_clock",
    "preprocess_eeg",
    "preprocess_fnirs",
    "read_eeg",
    "read_fnirs",
    "read_shin2017",
    "read_shin2018",
    "save_session",
    "simulate_session",
    "single_trial_responses",
    "synergy_claim",
]
