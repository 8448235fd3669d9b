"""Block-wise cross-validation: test trials are a contiguous stretch, and no window that overlaps them is trained on.

Filters reach further than windows: a zero-phase filter of the continuous recording has mixed a little of each
trial into its neighbours before any trial was cut.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pidjax._checks import InputError


class Fold(NamedTuple):
    """Positions of the trials to train on and to test on.

    ``recordings``, where there are several, divides the tested ones: nulls, retrieval and centring stay within one, or
    else which recording a trial is of would count as something that is known of it. The accuracy and the nats of a
    label are of all: where its classes are not equally frequent everywhere, compare them with the null.
    """

    train: np.ndarray
    test: np.ndarray
    recordings: tuple[np.ndarray, ...] = ()

    @property
    def stretches(self) -> tuple[np.ndarray, ...]:
        """The tested trials, one array a recording."""
        return self.recordings or (self.test,)


def blockwise_folds(
    blocks: np.ndarray, onset: np.ndarray, *, gap: float = 0.0, recording: np.ndarray | None = None
) -> list[Fold]:
    """One fold a block; training trials of the same recording within ``gap`` seconds of a test trial are left out.

    Parameters
    ----------
    blocks : [n]
        Which contiguous stretch a trial belongs to.
    onset : [n]
        Onset of each trial (s).
    gap : float
        The length of a trial's window, so that training and test trials share no sample.
    recording : [n], optional
        Trials of different recordings never overlap, and are never taken for one another in a null.

    Raises
    ------
    InputError
        Fewer than two blocks, or a fold without a training trial.
    """
    values = np.unique(blocks)
    if len(values) < 2:
        raise InputError(
            f"block-wise cross-validation needs at least 2 blocks; found {len(values)} with {len(blocks)} trials."
        )
    recording = np.zeros(len(blocks)) if recording is None else np.asarray(recording)
    folds = []
    for value in values:
        test = np.flatnonzero(blocks == value)
        near = np.abs(onset[:, None] - onset[None, test]) < gap - 1e-6
        near &= recording[:, None] == recording[None, test]
        train = np.flatnonzero((blocks != value) & ~near.any(axis=1))
        if train.size == 0:
            raise InputError(
                f"no trial is left to train on when block {value} is tested: windows of {gap:g} s overlap them all."
            )
        parts = [test[recording[test] == one] for one in np.unique(recording[test])]
        folds.append(Fold(train, test, tuple(parts) if len(parts) > 1 else ()))
    return folds
