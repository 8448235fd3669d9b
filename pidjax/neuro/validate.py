"""Claims of synergy, each held against what would fake it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from pidjax._checks import InputError
from pidjax.evaluate import Fold, label_information, probe_class
from pidjax.evaluate.audit import PARTS
from pidjax.evaluate.held_out import Features as Held
from pidjax.evaluate.held_out import shuffled_within
from pidjax.neuro.canonical import CanonicalDecomposer, Features, products
from pidjax.neuro.labels import labels_of, restrict
from pidjax.neuro.paired import PairedEpochs, quarters

LEAST = 6
"""Trials of every class of a label, under which no claim is looked at; every fold trains on ``PARTS`` of them."""
CLAIM_REPAIRINGS = 99
"""At most, of trials for a claim."""


class SynergyClaim(NamedTuple):
    """What the synergy head knows of a label, and what it must exceed; nats, lower bounds in expectation.

    ``nats``, ``eeg``, ``fnirs`` and the standard error are over recordings, one mean each, where there are five or
    more; over trials where there are fewer.

    Attributes
    ----------
    nats, std_error : float
        Of the synergy head, by ``label_information``.
    eeg, fnirs : float
        Of all features of one modality alone, by the same probe.
    bilinear : float
        Of both modalities' features and all their products, by a linear probe: what needs no decomposition.
    linear, null95, p : float
        Of the synergy head by a linear probe; the 95th percentile of that of trials re-paired within their class and
        quarter of a recording; and (1 + #{null >= linear}) / (1 + repairings).
    repairings : int
    holds : bool
        p is at most 0.05, and nats are above 0 and above both modalities alone, each by a one-sided paired t test at
        0.05 (95th percentile of Student's t with one degree of freedom less than recordings, or trials).
    """

    nats: float
    std_error: float
    eeg: float
    fnirs: float
    bilinear: float
    linear: float
    null95: float
    p: float
    repairings: int
    holds: bool


def synergy_claim(
    model: CanonicalDecomposer | Sequence[CanonicalDecomposer],
    features: Features | Sequence[Features],
    label: np.ndarray,
    recording: np.ndarray,
    folds: Sequence[Fold],
    *,
    repairings: int = 99,
    seed: int = 0,
) -> SynergyClaim:
    """Whether the synergy head holds what only the *pairing* of EEG and fNIRS holds.

    Synergy alone is no evidence of an interaction: two noisy detectors of one event have it. Exchanging the fNIRS of
    trials of one class within a quarter of a recording keeps all that either modality says of the class, what drifts
    slowly, and such synergy too; what goes is what the two trials had in common beyond them.

    Parameters
    ----------
    model : CanonicalDecomposer, or one a fold
        Fitted.
    features : Features, or one a fold
        What ``model.measure`` returned of all trials, of which those that are tested are best such that the model was
        not fitted to.
    label : [n]
        Classes: of numbers give quantile bins.
    recording : [n]
        Which recording a trial is of.
    folds : sequence of Fold
    repairings : int
        19 or more, or no p is below 0.05.
    seed : int

    Raises
    ------
    InputError
        Fewer than one re-pairing, or labels of another length.
    """
    several = isinstance(model, Sequence)
    models: list[tuple[Any, Any]] = list(zip(model, features, strict=True)) if several else [(model, features)]
    label, folds, n = np.asarray(label), list(folds), len(models[0][1].onset)
    if repairings < 1 or len(label) != n:
        raise InputError(
            f"the null needs re-pairings and a label for every trial; found {repairings} and {len(label)} labels "
            f"of {n} trials."
        )
    rng = np.random.default_rng(seed)
    recording = np.asarray(recording)

    def held(found: list[np.ndarray]) -> Held:
        return found if several else found[0]

    def paired_by(order: np.ndarray) -> Held:
        return held([one.heads(of.paired_anew(order))["synergy"] for one, of in models])

    def known(z: Held) -> np.ndarray:
        """Pointwise nats."""
        return label_information(z, codes, folds, seed=seed)[0] if _varies(z) else np.zeros(tested)

    def linear(z: Held) -> float:
        return probe_class(z, codes, folds, permutations=0).nats if _varies(z) else 0.0

    codes = np.unique(label, return_inverse=True)[1]
    tested = sum(len(fold.test) for fold in folds)
    head = paired_by(np.arange(n))
    groups = np.unique(np.stack([quarters(recording), codes], axis=1), axis=0, return_inverse=True)[1].ravel()
    null = [linear(paired_by(shuffled_within(groups, rng))) for _ in range(repairings)]
    own = linear(head)
    p = (1 + sum(one >= own for one in null)) / (1 + repairings)
    normal = [one.normalised(of) for one, of in models]
    both, *alone = (known(z) for z in (head, *(held(list(side)) for side in zip(*normal, strict=True))))
    of = recording[np.concatenate([fold.test for fold in folds])]
    both, *alone = (_units(x, of) for x in (both, *alone))
    above = [both, *(both - one for one in alone)]
    sure = all(x.mean() > stats.t.ppf(0.95, len(x) - 1) * _error(x) for x in above)
    return SynergyClaim(
        nats=float(both.mean()),
        std_error=_error(both),
        eeg=float(alone[0].mean()),
        fnirs=float(alone[1].mean()),
        bilinear=linear(held([_with_products(*sides) for sides in normal])),
        linear=own,
        null95=float(np.quantile(null, 0.95)),
        p=p,
        repairings=repairings,
        holds=bool(p <= 0.05 and sure),
    )


def claims_of_labels(
    models: Sequence[CanonicalDecomposer], pairs: PairedEpochs, folds: Sequence[Fold], permutations: int, seed: int
) -> dict[str, SynergyClaim]:
    """Claims of all labels that have enough trials of every class (``LEAST``), by the models of the folds.

    A number is looked at by its thirds, within which trials are re-paired too: "reaction_time (thirds)"; where many
    are equal, these are two classes.

    Parameters
    ----------
    models : one a fold
        Each fitted to the fold's trials to train on.
    pairs : PairedEpochs
    folds : sequence of Fold
    permutations, seed : int
        Re-pairings, ``CLAIM_REPAIRINGS`` at most; without any there are no claims.
    """
    features = [model.measure(pairs) for model in models]
    found = {}
    for label in labels_of(pairs.metadata, list(folds))[0] if permutations else ():
        kept, inner = restrict(list(folds), label.rows)
        names, codes = np.unique(label.values if label.is_class else _thirds(label.values), return_inverse=True)
        trained = min(_rarest(codes[fold.train], len(names)) for fold in inner)
        if len(names) < 2 or _rarest(codes, len(names)) < LEAST or trained < PARTS:
            continue
        found[label.name if label.is_class else f"{label.name} (thirds)"] = synergy_claim(
            [models[i] for i in kept],
            [features[i].at(label.rows) for i in kept],
            codes,
            pairs.recording[label.rows],
            inner,
            repairings=min(permutations, CLAIM_REPAIRINGS),
            seed=seed,
        )
    return found


def _thirds(number: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.quantile(number, (1 / 3, 2 / 3)), number)


def _rarest(codes: np.ndarray, classes: int) -> int:
    """Trials of the rarest class."""
    return np.bincount(codes, minlength=classes).min()


def _varies(z: Held) -> bool:
    return any(np.ptp(x, axis=0).any() for x in ([z] if isinstance(z, np.ndarray) else z))


def _with_products(eeg: np.ndarray, fnirs: np.ndarray) -> np.ndarray:
    return np.hstack([eeg, fnirs, products(eeg, fnirs)])


def _units(x: np.ndarray, recording: np.ndarray) -> np.ndarray:
    """What is independent: the means of recordings, where there are five or more, or all trials."""
    parts = [x[recording == one].mean() for one in np.unique(recording)]
    return np.array(parts) if len(parts) >= 5 else x


def _error(x: np.ndarray) -> float:
    return float(x.std(ddof=1) / len(x) ** 0.5)
