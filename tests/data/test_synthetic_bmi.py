"""pidjax/data/synthetic: the transforms are one to one, and the 40 bmi tasks have their exact values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from scipy import stats

from pidjax._checks import InputError
from pidjax.data import synthetic as s
from pidjax.data.synthetic import transforms as to

# name, I in nats, dx, dy: Czyż et al. 2023 and the design notes, section 5
TABLE = """
Bivariate normal 1x1 | 0.413339
Normal CDF @ bivariate normal 1x1 | 0.413339
Uniform 1x1, additive noise 0.1 | 1.709438
Uniform 1x1, additive noise 0.75 | 0.333333
Bimodal 1x1 | 0.413339
Wiggly @ bivariate normal 1x1 | 0.413339
Half-cube @ bivariate normal 1x1 | 0.413339
Student-t 1x1 dof 1 | 0.224171
Asinh @ St 1x1 dof 1 | 0.224171
Swiss roll 2x1 | 0.413339
Mn 2x2 dense | 0.293893
Mn 3x3 dense | 0.413339
Mn 5x5 dense | 0.592812
Mn 25x25 dense | 1.292184
Mn 50x50 dense | 1.624265
Mn 2x2 2-pair | 1.021651
Mn 3x3 2-pair | 1.021651
Mn 5x5 2-pair | 1.021651
Mn 25x25 2-pair | 1.021651
St 2x2 dof 1 | 0.431946
St 2x2 dof 2 | 0.193147
St 3x3 dof 2 | 0.290922
St 3x3 dof 3 | 0.178712
St 5x5 dof 2 | 0.448151
St 5x5 dof 3 | 0.298544
Normal CDF @ Mn 3x3 2-pair | 1.021651
Normal CDF @ Mn 5x5 2-pair | 1.021651
Normal CDF @ Mn 25x25 2-pair | 1.021651
Half-cube @ Mn 3x3 2-pair | 1.021651
Half-cube @ Mn 5x5 2-pair | 1.021651
Half-cube @ Mn 25x25 2-pair | 1.021651
Spiral @ Mn 3x3 2-pair | 1.021651
Spiral @ Mn 5x5 2-pair | 1.021651
Spiral @ Mn 25x25 2-pair | 1.021651
Spiral @ Normal CDF @ Mn 3x3 2-pair | 1.021651
Spiral @ Normal CDF @ Mn 5x5 2-pair | 1.021651
Spiral @ Normal CDF @ Mn 25x25 2-pair | 1.021651
Asinh @ St 2x2 dof 1 | 0.431946
Asinh @ St 3x3 dof 2 | 0.290922
Asinh @ St 5x5 dof 2 | 0.448151
"""
ROWS = [row.split(" | ") for row in TABLE.strip().splitlines()]
GRID = np.linspace(-4, 4, 801, dtype=np.float32)[:, None]


def test_forty_tasks_in_order_with_their_exact_values():
    tasks = s.bmi_tasks()
    assert list(tasks) == [name for name, _ in ROWS]
    assert [task.name for task in tasks.values()] == list(tasks)
    # six printed decimals: half a unit of the last one
    np.testing.assert_allclose([t.truth for t in tasks.values()], [float(v) for _, v in ROWS], atol=5.01e-7, rtol=0)
    assert all(t.truth_error == 0 for t in tasks.values())
    for name, task in tasks.items():
        x, y = jax.eval_shape(lambda key, task=task: task.sample(key, 11), jax.random.key(0))
        d = [int(v) for word in name.split() if "x" in word and word[0].isdigit() for v in word.strip(",").split("x")]
        assert (x.shape, y.shape) == ((11, d[0]), (11, d[1]))
        assert x.dtype == y.dtype == jnp.float32


def correlation_mi(x, y):
    """Gaussian MI of the sample correlations, nats."""
    d = x.shape[1]
    c = np.corrcoef(np.concatenate([x, y], 1).astype(float).T)
    log_det = [np.linalg.slogdet(part)[1] for part in (c[:d, :d], c[d:, d:], c)]
    return 0.5 * (log_det[0] + log_det[1] - log_det[2])


# column CCA of the same table: Gaussian MI of the transformed variables, two samples of 10,000
LINEAR = {
    "Bimodal 1x1": 0.331,
    "Wiggly @ bivariate normal 1x1": 0.374,
    "Swiss roll 2x1": 0.020,
    "Spiral @ Mn 3x3 2-pair": 0.247,
    "Spiral @ Normal CDF @ Mn 3x3 2-pair": 0.836,
}


def test_what_a_linear_eye_sees_is_what_was_measured():
    """Transforms change the visible correlation as in the notes' table: constructions, scales and planes agree.

    Two independent samples: sd sqrt(Σ r² / 10,000) <= 0.012 of ours and 0.012 / sqrt(2) of the table's mean of
    two, 0.015 together; heavier than Gaussian margins (half-cube, spiral) add to it.
    """
    tasks = s.bmi_tasks(standardise=False)
    drawn = jax.jit(lambda key: {name: tasks[name].sample(key, 10_000) for name in LINEAR})(jax.random.key(5))
    for name, value in LINEAR.items():
        assert correlation_mi(*drawn[name]) == pytest.approx(value, abs=4 * 0.015), name


def test_standardised_samples():
    """Mean 0 and sd 1 in every coordinate, an affine map of the raw sample, also where no variance exists."""
    raw, scaled = s.bmi_tasks(standardise=False), s.bmi_tasks()
    both = jax.jit(lambda key: [t["St 2x2 dof 1"].sample(key, 1000) for t in (raw, scaled)])(jax.random.key(1))
    for before, after in zip(*both, strict=True):
        before, after = np.asarray(before, float), np.asarray(after, float)
        np.testing.assert_allclose(after.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(after.std(0), 1, atol=1e-4)
        np.testing.assert_allclose(after, (before - before.mean(0)) / before.std(0), rtol=1e-3, atol=1e-4)
    assert scaled["Bivariate normal 1x1"].log_ratio is None
    assert raw["Bivariate normal 1x1"].log_ratio is not None


def tails_of_two(weight, first, second):
    """Quantiles of the mixture at Φ(x): the nearer tail is that of the normal."""

    def check(out, x):
        for tail, side in (stats.norm.cdf, x <= 0), (stats.norm.sf, x > 0):
            mixed = weight * tail(out - first) + (1 - weight) * tail(out - second)
            np.testing.assert_allclose(mixed[side], tail(x)[side], rtol=2e-4)

    return check


def formula(f):
    return lambda out, x: np.testing.assert_allclose(out, f(x), rtol=1e-5, atol=1e-6)


TRANSFORMS = {
    to.normal_cdf: formula(stats.norm.cdf),
    to.cube: formula(lambda x: x**3),
    to.half_cube: formula(lambda x: np.sign(x) * np.abs(x) ** 1.5),
    to.asinh: formula(np.arcsinh),
    to.wiggly_x: formula(lambda x: x + 0.4 * np.sin(x) + 0.2 * np.sin(1.7 * x + 1) + 0.03 * np.sin(3.3 * x - 2.5)),
    to.wiggly_y: formula(
        lambda y: y - 0.4 * np.sin(0.4 * y) + 0.17 * np.sin(1.3 * y + 3.5) + 0.02 * np.sin(4.3 * y - 2.5)
    ),
    to.bimodal_x: tails_of_two(0.3, 0, 5),
    to.bimodal_y: tails_of_two(0.5, -1, 3),
}


@pytest.mark.parametrize("f", TRANSFORMS)
def test_coordinatewise_transforms(f):
    """By formula in double precision; strictly increasing on [-4, 4], and of each coordinate alone."""
    up, down = np.asarray(jax.jit(f)(np.concatenate([GRID, GRID[::-1]], 1))).T
    TRANSFORMS[f](up.astype(float), GRID[:, 0].astype(float))
    assert (np.diff(up) > 0).all()
    np.testing.assert_array_equal(down[::-1], up)


def test_swiss_roll_unrolls():
    """The distance from the centre is t / 21, so x comes back; the angle agrees."""
    x = np.linspace(0, 1, 101, dtype=np.float32)[:, None]
    rolled = np.asarray(to.swiss_roll(x), float)
    t = 21 * np.hypot(*rolled.T)
    np.testing.assert_allclose((t / (1.5 * np.pi) - 1) / 2, x[:, 0], atol=1e-5)
    np.testing.assert_allclose(np.cos(t), rolled[:, 0] / np.hypot(*rolled.T), atol=1e-4)
    with pytest.raises(InputError, match="one coordinate"):
        to.swiss_roll(jnp.zeros((3, 2)))


def test_spiral_is_a_rotation_that_turns_back():
    """exp(speed |x|² A) x with the generator A of the plane; the same at −speed undoes it; volumes stay."""
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    spiral = jax.jit(to.spiral, static_argnums=1)
    turned = spiral(x, (1, 2), 0.7)
    generator = np.zeros((4, 4))
    generator[2, 1], generator[1, 2] = 1, -1
    expected = [scipy.linalg.expm(0.7 * (row**2).sum() * generator) @ row for row in x.astype(float)]
    np.testing.assert_allclose(turned, expected, atol=1e-5)
    np.testing.assert_allclose(spiral(turned, (1, 2), -0.7), x, atol=1e-5)
    jacobian = jax.jit(jax.jacobian(lambda row: to.spiral(row[None], (1, 2), 0.7)[0]))(x[0])
    assert np.linalg.det(jacobian) == pytest.approx(1, abs=1e-4)
    for plane in ((0, 0), (0, 4), (-1, 0)):
        with pytest.raises(InputError, match="plane"):
            to.spiral(jnp.asarray(x), plane, 1.0)


def test_transformed_keeps_truth_and_draws():
    """The same draws through other functions of X and of Y; Jeffreys stays, the log-ratio goes."""
    task = s.gaussian([0.5, 0.2])
    other = s.transformed(task, "other", to.cube, to.asinh)
    assert (other.name, other.truth, other.jeffreys, other.log_ratio) == ("other", task.truth, task.jeffreys, None)
    (x, y), (u, v) = jax.jit(lambda key: [t.sample(key, 9) for t in (task, other)])(jax.random.key(0))
    np.testing.assert_allclose(u, x**3, rtol=1e-6)
    np.testing.assert_allclose(v, np.arcsinh(y), rtol=1e-6)
