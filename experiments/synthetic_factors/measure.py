"""What representations hold: accuracy of labels, nats of factors, what a label has that the other modality lacks."""

from __future__ import annotations

import jax
import numpy as np
from sklearn.metrics import log_loss

from pidjax.evaluate import Fold, linear_probe, vector_information
from pidjax.evaluate.linear import LinearResult


def split(n: int) -> Fold:
    """Two thirds to fit a probe, a third to score it; rows are independent."""
    return Fold(np.arange(2 * n // 3), np.arange(2 * n // 3, n))


def _probed(z: np.ndarray, y: np.ndarray) -> LinearResult:
    """Half of the rows to fit, a sixth to choose the penalty, a third to score."""
    n = len(y)
    a, b = n // 2, 2 * n // 3
    return linear_probe((z[:a], y[:a]), (z[a:b], y[a:b]), (z[b:], y[b:]), weighted=False)


def accuracy(z: np.ndarray, y: np.ndarray) -> float:
    """Held-out accuracy of a logistic regression."""
    return _probed(z, y).scores["accuracy"]


def held(z: np.ndarray, factors: dict[str, np.ndarray], steps: int) -> dict[str, tuple[float, float]]:
    """Nats of every factor in a head, with the standard error over rows."""
    found = {}
    for i, (name, w) in enumerate(factors.items()):
        terms, _ = vector_information(jax.random.key(i), z, w, [split(len(w))], steps=steps)
        found[name] = float(terms.mean()), float(terms.std(ddof=1) / len(terms) ** 0.5)
    return found


def given_the_other(z: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """I(Z; Y | X) as a difference of two held-out log-losses, nats."""
    known, test = np.unique(y[: len(y) // 2]), y[2 * len(y) // 3 :]
    alone, both = (log_loss(test, _probed(v, y).output, labels=known) for v in (x, np.hstack([x, z])))
    return float(alone - both)
