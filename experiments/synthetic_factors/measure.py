"""What representations hold: accuracy of labels, nats of factors, what a label has that the other modality lacks."""

from __future__ import annotations

import jax
import numpy as np

from pidjax.evaluate import Fold, LinearResult, linear_probe, vector_information


def split(n: int) -> Fold:
    """Two thirds to fit a probe, a third to score it; rows are independent."""
    return Fold(np.arange(2 * n // 3), np.arange(2 * n // 3, n))


def _probed(z: np.ndarray, y: np.ndarray) -> LinearResult:
    """Half of the rows to fit, a sixth to choose the penalty, a third to score; rows of classes not fitted left out.

    Whitened: FactorCL's vectors have nearly all of their variance in four directions, and little of what they hold.
    """
    a, b = len(y) // 2, 2 * len(y) // 3
    known = np.isin(y, y[:a])
    parts = [np.flatnonzero(known[start:end]) + start for start, end in ((0, a), (a, b), (b, len(y)))]
    return linear_probe(*((z[rows], y[rows]) for rows in parts), weighted=False, whiten=True)


def accuracy(z: np.ndarray, y: np.ndarray) -> float:
    """Held-out accuracy of a logistic regression, rows of a class that it was not fitted on counted as wrong."""
    tested = y[2 * len(y) // 3 :]
    return _probed(z, y).scores["accuracy"] * float(np.isin(tested, y[: len(y) // 2]).mean())


def held(z: np.ndarray, factors: dict[str, np.ndarray], steps: int) -> dict[str, tuple[float, float]]:
    """Nats of every factor in a head, with the standard error over rows."""
    found = {}
    for i, (name, w) in enumerate(factors.items()):
        terms, _ = vector_information(jax.random.key(i), z, w, [split(len(w))], steps=steps)
        found[name] = _mean_error(terms)
    return found


def given_the_other(z: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """I(Z; Y | X) as a difference of two held-out log-losses, nats, with the standard error over rows; Y of 0 and 1."""
    test = y[2 * len(y) // 3 :]
    alone, both = (
        np.log(np.maximum(_probed(v, y).output[np.arange(len(test)), test], 1e-12)) for v in (x, np.hstack([x, z]))
    )
    return _mean_error(both - alone)


def _mean_error(terms: np.ndarray) -> tuple[float, float]:
    return float(terms.mean()), float(terms.std(ddof=1) / len(terms) ** 0.5)
