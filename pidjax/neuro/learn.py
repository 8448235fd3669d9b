"""What ``pidjax decompose`` asks of a decomposer: one door for those that are trained and the one in closed form."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pidjax.neuro.canonical import CanonicalDecomposer
from pidjax.neuro.decomposer import MIN_GAP, REBUILT, EEGfNIRSDecomposer, rebuilt
from pidjax.neuro.paired import PairedEpochs
from pidjax.neuro.settings import DecomposeSettings
from pidjax.neuro.validate import SynergyClaim, claims_of_labels

LEAST_SHARE = 8
"""Trials of one recording in a batch, under which there are hardly any negatives."""
ENOUGH = 200
"""Trials below which a warning says so. Of a simulated recording 60 gave the redundant pair in two of six stretches,
100 in all; the EEG's head then correlated with the event by 0.62–0.80, of 200 by 0.87–0.90, of 250 by 0.92–0.93."""


class Learner(NamedTuple):
    """How heads are learned.

    Attributes
    ----------
    choices : callable
        Of all trials and settings: what will be done, in words, and warnings.
    fit : callable
        Of all trials, settings, and the rows to learn from; with the least number of rows of any fold, a folder for
        checkpoints, a title and the command that resumes. Returns what has ``transform``.
    words : callable
        Of a fitted model: what it found, in one line.
    configuration, numbers, section : callable
        Of a fitted model: for config.json, metrics.json and the report.
    claims : callable
        Of the models of folds, all trials, folds, permutations and a seed: claims of synergy, one a label.
    """

    choices: Callable[[PairedEpochs, DecomposeSettings], dict[str, str]]
    fit: Callable[..., Any]
    words: Callable[[Any], str]
    configuration: Callable[[Any], dict[str, Any]]
    numbers: Callable[[Any], dict[str, Any]]
    section: Callable[[Any], list[tuple[str, Any]]]
    claims: Callable[..., dict[str, SynergyClaim]]


def learner(preset: str) -> Learner:
    """Of a preset of the settings."""
    return CLOSED_FORM if preset == "canonical" else TRAINED


def _trained_choices(pairs: PairedEpochs, settings: DecomposeSettings) -> dict[str, str]:
    recordings = pairs.log.get("recordings", {})
    same = "of the same recording, " if recordings else "trials "
    choices = {"negatives": f"{same}at least {_min_gap(pairs, settings):.3g} s apart"}
    choices["unique heads rebuild"] = REBUILT[rebuilt(settings.preset, settings.jitter, pairs)]
    if settings.jitter:
        choices["onsets of responses"] = _onsets(settings)
    size = _batch_size(pairs, settings)
    if size > settings.batch_size:
        choices["batch"] = (
            f"{size} trials instead of {settings.batch_size}: {LEAST_SHARE} of each of {len(recordings)} recordings, "
            "since negatives come from the same recording"
        )
    return choices


def _trained_fit(
    pairs: PairedEpochs,
    settings: DecomposeSettings,
    rows: Any,
    *,
    smallest: int,
    checkpoints: Path,
    title: str,
    resume: str | None,
) -> EEGfNIRSDecomposer:
    model = EEGfNIRSDecomposer(
        settings.preset,
        encoder=settings.encoder,
        fusion=settings.fusion,
        unique_loss=settings.unique_loss,
        similarity=settings.similarity,
        bands_transform=settings.bands_transform,
        n_dims=settings.n_dims,
        min_gap=_min_gap(pairs, settings),
        jitter=settings.jitter,
        steps=settings.steps,
        batch_size=min(_batch_size(pairs, settings), smallest),
        random_state=settings.seed,
    )
    return model.fit(pairs[rows], checkpoints=checkpoints, title=title, progress=True, resume=resume)


def _trained_words(model: EEGfNIRSDecomposer) -> str:
    last = model.history_[-1]
    return (
        f"lower bounds on training trials: redundancy {last['redundancy']:.2f} nats, "
        f"synergy {last['synergy']:.2f} nats (neither can pass {last['ceiling']:.2f})"
    )


def _configuration(model: EEGfNIRSDecomposer) -> dict[str, Any]:
    return dataclasses.asdict(model.config_) | {"jitter": model.jitter, "unique heads rebuild": model.targets_}


def _trained_section(model: EEGfNIRSDecomposer) -> list[tuple[str, Any]]:
    from pidjax.evaluate import figures
    from pidjax.neuro.report import table

    choices = _configuration(model) | {"steps": model.steps, "learning rate": model.learning_rate}
    return [
        ("Training curves", figures.training_curves(model.history_, ("redundancy", "synergy"))),
        ("Choices: model", table([{"setting": k, "value": v} for k, v in choices.items()])),
    ]


def _min_gap(pairs: PairedEpochs, settings: DecomposeSettings) -> float:
    """The preset's distance between negatives, less where a recording is too short to have any."""
    onsets = pairs.metadata.groupby(["subject", "session"]).onset_eeg
    return min(MIN_GAP[settings.preset], float((onsets.max() - onsets.min()).min()) / 4)


def _batch_size(pairs: PairedEpochs, settings: DecomposeSettings) -> int:
    """As set, or as many as leave some negatives to the trials of every recording."""
    return max(settings.batch_size, LEAST_SHARE * len(pairs.log.get("recordings", {})))


def _closed_choices(pairs: PairedEpochs, settings: DecomposeSettings) -> dict[str, str]:
    choices = {
        "decomposition": "closed form, from features of single trials",
        "onsets of responses": _onsets(settings),
    }
    if len(pairs) < ENOUGH:
        choices["warning: decomposition"] = (
            f"the closed form wants {ENOUGH} trials or more; of {len(pairs)} it may find little of what is there, and "
            "heads of what is not found are zeros: record more, or take --preset default"
        )
    return choices


def _onsets(settings: DecomposeSettings) -> str:
    return f"learned, up to {settings.jitter:g} s after the marker" if settings.jitter else "at the marker"


def _closed_fit(pairs: PairedEpochs, settings: DecomposeSettings, rows: Any, **_: Any) -> CanonicalDecomposer:
    return CanonicalDecomposer(settings.jitter, random_state=settings.seed).fit(pairs[rows])


def _closed_words(model: CanonicalDecomposer) -> str:
    found = ", ".join(f"{r:.2f}" for r in model.correlation_)
    return f"{model.n_shared_} redundant of {len(model.correlation_)} pairs, canonical correlations {found}"


def _closed_numbers(model: CanonicalDecomposer) -> dict[str, Any]:
    return {
        "redundant_pairs": model.n_shared_,
        "canonical_correlations": model.correlation_.tolist(),
        "reliability_of_bands": model.learned_.reliability[: model.n_bands].tolist(),
    }


def _closed_section(model: CanonicalDecomposer) -> list[tuple[str, Any]]:
    from pidjax.neuro.report import table

    pairs = [
        {"pair": k + 1, "canonical correlation": float(r), "redundant": "yes" if k < model.n_shared_ else "no"}
        for k, r in enumerate(model.correlation_)
    ]
    bands = [
        {"direction of band power": k + 1, "reliability in half a trial": float(r)}
        for k, r in enumerate(model.learned_.reliability[: model.n_bands])
    ]
    words = (
        "<p>Of the features of each modality in single trials: amplitude of the learned response, directions of band "
        f"power, latency. A pair is redundant if at most 1 % of {model.permutations} permutations within quarters of a "
        "recording reach its correlation, and all pairs before it are; the rest of each modality is its unique head. "
        "Correlations are those of the trials that were learned from, and too large where these are few.</p>"
    )
    choices = [{"setting": k, "value": v} for k, v in model.get_params().items()]
    return [("Pairs", table(pairs) + words), ("Band powers", table(bands)), ("Choices: model", table(choices))]


TRAINED = Learner(
    _trained_choices,
    _trained_fit,
    _trained_words,
    _configuration,
    lambda model: model.history_[-1],
    _trained_section,
    lambda *_: {},
)
CLOSED_FORM = Learner(
    _closed_choices,
    _closed_fit,
    _closed_words,
    lambda model: model.get_params(),
    _closed_numbers,
    _closed_section,
    claims_of_labels,
)
