"""pidjax/evaluate/audit.py: factors are found where they were put, and nowhere else."""

import functools
import sys

import jax
import numpy as np
import pytest
from sklearn.decomposition import PCA

from pidjax.estimators import estimate_pid
from pidjax.evaluate import Fold, audit
from pidjax.evaluate.figures import audit_maps
from pidjax.pid import broja

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
    leakage = audit(jax.random.key(0), copies, {"xor": FACTORS["xor"]}, folds=HALVES).leakage
    assert leakage[0, 1] > 0.99 and leakage[1, 0] > 0.99
    assert abs(leakage[0, 2]) < 0.05 and abs(leakage[2, 0]) < 0.05
    assert (leakage[:, 3] == 0).all()


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


def test_raw_digits(request, monkeypatch):
    """Pictures know the written digit, sounds the spoken one, neither the other nor their sum modulo ten.

    The PID of all three, through what is read of the digits, is that of the measured confusion matrices within 0.05
    nats and 2 standard errors: digits are unique, their sum is synergy.
    """
    path = request.config.getoption("--data") / "multimodal/av_digits.npz"
    if not path.exists():
        pytest.skip(f"{path} is absent: pass --data DIR with the recordings")
    few = functools.partial(estimate_pid, bootstraps=20)  # a table of a thousand cells for every one
    monkeypatch.setattr(sys.modules[audit.__module__], "estimate_pid", few)
    rng, digits, n = np.random.default_rng(0), np.load(path), 1000
    rows = {name: rng.permutation(len(digits[f"{name}_label"]))[:n] for name in ("image", "audio")}
    label = {name: digits[f"{name}_label"][r].astype(int) for name, r in rows.items()}
    raw = {"image": digits["image"], "audio": digits["audio_logmel"]}
    heads = {name: PCA(10).fit_transform(x[rows[name]].reshape(n, -1) / 255.0) for name, x in raw.items()}
    halves = [Fold(np.arange(n // 2), np.arange(n // 2, n)), Fold(np.arange(n // 2, n), np.arange(n // 2))]
    factors = label | {"sum": (label["image"] + label["audio"]) % 10}
    found = audit(
        jax.random.key(0),
        heads,
        factors,
        folds=halves,
        pairs=[(name, "image", "audio") for name in factors],
        through={name: name for name in heads},
    )
    assert found.share[0, 0] > 0.5 and found.share[1, 1] > 0.5, found.table()
    assert (found.nats[[0, 1, 0, 1], [1, 0, 2, 2]] < 0.03).all(), found.table()
    first, second = (confusion(label[name], found.read[name]) for name in heads)
    rules = {"image": lambda a, b: a, "audio": lambda a, b: b, "sum": lambda a, b: (a + b) % 10}
    for (name, *_), estimate in found.pid.items():
        p = np.zeros((10, 10, 10))
        for a, b in np.ndindex(10, 10):
            p[:, :, rules[name](a, b)] += np.outer(first[a], second[b])
        for field, truth in broja(p)._asdict().items():
            error = getattr(estimate.atoms, field) - truth
            assert abs(error) < 0.05 + 2 * getattr(estimate.std_error, field), (name, field, error)


def confusion(true, read):
    """Joint shares of digits and of what was read, [10, 10]."""
    return np.histogram2d(true, read, bins=(np.arange(11), np.arange(11)))[0] / len(true)
