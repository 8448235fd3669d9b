"""EEGfNIRSDecomposer: from paired epochs to the five heads, with scikit-learn's manners."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from pidjax import train
from pidjax._checks import InputError, one_of
from pidjax.data import batch_indices
from pidjax.neuro import stored
from pidjax.neuro.features import band_proportions, response_features, usable_bands
from pidjax.neuro.labels import checked_labels
from pidjax.neuro.learned_features import as_evidence, learn_features, measure, normal_ranks
from pidjax.neuro.paired import PairedEpochs
from pidjax.objectives import HEADS, DecompositionConfig, Shapes, decomposition

PRESETS: dict[str, dict] = {
    "original": {},
    "default": {
        "unique_loss": "squared",
        # with tens of trials, a low temperature and gentle masking learn the trials by heart
        "temperature": 0.5,
        "mask_fraction": 0.3,
        "dropout": 0.3,
        # a quarter of a factor's spread: two views still share 1.09 nats about it (r = 1 would leave 0.14)
        "band_log_sd": 0.09,
        "delay_sd": 0.2,
        "response_log_sd": 0.09,
    },
}
"""What each preset changes in ``DecompositionConfig``, whose defaults are the original design."""
TARGETS = {"original": "classical", "default": "learned"}
"""Features that unique heads rebuild: those of ``features``, or of ``learned_features`` where there are events."""
REBUILT = {
    "classical": "band shares and peaks and areas of all channels",
    "learned": "size and time of the response, and band powers, learned from the training trials without labels",
}
"""The same in words."""
MIN_GAP = {"original": 0.0, "default": 30.0}
"""Seconds between negatives: haemodynamic responses of closer segments overlap."""


class EEGfNIRSDecomposer(BaseEstimator):
    """Split simultaneous EEG and fNIRS into redundant, unique and synergistic representations.

    Self-supervised, unless ``fit`` is given labels. See ``pidjax.objectives.decomposition`` for the loss.

    Parameters
    ----------
    preset : "default" | "original"
        "original" has the losses and strengths of the original design. "default" differs: negatives at least 30 s
        apart; sim² instead of −log(1 − sim) between a unique head and the other modality; temperature 0.5
        instead of 0.1; more masking and channel dropout (0.3 instead of 0.1); weaker changes of band gain, delay
        and response (a quarter of a factor's spread); and unique heads rebuild features of single trials that are
        learned without labels (``learned_features``), not band shares and peaks of all channels, wherever trials are
        locked to events ("erp" among them) or ``jitter`` is told. Where they cannot be learned at jitter 0 (a silent
        channel) a warning says so, and all channels' are taken. The first is the size of the response, which is the
        event's as much as the modality's own: unique heads know the event.
    encoder : "transformer" | "lstm" | "gru"
    fusion : "concat" | "cross_attention"
    unique_loss : "negative" | "squared" | "adversarial" | "grl", optional
        What keeps the other modality out of a unique head; the preset's by default.
    similarity : "cosine" | "dot"
    bands_transform : "stft" | "wavelet"
    n_dims : int
        Width of every head.
    min_gap : float, optional
        Segments closer than this (s) are not negatives of one another; 30 by default, 0 with "original".
    jitter : float
        Onsets lie within this (s) after the marker, which the features of "default" are then learned with; responses
        are then taught by the other modality's onsets too.
    steps, batch_size, learning_rate
        Of AdamW (weight decay 0.1, gradients clipped at norm 10).
    random_state : int
    engine : "auto" | "jit" | "pmap" | "shard_map"

    Attributes
    ----------
    history_ : list of dict
        Named numbers of every step (InfoNCE terms in nats, lower bounds).
    config_ : DecompositionConfig
    targets_ : str
        What unique heads rebuilt, in words.
    """

    def __init__(
        self,
        preset: str = "default",
        *,
        encoder: str = "transformer",
        fusion: str = "concat",
        unique_loss: str | None = None,
        similarity: str = "cosine",
        bands_transform: str = "stft",
        n_dims: int = 32,
        min_gap: float | None = None,
        jitter: float = 0.0,
        steps: int = 120,
        batch_size: int = 32,
        learning_rate: float = 2e-3,
        random_state: int = 0,
        engine: str = "auto",
    ):
        self.preset = preset
        self.encoder = encoder
        self.fusion = fusion
        self.unique_loss = unique_loss
        self.similarity = similarity
        self.bands_transform = bands_transform
        self.n_dims = n_dims
        self.min_gap = min_gap
        self.jitter = jitter
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.engine = engine

    def fit(
        self,
        pairs: PairedEpochs,
        y: np.ndarray | None = None,
        *,
        checkpoints: str | Path | None = None,
        title: str = "training",
        progress: bool = False,
        resume: str | None = None,
    ) -> EEGfNIRSDecomposer:
        """Train on all trials of ``pairs``, going on from what ``checkpoints`` holds.

        ``y`` [trials] teaches the synergy head: labels 0, 1, ... of some trials or all, −1 where it is not told.
        ``title``, ``progress`` and ``resume`` (the command that goes on after SIGTERM) are those of
        ``pidjax.train.train``.

        Raises
        ------
        InputError
            Fewer than 4 trials; labels of other trials, or of one class; a jitter that is negative, of "original", or
            for which trials are too short.
        pidjax.train.TrainingError
            A loss that is not finite.
        """
        one_of("preset", self.preset, tuple(PRESETS))
        if len(pairs) < 4:
            raise InputError(f"contrastive training needs at least 4 trials; found {len(pairs)}.")
        if not 0 <= self.jitter < np.inf or (self.jitter and self.preset == "original"):
            raise InputError(f'jitter must be 0 s or more, and 0 with "original"; found {self.jitter:g}.')
        eeg, fnirs, self.targets_ = _targets(self, pairs)
        arrays, classes = _arrays(pairs) | {"eeg_features": eeg, "fnirs_features": fnirs}, 0
        if y is not None:
            arrays["y"] = checked_labels(y, len(pairs))
            classes = int(arrays["y"].max()) + 1
        self.config_, self._shapes = _settings(self, pairs, arrays, classes)
        init, step = _compiled(self.config_, self._shapes, self.learning_rate, self.engine)
        key = jax.random.key(self.random_state)
        size = min(self.batch_size, len(pairs))
        size -= size % jax.device_count()
        if size < 2:
            raise InputError(f"{len(pairs)} trials are too few for {jax.device_count()} devices: use fewer.")
        share = size // jax.process_count()
        batch_key, first = jax.random.fold_in(key, 1), jax.process_index() * share

        def batches(i: int):
            rows = np.asarray(batch_indices(batch_key, i, len(pairs), size))[first : first + share]
            return {name: x[rows] for name, x in arrays.items()}

        state = init(key, batches(0))
        settings = dataclasses.asdict(self.config_) | self.get_params() | {"batch_size": size}
        del settings["engine"]  # numbers are the same
        store = None if checkpoints is None else train.Checkpoints(checkpoints, config=settings)
        try:
            state, self.history_ = train.train(
                step, state, batches, self.steps, checkpoints=store, title=title, progress=progress, resume=resume
            )
        finally:
            if store is not None:
                store.close()
        self.params_, self.state_ = jax.device_get((state.params, state.state))
        return self

    def transform(self, pairs: PairedEpochs) -> dict[str, np.ndarray]:
        """The five heads of every trial, float32 [trials, n_dims], before any normalisation."""
        arrays = {name: x for name, x in pairs.to_arrays().items() if name in dict(self._shapes.signals)}
        encode = _encode(self.config_, self._shapes)
        z = encode(self.params_, self.state_, {name: jnp.asarray(x) for name, x in arrays.items()})
        return {head: np.asarray(z[head][:, 0]) for head in HEADS}

    def save(self, path: str | Path) -> None:
        """Write what ``transform`` needs, the settings and the history to one file of arrays (``.npz``)."""
        check_is_fitted(self)
        tree = (self.params_, self.state_)
        stored.write(Path(path), self.get_params(), self.config_, self._shapes, tree, self.history_)

    @classmethod
    def load(cls, path: str | Path) -> EEGfNIRSDecomposer:
        """The model that ``save`` wrote.

        Raises
        ------
        InputError
            A file that is absent, cut off, of something else, or of a version whose settings or model differ.
        """
        settings, config, shapes, tree, history = stored.read(Path(path), cls().get_params())
        model = cls(**settings)
        model.config_, model._shapes, model.history_ = config, shapes, history
        model.params_, model.state_ = tree
        return model


def _arrays(pairs: PairedEpochs) -> dict[str, np.ndarray]:
    return {
        **pairs.to_arrays(),
        "onset": pairs.metadata.onset_eeg.to_numpy(np.float32),
        "recording": pairs.recording,
    }


def rebuilt(preset: str, jitter: float, pairs: PairedEpochs) -> str:
    """Which features unique heads are to rebuild, of ``REBUILT``: learned ones want events or onsets to be found."""
    return TARGETS[preset] if "erp" in pairs.epochs or jitter > 0 else "classical"


def _targets(model: EEGfNIRSDecomposer, pairs: PairedEpochs) -> tuple[np.ndarray, np.ndarray, str]:
    """Features of each modality that its unique head rebuilds, float32 [trials, d], and what they are."""
    said = REBUILT["classical"]
    if rebuilt(model.preset, model.jitter, pairs) == "learned":
        try:
            trials = as_evidence(pairs, model.jitter)
            features = measure(learn_features(trials, model.jitter), trials)
        except InputError as error:
            if model.jitter > 0:
                raise
            said = f"{said}, since others could not be learned: {error}"
            warnings.warn(f"unique heads rebuild {said}", stacklevel=3)
        else:
            eeg, fnirs = (normal_ranks(x)(x).astype(np.float32) for x in (features.eeg, features.fnirs))
            return eeg, fnirs, REBUILT["learned"]
    return band_proportions(pairs), response_features(pairs), said


def _settings(
    model: EEGfNIRSDecomposer, pairs: PairedEpochs, arrays, classes: int
) -> tuple[DecompositionConfig, Shapes]:
    signals = tuple((name, (*arrays[name].shape[1:], float(e.info["sfreq"]))) for name, e in pairs.epochs.items())
    features = tuple((m, arrays[f"{m}_features"].shape[1]) for m in ("eeg", "fnirs"))
    _, times, sfreq = dict(signals)["eeg"]
    _, fnirs_times, fnirs_sfreq = dict(signals)["fnirs"]
    frame = min(1.0, times / sfreq / 2)
    preset = PRESETS[model.preset]
    if model.unique_loss is not None:
        preset = preset | {"unique_loss": model.unique_loss}
    config = DecompositionConfig(
        n_dims=model.n_dims,
        encoder=model.encoder,
        fusion=model.fusion,
        similarity=model.similarity,
        bands_transform=model.bands_transform,
        min_gap=MIN_GAP[model.preset] if model.min_gap is None else model.min_gap,
        eeg_frame=frame,
        fnirs_frame=min(1.0, fnirs_times / fnirs_sfreq / 4),
        bands=tuple(usable_bands(sfreq, frame).values()),
        classes=classes,
        **preset,
    )
    return config, Shapes(signals, features)


@functools.lru_cache(maxsize=8)
def _compiled(config: DecompositionConfig, shapes: Shapes, learning_rate: float, engine: str):
    """Folds and seeds of one design share one compiled start and one compiled step."""
    objective, tx = decomposition(config, shapes), train.adamw(learning_rate)
    txs = {"theta": tx, "phi": tx}
    return train.make_init(objective, txs), train.make_step(objective, txs, engine=engine)


@functools.lru_cache(maxsize=8)
def _encode(config: DecompositionConfig, shapes: Shapes):
    objective = decomposition(config, shapes)
    return jax.jit(lambda params, state, batch: objective.encode(params, state, batch, train=False)[0])
