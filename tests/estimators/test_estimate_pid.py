"""pidjax/estimators/pid.py: atoms from samples against quadrature and exact tables, nulls, and bad input."""

import functools

import jax
import numpy as np
import pytest
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from pidjax.cli import main
from pidjax.estimators import counted_pid, estimate_pid
from pidjax.estimators.neural_broja import neural_broja
from pidjax.estimators.posteriors import Posteriors, repair
from pidjax.pid import broja, gaussian_broja

KEY = jax.random.key(0)
N, SD = 2000, 0.5
MECHANISMS = {
    # the same bit in both, or two bits; y is a function of them; x = ±1 + noise
    "noisy detectors": (True, lambda a, b: a),
    "XOR": (False, lambda a, b: a ^ b),
    "AND": (False, lambda a, b: a & b),
    "copy": (False, lambda a, b: a),
}


def sample(name, n=N, seed=0):
    """x1, x2 and y."""
    same, f = MECHANISMS[name]
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 2, (2, n))
    b = a if same else b
    x1, x2 = (2 * bits - 1 + SD * rng.normal(size=n) for bits in (a, b))
    return x1, x2, f(a, b)


def quadrature(name, cells=32):
    """The table of x1 and x2 in equal cells of four deviations on both sides, and y."""
    same, f = MECHANISMS[name]
    edges = np.r_[-np.inf, np.linspace(-1 - 4 * SD, 1 + 4 * SD, cells - 1), np.inf]
    mass = [np.diff(norm.cdf(edges, mean, SD)) for mean in (-1, 1)]
    p = np.zeros((cells, cells, 2))
    for a in (0, 1):
        for b in (0, 1):
            weight = 0.5 * (a == b) if same else 0.25
            p[:, :, f(a, b)] += weight * np.outer(mass[a], mass[b])
    return broja(p)


@functools.cache
def estimate(name):
    """Once for all tests."""
    return estimate_pid(KEY, *sample(name), bootstraps=20, repairs=1, steps=200)


@pytest.mark.parametrize("name", MECHANISMS)
def test_gaussian_noise_on_logic(name):
    """Every atom within 4 of its standard errors and 0.02 nats (what 2,000 rows teach a classifier) of quadrature."""
    found, truth = estimate(name), quadrature(name)
    assert found.method == "classifier"
    for field in truth._fields:
        error = getattr(found.atoms, field) - getattr(truth, field)
        assert abs(error) < 4 * getattr(found.std_error, field) + 0.02, (field, error)


def test_noise_alone_creates_synergy_and_the_null_says_so():
    """Two detectors of one bit with independent noise: synergy above 0, none above the null; XOR is all above it."""
    noise, xor = estimate("noisy detectors"), estimate("XOR")
    assert noise.atoms.synergy > 5 * noise.std_error.synergy
    assert abs(noise.info["excess"]) < 4 * noise.info["excess_error"] + 0.01
    assert abs(xor.null.synergy) < 0.02 and xor.info["excess"] > 0.4
    for field in ("redundancy", "unique1", "unique2"):
        assert getattr(noise.null, field) == getattr(noise.atoms, field)


def test_neural_split_of_the_same_classifiers(monkeypatch):
    """AND: atoms as near to quadrature as the binned ones, informations what they add up to, marginals met."""
    quick = jax.jit(functools.partial(neural_broja, batch=64, steps=60))
    monkeypatch.setattr("pidjax.estimators.pid._coupled", quick)
    found, truth = estimate_pid(KEY, *sample("AND"), method="neural", repairs=1, steps=200), quadrature("AND")
    for field in truth._fields:
        error = getattr(found.atoms, field) - getattr(truth, field)
        assert abs(error) < 4 * getattr(found.std_error, field) + 0.02, (field, error)
    assert found.info["residual"] < 1e-2
    np.testing.assert_allclose(found.atoms.total, found.info["total"], atol=1e-6)
    assert found.info["excess"] > 4 * found.info["excess_error"]


def binary(flip, n, seed=0):
    """A fair bit and two copies of it, each wrong in a share ``flip`` of the rows."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return (y ^ (rng.random(n) < flip)), (y ^ (rng.random(n) < flip)), y


def test_two_detectors_that_are_right_nine_times_in_ten():
    """Counted: R = I(X1; Y) = ln 2 − h(0.1) = 0.368, S = 0.146 nats, all of it noise."""
    found = estimate_pid(KEY, *binary(0.1, 20_000))
    assert found.method == "table"
    expected = {"redundancy": 0.3681, "unique1": 0.0, "unique2": 0.0, "synergy": 0.1461}
    for field, value in expected.items():
        assert abs(getattr(found.atoms, field) - value) < 4 * getattr(found.std_error, field) + 1e-3, field
    assert abs(found.info["excess"]) < 4 * found.info["excess_error"] + 1e-3


def test_informations_and_atoms_agree():
    """R + U1 = I1, R + U2 = I2, the sum is the total: of the corrected values too."""
    found = estimate("AND")
    a, info = found.atoms, found.info
    np.testing.assert_allclose([a.mi1, a.mi2, a.total], [info["mi1"], info["mi2"], info["total"]], atol=1e-9)


def test_labels_of_any_kind():
    """Strings, booleans, floats of few values: the same numbers as codes."""
    x1, x2, y = binary(0.2, 2000)
    expected = estimate_pid(KEY, x1, x2, y)
    words = np.array(["no", "yes"])
    for a, b, c in ((words[x1.astype(int)], x2, words[y]), (x1 * 2.5, x2.astype(float), y.astype(bool))):
        assert estimate_pid(KEY, a, b, c).atoms == expected.atoms


def test_too_few_rows_for_a_table():
    """600 rows for 8 x 8 x 8 cells: synergy of a sum modulo 8 read with errors, and none of one of its terms."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 8, (2, 600))
    x1, x2 = (np.where(rng.random(600) < 0.8, v, rng.integers(0, 8, 600)) for v in (a, b))
    said = 0.8 * np.eye(8) + 0.2 / 8
    p = np.zeros((8, 8, 8))
    for i, j in np.ndindex(8, 8):
        p[:, :, (i + j) % 8] += np.outer(said[i], said[j]) / 64
    for y, synergy in (((a + b) % 8, broja(p).synergy), (a, 0.0)):
        found = estimate_pid(KEY, x1, x2, y, method="table", bootstraps=10)
        # without the correction 0.2 too large
        assert abs(found.atoms.synergy - synergy) < 0.05 + 3 * found.std_error.synergy


def test_a_constant_source_has_a_part_in_no_atom():
    """Counted: what the other says is its own, and neither value nor error is NaN."""
    x1, _, y = binary(0.1, 2000)
    found = counted_pid(KEY, x1.astype(int), np.zeros(2000, int), y, bootstraps=20)
    assert max(abs(v) for v in (found.atoms.redundancy, found.atoms.unique2, found.atoms.synergy)) < 1e-9
    assert abs(found.atoms.unique1 - 0.3681) < 4 * found.std_error.unique1
    assert np.isfinite([*found.atoms, *found.std_error, *found.null]).all()


def test_which_method_is_automatic(monkeypatch):
    """Six classes and continuous sources: bins; seven: the neural coupling; few values: a table; numbers: Gaussian."""
    rng = np.random.default_rng(0)
    x, bits = rng.normal(size=(2, 420)), rng.integers(0, 2, (2, 420))

    class Taken(Exception):
        """What was taken."""

    def take(name):
        def stop(*_, **__):
            raise Taken(name)

        return stop

    def choice(x1, x2, y):
        with pytest.raises(Taken) as found:
            estimate_pid(KEY, x1, x2, y)
        return str(found.value)

    nothing = Posteriors(*(np.zeros((420, 7)),) * 3, np.zeros((1, 420, 7)))
    monkeypatch.setattr("pidjax.estimators.pid._posteriors", lambda *_, **__: nothing)
    monkeypatch.setattr("pidjax.estimators.pid._of_coupling", take("neural"))
    monkeypatch.setattr("pidjax.estimators.pid._of_codes", lambda key, codes, method, n: take(method)())
    monkeypatch.setattr("pidjax.estimators.pid._gaussian", take("gaussian"))
    assert choice(*x, np.arange(420) % 6) == "classifier"
    assert choice(*x, np.arange(420) % 7) == "neural"
    assert choice(*bits, bits[0] ^ bits[1]) == "table"
    assert choice(*x, x[0] + x[1]) == "gaussian"


def test_an_estimate_is_a_function_of_its_key():
    """The same again for the same key."""
    x1, x2, y = binary(0.2, 2000)
    a, b, c = (estimate_pid(jax.random.key(k), x1, x2, y) for k in (0, 0, 1))
    assert a == b and a.std_error != c.std_error


def test_repairing_keeps_classes():
    """A permutation; every row stays in its class; nearly none stays where it is."""
    y = np.random.default_rng(0).integers(0, 3, 300)
    order = np.asarray(repair(KEY, y))
    assert sorted(order) == list(range(300))
    np.testing.assert_array_equal(y[order], y)
    assert (order == np.arange(300)).mean() < 0.05


X, Y = np.random.default_rng(1).normal(size=(2, 400)), np.random.default_rng(2).integers(0, 2, 400)


@pytest.mark.parametrize(
    ("x1", "x2", "y", "options", "words"),
    [
        (X[0], X[1], np.zeros(400), {}, "y is constant"),
        (np.ones(400), X[1], Y, {}, "x1 is constant"),
        (Y, np.ones(400, int), Y, {}, "x2 is constant"),
        (X[0], X[1], np.r_[[2] * 5, Y[5:]], {}, "class of y has 5 of 400 rows"),
        (X[0][:300], X[1], Y, {}, "rows belong together"),
        (Y[:300], Y, Y, {}, "rows belong together"),
        (X[0], np.where(X[1] > 2, np.nan, X[1]), Y, {}, "x2 .*NaN"),
        (X[0], X[1], Y, {"method": "table"}, "x1 is no column of at most 32 values"),
        (X[0], X[1], X[0], {"method": "classifier"}, "y takes more than 32 values"),
        (X[0], X[1], np.arange(400), {}, "y takes more than 32 values and holds no real numbers"),
        (np.arange(20), np.arange(20), np.arange(20), {"method": "table"}, "20 rows cannot fill"),
        (X[0], X[1], Y, {"bootstraps": 1}, "bootstraps must be 2 or more"),
        (X[0], X[1], Y, {"repairs": 0}, "repairs must be 1 or more"),
        (Y, Y, Y, {"steps": 3}, 'steps: settings of "classifier"'),
        (X[0], X[1], Y, {"method": "batch"}, "'auto', 'table', 'classifier', 'neural', 'gaussian'"),
    ],
)
def test_what_cannot_be_decomposed(x1, x2, y, options, words):
    """In words, before anything is fitted."""
    with pytest.raises(ValueError, match=words):
        estimate_pid(KEY, x1, x2, y, **options)


def test_gaussian_method():
    """Two noisy views of a scalar: within 4 standard errors of the closed form of their covariance; no excess."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=2000)
    x1, x2 = y + rng.normal(size=2000), y + rng.normal(size=2000)
    found = estimate_pid(KEY, x1, x2, y, bootstraps=40)
    assert found.method == "gaussian"
    truth = gaussian_broja(np.array([[2.0, 1, 1], [1, 2, 1], [1, 1, 1]]), (1, 1, 1))
    for field in truth._fields:
        error = getattr(found.atoms, field) - getattr(truth, field)
        assert abs(error) < 4 * getattr(found.std_error, field) + 1e-3, (field, error)
    assert abs(found.info["excess"]) < 4 * found.info["excess_error"]


def test_the_gaussian_null_has_the_bias_of_the_estimate():
    """Twelve samples of d = 6 without interaction: the mean excess is within 4 standard errors of 0."""
    excess = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=(300, 6))
        x1, x2 = (y + 0.5 * rng.normal(size=y.shape) for _ in range(2))
        excess.append(estimate_pid(KEY, x1, x2, y, bootstraps=2).info["excess"])
    assert abs(np.mean(excess)) < 4 * np.std(excess, ddof=1) / 12**0.5


def test_the_command(tmp_path, capsys):
    """A table and three files of samples: atoms, errors and null in nats; other numbers of files are refused."""
    xor = np.zeros((2, 2, 2))
    for a in (0, 1):
        for b in (0, 1):
            xor[a, b, a ^ b] = 0.25
    paths = {name: str(tmp_path / f"{name}.npy") for name in ("table", "x1", "x2", "y", "two")}
    for name, value in {"table": xor, "two": np.stack([xor, xor])}.items():
        np.save(paths[name], value)
    for name, value in zip(("x1", "x2", "y"), binary(0.1, 2000), strict=True):
        np.save(paths[name], value)
    assert main(["pid", paths["table"]]) == 0
    said = capsys.readouterr().out
    assert "synergy       0.6931 nats" in said and "redundancy    0.0000" in said
    assert main(["pid", paths["x1"], paths["x2"], paths["y"]]) == 0
    said = capsys.readouterr().out
    assert "null" in said and "±" in said and "method table, N = 2000" in said
    assert main(["pid", paths["x1"], paths["x2"]]) == 2
    assert "found 2 files" in capsys.readouterr().err
    assert main(["pid", paths["two"]]) == 2
    assert "many tables" in capsys.readouterr().err


RULES = {
    "same": lambda a, b: a,
    "image": lambda a, b: a,
    "sound": lambda a, b: b,
    "sum": lambda a, b: (a + b) % 10,
    "mixed": lambda a, b: (a + b) % 10,
}


@pytest.fixture(scope="module")
def read_digits(request):
    """Digits that logistic regressions read in images and in sounds that they were not fitted on, and the true ones."""
    path = request.config.getoption("--data") / "multimodal/av_digits.npz"
    if not path.exists():
        pytest.skip(f"{path} is absent: pass --data DIR with the recordings")
    digits, found = np.load(path), {}
    for name, features in (("image", digits["image"]), ("audio", digits["audio_logmel"])):
        x, y = features.reshape(len(features), -1) / 255.0, digits[f"{name}_label"].astype(int)
        order = np.random.default_rng(0).permutation(len(x))[:3000]
        fit, held = order[:1500], order[1500:]
        model = make_pipeline(PCA(30), LogisticRegression(max_iter=300)).fit(x[fit], y[fit])
        found[name] = model.predict(x[held]), y[held]
    return found


@pytest.mark.parametrize("rule", RULES)
def test_real_digits_paired_by_a_rule(rule, read_digits):
    """The atoms of the classifiers' measured confusion matrices, within 0.05 nats, from 20,000 pairs.

    "mixed": the digit of both in half of the pairs, their sum in the others.
    """
    (read1, true1), (read2, true2) = read_digits.values()
    rng = np.random.default_rng(1)
    confusion = [np.histogram2d(t, r, bins=(np.arange(11), np.arange(11)))[0] for r, t in read_digits.values()]
    c1, c2 = (c / c.sum(1, keepdims=True) for c in confusion)
    table = np.zeros((10, 10, 10))
    for a in range(10):
        for b in range(10):
            alike = {"same": 1.0, "mixed": 0.5}.get(rule, 0.0)
            for weight, y in ((0.1 * alike * (a == b), a), (0.01 * (1 - alike), RULES[rule](a, b))):
                table[:, :, y] += weight * np.outer(c1[a], c2[b])
    truth = broja(table)

    a = rng.integers(0, 10, 20_000)
    b, alike = rng.integers(0, 10, 20_000), rng.random(20_000) < {"same": 1.0, "mixed": 0.5}.get(rule, 0.0)
    b = np.where(alike, a, b)
    y = np.where(alike, a, RULES[rule](a, b))

    def draw(read, true, digit):
        """What was read of a random example of every digit."""
        found = np.zeros(len(digit), int)
        for k in range(10):
            found[digit == k] = rng.choice(read[true == k], (digit == k).sum())
        return found

    x1, x2 = draw(read1, true1, a), draw(read2, true2, b)
    estimated = estimate_pid(KEY, x1, x2, y, bootstraps=2, repairs=1)
    assert estimated.method == "table"
    for field in truth._fields:
        error = getattr(estimated.atoms, field) - getattr(truth, field)
        assert abs(error) < 0.05, (field, getattr(estimated.atoms, field), getattr(truth, field))
