"""pidjax/neuro/compared.py: subjects count once, every pair is adjusted for, and the best head comes first."""

import numpy as np
import pytest

from pidjax.evaluate import holm, sign_flip
from pidjax.neuro.compared import JOINED, OTHERS, PAIRS, compare, of_the_best
from pidjax.objectives import HEADS

SIZES = np.arange(3, 13)
SUBJECT = np.repeat(np.arange(10).astype(str), SIZES)


def terms(rng, **more):
    """Nats of trials that are their subject's, whatever its number of trials."""
    names = (*HEADS, "raw EEG", "raw fNIRS", JOINED, OTHERS)
    of_subject = {name: more.get(name, 0.0) + 0.1 * rng.normal(size=10) for name in names}
    return {name: np.repeat(x, SIZES) for name, x in of_subject.items()}, of_subject


def test_means_and_p_are_those_of_subjects():
    """Subjects of 3 to 12 trials: numbers as of one mean each, Holm over both labels' 42 pairs."""
    rng = np.random.default_rng(0)
    (one, of_one), (two, of_two) = terms(rng, synergy=1.0), terms(rng)
    found = compare({"delay": one, "mode": two}, {"delay": SUBJECT, "mode": SUBJECT})
    assert len(found) == 2 * len(PAIRS) == 42
    d = np.array([[of[c.first] - of[c.second] for c in found[:21]] for of in (of_one, of_two)]).reshape(42, 10)
    np.testing.assert_allclose([c.nats for c in found], d.mean(1))
    np.testing.assert_allclose([c.se for c in found], d.std(1, ddof=1) / np.sqrt(10))
    np.testing.assert_allclose([c.p for c in found], sign_flip(d.T))
    np.testing.assert_allclose([c.holm for c in found], holm(sign_flip(d.T)))
    assert all(c.subjects == 10 for c in found)


def test_the_best_head_comes_first():
    """It is against four heads and two modalities; what synergy adds stays; signs are turned with the order."""
    one, of = terms(np.random.default_rng(1), unique_fnirs=1.0)
    found = compare({"cost": one, "mode": one}, {"cost": SUBJECT, "mode": SUBJECT})
    shown = of_the_best(found, "cost", {head: x.mean() for head, x in of.items()})
    assert [c.first for c in shown] == ["unique_fnirs"] * 6 + [JOINED] and {c.label for c in shown} == {"cost"}
    assert {c.second for c in shown} == {*HEADS, "raw EEG", "raw fNIRS", OTHERS} - {"unique_fnirs"}
    for c in shown:
        assert c.nats == pytest.approx(np.mean(of[c.first] - of[c.second]))


def test_one_subject_is_no_sample():
    """A label of one subject is left out, and with it alone nothing is said."""
    one, _ = terms(np.random.default_rng(2))
    alone = np.full(len(SUBJECT), "1")
    assert compare({"mode": one}, {"mode": alone}) == []
    assert {c.label for c in compare({"mode": one, "cost": one}, {"mode": alone, "cost": SUBJECT})} == {"cost"}
