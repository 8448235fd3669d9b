"""pidjax/neuro/validate.py: interaction passes, and what only looks like it does not."""

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pidjax._checks import InputError
from pidjax.evaluate import Fold, probe_class
from pidjax.neuro import validate
from pidjax.neuro.canonical import CanonicalDecomposer, Features
from pidjax.neuro.validate import claims_of_labels, synergy_claim

N = 600
RECORDING = np.arange(N) % 6
FOLDS = [Fold(np.flatnonzero(k != RECORDING % 3), np.flatnonzero(k == RECORDING % 3)) for k in range(3)]


@pytest.fixture(autouse=True)
def linear_probe(monkeypatch):
    """Of labels that a linear probe reads, in place of the search among probes, which has tests of its own."""

    def label_information(z, y, folds, *, seed):
        return probe_class(z, y, folds, permutations=0).pointwise, None

    monkeypatch.setattr(validate, "label_information", label_information)


def claimed(eeg, fnirs, label, seed=0):
    of = Features(eeg[:, None], fnirs[:, None], np.zeros(N), np.zeros(N))
    model = CanonicalDecomposer(permutations=99).fit_features(of, RECORDING)
    return synergy_claim(model, of, label, RECORDING, FOLDS, repairings=19, seed=seed)


def test_a_difference_of_what_is_shared_is_claimed():
    """1[u > v] of g = 2 a + u and h = 2 a + v: hardly known to either, well to their difference."""
    a, u, v = np.random.default_rng(0).standard_normal((3, N))
    found = claimed(2 * a + u, 2 * a + v, (u > v).astype(int))
    assert found.holds
    assert min(found.nats, found.bilinear) > 0.4
    assert max(found.eeg, found.fnirs, found.null95) < 0.15


def test_products_need_no_decomposition():
    """1[u v > 0] of independent features: no head knows it, their product does, and nothing is claimed."""
    u, v = np.random.default_rng(5).standard_normal((2, N))
    found = claimed(u, v, (u * v > 0).astype(int))
    assert not found.holds
    assert found.bilinear > 0.2
    assert found.nats < 0.02


class Joint:
    """A synergy head that is the better detector: the sum of both, whatever interacts."""

    def normalised(self, features):
        return features.eeg, features.fnirs

    def heads(self, features):
        return {"synergy": features.eeg + features.fnirs}


def claim_of_joint(eeg, fnirs, label, seed):
    of = Features(eeg[:, None], fnirs[:, None], np.zeros(N), np.zeros(N))
    return synergy_claim(Joint(), of, label, RECORDING, FOLDS[:1], repairings=19, seed=seed)


class Part(Joint):
    """Blind to trials outside its own."""

    def __init__(self, own):
        self.own = own[:, None]

    def normalised(self, features):
        return features.eeg * self.own, features.fnirs * self.own

    def heads(self, features):
        return {"synergy": sum(self.normalised(features))}


def test_every_fold_is_read_by_its_own_model():
    """Each model sees the trials of its own fold alone: exchanged, they know nothing."""
    part, event = np.arange(N) % 4, np.random.default_rng(2).integers(0, 2, N)
    eeg, fnirs = (1.5 * event + np.random.default_rng(3).standard_normal((2, N)))[..., None]
    folds = [Fold(np.flatnonzero(part == k), np.flatnonzero(part == k + 1)) for k in (0, 2)]
    models, of = [Part(part < 2), Part(part >= 2)], Features(eeg, fnirs, np.zeros(N), np.zeros(N))
    own, others = (
        synergy_claim(one, [of, of], event, RECORDING, folds, repairings=1) for one in (models, models[::-1])
    )
    assert own.nats > 0.2 and min(own.eeg, own.fnirs) > 0.1
    assert max(map(abs, (others.nats, others.eeg, others.fnirs))) < 0.01


def test_two_noisy_detectors_of_one_event_are_not():
    """Their sum knows more than each, but re-pairing within the class changes nothing: p is as good as uniform.

    Of ten draws chance is at or below 0.05 in half a draw, and in three or more with a probability of 0.012.
    """
    rng = np.random.default_rng(1)
    found = []
    for k in range(10):
        event = rng.integers(0, 2, N)
        eeg, fnirs = 1.5 * event + rng.standard_normal((2, N))
        found.append(claim_of_joint(eeg, fnirs, event, k))
    assert sum(one.p <= 0.05 for one in found) < 3
    assert np.mean([one.nats - max(one.eeg, one.fnirs) for one in found]) > 0.03
    assert 0.25 < np.mean([one.p for one in found]) < 0.8


def test_detectors_whose_errors_cancel_are():
    """The same sum of two whose errors are opposite: what re-pairing takes away."""
    event = np.random.default_rng(2).integers(0, 2, N)
    error = np.random.default_rng(3).standard_normal(N)
    found = claim_of_joint(1.5 * event + error, 1.5 * event - 0.9 * error, event, 0)
    assert found.holds and found.p == 0.05


@pytest.mark.parametrize(("t", "holds"), [(1.9, False), (2.1, True)])
def test_six_recordings_need_more_than_a_normal_law_says(monkeypatch, t, holds):
    """Their means must be t(0.95, 5) = 2.015 standard errors above 0; a recording of more trials counts no more."""
    event, error = np.random.default_rng(2).integers(0, 2, N), np.random.default_rng(3).standard_normal(N)
    recording = np.minimum(np.arange(N) // 50, 5)
    means = np.array([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    means += t * means.std(ddof=1) / 6**0.5
    known = iter([means[recording], np.zeros(N), np.zeros(N)])
    monkeypatch.setattr(validate, "label_information", lambda *_, **__: (next(known), None))
    of = Features((1.5 * event + error)[:, None], (1.5 * event - 0.9 * error)[:, None], np.zeros(N), np.zeros(N))
    alone = [Fold(np.arange(N), np.arange(N))]
    found = synergy_claim(Joint(), of, event, recording, alone, repairings=19)
    assert found.p == 0.05 and found.holds == holds
    assert found.nats == pytest.approx(t * found.std_error)


def test_labels_of_which_folds_train_on_too_little_are_left_out(monkeypatch):
    """By the probes themselves, without a warning; a fold that tests no trial of a label is read by no model."""
    monkeypatch.undo()
    block = np.arange(72) // 18
    event, error = np.random.default_rng(2).integers(0, 2, 72), np.random.default_rng(3).standard_normal(72)
    rare = np.isin(np.arange(72), [0, 3, 6, 9, 12, 20, 30])  # seven, of which the first fold trains on two
    table = pd.DataFrame({"event": np.where(event, "yes", "no"), "rare": np.where(rare, "yes", "no")})
    table["sum"] = event + 0.1 * np.random.default_rng(4).standard_normal(72)  # its middle third is of both
    # numbers that are the same in two thirds of the trials or more, and the last thirds of which one fold lacks
    table["still"] = np.r_[np.zeros(45), np.arange(1, 10), np.zeros(18)]
    table[block == 3] = None
    pairs = SimpleNamespace(metadata=table, recording=np.zeros(72, int))
    of = Features((1.5 * event + error)[:, None], (1.5 * event - 0.9 * error)[:, None], np.zeros(72), np.zeros(72))
    model, blank = Joint(), SimpleNamespace(measure=lambda _: None)
    model.measure = lambda _: of
    folds = [Fold(np.flatnonzero(block != k), np.flatnonzero(block == k)) for k in range(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = claims_of_labels([model, model, model, blank], pairs, folds, 19, 0)
        assert claims_of_labels([model, model, model, blank], pairs, folds, 0, 0) == {}
    assert set(found) == {"event", "sum (thirds)"}
    assert 0.1 < found["sum (thirds)"].nats < found["event"].nats and found["sum (thirds)"].p == 0.05
    assert found["event"].holds and found["event"].nats > 0.5


def test_bad_input():
    x = np.random.default_rng(2).standard_normal((2, N))
    with pytest.raises(InputError, match="label for every trial"):
        claimed(*x, np.zeros(10, int))
