"""CanonicalDecomposer: the five heads in closed form, from few features that some hundred trials can teach.

1. Every modality gets features that nothing but itself taught: amplitude and latency of its response, and band powers
   (``learned_features``). Each is made normal by its ranks. Where onsets vary, each modality's response is taught by
   where the other's begins: there the level of the test of step 2 is not exact.
2. Canonical correlation of both: pairs of directions that permuted trials do not reach are redundant, all others
   unique, since they are uncorrelated with the whole of the other modality. Redundant heads are in the units of the
   features, since ranks close the gap between trials that have an event and trials that have none.
3. What is common to both is known to each with an error of its own. Both errors together, *where the two modalities
   differ about what they share*, neither knows: the difference of a redundant pair (the efficiency, where they share an
   activation: what a common gain leaves), and of two onsets (the coupling delay: what a common shift leaves). Where
   onsets hardly vary, the second is what the fNIRS alone knows: look at both.

A label-free synergy beyond such differences is not identifiable: any two features that survive can be each other's
one-time pad. ``fit`` takes labels of some trials for it, and adds their score from products of the unique features.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils.validation import check_is_fitted

from pidjax._checks import InputError
from pidjax.evaluate.held_out import shuffled_within
from pidjax.math.canonical import canonical
from pidjax.neuro.evidence import Evidence
from pidjax.neuro.labels import checked_labels
from pidjax.neuro.learned_features import Features, as_evidence, learn_features, measure, normal_ranks, within
from pidjax.neuro.paired import PairedEpochs, quarters
from pidjax.objectives import HEADS


class CanonicalDecomposer(BaseEstimator):
    """Split trials of EEG and fNIRS by canonical correlation of single-trial features; no gradient, seconds.

    Fitted models are kept by ``joblib.dump``, as those of scikit-learn are.

    Parameters
    ----------
    jitter : float
        Onsets lie within this (s) after the marker and are learned; 0 where they are at the marker.
    duration : float
        Of the activity that drives a haemodynamic response (s); tells where to begin with unknown onsets.
    n_bands : int
        Directions of band power that are kept.
    permutations : int
        Of trials within quarters of recordings, so that what drifts slowly in both is in the null too. A pair is
        redundant if, without the pairs before it, permuted trials reach its correlation in at most 1 % of cases, and
        all pairs before it are (Winkler et al. 2020): 99 or more.
    random_state : int

    Attributes
    ----------
    n_shared_ : int
        Redundant pairs; heads of what is not there are zeros, one column.
    learned_ : Learned
        How single trials are measured: responses, directions of band power and their reliability.
    correlation_ : [pairs]
        Canonical correlations in the training trials.
    """

    def __init__(
        self,
        jitter: float = 0.0,
        *,
        duration: float = 10.0,
        n_bands: int = 4,
        permutations: int = 200,
        random_state: int = 0,
    ):
        self.jitter = jitter
        self.duration = duration
        self.n_bands = n_bands
        self.permutations = permutations
        self.random_state = random_state

    def fit(self, trials: Evidence | PairedEpochs, y: np.ndarray | None = None) -> CanonicalDecomposer:
        """Learn from all trials.

        Parameters
        ----------
        trials : Evidence or PairedEpochs
            Of all recordings together.
        y : [n], optional
            Labels 0, 1, ... of some trials, −1 of the others: adds to the synergy head their score from products of
            unique features of both modalities.

        Raises
        ------
        InputError
            Fewer than 4 trials, channels that are silent or not numbers, windows that do not hold the response, labels
            of one class, or labels where nothing is unique to one of the modalities.
        """
        self._check_settings()
        trials = as_evidence(trials, self.jitter)
        if y is not None:
            checked_labels(y, trials.n)
        self.learned_ = learn_features(trials, self.jitter, duration=self.duration, n_bands=self.n_bands)
        return self.fit_features(self.measure(trials), trials.recording, y)

    def fit_features(
        self, features: Features, recording: np.ndarray, y: np.ndarray | None = None
    ) -> CanonicalDecomposer:
        """The second half of ``fit``: what is redundant, unique and synergistic in single-trial features.

        Parameters
        ----------
        features : Features
        recording : [n]
            Which recording a trial is of.
        y : [n], optional

        Raises
        ------
        InputError
            Fewer trials than features and recordings, features that do not vary, or labels as of ``fit``.
        """
        self._check_settings()
        self._normal = [normal_ranks(x) for x in (features.eeg, features.fnirs)]
        self._moments = [(x.mean(0), x.std(0) + 1e-9) for x in (features.eeg, features.fnirs)]
        # what differs between recordings is no part of what a trial's two sides share
        sides = self.normalised(features)
        eeg, fnirs = (within(x, np.asarray(recording)) for x in sides)
        self._check_features(eeg, fnirs, len(np.unique(recording)))
        found = canonical(jnp.asarray(eeg), jnp.asarray(fnirs))
        self._weights = np.asarray(found.x_weights), np.asarray(found.y_weights)
        self.correlation_ = np.asarray(found.correlation)
        self.n_shared_ = self._shared(eeg, fnirs, np.asarray(recording))
        self._redundant = tuple(
            _sure(x, w[:, : self.n_shared_], self.correlation_[: self.n_shared_])
            for x, w in zip((eeg, fnirs), self._weights, strict=True)
        )
        self._scorer = None
        if y is not None:
            self._scorer = self._learn_score(*sides, checked_labels(y, len(eeg)))
        return self

    def transform(self, trials: Evidence | PairedEpochs) -> dict[str, np.ndarray]:
        """The five heads [n, dims]; zeros, one column, where there is nothing."""
        return self.heads(self.measure(trials))

    def measure(self, trials: Evidence | PairedEpochs) -> Features:
        """Single-trial features of each modality."""
        check_is_fitted(self)
        return measure(self.learned_, trials)

    def normalised(self, features: Features) -> tuple[np.ndarray, np.ndarray]:
        """Features of EEG and fNIRS by their ranks among the training trials, normal and at most 3 from 0."""
        eeg, fnirs = (made(x) for made, x in zip(self._normal, (features.eeg, features.fnirs), strict=True))
        return eeg, fnirs

    def heads(self, features: Features) -> dict[str, np.ndarray]:
        """What ``transform`` returns, of what ``measure`` did."""
        eeg, fnirs = self.normalised(features)
        a, b = self._weights
        k = self.n_shared_
        in_units = [(x - m) / sd for x, (m, sd) in zip((features.eeg, features.fnirs), self._moments, strict=True)]
        shared = [x @ w for x, w in zip(in_units, self._redundant, strict=True)]
        joint = [fnirs @ self._redundant[1] - eeg @ self._redundant[0]]
        if self.jitter > 0:
            joint.append((features.latency - features.onset)[:, None])
        if self._scorer is not None:
            score = self._scorer.decision_function(self._products(eeg, fnirs))
            joint.append(score.reshape(len(eeg), -1))
        parts = (*shared, eeg @ a[:, k:], fnirs @ b[:, k:], np.hstack(joint))
        filled = (z if z.shape[1] else np.zeros((len(z), 1)) for z in parts)
        return {head: z.astype(np.float32) for head, z in zip(HEADS, filled, strict=True)}

    def _check_features(self, eeg: np.ndarray, fnirs: np.ndarray, recordings: int) -> None:
        n, d = len(eeg), max(eeg.shape[1], fnirs.shape[1])
        if n < recordings + d + 2:
            raise InputError(
                f"{n} trials of {recordings} recordings are too few to tell which of {d} features are shared: "
                f"{recordings + d + 2} or more."
            )
        if not (np.ptp(eeg, axis=0).all() and np.ptp(fnirs, axis=0).all()):
            raise InputError("a feature is the same in all trials of every recording: drop it.")

    def _check_settings(self) -> None:
        if self.jitter < 0:
            raise InputError(f"jitter is how far onsets vary, 0 s or more; found {self.jitter:g}.")
        if self.permutations < 99:
            raise InputError(f"1 % of cases need 99 permutations or more; found {self.permutations}.")

    def _shared(self, eeg: np.ndarray, fnirs: np.ndarray, recording: np.ndarray) -> int:
        rng = np.random.default_rng(self.random_state)
        stretches = quarters(recording)
        orders = np.stack([shuffled_within(stretches, rng) for _ in range(self.permutations)])
        a, b = self._weights
        for k, found in enumerate(self.correlation_):
            left, right = eeg @ a[:, k:], jnp.asarray(fnirs @ b[:, k:])
            null = jax.vmap(lambda order, x=left, y=right: canonical(x, y[order]).correlation[0])(orders)
            if 1 + (np.asarray(null) >= found).sum() > 0.01 * (1 + self.permutations):
                return k
        return len(self.correlation_)

    def _products(self, eeg: np.ndarray, fnirs: np.ndarray) -> np.ndarray:
        a, b = self._weights
        k = self.n_shared_
        return products(eeg @ a[:, k:], fnirs @ b[:, k:])

    def _learn_score(self, eeg: np.ndarray, fnirs: np.ndarray, y: np.ndarray) -> GridSearchCV:
        told = y >= 0
        if self.n_shared_ >= fnirs.shape[1]:
            raise InputError("all features of the fNIRS are redundant: labels have no unique pair to be read from.")
        _, count = np.unique(y[told], return_counts=True)
        if count.min() < 3:
            raise InputError("labels must be of 3 trials or more in every class; −1 is no label.")
        model = GridSearchCV(
            LogisticRegression(max_iter=1000),
            {"C": np.logspace(-3, 2, 11)},
            scoring="neg_log_loss",
            cv=min(5, int(count.min())),
        )
        return model.fit(self._products(eeg, fnirs)[told], y[told])


def products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of every column of one with every column of the other, [n, columns · columns]."""
    return np.einsum("na,nb->nab", a, b).reshape(len(a), -1)


def _sure(x: np.ndarray, weights: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Weights of variates of x, 0 where within two standard errors of that (of regressing the other side on x).

    A variate all of whose weights are (its features are alike) keeps them.
    """
    n, d = x.shape
    variance = np.diag(np.linalg.inv(x.T @ x))[:, None] * (1 - correlation**2) / correlation**2 * n / (n - d)
    sure = weights**2 > 4 * variance
    return np.where(sure | ~sure.any(0), weights, 0.0)
