"""What representations hold: accuracy of labels, nats of factors, what a label has that neither modality alone says."""

from __future__ import annotations

import jax
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from pidjax.evaluate import Fold, vector_information

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)


def split(n: int) -> Fold:
    """Two thirds to fit a probe, a third to score it; rows are independent."""
    return Fold(np.arange(2 * n // 3), np.arange(2 * n // 3, n))


def accuracy(z: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Held-out accuracy and log-loss (nats) of a logistic regression whose C is chosen within its training rows."""
    fold = split(len(y))
    scaler = StandardScaler().fit(z[fold.train])
    x, held = scaler.transform(z[fold.train]), scaler.transform(z[fold.test])
    inner = split(len(x))
    known = np.unique(y[fold.train])

    def fitted(strength: float, rows: np.ndarray) -> LogisticRegression:
        return LogisticRegression(C=strength, max_iter=200).fit(x[rows], y[fold.train][rows])

    losses = []
    for strength in STRENGTHS:
        model = fitted(strength, inner.train)
        losses.append(log_loss(y[fold.train][inner.test], model.predict_proba(x[inner.test]), labels=model.classes_))
    model = fitted(STRENGTHS[int(np.argmin(losses))], np.arange(len(x)))
    score = model.score(held, y[fold.test])
    seen = np.isin(y[fold.test], known)
    loss = log_loss(y[fold.test][seen], model.predict_proba(held)[seen], labels=model.classes_)
    return float(score), float(loss)


def held(z: np.ndarray, factors: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """Nats of every factor in a head, with the standard error over rows."""
    found = {}
    for i, (name, w) in enumerate(factors.items()):
        terms, _ = vector_information(jax.random.key(i), z, w, [split(len(w))])
        found[name] = float(terms.mean()), float(terms.std(ddof=1) / len(terms) ** 0.5)
    return found


def given_the_other(z: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """I(Z; Y | X) as a difference of two held-out log-losses, nats."""
    return accuracy(x, y)[1] - accuracy(np.hstack([x, z]), y)[1]
