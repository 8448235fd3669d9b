"""Claims of synergy, each held against what would fake it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pidjax._checks import InputError
from pidjax.evaluate import Fold, probe_class
from pidjax.neuro.canonical import CanonicalDecomposer, Features


class SynergyClaim(NamedTuple):
    """What the synergy head knows of a label, and what it must exceed; nats, lower bounds in expectation.

    Attributes
    ----------
    nats, std_error : float
        Of the synergy head.
    eeg, fnirs : float
        Of all features of one modality alone.
    null95, p : float
        95th percentile of trials re-paired within their class and recording, and (1 + #{null >= nats}) / (1 + n).
    holds : bool
        Above both modalities alone and above the null.
    """

    nats: float
    std_error: float
    eeg: float
    fnirs: float
    null95: float
    p: float
    holds: bool


def synergy_claim(
    model: CanonicalDecomposer,
    features: Features,
    label: np.ndarray,
    recording: np.ndarray,
    folds: Sequence[Fold],
    *,
    repairings: int = 99,
    seed: int = 0,
) -> SynergyClaim:
    """Whether the synergy head holds what only the *pairing* of EEG and fNIRS holds.

    Synergy alone is no evidence of an interaction: two noisy detectors of one event have it. Exchanging the fNIRS of
    trials of one class within a recording keeps all that either modality says of the class, and such synergy too; what
    goes is what the two trials had in common beyond the class.

    Parameters
    ----------
    model : CanonicalDecomposer
        Fitted.
    features : Features
        What ``model.measure`` returned of trials, best of such that the model was not fitted to.
    label : [n]
        Classes; of numbers their quantile bins.
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
    label, folds, n = np.asarray(label), list(folds), len(features.onset)
    if repairings < 1 or len(label) != n:
        raise InputError(
            f"the null needs re-pairings and a label for every trial; found {repairings} and {len(label)} labels "
            f"of {n} trials."
        )
    rng = np.random.default_rng(seed)

    def known(z: np.ndarray) -> tuple[float, float]:
        if not np.ptp(z, axis=0).any():
            return 0.0, 0.0
        found = probe_class(z, label, folds, permutations=0)
        return found.nats, found.nats_se

    nats, error = known(model.heads(features)["synergy"])
    alone = [known(x)[0] for x in model.normalised(features)]
    groups = np.unique(np.stack([np.asarray(recording), label], axis=1), axis=0, return_inverse=True)[1].ravel()
    null = []
    for _ in range(repairings):
        order = np.arange(len(label))
        for group in np.unique(groups):
            members = np.flatnonzero(groups == group)
            order[members] = rng.permutation(members)
        null.append(known(model.heads(features.paired_anew(order))["synergy"])[0])
    p = (1 + sum(one >= nats for one in null)) / (1 + repairings)
    null95 = float(np.quantile(null, 0.95))
    return SynergyClaim(nats, error, *alone, null95, p, bool(p <= 0.05 and nats > max(0.0, *alone)))
