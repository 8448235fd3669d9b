"""Classical conditional informations against exact ones, within their standard errors; identities with the plain."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.data import synthetic
from pidjax.estimators import copula_cmi, frenzel_pompe_cmi, gaussian_cmi, gaussian_mi
from pidjax.math.gaussian import information_bias, information_rows

GAUSSIAN, COPULA = jax.jit(gaussian_cmi), jax.jit(copula_cmi)
NEIGHBOURS = jax.jit(frenzel_pompe_cmi, static_argnames=("k", "margins"))
ALL = {"gaussian": GAUSSIAN, "copula": COPULA, "frenzel pompe": NEIGHBOURS}
every_estimator = pytest.mark.parametrize("estimate", ALL.values(), ids=ALL)


def triple(n, dx=2, dy=3, dz=4, seed=0):
    """z drives both; x and y also share 0.5 of their first noises. I(X; Y | Z) = -½ log(1 - 0.25)."""
    rng = np.random.default_rng(seed)
    z, x, y = (rng.normal(size=(n, d)) for d in (dz, dx, dy))
    y[:, 0] = 0.5 * x[:, 0] + np.sqrt(0.75) * y[:, 0]
    fixed = np.random.default_rng(1)
    return x + z @ fixed.normal(size=(dz, dx)), y + z @ fixed.normal(size=(dz, dy)), z


TRUTH = -np.log(0.75) / 2


def test_partial_residuals_are_the_four_determinants():
    """Plug-in and correction as differences of two informations of the same rows: chain rule, to rounding."""
    x, y, z = triple(60)
    both, alone = (information_rows(x, w)[0] for w in (np.hstack([y, z]), z))
    bias = information_bias(60, 2, 7) - information_bias(60, 2, 4)
    np.testing.assert_allclose(GAUSSIAN(x, y, z).value, both - alone - bias, atol=2e-5)


@pytest.mark.parametrize(
    "estimate, n, dz, runs, allowed",
    [(gaussian_cmi, 120, 30, 200, 0.0), (copula_cmi, 2000, 4, 20, 0.01)],
    ids=["gaussian", "copula"],
)
def test_no_bias_and_honest_errors(estimate, n, dz, runs, allowed):
    """Of 120 rows, 30 columns of z cost the plug-in much; ranks blur what z leaves, which shrinks with n."""
    samples = [jnp.stack(w) for w in zip(*(triple(n, dz=dz, seed=s) for s in range(runs)), strict=True)]
    found = jax.jit(jax.vmap(estimate))(*samples)
    spread = float(found.value.std())
    assert abs(found.value.mean() - TRUTH) < 4 * spread / np.sqrt(runs) + allowed
    assert abs(float(found.std_error.mean()) / spread - 1) < 4 / np.sqrt(2 * runs)


@pytest.mark.parametrize("task", [synthetic.model_one(20), synthetic.model_two(20)], ids=lambda t: t.name)
def test_linear_models_are_solved_in_closed_form(task):
    """½ log 101, not the 2.32 of Tables 9 and 10: within 4 standard errors of 5,000 rows."""
    found = GAUSSIAN(*task.sample(jax.random.key(0), 5000))
    assert abs(found.value - task.truth) < 4 * found.std_error


def test_neighbours_see_what_is_not_linear():
    """0.66 nats that fold; the Gaussian sees next to none of it. Neighbours are biased towards 0, by less than 0.03."""
    task = synthetic.nonlinear("tanh", "cos", 1)
    sample = task.sample(jax.random.key(0), 3000)
    found = NEIGHBOURS(*sample)
    assert task.truth - 0.03 - 4 * found.std_error < found.value < task.truth + 4 * found.std_error
    assert GAUSSIAN(*sample).value < 0.8 * task.truth


@every_estimator
def test_conditional_independence(estimate):
    """z explains everything; x and y alone share 0.6 nats (linear in z, so that all three can see it)."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2000, 1))
    x, y = (z + 0.5 * rng.normal(size=z.shape) for _ in range(2))
    found = estimate(x, y, z)
    assert abs(found.value) < 4 * found.std_error + 0.01
    assert gaussian_mi(x, y).value > 0.4


@every_estimator
def test_symmetry_and_affine_invariance(estimate):
    x, y, z = triple(300)
    plain = float(estimate(x, y, z).value)
    assert plain == pytest.approx(float(estimate(y, x, z).value), abs=2e-5)
    moved = estimate(1e-9 * x, 7 + y, -3 * z + 5).value
    assert plain == pytest.approx(float(moved), abs=1e-4)


@pytest.mark.parametrize("estimate", [COPULA, NEIGHBOURS], ids=["copula", "frenzel pompe"])
def test_monotone_invariance(estimate):
    x, y, z = triple(300)
    mapped = estimate(np.exp(x), y**3, np.arctan(z)).value
    assert float(estimate(x, y, z).value) == pytest.approx(float(mapped), abs=2e-5)


def test_gradients_are_finite_differences():
    x, y, z = (jnp.asarray(w, jnp.float32) for w in triple(40))
    slope = jax.grad(lambda x: gaussian_cmi(x, y, z).value)(x)
    step = np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    ends = [float(gaussian_cmi(x + h * step, y, z).value) for h in (1e-2, -1e-2)]
    assert float((slope * step).sum()) == pytest.approx((ends[0] - ends[1]) / 2e-2, rel=2e-2)


def test_what_is_refused():
    x, y, z = triple(30)
    with pytest.raises(InputError, match=r"x, y and z must be matrices .*\(30, 2\), \(30, 3\) and \(20, 4\)"):
        gaussian_cmi(x, y, z[:20])
    with pytest.raises(InputError, match="needs more than 13 rows; found 10"):
        gaussian_cmi(x[:10], y[:10], np.hstack([z, z + 1])[:10, :7])
    with pytest.raises(InputError, match="k must be a whole number of neighbours"):
        frenzel_pompe_cmi(x, y, z, k=30)
