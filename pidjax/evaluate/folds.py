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

    ``parts``, where there are several, divides the tested ones by recording and contiguous stretch: nulls, retrieval
    and centring stay within one, or else which recording a trial is of, and when it was, would count as something that
    is known of it. The accuracy and the nats of a label are of all: where its classes are not equally frequent
    everywhere, compare them with the null.
    """

    train: np.ndarray
    test: np.ndarray
    parts: tuple[np.ndarray, ...] = ()

    @property
    def stretches(self) -> tuple[np.ndarray, ...]:
        """The tested trials, one array a contiguous stretch of a recording."""
        return self.parts or (self.test,)


def blockwise_folds(
    blocks: np.ndarray,
    onset: np.ndarray,
    *,
    gap: float = 0.0,
    recording: np.ndarray | None = None,
    stretch: np.ndarray | None = None,
) -> list[Fold]:
    """One fold a block; training trials of the same recording within ``gap`` seconds of a test trial are left out.

    Parameters
    ----------
    blocks : [n]
        With which others a trial is tested: a contiguous stretch of every recording, or whole recordings.
    onset : [n]
        Onset of each trial (s).
    gap : float
        The length of a trial's window, so that training and test trials share no sample.
    recording : [n], optional
        Trials of different recordings never overlap, and are never taken for one another in a null.
    stretch : [n], optional
        Contiguous stretches of every recording, where whole ones are tested: nulls that stay within them keep what
        drifts. All that is tested of a recording by default.

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
    stretch = np.zeros(len(blocks)) if stretch is None else np.asarray(stretch)
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
        _, part = np.unique(np.stack([recording[test], stretch[test]]), axis=1, return_inverse=True)
        parts = [test[part == k] for k in range(part.max() + 1)]
        folds.append(Fold(train, test, tuple(parts) if len(parts) > 1 else ()))
    return folds
