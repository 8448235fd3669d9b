"""FactorCL's synthetic factors against the values of the notes, and against estimates from samples."""

import jax
import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.data import synthetic
from pidjax.data.synthetic.factors import sum_ceiling
from pidjax.math.gaussian import information_rows

NOTEBOOK = (10, 6, 6)


@pytest.fixture(scope="module", params=["uniform", "orthogonal"])
def drawn(request):
    task = synthetic.factors(NOTEBOOK, width=20, noise=0.5, mixing=request.param)
    return task, jax.device_get(jax.jit(task.sample, static_argnums=1)(jax.random.key(0), 20_000))


@pytest.mark.parametrize(
    ("share", "accuracy", "nats"),
    [(16 / 22, 0.825, 0.3206), (10 / 22, 0.736, 0.1718), (6 / 22, 0.675, 0.0955), (1, 1, np.log(2)), (0, 0.5, 0)],
)
def test_ceiling_of_a_share_of_the_label_coordinates(share, accuracy, nats):
    assert sum_ceiling(share) == pytest.approx((accuracy, nats), abs=1e-3)


def test_informations_are_those_of_the_covariance(drawn):
    task, data = drawn
    informed = jax.jit(lambda x, w: information_rows(x, w))
    for x, w in (("x1", "ws"), ("x1", "w1"), ("x1", "w2"), ("x2", "w2")):
        value, rows = informed(data[x], data[w])
        bias = 20 * data[w].shape[1] / (2 * 20_000)
        assert abs(value - bias - task.information[x][w]) < 4 * rows.std() / 20_000**0.5 + 1e-3, (x, w)
    value, rows = informed(data["x1"], data["x2"])
    assert abs(value - 20 * 20 / 40_000 - task.shared) < 4 * rows.std() / 20_000**0.5


def test_at_right_angles_every_coordinate_is_a_channel_of_its_own():
    """Of variance ½ and noise s = 3 σ² / width; both sides see w_s, with noise of their own."""
    task, s = synthetic.factors(NOTEBOOK, width=20, noise=0.5, mixing="orthogonal"), 3 * 0.25 / 20
    for x, of in {"x1": {"ws": 10, "w1": 6, "w2": 0}, "x2": {"ws": 10, "w1": 0, "w2": 6}}.items():
        assert dict(task.information[x]) == pytest.approx({w: d / 2 * np.log1p(0.5 / s) for w, d in of.items()})
    assert task.shared == pytest.approx(-5 * np.log1p(-((0.5 / (0.5 + s)) ** 2)))


def test_without_noise_information_is_infinite():
    task = synthetic.factors(NOTEBOOK, noise=0)
    assert task.shared == np.inf
    assert task.information["x1"]["ws"] == task.information["x1"]["w1"] == np.inf
    assert task.information["x1"]["w2"] == pytest.approx(0, abs=1e-9)
    assert synthetic.label_ceiling(task, NOTEBOOK, "x1")[0] == pytest.approx(0.825, abs=1e-3)
    assert synthetic.label_ceiling(task, NOTEBOOK, "both") == pytest.approx((1, np.log(2)))


def test_no_classifier_beats_the_ceiling_and_the_best_one_reaches_it(drawn):
    task, data = drawn
    of = synthetic.label_dims(NOTEBOOK, 0.4)
    assert of == (6, 2, 2)
    y = np.asarray(synthetic.factor_label(data, of))
    # with Gaussian everything, the sign of the regressed sum is the best guess
    total = np.hstack([data[w][:, :d] for w, d in zip(("ws", "w1", "w2"), of, strict=True)]).sum(1)
    for seen in ("x1", "x2", "both"):
        x = np.hstack([data["x1"], data["x2"]]) if seen == "both" else data[seen]
        guess = x @ np.linalg.lstsq(x, total, rcond=None)[0] >= 0
        accuracy, _ = synthetic.label_ceiling(task, of, seen)
        assert np.mean(guess == y) == pytest.approx(accuracy, abs=4 * 0.5 / 20_000**0.5)


def test_labels():
    w = {"ws": np.array([[3.0, -9.0]]), "w1": np.array([[-1.0]]), "w2": np.array([[-1.0]])}
    assert synthetic.factor_label(w, (1, 1, 1)).tolist() == [1]
    assert synthetic.factor_label(w, (2, 1, 1)).tolist() == [0]
    many = jax.device_get(synthetic.factors(NOTEBOOK).sample(jax.random.key(1), 2000))
    planar = np.asarray(synthetic.factor_label(many, NOTEBOOK, kind="planar"))
    assert planar.min() >= 0 and planar.max() < 20 and len(np.unique(planar)) > 5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: synthetic.factors((0, 1, 1)), "d_s must be"),
        (lambda: synthetic.factors(noise=-1), "noise must be"),
        (lambda: synthetic.factors((10, 6, 6), width=12), "width must be 16"),
        (lambda: synthetic.factors(mixing="diagonal"), "mixing must be one of 'uniform', 'orthogonal'"),
        (lambda: synthetic.label_dims((10, 2, 2), 1.0), "needs 5 coordinates"),
        (lambda: synthetic.label_dims((10, 6, 6), 1.5), "between 0 and 1"),
        (lambda: synthetic.factor_label({}, (1, 1, 1), kind="cubic"), "kind must be"),
        (lambda: synthetic.factor_label({"ws": np.ones((2, 1))}, (2, 0, 0)), "reads 2 coordinates of ws"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(InputError, match=words):
        call()
