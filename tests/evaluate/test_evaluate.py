"""Probes, retrieval and prediction against data whose answer is known, and against their own nulls."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut

from pidjax._checks import InputError
from pidjax.evaluate import Fold, blockwise_folds, prediction, probe_class, probe_value, retrieval
from pidjax.evaluate.held_out import span
from pidjax.evaluate.probe import _posterior
from pidjax.evaluate.relation import _penalty

N = 60
BLOCKS = np.arange(N) // 12
ONSET = 20.0 * np.arange(N)


@pytest.fixture
def folds():
    return blockwise_folds(BLOCKS, ONSET)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_folds_are_contiguous_and_share_no_sample():
    """Every trial is tested once; no training trial starts within a window's length of a tested one."""
    folds = blockwise_folds(BLOCKS, ONSET, gap=25.0)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(N))
    for fold in folds:
        assert np.ptp(fold.test) == len(fold.test) - 1
        assert np.abs(ONSET[fold.train][:, None] - ONSET[fold.test]).min() >= 25.0


def test_other_recordings_never_overlap():
    """The gap applies within a recording only."""
    folds = blockwise_folds(BLOCKS, ONSET, gap=1e6, recording=BLOCKS)
    assert all(len(fold.train) == 48 for fold in folds)


def test_folds_refuse_what_cannot_be_tested():
    """One block, or windows that overlap everything."""
    with pytest.raises(InputError, match="at least 2 blocks"):
        blockwise_folds(np.zeros(5), ONSET[:5])
    with pytest.raises(InputError, match="no trial is left"):
        blockwise_folds(BLOCKS, ONSET, gap=1e6)


def test_probe_finds_a_separable_label(folds, rng):
    """Classes 6 standard deviations apart: perfect score, smallest p, nearly H(label) = ln 2 nats."""
    y = rng.permutation(np.repeat(["a", "b"], N // 2))
    x = rng.standard_normal((N, 3)) + 6.0 * (y == "a")[:, None]
    result = probe_class(x, y, folds, permutations=99)
    assert result.score == 1.0
    assert result.chance == 0.5
    assert result.p == pytest.approx(0.01)
    assert result.null95 < 0.75
    assert result.nats == pytest.approx(np.log(2), abs=0.03)
    assert result.nats <= np.log(2)
    assert result.se > 0


def test_probe_of_noise_is_at_chance(rng):
    """p of pure noise is uniform: its mean over 20 data sets is 1/2 within 4 standard errors (0.065 each)."""
    folds = blockwise_folds(BLOCKS, ONSET)
    ps = [
        probe_class(rng.standard_normal((N, 5)), rng.permutation(np.arange(N) % 2), folds, permutations=39, seed=i).p
        for i in range(20)
    ]
    assert abs(np.mean(ps) - 0.5) < 4 * np.sqrt(1 / 12 / 20)


def test_accuracy_matches_gaussian_theory(rng):
    """Two unit Gaussians d' apart: accuracy is Φ(d'/2) = 0.841 at d' = 2, within 4 standard errors."""
    n = 1000
    y = np.arange(n) % 2
    x = rng.standard_normal((n, 1)) + 2.0 * y[:, None]
    folds = blockwise_folds(np.arange(n) // 200, np.arange(n, dtype=float))
    result = probe_class(x, y, folds, permutations=0)
    assert abs(result.score - 0.8413) < 4 * result.se
    # I(y; x) = ln 2 − E h(σ(d'z + d'²/2)) = 0.337 nats at d' = 2
    assert abs(result.nats - 0.337) < 4 * result.nats_se


def test_discriminant_is_scikit_learns(rng):
    """The batched discriminant in the span of the training trials equals scikit-learn's in the full space."""
    n, d, k = 45, 80, 3
    y = np.arange(n) % k
    x = rng.standard_normal((n, d)) * rng.uniform(0.5, 2, d) + 0.3 * y[:, None]
    fold = Fold(np.arange(30), np.arange(30, n))
    train, test, (shrinkage, features) = span(x, fold)
    assert train.shape[1] < 30
    assert features == d
    labels = np.stack([y[:30], rng.permutation(y[:30])])
    ours = _posterior(train, test, labels, k, shrinkage, d)
    scaled = (x - x[:30].mean(0)) / x[:30].std(0)
    for mine, label in zip(ours, labels, strict=True):
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(scaled[:30], label)
        np.testing.assert_allclose(mine, model.predict_proba(scaled[30:]), rtol=1e-5, atol=1e-8)


def test_each_fold_may_have_its_own_features(folds, rng):
    """A representation per fold that is rotated arbitrarily gives the score of the unrotated one."""
    y = np.arange(N) % 2
    x = rng.standard_normal((N, 4)) + 1.5 * y[:, None]
    turned = [x @ np.linalg.qr(rng.standard_normal((4, 4)))[0] for _ in folds]
    # standardisation is not invariant to rotation, so nearly isotropic features are compared
    assert probe_class(turned, y, folds, permutations=0).score == pytest.approx(
        probe_class(x, y, folds, permutations=0).score, abs=0.05
    )


@pytest.mark.parametrize("columns", [1, 3])
def test_features_that_are_the_same_in_all_trials_tell_nothing(folds, rng, columns):
    """Zeros stand for a head of what is not there: chance, and no nats but what a fold's prior costs."""
    label = rng.integers(0, 2, 60)
    found = probe_class(np.zeros((60, columns)), label, folds, permutations=9)
    assert abs(found.score - 0.5) <= 3 * found.se and -0.1 < found.nats <= 0.01
    assert probe_value(np.zeros((60, columns)), rng.normal(size=60), folds, permutations=9).nats == 0.0


def test_probe_refuses_a_missing_class(folds):
    """A class that only one block holds cannot be trained on when that block is tested."""
    y = np.where(BLOCKS == 2, "only here", "elsewhere")
    with pytest.raises(InputError, match="fewer trials"):
        probe_class(np.zeros((N, 2)), y, folds)
    with pytest.raises(InputError, match="two classes"):
        probe_class(np.zeros((N, 2)), np.zeros(N), folds)


def test_value_probe_recovers_a_linear_relation(folds, rng):
    """y = x₁ + noise of equal variance: r is 1/√2 within 4 standard errors, and significant."""
    x = rng.standard_normal((N, 4))
    y = x[:, 0] + rng.standard_normal(N)
    result = probe_value(x, y, folds, permutations=99)
    assert abs(result.score - np.sqrt(0.5)) < 4 * result.se
    assert result.p < 0.05


def test_value_probe_of_noise_is_centred(rng):
    """Features that know nothing correlate with the truth at 0 on average, not below."""
    folds = blockwise_folds(BLOCKS, ONSET)
    r = [
        probe_value(rng.standard_normal((N, 4)), rng.standard_normal(N), folds, permutations=0).score for _ in range(40)
    ]
    assert abs(np.mean(r)) < 4 * np.std(r) / np.sqrt(len(r))


def test_retrieval(folds, rng):
    """Identical vectors are always found; independent ones at chance; the null is at chance too."""
    x = rng.standard_normal((N, 8))
    same = retrieval(x, x, folds, permutations=99)
    assert same.score == 1.0
    assert same.chance == pytest.approx(1 / 12)
    assert same.p == pytest.approx(0.01)
    other = retrieval(x, rng.standard_normal((N, 8)), folds, permutations=99)
    assert abs(other.score - other.chance) < 4 * other.se
    assert other.null95 < 0.25


def test_prediction(folds, rng):
    """A linear image of the features is predicted (R² near 1), an independent vector is not."""
    x = rng.standard_normal((N, 5))
    image = x @ rng.standard_normal((5, 3))
    assert prediction(x, image, folds, permutations=19).score > 0.95
    nothing = prediction(x, rng.standard_normal((N, 3)), folds, permutations=19)
    assert nothing.score < 0.1
    assert nothing.p > 0.05


@pytest.mark.parametrize("blocks", [1, 5])
@pytest.mark.parametrize("noise", [0.3, 3.0, 30.0])
def test_the_penalty_is_that_of_a_grid_search(blocks, noise):
    """scikit-learn's, with every penalty fitted anew: by blocks, by halves where there is one."""
    rng = np.random.default_rng(int(10 * noise))
    x = rng.normal(size=(60, 20))
    y = x @ rng.normal(size=(20, 2)) + noise * rng.normal(size=(60, 2))
    block = np.arange(60) % blocks
    cv = LeaveOneGroupOut() if blocks > 1 else 2
    search = GridSearchCV(Ridge(fit_intercept=False), {"alpha": np.logspace(0, 6, 13)}, cv=cv)
    search.set_params(scoring="neg_mean_squared_error").fit(x, y, groups=block)
    assert _penalty(x, y, block) == pytest.approx(search.best_params_["alpha"])


def test_prediction_of_what_merely_drifts_is_not_significant():
    """Independent random walks: p <= 0.05 in about 5 % of cases; 4 or more of 20 have probability 0.016."""
    rng = np.random.default_rng(7)
    folds = blockwise_folds(BLOCKS, ONSET)
    walks = [rng.standard_normal((2, N, 3)).cumsum(axis=1) for _ in range(20)]
    ps = [prediction(x, z, folds, permutations=39, seed=i).p for i, (x, z) in enumerate(walks)]
    assert sum(p <= 0.05 for p in ps) < 4


def test_which_recording_a_trial_is_of_is_no_information(rng):
    """Features and numbers that know the recording and nothing else: chance, and no null is beaten."""
    n, recording, blocks = 240, np.arange(240) // 40, np.tile(np.arange(40) // 10, 6)
    folds = blockwise_folds(blocks, np.tile(20.0 * np.arange(40), 6), recording=recording)
    assert [len(fold.stretches) for fold in folds] == [6] * 4 and len(folds[0].test) == 60
    of = np.eye(6)[recording]
    a, b = (3 * of + rng.normal(size=(n, 6)) for _ in range(2))
    found = retrieval(a, b, folds, permutations=99)
    assert found.chance == pytest.approx(0.1) and abs(found.score - 0.1) < 4 * found.se and found.p > 0.01
    related = prediction(a, b, folds, permutations=99)
    assert related.score < 0.05 and related.p > 0.01
    value = probe_value(a, 5.0 * recording + rng.normal(size=n), folds, permutations=99)
    assert abs(value.score) < 4 * value.se and value.p > 0.01
    # a label that is a third as frequent in half of the recordings: its null is as high as its score
    label = rng.random(n) < np.where(recording < 3, 0.25, 0.75)
    assert probe_class(a, label, folds, permutations=99).p > 0.01


def test_the_terms_of_a_number_have_its_nats_as_their_mean(folds, rng):
    """Pointwise and decoded say what the score says."""
    x = rng.standard_normal((N, 3))
    found = probe_value(x, x[:, 0] + rng.standard_normal(N), folds, permutations=0)
    assert found.pointwise.mean() == pytest.approx(found.nats) and found.pointwise.std() > 0.1
    assert np.corrcoef(found.decoded.T)[0, 1] == pytest.approx(found.score)
    for fold in np.split(found.decoded, 5):
        np.testing.assert_allclose(fold.mean(0), 0, atol=1e-12)
