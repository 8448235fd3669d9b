"""Evaluation of a decomposition: what every head holds of every label, and what the heads hold of one another."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from pidjax.evaluate import (
    Audit,
    Fold,
    Increment,
    ProbeResult,
    RelationResult,
    increment,
    leakage,
    prediction,
    probe_class,
    probe_value,
    retrieval,
)
from pidjax.neuro.compared import JOINED, OTHERS, Comparison, compare
from pidjax.neuro.confounds import confounds_of, numbers_of
from pidjax.neuro.features import physiology, raw_features
from pidjax.neuro.labels import Label, labels_of, restrict, restrict_features
from pidjax.neuro.paired import PairedEpochs
from pidjax.objectives import HEADS
from pidjax.pid import atoms_mmi

INCREMENT_REPAIRINGS = 39
"""At most, of the synergy head: each is fitted anew."""


@dataclasses.dataclass(frozen=True)
class Metrics:
    """All numbers of a report.

    ``probes[label][features]``; ``audit``, labels in every head and heads in one another; ``synergy[label]``: what the
    synergy head adds to all others; ``comparisons`` over subjects, none of one; ``confounds[confound][head]``,
    ``physiology[feature][head]``, of simulated trials ``hidden[factor][head]``; ``pid[label][atom] = (nats, bootstrap
    SE)``; ``prediction[head][source]``. ``skipped`` says why a label, a confound or a feature was not probed.
    """

    probes: dict[str, dict[str, ProbeResult]]
    is_class: dict[str, bool]
    audit: Audit
    synergy: dict[str, Increment]
    comparisons: list[Comparison]
    confounds: dict[str, dict[str, ProbeResult]]
    physiology: dict[str, dict[str, ProbeResult]]
    hidden: dict[str, dict[str, ProbeResult]]
    pid: dict[str, dict[str, tuple[float, float]]]
    retrieval: RelationResult
    prediction: dict[str, dict[str, RelationResult]]
    skipped: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; not a number becomes null."""
        plain = {
            "probes": {label: {name: _numbers(r) for name, r in found.items()} for label, found in self.probes.items()},
            "entropy_nats": dict(zip(self.audit.factors, self.audit.entropy.tolist(), strict=True)),
            "leakage_r2": {
                head: dict(zip(HEADS, row, strict=True))
                for head, row in zip(HEADS, self.audit.leakage.tolist(), strict=True)
            },
            "synergy_over_other_heads": {label: _numbers(r) for label, r in self.synergy.items()},
            "comparisons_over_subjects": [c._asdict() for c in self.comparisons],
            "confounds": {name: {h: _numbers(r) for h, r in found.items()} for name, found in self.confounds.items()},
            "physiology": {name: {h: _numbers(r) for h, r in found.items()} for name, found in self.physiology.items()},
            "hidden_factors": {name: {h: _numbers(r) for h, r in found.items()} for name, found in self.hidden.items()},
            "pid_nats": {
                label: {atom: {"nats": v, "se": se} for atom, (v, se) in found.items()}
                for label, found in self.pid.items()
            },
            "retrieval": self.retrieval._asdict(),
            "prediction_r2": {h: {s: r._asdict() for s, r in found.items()} for h, found in self.prediction.items()},
            "skipped": self.skipped,
        }
        return _finite(plain)


def assess(
    pairs: PairedEpochs,
    embeddings: list[dict[str, np.ndarray]],
    folds: list[Fold],
    *,
    hidden: pd.DataFrame | None = None,
    permutations: int = 200,
    seed: int = 0,
) -> Metrics:
    """Probe every label and confound from every head, block-wise.

    Parameters
    ----------
    pairs : PairedEpochs
    embeddings : one dict of heads a fold
        Of all trials, by the model that never saw the fold's test trials.
    folds : list of Fold
    hidden : DataFrame [trials, factors], optional
        What a simulator knows of the trials.
    permutations, seed
        Of the permutation nulls.
    """
    raw = raw_features(pairs)
    features: dict[str, Any] = {head: [z[head] for z in embeddings] for head in HEADS}
    features[JOINED] = [np.hstack([z[head] for head in HEADS]) for z in embeddings]
    disturbing = confounds_of(pairs.metadata)
    skipped: dict[str, str] = {}
    others = []
    for table in (disturbing, pd.DataFrame(physiology(pairs)), pd.DataFrame() if hidden is None else hidden):
        found, why = labels_of(table, folds)
        others.append({label.name: _probes(features, label, folds, permutations, seed) for label in found})
        skipped |= why
    confounds, measured, known = others
    features |= {
        "raw EEG": raw["eeg"],
        "raw fNIRS": raw["fnirs"],
        "raw both": np.hstack([raw["eeg"], raw["fnirs"]]),
        "confounds": numbers_of(disturbing),
    }
    found, why = labels_of(pairs.metadata, folds)
    skipped |= why
    probes = {label.name: _probes(features, label, folds, permutations, seed) for label in found}
    synergy = {label.name: _synergy(embeddings, pairs.metadata, label, folds, permutations, seed) for label in found}
    pid = {label.name: _pid(probes[label.name], seed) for label in found if label.is_class}
    return Metrics(
        probes,
        {label.name: label.is_class for label in found},
        _audit({head: features[head] for head in HEADS}, found, probes, folds),
        synergy,
        _over_subjects(pairs.metadata, found, folds, probes, synergy),
        confounds,
        measured,
        known,
        pid,
        retrieval(
            features["redundancy_eeg"],
            features["redundancy_fnirs"],
            folds,
            permutations=permutations,
            seed=seed,
        ),
        {
            head: {
                source: prediction(raw[kind], features[head], folds, permutations=permutations, seed=seed)
                for source, kind in (("EEG", "eeg"), ("fNIRS", "fnirs"))
            }
            for head in HEADS
        },
        skipped,
    )


def _probes(
    features: dict[str, Any], label: Label, folds: list[Fold], permutations: int, seed: int
) -> dict[str, ProbeResult]:
    kept, inner = restrict(folds, label.rows)
    probe = probe_class if label.is_class else probe_value
    return {
        name: probe(restrict_features(x, kept, label.rows), label.values, inner, permutations=permutations, seed=seed)
        for name, x in features.items()
    }


def _audit(
    heads: dict[str, Any], found: list[Label], probes: dict[str, dict[str, ProbeResult]], folds: list[Fold]
) -> Audit:
    """As ``evaluate.audit``, whose perceptrons cost seconds a cell, by the linear probes that are there already."""
    results = [[probes[label.name][head] for label in found] for head in heads]
    nats, error = (np.array([[getattr(r, of) for r in row] for row in results]) for of in ("nats", "nats_se"))
    entropy = [stats.entropy(np.unique(of.values, return_counts=True)[1]) if of.is_class else np.nan for of in found]
    return Audit(
        tuple(heads),
        tuple(label.name for label in found),
        np.array(entropy),
        nats,
        error,
        nats + 1.645 * error,
        leakage(heads, folds),
        pid={},
        read={},
    )


def _synergy(
    embeddings: list[dict[str, np.ndarray]],
    metadata: pd.DataFrame,
    label: Label,
    folds: list[Fold],
    permutations: int,
    seed: int,
) -> Increment:
    """What the synergy head adds to all others; in its null trials of one condition are exchanged."""
    kept, inner = restrict(folds, label.rows)
    others = [np.hstack([z[head] for head in HEADS if head != "synergy"]) for z in embeddings]
    return increment(
        restrict_features([z["synergy"] for z in embeddings], kept, label.rows),
        restrict_features(others, kept, label.rows),
        label.values,
        inner,
        pd.factorize(metadata.trial_type)[0][label.rows],
        is_class=label.is_class,
        repairings=min(permutations, INCREMENT_REPAIRINGS),
        seed=seed,
    )


def _over_subjects(
    metadata: pd.DataFrame,
    found: list[Label],
    folds: list[Fold],
    probes: dict[str, dict[str, ProbeResult]],
    synergy: dict[str, Increment],
) -> list[Comparison]:
    terms = {label: {name: r.pointwise for name, r in of.items()} for label, of in probes.items()}
    for label, added in synergy.items():
        terms[label][OTHERS] = terms[label][JOINED] - added.pointwise
    subject = metadata.subject.astype(str).to_numpy()
    tested = {of.name: np.concatenate([of.rows[fold.test] for fold in restrict(folds, of.rows)[1]]) for of in found}
    return compare(terms, {label: subject[rows] for label, rows in tested.items()})


def _pid(probes: dict[str, ProbeResult], seed: int, draws: int = 1000) -> dict[str, tuple[float, float]]:
    """MMI atoms of the held-out informations in the raw features, standard errors by bootstrap over trials."""
    terms = np.stack([probes[f"raw {name}"].pointwise for name in ("EEG", "fNIRS", "both")])
    rng = np.random.default_rng(seed)
    draw = rng.integers(terms.shape[1], size=(draws, terms.shape[1]))
    mi = np.concatenate([terms.mean(axis=1)[:, None], terms[:, draw].mean(axis=2)], axis=1)
    atoms = atoms_mmi(*np.maximum(mi, 0.0))
    return {name: (float(v[0]), float(np.std(v[1:]))) for name, v in atoms._asdict().items()}


def _numbers(result: ProbeResult | Increment) -> dict[str, Any]:
    return {name: value for name, value in result._asdict().items() if not isinstance(value, np.ndarray)}


def _finite(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {str(k): _finite(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [_finite(one) for one in tree]
    if isinstance(tree, float | np.floating):
        return float(tree) if math.isfinite(tree) else None
    return int(tree) if isinstance(tree, np.integer) else tree
