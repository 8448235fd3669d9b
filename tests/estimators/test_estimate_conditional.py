"""The front door to conditional information: truths by every kind of method, discrete conditions, what it refuses."""

import functools

import jax
import numpy as np
import pytest

import pidjax
from pidjax._checks import InputError
from pidjax.cli import main
from pidjax.data import synthetic
from pidjax.estimators import CONDITIONAL, difference_cmi, estimate_cmi, estimate_mi

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
TASK = synthetic.model_two(3)


@functools.cache
def sample(n=400):
    return tuple(np.asarray(w) for w in TASK.sample(KEY, n))


@pytest.mark.parametrize("method, settings", [("auto", {"folds": 2, "steps": 60}), ("gaussian", {})])
def test_a_linear_model_is_right(method, settings):
    """½ log 101 within 4 standard errors, and said so."""
    found = pidjax.estimate_cmi(KEY, *sample(), method=method, **settings)
    assert abs(found.value - TASK.truth) < 4 * found.std_error
    assert found.lower == 0 and not found.certified and found.value < found.upper


@pytest.mark.parametrize("method", ["l1out", "conditional_infonce"])
def test_learned_methods_learn(method):
    """Two folds of 200 rows, 300 steps: well above nothing, and not more than all of it."""
    found = estimate_cmi(KEY, *sample(), method=method, folds=2, steps=300, rounds=3)
    assert 0.25 * TASK.truth < found.value < TASK.truth + 4 * found.std_error + 0.1


def test_the_difference_is_of_two_readings_of_the_same_rows():
    """Value and terms; nothing is left of a confounder that is not linear, where x and y alone share 0.6 nats."""
    task = synthetic.conditionally_independent(2)
    x, y, z = (np.asarray(w) for w in task.sample(KEY, 400))
    settings = {"folds": 2, "steps": 100, "rounds": 2}
    found = jax.jit(functools.partial(difference_cmi, method="infonce", **settings))(KEY, x, y, z)
    assert float(found.whole - found.part) == pytest.approx(float(found.value), abs=1e-5)
    assert found.terms.shape == (400,) and found.part > 0.02
    assert abs(found.value) < 4 * found.std_error + 0.02


def test_a_discrete_condition_is_a_mean_over_groups():
    """x and y correlate by 0.8 in one third of rows and by 0 elsewhere; any coding of z."""
    n = 900
    z = np.arange(n) % 3
    x, noise = RNG.normal(size=(2, n))
    y = np.where(z == 0, 0.8 * x + 0.6 * noise, noise)
    found = estimate_cmi(KEY, x, y, z, method="copula")
    each = [estimate_mi(KEY, x[z == g], y[z == g], method="copula").value for g in range(3)]
    assert found.value == pytest.approx(np.mean(each), abs=1e-6)
    assert abs(found.value + np.log(0.6) / 3) < 4 * found.std_error
    assert "3 groups" in found.info["direction"]
    recoded = estimate_cmi(KEY, x, y, np.column_stack([z == 1, z == 2]), method="copula")
    assert recoded.value == pytest.approx(found.value, abs=0.02)


def changed(z, **columns):
    z = z.copy()
    for name, value in columns.items():
        z[:, int(name[1:])] = value
    return z


def test_bad_input_is_refused_in_words():
    x, y, z = sample()
    singles = np.arange(400) // 100
    singles[0] = 9
    cases = {
        "rows belong together.*300 of z": (x, y, z[:300]),
        "rows belong together.*400 of x, 400 of y, 300 of z": (x, y, singles[:300]),
        r"z\[:, 1\] rises or falls with x\[:, 0\]": (x, y, changed(z, c1=x[:, 0])),
        r"z\[:, 0\] rises or falls with y\[:, 0\]": (x, y, changed(z, c0=y[:, 0])),
        "60 rows are too few for 72 columns": (x[:60], y[:60], RNG.normal(size=(60, 70))),
        "fewer than 50 rows .the rarest has 1.": (x, y, singles),
        "z is constant": (x, y, np.zeros(400)),
        r"z\[:, 2\] holds 1 values that are NaN": (x, y, changed(z, c2=np.where(np.arange(400) == 3, np.nan, z[:, 2]))),
        r"z\[:, 0\] takes 2 different values": (x, y, changed(z, c0=np.arange(400) % 2)),
    }
    for message, arrays in cases.items():
        with pytest.raises(ValueError, match=message):
            estimate_cmi(KEY, *arrays)
    with pytest.raises(InputError, match="method must be one of 'auto'"):
        estimate_cmi(KEY, x, y, z, method="ksg")
    with pytest.raises(InputError, match='method "gaussian" has no settings; found steps'):
        estimate_cmi(KEY, x, y, z, method="gaussian", steps=3)


def test_command(tmp_path, capsys):
    paths = []
    for name, array in zip("xyz", sample(), strict=True):
        np.save(tmp_path / f"{name}.npy", array)
        paths.append(str(tmp_path / f"{name}.npy"))
    assert main(["estimate", *paths, "--method", "gaussian"]) == 0
    found = estimate_cmi(KEY, *sample(), method="gaussian")
    assert f"I(X; Y | Z) = {found.value:.4f} ± {found.std_error:.4f} nats" in capsys.readouterr().out
    assert main(["estimate", *paths, "--method", "ksg"]) == 2
    assert "method must be one of 'auto', 'conditional_infonce'" in capsys.readouterr().err


def test_methods_are_listed():
    assert CONDITIONAL[0] == "auto" and len(set(CONDITIONAL)) == len(CONDITIONAL) == 14
