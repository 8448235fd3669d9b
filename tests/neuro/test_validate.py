"""pidjax/neuro/validate.py: interaction passes, and what only looks like it does not."""

import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.evaluate import Fold
from pidjax.neuro.canonical import CanonicalDecomposer, Features
from pidjax.neuro.validate import synergy_claim

N = 600
RECORDING = np.arange(N) % 6
FOLDS = [Fold(np.flatnonzero(k != RECORDING % 3), np.flatnonzero(k == RECORDING % 3)) for k in range(3)]


def claimed(eeg, fnirs, label, seed=0):
    of = Features(eeg[:, None], fnirs[:, None], np.zeros(N), np.zeros(N))
    model = CanonicalDecomposer(permutations=40).fit_features(of, RECORDING)
    return synergy_claim(model, of, label, RECORDING, FOLDS, repairings=19, seed=seed)


def test_a_difference_of_what_is_shared_is_claimed():
    """1[u > v] of g = 2 a + u and h = 2 a + v: hardly known to either, well to their difference."""
    a, u, v = np.random.default_rng(0).standard_normal((3, N))
    found = claimed(2 * a + u, 2 * a + v, (u > v).astype(int))
    assert found.holds
    assert found.nats > 0.4
    assert max(found.eeg, found.fnirs, found.null95) < 0.15


def test_two_noisy_detectors_of_one_event_are_not():
    """They have synergy by every measure of PID, but no interaction: of 8 draws chance claims 5 %, 3 with p < 0.006."""
    rng = np.random.default_rng(1)
    wrong = 0
    for k in range(8):
        event = rng.integers(0, 2, N)
        eeg, fnirs = 2.0 * event + rng.standard_normal((2, N))
        wrong += claimed(eeg, fnirs, event, seed=k).holds
    assert wrong < 3


def test_bad_input():
    x = np.random.default_rng(2).standard_normal((2, N))
    with pytest.raises(InputError, match="label for every trial"):
        claimed(*x, np.zeros(10, int))
