"""The front door: what it refuses, what it does not mind, and brackets that hold."""

import functools
import math

import jax
import numpy as np
import pytest

import pidjax
from pidjax._checks import InputError
from pidjax.cli import describe, main
from pidjax.estimators import ESTIMATORS, Estimate, estimate_each, estimate_mi
from pidjax.estimators.estimate import jitted

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 2))
Y = 0.8 * X + 0.6 * RNG.normal(size=(300, 2))
FEW = X[:100], Y[:100]
"""What "auto" sees here, and in the README: 5,000 steps of as many rows as there are, compiled once for all tests."""
TRUTH = -math.log(0.6) * 2
MONOTONE = ("copula", "ksg")


def changed(z, **entries):
    """A copy with some columns replaced."""
    z = z.copy()
    for name, column in entries.items():
        z[:, int(name[1:])] = column
    return z


BAD = {
    "lengths": (X[:200], Y, "rows belong together.*200 of x, 300 of y"),
    "few": (X[:20], Y[:20], "20 rows are too few"),
    "wide": (RNG.normal(size=(60, 40)), Y[:60], "60 rows are too few for 42 columns"),
    "constant": (changed(X, c1=3.0), Y, r"x\[:, 1\] is constant \(3\)"),
    "duplicate": (X, changed(Y, c1=Y[:, 0]), r"y\[:, 1\] rises or falls with y\[:, 0\] without exception"),
    "monotone copy": (X, changed(Y, c1=-(Y[:, 0] ** 3)), r"y\[:, 1\] rises or falls with y\[:, 0\]"),
    "deterministic": (X, changed(Y, c0=np.exp(X[:, 1])), r"y\[:, 0\] rises or falls with x\[:, 1\].*infinite"),
    "combination": (np.column_stack([X, X.sum(1)]), Y, r"x\[:, 2\] is a linear combination"),
    "nan": (changed(X, c0=np.where(np.arange(300) < 3, np.nan, X[:, 0])), Y, r"x\[:, 0\] holds 3 values that are NaN"),
    "inf": (X, changed(Y, c1=np.where(np.arange(300) < 2, np.inf, Y[:, 1])), r"y\[:, 1\] holds 2 values"),
    "discrete": (X, RNG.integers(0, 5, 300), r"y\[:, 0\] takes 5 different values"),
    "atom": (np.maximum(X, 0), Y, r"x\[:, 0\] is 0 in \d+ of 300 rows"),
    "rank": (X[None], Y, r"x must have shape \[n\] or \[n, d\]"),
    "empty": (X[:, :0], Y, "x must have shape"),
    "complex": (X + 1j, Y, "x must hold real numbers; found complex128"),
    "words": (np.array(["a"] * 300), Y, "x must hold real numbers"),
    "none": (None, Y, "x must hold real numbers"),
    "masked": (np.ma.masked_less(X, 0), Y, "x has masked entries"),
    "sum": (X, changed(Y, c1=X.sum(1)), r"y\[:, 1\] is a linear combination.*infinite"),
}


@pytest.mark.parametrize("x, y, message", BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_words(x, y, message):
    with pytest.raises(ValueError, match=message):
        estimate_mi(KEY, x, y)


def test_unknown_methods_and_settings():
    with pytest.raises(InputError, match="method must be one of 'auto'"):
        estimate_mi(KEY, X, Y, method="mine")
    with pytest.raises(InputError, match='method "ksg" has no settings; found steps'):
        estimate_mi(KEY, X, Y, method="ksg", steps=3)
    with pytest.raises(InputError, match="folds must lie between 2 and n / 8 = 37; found 0"):
        estimate_mi(KEY, X, Y, method="infonce", folds=0)


SEEN = {}
"""What a compiled program found, by all that it sees."""


def remembered(function, **settings):
    """``jitted`` that does not run again what it ran on the same input, to the last bit."""

    def run(key, *arrays):
        seen = (function, *settings.items(), *(np.asarray(a).tobytes() for a in (jax.random.key_data(key), *arrays)))
        if seen not in SEEN:
            SEEN[seen] = jitted(function, **settings)(key, *arrays)
        return SEEN[seen]

    return run


@pytest.fixture
def auto(monkeypatch):
    """``estimate_mi`` whose programs remember: ten seconds each time that ``auto`` sees nothing new."""
    monkeypatch.setattr("pidjax.estimators.estimate.jitted", remembered)
    return functools.partial(pidjax.estimate_mi, KEY)


def test_auto_is_right_and_says_so(auto):
    """A Gaussian of 1.02 nats; the bracket holds and its ends are in order."""
    found = auto(*FEW)
    assert abs(found.value - TRUTH) < 4 * found.std_error
    assert found.lower < TRUTH < found.upper and found.lower < found.value < found.upper
    assert found.lower < found.info["ceiling"] == math.log(20)
    assert found.info["chosen"] in found.info["members"] and found.certified


def test_auto_sees_ranks_alone(auto):
    """float64 with a scale of 1e-12 and an offset, and monotone maps of every coordinate: the same to the last bit."""
    x, y = FEW
    mapped = np.column_stack([np.exp(x[:, 0]), x[:, 1] ** 3]), 1e-12 * y
    assert auto(*mapped)[:4] == auto(x, y)[:4]


def test_several_methods_at_once():
    """In the order asked for, each as alone."""
    found = estimate_each(KEY, X, Y, ("ksg", "copula"))
    assert list(found) == ["ksg", "copula"]
    assert all(found[m] == estimate_mi(KEY, X, Y, method=m) for m in found)


@pytest.mark.parametrize("method", MONOTONE)
def test_monotone_invariance_and_symmetry(method):
    plain = estimate_mi(KEY, X, Y, method=method)
    mapped = estimate_mi(KEY, np.arctan(X), -np.exp(Y), method=method)
    assert plain.value == pytest.approx(mapped.value, abs=2e-5)
    assert plain.value == pytest.approx(estimate_mi(KEY, Y, X, method=method).value, abs=2e-5)


@pytest.mark.parametrize("method", ["gaussian", "copula", "ksg", "radial_ksg"])
def test_scale_offset_and_single_precision(method):
    """Scale 1e-12, offset 1e6, jax arrays, one column as [n]."""
    plain = estimate_mi(KEY, X, Y, method=method)
    for x, y in ((1e-12 * X, 1e6 + Y), (X.astype(np.float32), jax.numpy.asarray(Y, "float32"))):
        assert estimate_mi(KEY, x, y, method=method).value == pytest.approx(plain.value, abs=1e-4)
    flat = estimate_mi(KEY, X[:, 0], Y[:, 0], method=method)
    assert flat.value == estimate_mi(KEY, X[:, :1], Y[:, :1], method=method).value
    assert not flat.certified and flat.lower == 0 <= flat.upper


def test_affine_invariance():
    """Any invertible map of x mixes the columns of a Gaussian and leaves its information."""
    mixed = estimate_mi(KEY, X @ [[2.0, 1.0], [-3.0, 0.5]] + 7, Y, method="gaussian")
    assert mixed.value == pytest.approx(estimate_mi(KEY, X, Y, method="gaussian").value, abs=1e-5)


def test_one_row_that_dwarfs_all_others_is_no_linear_combination():
    """Amplitudes shared by all columns, over a hundred orders of magnitude: ranks are fine, and so is the estimate."""
    amplitude = np.exp(60 * RNG.normal(size=(300, 1)))
    found = estimate_mi(KEY, amplitude * X, Y, method="copula")
    assert np.isfinite(found.value)


@pytest.mark.parametrize("method", (*MONOTONE, "radial_ksg"))
def test_ties_add_nothing_and_lose_little(method):
    """Data rounded to 2 digits; and rounded data that are independent."""
    x, y = (np.round(z, 2) for z in (X, Y))
    fine = estimate_mi(KEY, X, Y, method=method)
    assert abs(estimate_mi(KEY, x, y, method=method).value - fine.value) < 2 * fine.std_error
    none = estimate_mi(KEY, x, RNG.permutation(y), method=method)
    assert abs(none.value) < 4 * none.std_error


def test_independent_heavy_tails():
    """A certificate for nothing is nothing: the bracket holds 0."""
    rng = np.random.default_rng(3)
    found = estimate_mi(KEY, rng.normal(size=(100, 2)), rng.standard_cauchy(size=(100, 2)))
    assert abs(found.value) < 4 * found.std_error + 0.02
    assert found.lower <= 0 <= found.upper


def saved(tmp_path, **arrays):
    paths = []
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
        paths.append(str(tmp_path / f"{name}.npy"))
    return paths


def test_command(tmp_path, capsys):
    """Value, error, bracket, method and N are printed; what cannot be used is one line and status 2."""
    x, y, d = saved(tmp_path, x=X, y=Y, d=RNG.integers(0, 3, 300))
    assert main(["estimate", x, y, "--method", "copula"]) == 0
    printed = capsys.readouterr().out
    found = estimate_mi(KEY, X, Y, method="copula")
    assert f"I(X; Y) = {found.value:.4f} ± {found.std_error:.4f} nats" in printed
    assert "copula, N = 300" in printed and f"{found.upper:.4f}" in printed and "warning" not in printed
    assert main(["estimate", x, d]) == 2
    assert "y[:, 0] takes 3 different values" in capsys.readouterr().err
    (tmp_path / "not.npy").write_text("hello")
    assert main(["estimate", x, str(tmp_path / "not.npy")]) == 2
    assert "cannot be read as a .npy file" in capsys.readouterr().err


def test_a_value_beyond_log_n_is_warned_about():
    """200 samples in line-ups of 40 certify log 40."""
    info = {"n": 200, "ceiling": math.log(40), "direction": "none", "upper_assumes": "a model", "certified": True}
    said = describe(Estimate(5.0, 0.1, 3.0, 6.0, "auto", info))
    assert "warning" in said and "certify log 40 = 3.69 nats at most" in said
    assert "lower     3.0000" in said


def test_methods_are_listed():
    assert ESTIMATORS[0] == "auto" and len(set(ESTIMATORS)) == len(ESTIMATORS) == 15
