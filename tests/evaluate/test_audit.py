"""pidjax/evaluate/audit.py: factors are found where they were put, and nowhere else."""

import jax
import numpy as np
import pytest

from pidjax.evaluate import Fold, audit, label_information, leakage
from pidjax.evaluate.figures import audit_maps

N = 600
RNG = np.random.default_rng(0)
LABEL = RNG.integers(0, 3, N)
NUMBER = RNG.normal(size=N)
SIGN = RNG.integers(0, 2, (2, N))
HEADS = {
    # means 4 apart: 97 % of the label is there; a bit of XOR that no linear probe finds; noise
    "label": np.eye(3)[LABEL] * 4 + RNG.normal(size=(N, 3)),
    "interaction": np.c_[2.0 * SIGN[0] - 1, 2.0 * SIGN[1] - 1] + 0.2 * RNG.normal(size=(N, 2)),
    "noise": RNG.normal(size=(N, 4)),
}
HALVES = [Fold(np.arange(N // 2), np.arange(N // 2, N)), Fold(np.arange(N // 2, N), np.arange(N // 2))]
FACTORS = {"label": LABEL, "xor": SIGN[0] ^ SIGN[1], "number": NUMBER}


@pytest.fixture(scope="module")
def found():
    """The audit of all heads."""
    return audit(jax.random.key(0), HEADS, FACTORS, folds=HALVES)


def test_factors_are_found_where_they_are(found):
    """A label of separate means and an XOR: most of their entropy, in their head alone."""
    share = found.share
    assert share[0, 0] > 0.85 and share[1, 1] > 0.85
    for i, j in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)]:
        assert found.nats[i, j] < 3 * found.std_error[i, j] + 0.01, (found.heads[i], found.factors[j])
    assert (found.upper > found.nats).all()
    np.testing.assert_array_equal(found.leakage, leakage(HEADS, HALVES))


def test_entropies_are_those_of_the_labels(found):
    """About ln 3 and ln 2; eight equal shares of a number are ln 8."""
    counts = np.bincount(LABEL) / N
    np.testing.assert_allclose(found.entropy[0], -(counts * np.log(counts)).sum())
    np.testing.assert_allclose(found.entropy[2], np.log(8), atol=1e-3)


def test_nats_are_below_the_truth(found):
    """Held out, they exceed the entropy by no more than 3 standard errors."""
    assert (found.nats < found.entropy[None] + 3 * found.std_error).all()


def test_heads_that_hold_the_same_leak():
    """A rotated copy is predicted, another head is not."""
    # a head that does not vary is predicted by none
    copies = {
        "a": HEADS["noise"],
        "b": HEADS["noise"] @ np.linalg.qr(RNG.normal(size=(4, 4)))[0],
        "c": HEADS["label"],
        "d": np.full((N, 2), 0.1),
    }
    found = leakage(copies, HALVES)
    assert found[0, 1] > 0.99 and found[1, 0] > 0.99
    assert abs(found[0, 2]) < 0.05 and abs(found[2, 0]) < 0.05
    assert (found[:, 3] == 0).all()


def test_each_fold_reads_its_own_representation():
    """What sees the trials of one fold alone: most of ln 3 there, and nothing in the other's place."""
    part = np.arange(N) % 4
    folds = [Fold(np.flatnonzero(part == k), np.flatnonzero(part == k + 1)) for k in (0, 2)]
    z = [HEADS["label"] * own[:, None] for own in (part < 2, part >= 2)]
    terms, q = label_information(z, LABEL, folds)
    tested = LABEL[np.concatenate([fold.test for fold in folds])]
    np.testing.assert_allclose(q.sum(1), 1)
    np.testing.assert_allclose(terms, np.log(q[np.arange(len(q)), tested] / (np.bincount(LABEL) / N)[tested]))
    assert terms.mean() > 0.8 * np.log(3)
    assert abs(label_information(z[::-1], LABEL, folds)[0].mean()) < 0.02


def test_the_table_and_the_figure_say_it(found):
    """A row a head; two maps."""
    lines = found.table().splitlines()
    assert len(lines) == 2 + 3 and lines[2].startswith("| label |") and "%" in lines[2]
    assert len(audit_maps(found).axes) == 4


def test_pid_of_a_factor_given_two_heads():
    """Two bits and their XOR: ln 2 of synergy and nothing else."""
    heads = dict(zip("ab", SIGN[:, :, None], strict=True))
    found = audit(jax.random.key(0), heads, {"xor": FACTORS["xor"]}, pairs=[("xor", "a", "b")])
    atoms = found.pid["xor", "a", "b"].atoms
    assert atoms.synergy > 0.6 and max(atoms.redundancy, atoms.unique1, atoms.unique2) < 0.05


@pytest.mark.parametrize(
    ("heads", "factors", "options", "words"),
    [
        ({}, FACTORS, {}, "at least one representation"),
        (HEADS, {"label": LABEL[:9]}, {}, "rows belong together"),
        (HEADS, {"label": np.zeros(N)}, {}, "label is constant"),
        (HEADS, {"label": np.zeros((N, 2), int)}, {}, r"one number or label a row"),
        (HEADS, {"label": np.zeros((N, 2))}, {}, "columns that are constant"),
        (HEADS, {"number": np.where(NUMBER > 2, np.nan, NUMBER)}, {}, "number holds values that are NaN"),
        (HEADS, {"number": np.where(np.arange(N) < 0.9 * N, 0, -np.abs(NUMBER))}, {}, "nearly all values"),
        (HEADS | {"noise": np.full((N, 2), np.nan)}, FACTORS, {}, "noise holds values that are NaN"),
        (HEADS, FACTORS, {"pairs": [("xor", "label", "noise")], "folds": []}, "give one of the two"),
        (HEADS, {"xor": FACTORS["xor"]}, {"pairs": [("xor", "label", "nose")]}, "head 'nose'"),
        (HEADS, {"xor": FACTORS["xor"]}, {"through": {"label": "xnor"}}, "factor 'xnor'"),
        (HEADS, {"xor": FACTORS["xor"]}, {"through": {"noise": "xor"}, "folds": HALVES[:1]}, "test every row once"),
        (
            HEADS,
            {"label": np.r_[2, LABEL[1:] % 2]},
            {"folds": [Fold(np.arange(10, N), np.arange(10))]},
            "does not train on it",
        ),
    ],
)
def test_what_cannot_be_audited(heads, factors, options, words):
    """In words."""
    with pytest.raises(ValueError, match=words):
        audit(jax.random.key(0), heads, factors, **options)


def test_what_is_read_of_a_head_may_be_one_class():
    """A rare label that no probe dares to read: its PID is zeros, not an error."""
    rare = (np.arange(N) % 20 == 0).astype(int)
    heads = {"a": HEADS["noise"], "b": HEADS["noise"][::-1]}
    found = audit(
        jax.random.key(0), heads, {"rare": rare}, pairs=[("rare", "a", "b")], through={"a": "rare", "b": "rare"}
    )
    assert not found.read["a"].any()
    np.testing.assert_allclose(found.pid["rare", "a", "b"].atoms, 0, atol=1e-9)
