"""pidjax/evaluate/increment.py: what is added, what merely repeats, and what re-pairing must leave alone."""

import numpy as np
import pytest

from pidjax.evaluate import blockwise_folds, increment, probe_class, probe_value

N = 160
FOLDS = blockwise_folds(np.arange(N) // 80, np.arange(N, dtype=float))
NONE = np.zeros(N, int)


def test_a_number_of_two_parts():
    """y = a + b + e of equal variances: beside a, b raises r² from 1/3 to 2/3, ½ ln 2 nats, and beats its null."""
    a, b, e = np.random.default_rng(0).normal(size=(3, N))
    y = a + b + e
    found = increment(b[:, None], a[:, None], y, FOLDS, NONE, is_class=False, repairings=19)
    assert found.p == 0.05 and found.null95 < 0.05
    assert abs(found.nats - 0.5 * np.log(2)) < 4 * found.se
    assert found.joined == probe_value(np.stack([a, b], 1), y, FOLDS, permutations=0).score
    assert found.nats == pytest.approx(found.pointwise.mean()) and len(found.pointwise) == found.n == N
    again = increment(a[:, None], a[:, None], y, FOLDS, NONE, is_class=False, repairings=19)
    assert again.nats == pytest.approx(0, abs=0.02)


def test_a_label_that_only_both_tell():
    """1[u > v] of g = 2a + u, h = 2a + v: beside h, g tells it; with g of another trial of the class nothing does."""
    a, u, v = np.random.default_rng(1).normal(size=(3, N))
    label = (u > v).astype(int)
    g, h = (2 * a + u)[:, None], (2 * a + v)[:, None]
    found = increment(g, h, label, FOLDS, label, is_class=True, repairings=19)
    assert found.p == 0.05 and found.nats > 0.3 and found.null95 < 0.15
    assert found.without == probe_class(h, label, FOLDS, permutations=0).score


def test_a_second_detector_adds_but_its_pairing_does_not():
    """Independent errors: the gain is real, and re-paired within the class it stays; p is as good as uniform.

    p <= 0.05 of 20 re-pairings is p = 1/20: three or more of six have a probability of 0.002.
    """
    rng, ps = np.random.default_rng(2), []
    for _ in range(6):
        label = rng.integers(0, 2, N)
        x, y = 1.5 * label[:, None] + rng.normal(size=(2, N, 1))
        found = increment(x, y, label, FOLDS, label, is_class=True, repairings=19)
        assert found.nats > 0
        ps.append(found.p)
    assert sum(p <= 0.05 for p in ps) < 3


def test_trials_stay_in_their_group_block_and_recording():
    """A vector that is its group, block and recording is the same however it is re-paired: the null is the gain."""
    recording, blocks = np.repeat([0, 1], N // 2), np.tile(np.arange(N // 2) // 20, 2)
    folds = blockwise_folds(blocks, np.arange(N, dtype=float), recording=recording)
    groups = np.random.default_rng(3).integers(0, 3, N)
    z = np.stack([groups, blocks, recording, groups * blocks], axis=1).astype(float)
    y, x = np.random.default_rng(4).normal(size=(2, N))
    found = increment(z, x[:, None], y + groups, folds, groups, is_class=False, repairings=5)
    assert found.p == 1 and found.null95 == pytest.approx(found.nats)
    alone = increment(z, x[:, None], y + groups, folds, np.arange(N), is_class=False, repairings=5)
    assert np.isnan([alone.p, alone.null95]).all() and alone.nats == found.nats
