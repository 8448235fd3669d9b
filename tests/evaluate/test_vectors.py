"""Nats of a vector in a representation, against the closed form of Gaussians."""

import functools
import importlib

import jax
import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.evaluate import Fold, audit, vector_information

N = 3000
audit_room = importlib.import_module("pidjax.evaluate.audit")


@pytest.fixture(scope="module")
def world():
    """A line z = 2 w + noise in three directions, I(Z; W) = 3/2 log 5; and its angles, which a line cannot read."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=(N, 3))
    line = 2 * w + rng.normal(size=(N, 3))
    # of one width, so that all is compiled once
    return w, {"line": np.hstack([line, line]), "angles": np.hstack([np.sin(line / 2), np.cos(line / 2)])}


def test_audit_reads_vectors(world, monkeypatch):
    monkeypatch.setattr(audit_room, "vector_information", functools.partial(vector_information, steps=600))
    w, heads = world
    folds = [Fold(np.arange(2000), np.arange(2000, N))]
    found = audit(jax.random.key(0), heads, {"w": w}, folds=folds)
    truth = 1.5 * np.log(5)
    line, angles = found.nats[:, 0]
    assert abs(line - truth) < 3 * found.std_error[0, 0] + 0.03
    # what a line reads of the angles is the Gaussian bound of their covariance with w
    both = np.cov(np.hstack([heads["angles"], w]).T)
    log_det = [np.linalg.slogdet(c)[1] for c in (both[:6, :6], both[6:, 6:], both)]
    by_line = (log_det[0] + log_det[1] - log_det[2]) / 2
    assert by_line + 3 * found.std_error[1, 0] < angles < truth + 3 * found.std_error[1, 0]
    assert np.isnan(found.entropy[0]) and "nan" not in found.table()
    terms, rows = vector_information(jax.random.key(0), np.roll(heads["line"], 7, axis=0), w, folds, steps=600)
    assert len(terms) == 1000 and (rows == folds[0].test).all()
    assert abs(terms.mean()) < 3 * terms.std() / 1000**0.5 + 0.02


def test_small_directions_are_read(world):
    """The line mixed into six numbers so that one direction of w is a hundred-thousandth of the others: as before."""
    w, heads = world
    line = heads["line"][:, :3]
    mixing = np.random.default_rng(1).normal(size=(3, 6)) * np.array([[1e-5], [1], [1]])
    folds = [Fold(np.arange(2000), np.arange(2000, N))]
    terms, _ = vector_information(jax.random.key(0), line @ mixing, w, folds, steps=600)
    assert abs(terms.mean() - 1.5 * np.log(5)) < 3 * terms.std() / 1000**0.5 + 0.03


@pytest.mark.parametrize(
    ("factor", "words"),
    [(np.ones((40, 2)), "constant"), (np.random.default_rng(0).normal(size=(40, 20)), "more than 147 rows")],
)
def test_bad_input(factor, words):
    z = np.random.default_rng(1).normal(size=(40, 2))
    with pytest.raises(InputError, match=words):
        audit(jax.random.key(0), {"z": z}, {"w": factor})
