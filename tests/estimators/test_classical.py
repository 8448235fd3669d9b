"""Classical estimators against exact informations, within their standard errors; what they do not see."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import digamma, gammaln

from pidjax._checks import InputError
from pidjax.estimators import cca_spectrum, copula_mi, gaussian_mi, ksg_mi, radial_ksg_mi
from pidjax.math.gaussian import standardise
from pidjax.math.ranks import normal_scores

GAUSSIAN, COPULA = jax.jit(gaussian_mi), jax.jit(copula_mi)
KSG = jax.jit(ksg_mi, static_argnames=("k", "margins"))
RADIAL = jax.jit(radial_ksg_mi, static_argnames="k")
SPECTRUM = jax.jit(cca_spectrum)
KSG_STANDARD = functools.partial(KSG, margins="standard")
ALL = {"gaussian": GAUSSIAN, "copula": COPULA, "ksg": KSG, "ksg standard": KSG_STANDARD, "radial": RADIAL}
every_estimator = pytest.mark.parametrize("estimate", ALL.values(), ids=ALL)


def gaussians(seed, n, dx, dy, r):
    """Gaussian x, y with canonical correlations r, float64."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, dx)), rng.normal(size=(n, dy))
    r = np.asarray(r)
    y[:, : len(r)] = r * x[:, : len(r)] + np.sqrt(1 - r**2) * y[:, : len(r)]
    return x, y


def information(r):
    return -np.log1p(-np.square(r)).sum() / 2


def student(seed, n, d, dof):
    """Joint Student-t vectors with identity dispersion, d + d dimensions, and their information."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2 * d)) / np.sqrt(rng.chisquare(dof, (n, 1)) / dof)

    def entropy(k):
        half = (dof + k) / 2
        constant = -gammaln(half) + gammaln(dof / 2) + k / 2 * np.log(dof * np.pi)
        return constant + half * (digamma(half) - digamma(dof / 2))

    return z[:, :d], z[:, d:], 2 * entropy(d) - entropy(2 * d)


@pytest.mark.parametrize("estimate", [gaussian_mi, copula_mi])
@pytest.mark.parametrize("r", [[], [0.8, 0.5, 0.3]], ids=["independent", "dependent"])
def test_gaussian_estimates_have_no_bias_and_honest_errors(estimate, r):
    """Over 200 samples of 200 rows in 6 + 4 dimensions, where the plug-in is 0.06 too high."""
    n, runs = 200, 200
    x, y = map(np.stack, zip(*(gaussians(seed, n, 6, 4, r) for seed in range(runs)), strict=True))
    found = jax.jit(jax.vmap(estimate))(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32))
    spread = found.value.std()
    # scores of the smallest samples are a little less dependent than their copula
    allowed = 4 * spread / np.sqrt(runs) + (0.01 if estimate is copula_mi else 0)
    assert abs(found.value.mean() - information(r)) < allowed < 6 * 4 / (2 * n)
    assert np.sqrt((found.std_error**2).mean()) == pytest.approx(spread, rel=0.25)  # 5 sd of a deviation of 200


def test_gaussian_information_of_many_dimensions():
    """10 nats in 100 + 100 dimensions from 1000 rows: the plug-in is 5 nats too high."""
    r = np.full(100, np.sqrt(1 - np.exp(-2 * 10 / 100)))
    found = GAUSSIAN(*(jnp.asarray(z, jnp.float32) for z in gaussians(0, 1000, 100, 100, r)))
    assert abs(found.value - 10) < 4 * found.std_error < 0.6


def test_the_error_of_the_gaussian_fit_holds_for_heavy_tails():
    """Where the Gaussian formula, √(Σ r² / n), is far too small."""
    runs, n = 200, 500
    rng = np.random.default_rng(0)
    scale = rng.gamma(3, size=(runs, n, 1)).astype(np.float32)
    x = rng.normal(size=(runs, n, 1)).astype(np.float32)
    y = (0.8 * x + 0.6 * rng.normal(size=(runs, n, 1))).astype(np.float32)
    found = jax.jit(jax.vmap(gaussian_mi))(scale * x, scale * y)
    spread = found.value.std()
    assert spread > 1.3 * 0.8 / np.sqrt(n)
    assert np.sqrt((found.std_error**2).mean()) == pytest.approx(spread, rel=0.25)


def test_gaussian_information_sees_no_affine_map():
    x, y = gaussians(0, 500, 3, 2, [0.9, 0.4])
    value = GAUSSIAN(x, y).value
    mix = np.array([[2, 1, 0], [0, 1, -1], [0.3, 0, 1]])
    np.testing.assert_allclose(GAUSSIAN(x @ mix + 5, y @ [[1, 2], [-3, 1]] - 7).value, value, rtol=1e-5)


def test_copula_information_sees_no_monotone_map():
    """Exactly."""
    x, y = (z.astype(np.float32) for z in gaussians(0, 500, 2, 2, [0.9, 0.4]))
    assert COPULA(x, y) == COPULA(np.arctan(x), 2 * y + 1)
    np.testing.assert_allclose(COPULA(x, y).value, COPULA(-x, y).value, rtol=1e-5)


@every_estimator
def test_offset_and_scale_change_nothing(estimate):
    """Of float64 arrays that jit does not turn into float32 before the estimator sees them."""
    x, y = gaussians(0, 500, 2, 2, [0.9, 0.4])
    f = getattr(estimate, "func", estimate).__wrapped__
    far = 1e6 + x * [1e-2, 10], 1e-6 + 1e-12 * y
    found = jax.jit(lambda: f(*far, **getattr(estimate, "keywords", {})))()
    np.testing.assert_allclose(found, estimate(x * [1e-2, 10], y), rtol=1e-5, atol=2e-6)


@every_estimator
def test_scale_of_float32_changes_nothing(estimate):
    x, y = (z.astype(np.float32) for z in gaussians(0, 500, 2, 2, [0.9, 0.4]))
    scale = np.float32(2.0**-40)
    np.testing.assert_allclose(estimate(scale * x, y / scale), estimate(x, y), rtol=1e-5, atol=1e-6)


@every_estimator
def test_vmap_is_a_loop_and_exchanging_x_and_y_changes_nothing(estimate):
    x, y = (jnp.asarray(z, jnp.float32) for z in gaussians(0, 500, 2, 2, [0.9, 0.4]))
    found = jax.vmap(estimate)(jnp.stack([x, y, x]), jnp.stack([y, x, -y]))
    for i, pair in enumerate([(x, y), (x, y), (x, -y)]):
        np.testing.assert_allclose(jnp.stack(found)[:, i], estimate(*pair), rtol=1e-5, atol=2e-6)


@every_estimator
def test_ties_and_copies_stay_finite(estimate):
    x, y = gaussians(0, 500, 2, 2, [0.9, 0.4])
    rough = np.round(x), np.round(y)
    copies = np.repeat(x[:100], 5, axis=0), np.repeat(y[:100], 5, axis=0)
    with_repeated_column = x[:, [0, 0]], y
    for pair in (rough, copies, with_repeated_column):
        assert np.isfinite(estimate(*pair)).all()


def test_gradient_of_the_gaussian_information():
    """Against differences in float64 of the log-determinants."""
    x, y = gaussians(0, 40, 2, 2, [0.8])
    along = np.random.default_rng(1).normal(size=x.shape)

    def plug_in(x):
        c = np.corrcoef(np.hstack([x, y]).T)
        log_det = [np.linalg.slogdet(m)[1] for m in (c[:2, :2], c[2:, 2:], c)]
        return (log_det[0] + log_det[1] - log_det[2]) / 2

    slope = jax.jit(jax.grad(lambda x: gaussian_mi(x, y).value))(x.astype(np.float32))
    expected = (plug_in(x + 1e-5 * along) - plug_in(x - 1e-5 * along)) / 2e-5
    np.testing.assert_allclose((slope * along).sum(), expected, rtol=1e-3)


def test_spectrum_finds_strong_pairs_among_noise():
    """Two pairs in 100 + 60 dimensions from 1000 rows, where independent directions show up to r = 0.55."""
    n, truth = 1000, np.array([0.9, 0.7])
    x, y = map(np.stack, zip(*(gaussians(seed, n, 100, 60, truth) for seed in range(4)), strict=True))
    found = jax.vmap(SPECTRUM)(x.astype(np.float32), y.astype(np.float32))
    error = (1 - truth**2) / np.sqrt(n * 4)
    assert (found.sample_r[:, :2].mean(0) > truth + 2 * error).all()
    np.testing.assert_array_less(abs(found.r[:, :2].mean(0) - truth), 4 * error + 0.01)
    np.testing.assert_allclose(found.sample_r[:, 2], found.edge, atol=0.03)
    assert found.r[:, 4:].max() == 0
    assert SPECTRUM(x[0, :, :1], y[0, :, 1:2]).r == 0


def brute_ksg(x, y, k):
    """Kraskov et al. 2004, Eq. 8, from all pairs."""
    far_x, far_y = (np.abs(z[:, None] - z[None]).max(2) for z in (x, y))
    far = np.maximum(far_x, far_y)
    for table in (far_x, far_y, far):
        np.fill_diagonal(table, np.inf)
    radius = np.sort(far, 1)[:, k - 1 : k]
    terms = digamma((far_x < radius).sum(1) + 1) + digamma((far_y < radius).sum(1) + 1)
    return digamma(k) + digamma(len(x)) - terms.mean(), terms.std() / np.sqrt(len(x))


@pytest.mark.parametrize(
    ("shape", "k", "margins"), [((1, 1), 5, "normal"), ((3, 2), 1, "normal"), ((3, 2), 5, "standard")]
)
def test_ksg_is_its_formula(shape, k, margins):
    x, y = gaussians(0, 500, *shape, [0.8])
    f = {"standard": jax.jit(standardise), "normal": jax.jit(normal_scores)}[margins]
    expected = brute_ksg(np.asarray(f(x)), np.asarray(f(y)), k)
    np.testing.assert_allclose(KSG(x, y, k=k, margins=margins), expected, rtol=1e-5, atol=2e-6)


def test_ksg_of_independent_and_of_dependent_data():
    """Within 4 standard errors, over links that are not monotone and tails that are heavy."""
    rng = np.random.default_rng(0)
    x, y, noise = rng.normal(size=(3, 4000, 1))
    found = KSG(x, np.tan(y), k=5)
    assert abs(found.value) < 4 * found.std_error < 0.06
    linked = 0.8 * x + 0.6 * noise
    uniform = rng.uniform(size=(4000, 1))
    laws = {
        "gaussian": (x, linked, information(0.8)),
        "heavy tails": (x**3, np.sinh(3 * linked), information(0.8)),
        "folded": (x, np.abs(linked), information(0.8) - folded(0.8)),
        "additive": (uniform, uniform + rng.uniform(-0.75, 0.75, (4000, 1)), 1 / 3),
    }
    for name, (x, y, truth) in laws.items():
        found = KSG(x, y, k=5)
        assert abs(found.value - truth) < 4 * found.std_error < 0.08, name


def folded(r):
    """What the sign of y tells of x beyond |y|, for normals of correlation r: log 2 - E h(sign given x, |y|)."""
    z, w = np.polynomial.hermite_e.hermegauss(101)
    x, y = z[:, None], r * z[:, None] + np.sqrt(1 - r**2) * z[None]
    p = 1 / (1 + np.exp(-2 * r * x * y / (1 - r**2)))
    weights = np.outer(w, w) / w.sum() ** 2
    return np.log(2) - (weights * -np.log(np.maximum(p, 1e-300))).sum()


def test_the_error_of_ksg_is_too_small_by_no_more_than_a_third_or_so():
    """Over 100 samples of normals; a deviation of 100 is uncertain by 7 %."""
    x, noise = np.random.default_rng(0).normal(size=(2, 100, 500, 1)).astype(np.float32)
    for r in (0, 0.8):
        found = jax.vmap(KSG)(x, r * x + np.float32(np.sqrt(1 - r**2)) * noise)
        assert 0.6 < np.sqrt((found.std_error**2).mean()) / found.value.std() < 1.1


def test_ksg_of_rounded_data_with_a_key():
    """Ties broken at random carry the information of what is rounded: I(round(x); y) from both sides."""
    rng = np.random.default_rng(0)
    sign = rng.integers(0, 2, (4000, 1)) * 2.0 - 1
    y = sign + 0.3 * rng.normal(size=(4000, 1))
    found = KSG(sign, y, key=jax.random.key(0))
    assert abs(found.value - np.log(2)) < 4 * found.std_error + 0.01


@pytest.mark.parametrize(("d", "dof"), [(2, 1), (5, 3)])
def test_radial_ksg_of_student_vectors(d, dof):
    x, y, truth = student(0, 5000, d, dof)
    found = RADIAL(x, 3 * y + 2)
    assert abs(found.value - truth) < 4 * found.std_error < 0.06


@pytest.mark.parametrize("estimate", [gaussian_mi, copula_mi, cca_spectrum, ksg_mi, radial_ksg_mi])
def test_other_shapes_are_refused(estimate):
    x = np.zeros((10, 2))
    for bad in (np.zeros(10), np.zeros((9, 2)), np.zeros((10, 0))):
        with pytest.raises(InputError, match="rows belong together; found shapes"):
            estimate(x, bad)
    with pytest.raises(InputError, match="real numbers; found complex"):
        estimate(x, x + 1j)


def test_too_few_rows_and_unknown_words_are_refused():
    x = np.random.default_rng(0).normal(size=(6, 2))
    for estimate in (gaussian_mi, copula_mi, cca_spectrum):
        with pytest.raises(InputError, match="needs more than 6 rows; found 6"):
            estimate(x, np.hstack([x, x[:, :1]]))
    for estimate in (ksg_mi, radial_ksg_mi):
        with pytest.raises(InputError, match="found 6"):
            estimate(x, x, k=6)
    with pytest.raises(InputError, match="'normal', 'standard'; found 'ranks'"):
        ksg_mi(x, x, margins="ranks")


def test_lengths_of_student_margins_survive_a_squash():
    """A Student-t pair of vectors whose coordinates passed through asinh: right under the margins they had."""
    x, y, truth = student(0, 4000, 3, 2)
    estimate = jax.jit(radial_ksg_mi, static_argnames=("k", "dof"))
    squashed = [jnp.asarray(np.arcsinh(z), jnp.float32) for z in (x, y)]
    found = estimate(*squashed, dof=2.0)
    assert abs(found.value - truth) < 4 * found.std_error + 0.01
    same = estimate(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32), dof=2.0)
    np.testing.assert_allclose(found.value, same.value, atol=1e-5)


def test_degrees_of_freedom_must_be_positive():
    with pytest.raises(InputError, match="dof must be positive; found 0"):
        radial_ksg_mi(jnp.ones((9, 2)), jnp.ones((9, 2)), 3, dof=0)
