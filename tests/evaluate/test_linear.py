"""pidjax/evaluate/linear.py: scores against their definitions and known optima; what a probe may not see."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from pidjax._checks import InputError
from pidjax.evaluate import linear_probe, whitened
from pidjax.evaluate.class_scores import class_scores

RNG = np.random.default_rng(0)


def two_gaussians(n, share=0.5, apart=2.0):
    """Classes at ± apart/2 along the first of five axes: Bayes accuracy Φ(apart/2), AUC Φ(apart/√2)."""
    y = (RNG.random(n) < share).astype(int)
    return RNG.normal(size=(n, 5)) + apart * np.outer(y - 0.5, [1, 0, 0, 0, 0]), y


TRAIN, VALIDATION, TEST = two_gaussians(600), two_gaussians(300), two_gaussians(3000)


def test_a_label_is_read_as_well_as_can_be():
    """Accuracy and AUC within 4 standard errors of Bayes'; as scikit-learn counts them."""
    found = linear_probe(TRAIN, VALIDATION, TEST)
    scores = found.scores
    assert abs(scores["accuracy"] - norm.cdf(1)) < 4 * scores["accuracy_se"] + 0.01
    assert abs(scores["auc"] - norm.cdf(np.sqrt(2))) < 4 * scores["auc_se"] + 0.01
    assert found.validation == linear_probe(TRAIN, VALIDATION, VALIDATION).scores
    called = found.output.argmax(1)
    assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(TEST[1], called))
    assert scores["auc"] == pytest.approx(roc_auc_score(TEST[1], found.output[:, 1]))
    assert scores["chance"] == 0.5 and scores["n"] == 3000


def test_standard_errors_are_those_of_repetition():
    """Over 100 test sets the scores vary as each says, within 4 standard errors of a standard deviation."""
    from pidjax.evaluate.class_scores import _auc, _binomial

    found = []
    for _ in range(100):
        z, y = two_gaussians(200)
        found.append([*_auc(y == 1, z[:, 0])[:2], ((z[:, 0] > 0) == y).mean(), _binomial((z[:, 0] > 0) == y)])
    auc, auc_se, accuracy, accuracy_se = np.array(found).T
    for value, se in ((auc, auc_se), (accuracy, accuracy_se)):
        assert abs(value.std(ddof=1) / se.mean() - 1) < 4 / np.sqrt(2 * 99)


def test_a_small_direction_is_read_through_large_ones():
    """Nine coins of fifty times the size, mixed in: strict penalties lose by them, loose ones read the label."""
    mixed = np.linalg.qr(RNG.normal(size=(10, 10)))[0]

    def part(n):
        z, y = two_gaussians(n)
        return np.hstack([50 * RNG.choice([-1.0, 1.0], size=(n, 9)), z[:, :1]]) @ mixed, y

    for n in (200, 400, 1000):
        scores = linear_probe(part(n), part(n // 2), part(2000)).scores
        assert abs(scores["accuracy"] - norm.cdf(1)) < 4 * scores["accuracy_se"] + 0.01


def test_errors_of_rows_that_share_content():
    """Pairs of 60 pictures, read by how legible both are: over 300 worlds accuracies and AUCs vary as the errors of
    shared content say, within 4 standard errors of a standard deviation; those of independent rows are half as large.
    """
    pairs = np.array([(i, j) for i in range(60) for j in range(60) if (i + 2 * j) % 5 == 0 and i != j])
    y = np.arange(len(pairs)) % 2
    found = []
    for _ in range(300):
        told = (2 * y - 1) * (RNG.normal(size=60)[pairs].sum(1) + RNG.normal(size=len(pairs)) + 1)
        output = np.stack([-told, told], 1)
        for shared in (pairs, None):
            scores = class_scores(np.arange(2), y, output, shared)
            found += [scores[of + end] for of in ("accuracy", "balanced_accuracy", "auc") for end in ("", "_se")]
    value, error = np.moveaxis(np.array(found).reshape(300, 2, 3, 2), 3, 0)
    deviation, error = value[:, 0].std(0, ddof=1), error.mean(0)
    assert (abs(deviation / error[0] - 1) < 4 / np.sqrt(2 * 299)).all()
    assert (error[1] < 0.5 * error[0]).all()


@pytest.mark.parametrize("width", [1, 2])
def test_errors_of_shared_content_by_definition(width):
    """The double sum over rows with a name in common, over the share of pairs of rows that have none; three classes."""
    names = RNG.choice(list("abcdefgh"), size=(60, width))
    y, called = np.arange(60) % 3, np.where(RNG.random(60) < 0.6, np.arange(60) % 3, 0)
    met = np.array([[bool(set(one) & set(two)) for two in names] for one in names])
    plain, whole = (class_scores(np.arange(3), y, np.eye(3)[called], of) for of in (None, names))
    hit = called == y
    for score, e in {
        "accuracy": (hit - hit.mean()) / 60,
        "balanced_accuracy": (hit - np.array([hit[y == k].mean() for k in y])) / 60,
    }.items():
        expected = max(e @ met @ e, 0) / (1 - met.mean())
        assert whole[f"{score}_se"] == pytest.approx(max(np.sqrt(expected), plain[f"{score}_se"]))
        assert whole[score] == plain[score]


def test_rows_that_share_nothing_have_the_errors_of_independent_rows():
    """Of names of one row each, errors are larger by √(n / (n − 1)) at the most."""
    alone, plain = (linear_probe(TRAIN, VALIDATION, TEST, shared=of).scores for of in (np.arange(3000), None))
    assert alone == pytest.approx(plain, rel=1e-3)


def test_rare_classes_count_alike():
    """At one positive in ten the weighted probe reaches Bayes' balanced accuracy, the unweighted one calls few so."""
    train, validation, test = two_gaussians(1000, 0.1, 1.5), two_gaussians(500, 0.1, 1.5), two_gaussians(4000, 0.1, 1.5)
    fair = linear_probe(train, validation, test).scores
    plain = linear_probe(train, validation, test, weighted=False).scores
    assert abs(fair["balanced_accuracy"] - norm.cdf(0.75)) < 4 * fair["balanced_accuracy_se"] + 0.01
    assert plain["balanced_accuracy"] < fair["balanced_accuracy"] - 0.1
    assert plain["accuracy"] > plain["majority"] - 0.02 > 0.85


def hidden_in(parts, size=1e-5):
    """The same features mixed by a matrix of condition 1 / size, and a constant beside."""
    mixing = np.random.default_rng(1).normal(size=(5, 5)) * np.array([[size], [1], [1], [1], [1]])
    return [(np.hstack([z @ mixing, np.ones((len(z), 1))]), y) for z, y in parts]


def test_whitened_probes_see_small_directions():
    """Probabilities are the same however features are mixed; of standardised ones a direction of 1e-5 is not read."""
    parts = TRAIN, VALIDATION, TEST
    plain, mixed = (linear_probe(*p, whiten=True) for p in (parts, hidden_in(parts)))
    np.testing.assert_allclose(mixed.output, plain.output, atol=2e-3)  # solvers stop at gradients of 1e-3
    assert abs(plain.scores["accuracy"] - norm.cdf(1)) < 4 * plain.scores["accuracy_se"] + 0.01
    assert linear_probe(*hidden_in(parts)).scores["accuracy"] < plain.scores["accuracy"] - 0.2


def test_whitened_rows_have_unit_covariance():
    """Constants left out; others by the map of the training rows; a linear map of features only rotates."""
    (train, _), (test, _) = hidden_in([TRAIN, TEST])
    white, other = whitened(train, test)
    assert white.shape == (600, 5)
    np.testing.assert_allclose(white.T @ white / 600, np.eye(5), atol=1e-8)
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-8)
    plain = whitened(TRAIN[0], TEST[0])[1]
    np.testing.assert_allclose(other @ other.T, plain @ plain.T, atol=1e-6)


def test_constants_are_no_directions():
    """Of numbers that 64 bits cannot hold exactly too, whatever tested rows have there; alone they tell nothing."""
    still = [(np.hstack([z, np.full((len(z), 1), 0.1)]), y) for z, y in (TRAIN, VALIDATION, TEST)]
    still[2][0][:, -1] = 7.0
    plain, other = (linear_probe(*p, whiten=True) for p in ((TRAIN, VALIDATION, TEST), still))
    np.testing.assert_allclose(other.output, plain.output, atol=2e-3)
    found = linear_probe(*((np.full((len(y), 2), 0.1), y) for _, y in still), whiten=True)
    assert found.scores["auc"] == 0.5


def test_noise_is_at_chance():
    """Five classes that features know nothing of."""
    parts = [(RNG.normal(size=(n, 20)), RNG.integers(5, size=n)) for n in (300, 200, 1000)]
    scores = linear_probe(*parts).scores
    assert abs(scores["balanced_accuracy"] - 0.2) < 4 * scores["balanced_accuracy_se"]
    assert abs(scores["auc"] - 0.5) < 0.06 and "auc_se" not in scores


def test_test_labels_are_never_seen():
    """With test labels turned around the same outputs."""
    turned = linear_probe(TRAIN, VALIDATION, (TEST[0], 1 - TEST[1]))
    np.testing.assert_array_equal(turned.output, linear_probe(TRAIN, VALIDATION, TEST).output)


def test_validation_stops_the_path():
    """Many features and few rows: noise gets a strict penalty, a column that is the label a loose one."""

    def part(n, told):
        z, y = RNG.normal(size=(n, 100)), RNG.integers(2, size=n)
        if told:
            z[:, 0] = 2 * y - 1
        return z, y

    strengths = [linear_probe(*(part(n, told) for n in (120, 200, 50))).strength for told in (False, True)]
    assert strengths[0] <= 1e-2 and strengths[1] >= 1


def test_several_labels():
    """Three labels that agree with the signs of three axes as often as correlated normals do: 1 − arccos(r)/π."""

    def part(n):
        z = RNG.normal(size=(n, 6))
        return z, (z[:, :3] + 0.3 * RNG.normal(size=(n, 3)) > 0).astype(int)

    scores = linear_probe(part(500), part(200), part(1000), task="labels").scores
    assert scores["macro_f1"] > 0.85 and scores["auc"] > 0.95
    assert abs(scores["macro_f1"] - (1 - np.arccos(1 / np.hypot(1, 0.3)) / np.pi)) < 0.03


def test_numbers():
    """Mean squared error of ridge regression within 4 standard errors of the noise's variance; R² likewise."""

    def part(n):
        z = RNG.normal(size=(n, 4))
        return z, z @ [1, 1, 0, 0] + 0.5 * RNG.normal(size=n)

    scores = linear_probe(part(2000), part(500), part(2000), task="value").scores
    assert abs(scores["mse"] - 0.25) < 4 * scores["mse_se"]
    assert scores["r2"] == pytest.approx(1 - 0.25 / 2.25, abs=0.02)
    two = [(z, np.stack([y, -y], 1)) for z, y in (part(200), part(100), part(100))]
    assert linear_probe(*two, task="value").output.shape == (100, 2)


def test_bad_input_is_refused_in_words():
    """Tasks, shapes, numbers and classes that a probe cannot take."""
    z, y = TRAIN
    short = (z[:20], y[:20])
    cases = [
        ("'class', 'labels', 'value'; found 'cluster'", short, short, {"task": "cluster"}),
        (r"train must be features \[n, 5\] and n targets", (z, y[:-1]), short, {}),
        ("features of validation must be finite", short, (z * np.nan, y), {}),
        ("at least two classes; found", (z, 0 * y), short, {}),
        ("class 7 is not among the training rows", short, (z, 0 * y + 7), {}),
        ("labels must be 0 and 1", (z, y[:, None] + 1), short, {"task": "labels"}),
        ("label 0 is the same", (z, 0 * y[:, None]), (z, y[:, None]), {"task": "labels"}),
        ("one or two for each of 20 test rows; found shape .9,", short, short, {"shared": np.arange(9)}),
        ("one or two for each", short, short, {"shared": np.zeros((20, 3), int)}),
        ("whole numbers or strings", short, short, {"shared": np.zeros(20)}),
        ("all test rows share something", short, short, {"shared": np.zeros(20, int)}),
        ("of task 'class'; found shared, and task 'value'", short, short, {"task": "value", "shared": np.arange(20)}),
        ("targets of validation must be finite", short, (z, y * np.nan), {"task": "value"}),
    ]
    for message, train, validation, options in cases:
        test = (z, y[:, None]) if options.get("task") == "labels" else short
        with pytest.raises(InputError, match=message):
            linear_probe(train, validation if options.get("task") != "labels" else test, test, **options)
