"""Evaluation of a decomposition: what every head holds of every label, and what the heads hold of one another."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pidjax.evaluate import Fold, ProbeResult, RelationResult, prediction, probe_class, probe_value, retrieval
from pidjax.neuro.features import raw_features
from pidjax.neuro.paired import PairedEpochs
from pidjax.objectives import HEADS
from pidjax.pid import atoms_mmi

_NOT_LABELS = {
    *("subject", "session", "run", "block", "trial", "onset_eeg", "onset_fnirs", "duration"),
    *("sample", "value", "stim_file", "HED", "identifier"),
}
MANY = 6
"""A numeric column with more different values than this is a number to predict, not a class."""


class Label(NamedTuple):
    """One column of the metadata that can be probed, and the trials that have it."""

    name: str
    values: np.ndarray
    rows: np.ndarray
    is_class: bool


@dataclasses.dataclass(frozen=True)
class Metrics:
    """All numbers of a report.

    ``probes[label][features]``; ``pid[label][atom] = (nats, bootstrap SE)``; ``prediction[head][source]``.
    ``skipped`` says why a column of the metadata was not probed.
    """

    probes: dict[str, dict[str, ProbeResult]]
    is_class: dict[str, bool]
    pid: dict[str, dict[str, tuple[float, float]]]
    retrieval: RelationResult
    prediction: dict[str, dict[str, RelationResult]]
    skipped: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; not a number becomes null."""
        probes = {
            label: {
                name: {k: v for k, v in r._asdict().items() if k not in ("pointwise", "decoded")}
                for name, r in found.items()
            }
            for label, found in self.probes.items()
        }
        plain = {
            "probes": probes,
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
    permutations: int = 200,
    seed: int = 0,
) -> Metrics:
    """Probe every label from every head, block-wise.

    Parameters
    ----------
    pairs : PairedEpochs
    embeddings : one dict of heads a fold
        Of all trials, by the model that never saw the fold's test trials.
    folds : list of Fold
    permutations, seed
        Of the permutation nulls.
    """
    raw = raw_features(pairs)
    features: dict[str, Any] = {head: [z[head] for z in embeddings] for head in HEADS}
    features["all heads"] = [np.hstack([z[head] for head in HEADS]) for z in embeddings]
    features |= {
        "raw EEG": raw["eeg"],
        "raw fNIRS": raw["fnirs"],
        "raw both": np.hstack([raw["eeg"], raw["fnirs"]]),
    }
    found, skipped = labels_of(pairs.metadata, folds)
    probes: dict[str, dict[str, ProbeResult]] = {}
    for label in found:
        kept, inner = _restrict(folds, label.rows)
        probe = probe_class if label.is_class else probe_value
        probes[label.name] = {
            name: probe(
                _restrict_features(x, kept, label.rows),
                label.values,
                inner,
                permutations=permutations,
                seed=seed,
            )
            for name, x in features.items()
        }
    pid = {label.name: _pid(probes[label.name], seed) for label in found if label.is_class}
    return Metrics(
        probes,
        {label.name: label.is_class for label in found},
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


def labels_of(metadata: pd.DataFrame, folds: list[Fold]) -> tuple[list[Label], dict[str, str]]:
    """Columns that can be probed in every fold, and why the others cannot."""
    found, skipped = [], {}
    for name in metadata.columns:
        if name in _NOT_LABELS:
            continue
        column = metadata[name]
        rows = np.flatnonzero(column.notna())
        numeric = pd.api.types.is_numeric_dtype(column) and column.nunique() > MANY
        if numeric:
            if len(rows) < 10 or len(_restrict(folds, rows)[0]) < 2:
                skipped[name] = f"{len(rows)} trials have a value, 10 in 2 blocks are needed"
                continue
            found.append(Label(name, column.to_numpy(float)[rows], rows, False))
            continue
        text = column.astype(str)
        for suffix, of in _sessions(metadata, text.where(column.notna())).items():
            seen = text.where(of)
            trainable = [v for v in seen.dropna().unique() if all((seen.iloc[f.train] == v).sum() >= 2 for f in folds)]
            if len(trainable) < 2:
                if seen.nunique() > 1:
                    skipped[name + suffix] = (
                        "fewer than two classes have at least 2 training trials beside every tested block"
                    )
                elif text[column.notna()].nunique() > 1 and name not in skipped:
                    skipped[name] = "every session has one class of its own, so the session tells it all"
                continue
            rows = np.flatnonzero(seen.isin(trainable))
            found.append(Label(name + suffix, text.to_numpy(dtype=str)[rows], rows, True))
    return found, skipped


def _sessions(metadata: pd.DataFrame, label: pd.Series) -> dict[str, np.ndarray]:
    """Rows of a label that are one question, by what its name gains.

    Where sessions have no class in common (imagery here, arithmetic there), the session alone would tell most of the
    label: each has a label of its own then.
    """
    if "session" not in metadata:
        return {"": label.notna().to_numpy()}
    groups: list[tuple[set, set]] = []  # classes, sessions
    of = metadata.session.astype(str)
    for session, values in label.groupby(of.to_numpy(), sort=False):
        classes, sessions = set(values.dropna()), {session}
        for other in [group for group in groups if group[0] & classes]:
            groups.remove(other)
            classes, sessions = classes | other[0], sessions | other[1]
        groups.append((classes, sessions))
    groups = [group for group in groups if group[0]]
    if len(groups) < 2:
        return {"": label.notna().to_numpy()}
    known = label.notna()
    return {f" of {', '.join(sorted(names))}": (known & of.isin(names)).to_numpy() for _, names in groups}


def _restrict(folds: list[Fold], rows: np.ndarray) -> tuple[list[int], list[Fold]]:
    """The folds within ``rows``, renumbered, and which ones they were: some may have no such trial."""
    position = {row: i for i, row in enumerate(rows)}

    def within(trials: np.ndarray) -> np.ndarray:
        return np.array([position[t] for t in trials if t in position], int)

    inner = [
        Fold(within(fold.train), within(fold.test), tuple(p for p in map(within, fold.recordings) if len(p)))
        for fold in folds
    ]
    kept = [i for i, fold in enumerate(inner) if len(fold.test) and len(fold.train) > 3]
    return kept, [inner[i] for i in kept]


def _restrict_features(x, kept: list[int], rows: np.ndarray):
    return x[rows] if isinstance(x, np.ndarray) else [x[i][rows] for i in kept]


def _pid(probes: dict[str, ProbeResult], seed: int, draws: int = 1000) -> dict[str, tuple[float, float]]:
    """MMI atoms of the held-out informations in the raw features, standard errors by bootstrap over trials."""
    terms = np.stack([probes[f"raw {name}"].pointwise for name in ("EEG", "fNIRS", "both")])
    rng = np.random.default_rng(seed)
    draw = rng.integers(terms.shape[1], size=(draws, terms.shape[1]))
    mi = np.concatenate([terms.mean(axis=1)[:, None], terms[:, draw].mean(axis=2)], axis=1)
    atoms = atoms_mmi(*np.maximum(mi, 0.0))
    return {name: (float(v[0]), float(np.std(v[1:]))) for name, v in atoms._asdict().items()}


def _finite(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {str(k): _finite(v) for k, v in tree.items()}
    if isinstance(tree, float | np.floating):
        return float(tree) if math.isfinite(tree) else None
    return int(tree) if isinstance(tree, np.integer) else tree
