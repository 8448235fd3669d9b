"""Of which head a probe reads more of a label than of another, over subjects."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pidjax.evaluate import holm, sign_flip
from pidjax.objectives import HEADS

JOINED, OTHERS = "all heads", "all heads but synergy"
PAIRS = (*itertools.combinations(HEADS, 2), *itertools.product(HEADS, ("raw EEG", "raw fNIRS")), (JOINED, OTHERS))
"""What is tested of every label: each head against each other and each modality, and what synergy adds to the rest."""


class Comparison(NamedTuple):
    """What a probe reads of a label from ``first`` more than from ``second``.

    By this probe, which pays for every feature: a head is a function of its input and cannot hold more than it.

    Attributes
    ----------
    label, first, second : str
    nats, se : float
        Mean over subjects of the difference of held-out nats, and its standard error over subjects. Nats of a number
        are of a Gaussian (slope and variances) fitted to the tested trials.
    p, holm : float
        Of the two-sided sign-flip test; and adjusted for all pairs of all labels.
    subjects : int
    """

    label: str
    first: str
    second: str
    nats: float
    se: float
    p: float
    holm: float
    subjects: int


def compare(terms: Mapping[str, Mapping[str, np.ndarray]], subject: Mapping[str, np.ndarray]) -> list[Comparison]:
    """Every pair of every label; none where a label is known of one subject alone.

    A subject counts once, with the mean over its trials. All pairs are tested and adjusted for, although it is those of
    the best head that are looked at: which head that is was seen in the same trials.

    Parameters
    ----------
    terms : {label: {features: [n]}}
        Nats of every tested trial.
    subject : {label: [n]}
        Whose trials they are.
    """
    found: list[Comparison] = []
    for label, of in terms.items():
        names, place = np.unique(subject[label], return_inverse=True)
        if len(names) < 2:
            continue
        count = np.bincount(place)
        nats = {name: np.bincount(place, one) / count for name, one in of.items()}
        differences = np.stack([nats[first] - nats[second] for first, second in PAIRS], axis=1)
        columns = differences.mean(axis=0), differences.std(axis=0, ddof=1) / len(names) ** 0.5, sign_flip(differences)
        for (first, second), mean, se, p in zip(PAIRS, *(x.tolist() for x in columns), strict=True):
            found.append(Comparison(label, first, second, mean, se, p, np.nan, len(names)))
    adjusted = holm(np.array([c.p for c in found])).tolist()
    return [c._replace(holm=p) for c, p in zip(found, adjusted, strict=True)]


def of_the_best(comparisons: list[Comparison], label: str, nats: Mapping[str, float]) -> list[Comparison]:
    """Those of the head with the most ``nats``, which comes first in each, and of what synergy adds."""
    best = max(HEADS, key=lambda head: nats[head])
    turned = [c if c.second != best else c._replace(first=best, second=c.first, nats=-c.nats) for c in comparisons]
    return [c for c in turned if c.label == label and c.first in (best, JOINED)]
