"""What one representation adds to others: information about a target with it and without it, and a null of its link."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pidjax.evaluate.folds import Fold
from pidjax.evaluate.held_out import Features, against, of_fold, shuffled_within
from pidjax.evaluate.probe import probe_class, probe_value


class Increment(NamedTuple):
    """What is known of a target with one more representation.

    Attributes
    ----------
    without, joined : float
        Score (balanced accuracy, or correlation of a number) of the others, and of them beside the one.
    nats, se : float
        Information gained; and its standard error over trials, paired.
    null95, p : float
        95th percentile of the gain where the one is re-paired, and (1 + #{null >= nats}) / (1 + repairings). NaN where
        no two trials of a group are tested in one block, so that there is nothing to exchange.
    n : int
        Tested trials.
    pointwise : [n]
        The terms of ``nats``.
    """

    without: float
    joined: float
    nats: float
    se: float
    null95: float
    p: float
    n: int
    pointwise: np.ndarray


def increment(
    added: Features,
    others: Features,
    target: np.ndarray,
    folds: list[Fold],
    groups: np.ndarray,
    *,
    is_class: bool,
    repairings: int = 39,
    seed: int = 0,
) -> Increment:
    r"""Held-out information of a linear probe of both sides, less that of the others alone.

    .. math:: \Delta = I(y; Z, Z') - I(y; Z')

    In the null the trials' vectors Z are exchanged among trials of a group in the same tested block of a recording, and
    the probe is fitted anew: what Z tells of the group itself, such as the condition, stays; what it knows of single
    trials goes. So the p of a target that *is* the group asks whether its link with the others matters, not whether Z
    knows the target. Δ is a difference of two bounds and bounds nothing; more features to learn can cost more than they
    tell, and Δ below 0 is no error.

    Parameters
    ----------
    added, others : [n, d] or one a fold
        Z and Z'.
    target : [n]
        Classes, or numbers.
    folds : list of Fold
    groups : [n]
        Among equal values trials are exchanged.
    is_class : bool
    repairings, seed
    """
    probe = probe_class if is_class else probe_value
    rng = np.random.default_rng(seed)

    def joined(order: np.ndarray):
        both = [np.hstack([of_fold(others, i), of_fold(added, i)[order]]) for i in range(len(folds))]
        return probe(both, target, folds, permutations=0)

    without, own = probe(others, target, folds, permutations=0), joined(np.arange(len(target)))
    # a group in a stretch; what is not tested is never exchanged
    alike = np.arange(-len(target), 0)
    for k, rows in enumerate(rows for fold in folds for rows in fold.stretches):
        alike[rows] = k * len(target) + np.unique(groups[rows], return_inverse=True)[1]
    together = len(np.unique(alike)) < len(target)
    orders = [shuffled_within(alike, rng) for _ in range(repairings if together else 0)]
    null = [joined(order).nats - without.nats for order in orders]
    terms = own.pointwise - without.pointwise
    gain = own.nats - without.nats
    return Increment(
        without.score,
        own.score,
        gain,
        float(terms.std(ddof=1) / np.sqrt(len(terms))),
        *against(np.array(null), gain),
        own.n,
        terms,
    )
