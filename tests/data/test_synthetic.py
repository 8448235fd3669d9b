"""pidjax/data/synthetic: every truth against densities of its own, samples against their laws, bad input."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pidjax._checks import InputError
from pidjax.data import synthetic as s

N = 20_000
PAIR = [[1.0, 0.6], [0.6, 1.0]]
TILTED = [[2.0, 0.5, 0.3], [0.5, 1.0, -0.4], [0.3, -0.4, 1.5]]
GAUSSIAN = [[1, 0, 0.5, 0], [0, 1, 0, -0.9], [0.5, 0, 1, 0], [0, -0.9, 0, 1]]
WEIGHTS, MEANS = (1, 1, 2), ((0, 0, 0), (2, 2, 0), (-2, 1, 1))
COVARIANCES = (np.eye(3), TILTED, 0.3 * np.eye(3) + 0.2)


@functools.cache
def three_gaussians():
    return s.mixture(WEIGHTS, MEANS, COVARIANCES, 1, error=3e-3)


def within(sample, mean, sd):
    """Mean ``mean`` within 4 standard errors."""
    return abs(np.mean(sample) - mean) < 4 * sd / math.sqrt(len(sample))


def fits(sample, law):
    """Kolmogorov–Smirnov with p > 1e-4."""
    return stats.kstest(sample, law.cdf).pvalue > 1e-4


def has_covariance(covariance):
    """Second moments of (x, y) within 4 standard errors."""

    def check(x, y):
        z = np.concatenate([x, y], 1)
        for i, row in enumerate(covariance):
            for j, value in enumerate(row):
                product = z[:, i] * z[:, j]
                assert within(product, value, product.std())

    return check


def t_law(x, y):
    assert fits(x[:, 1], stats.t(1))
    assert fits(y[:, 2], stats.t(1))
    assert fits((x**2).sum(1) / 2, stats.f(2, 1))


def additive_law(x, y):
    assert fits(x[:, 0], stats.uniform)
    assert fits(y[:, 0] - x[:, 0], stats.uniform(-0.1, 0.2))


def independent_law(x, y):
    assert fits(x[:, 1], stats.norm)
    assert fits(y[:, 0], stats.t(3))


def ring_law(x, y):
    assert fits(np.hypot(x, y)[:, 0], stats.rice(10, scale=0.1))
    assert fits(np.arctan2(y, x)[:, 0], stats.uniform(-np.pi, 2 * np.pi))


def rings_law(x, y):
    """Two radii, equally likely and chosen by each pair for itself."""
    outer = np.hypot(x, y) > 1.5
    assert within(outer[:, 0], 0.5, 0.5)
    assert within(outer.all(1), 0.25, 0.5)


def cross_law(x, y):
    """Normal margins, no correlation, and E x² y² = 1 + 2 r²."""
    assert fits(x[:, 0], stats.norm)
    assert fits(y[:, 1], stats.norm)
    product = x[:, 0] * y[:, 0]
    assert within(product, 0, product.std())
    assert within(product**2, 1 + 2 * 0.9**2, (product**2).std())
    assert within(np.sign(x * y).prod(1), 0, 1)


def concentric_law(x, y):
    assert within(y[:, 0] ** 2, 1, (y[:, 0] ** 2).std())
    assert fits(y[:, 1] / np.sqrt(0.1 + 0.9 * x[:, 0] ** 2), stats.norm)


def mixture_law(x, y):
    assert within(x[:, 0], -0.5, x.std())
    assert within(y[:, 0], 1.0, y[:, 0].std())


TASKS = {
    "gaussian": (lambda: s.gaussian([0.5, -0.9]), has_covariance(GAUSSIAN)),
    "gaussian_with_mi": (lambda: s.gaussian_with_mi(5, 10), None),
    "multinormal": (lambda: s.multinormal(TILTED, 1), has_covariance(TILTED)),
    "dense": (lambda: s.dense(2), has_covariance((np.eye(4) + 1) / 2)),
    "student": (lambda: s.student(2, 3, 1), t_law),
    "additive 0.1": (lambda: s.additive_uniform(0.1), additive_law),
    "additive 0.75": (lambda: s.additive_uniform(0.75), None),
    "independent": (lambda: s.independent_heavy(2, 3), independent_law),
    "ring": (lambda: s.rings(0.1), ring_law),
    "concentric rings": (lambda: s.rings(0.1, (1, 2), pairs=2), rings_law),
    "crosses": (lambda: s.cross(-0.9, pairs=2), cross_law),
    "thin cross": (lambda: s.cross(0.99), None),
    "concentric": (lambda: s.concentric(1, 2, 0.9), concentric_law),
    "concentric, high": (lambda: s.concentric(5, 20, 0.95), None),
    "mixture": (three_gaussians, mixture_law),
}


@pytest.mark.parametrize("name", TASKS)
def test_truth_and_laws(name):
    """The mean of log p(x,y)/(p(x)p(y)) over fresh draws is the stated truth, within 4 standard errors, and the
    draws have the law's margins."""
    make, check = TASKS[name]
    task = make()

    @jax.jit
    def draw(key):
        x, y = task.sample(key, N)
        return x, y, task.log_ratio(x, y), task.log_ratio(x, jnp.roll(y, 1, 0))

    x, y, *ratios = draw(jax.random.key(7))
    assert x.dtype == y.dtype == jnp.float32
    assert x.ndim == y.ndim == 2
    assert len(x) == len(y) == N
    together, apart = (np.asarray(v, float) for v in ratios)
    assert together.shape == (N,)
    error = math.hypot(together.std() / math.sqrt(N), task.truth_error)
    assert abs(together.mean() - task.truth) <= 4 * error
    # a ratio of densities: its mean over pairs that do not belong together is 1
    apart = np.exp(apart)
    assert apart.mean() < 1 + 4 * apart.std() / math.sqrt(N) + 1e-6
    if check:
        check(np.asarray(x, float), np.asarray(y, float))


def test_log_ratios_agree_with_scipy_densities():
    """Gaussian, t and mixture, from the densities that scipy has of them."""
    rng = np.random.default_rng(0)
    z = 1.5 * rng.normal(size=(50, 3)).astype(np.float32)
    x, y = z[:, :1], z[:, 1:]
    cov = np.array(TILTED)
    normal = [stats.multivariate_normal(cov=c).logpdf for c in (cov, cov[:1, :1], cov[1:, 1:])]
    expected = normal[0](z) - normal[1](x[:, 0]) - normal[2](y)
    np.testing.assert_allclose(jax.jit(s.multinormal(TILTED, 1).log_ratio)(x, y), expected, rtol=1e-4, atol=1e-5)

    t = [stats.multivariate_t(shape=np.eye(k), df=3).logpdf for k in (3, 1, 2)]
    expected = t[0](z) - t[1](x) - t[2](y)
    np.testing.assert_allclose(jax.jit(s.student(1, 2, 3).log_ratio)(x, y), expected, rtol=1e-4, atol=1e-5)

    def density(keep, of):
        weights = np.array(WEIGHTS) / sum(WEIGHTS)
        parts = zip(weights, np.array(MEANS)[:, keep], np.array(COVARIANCES)[:, keep][:, :, keep], strict=True)
        return np.log(sum(w * stats.multivariate_normal(m, c).pdf(of) for w, m, c in parts))

    expected = density([0, 1, 2], z) - density([0], x[:, 0]) - density([1, 2], y)
    ours = jax.jit(three_gaussians().log_ratio)(x, y)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_gaussian_closed_forms():
    """I and Jeffreys by canonical correlations against log-determinants and traces, and the notes' values."""
    cov = np.array(TILTED)
    apart = np.zeros((3, 3))
    apart[:1, :1], apart[1:, 1:] = cov[:1, :1], cov[1:, 1:]
    task = s.multinormal(cov, 1)
    mi = 0.5 * (np.linalg.slogdet(apart)[1] - np.linalg.slogdet(cov)[1])
    traces = np.trace(np.linalg.solve(cov, apart)) + np.trace(np.linalg.solve(apart, cov))
    assert task.truth == pytest.approx(mi, rel=1e-12)
    assert task.jeffreys == pytest.approx(traces / 2 - 3, rel=1e-12)
    assert s.multinormal(PAIR, 1).truth == pytest.approx(s.gaussian(0.6).truth, rel=1e-12)
    for d in (1, 2, 50):
        assert s.dense(d).truth == pytest.approx(0.5 * math.log((d + 1) ** 2 / (2 * d + 1)), rel=1e-12)
    assert s.two_pair(5).truth == pytest.approx(math.log(25 / 9), rel=1e-12)
    # design notes, section 2: J at d = 20 and d = 200
    for d, values in (20, (4.43, 9.84, 16.44, 24.51, 34.37)), (200, (4.04, 8.16, 12.37, 16.66, 21.03)):
        for mi, jeffreys in zip((2, 4, 6, 8, 10), values, strict=True):
            task = s.gaussian_with_mi(d, mi)
            assert task.truth == pytest.approx(mi, rel=1e-12)
            assert task.jeffreys == pytest.approx(jeffreys, abs=0.006)
    assert s.gaussian_with_mi(3, 0).truth == 0


def test_one_pair_of_each_shape_by_a_double_integral():
    """Ring, cross and concentric at 1x1: the integral of p log(p / product) over the plane by other code."""

    def ring(x, y, noise=0.4):
        angles = (np.arange(60) + 0.5) * 2 * np.pi / 60
        near_x, near_y = (
            np.exp(-0.5 * ((v[..., None] - f(angles)) / noise) ** 2) / (noise * np.sqrt(2 * np.pi))
            for v, f in ((x, np.cos), (y, np.sin))
        )
        return (near_x * near_y).mean(-1), near_x.mean(-1) * near_y.mean(-1)

    def cross(x, y, r=0.8):
        at = [np.exp(-0.5 * (x**2 + y**2 - 2 * v * x * y) / (1 - r**2)) for v in (r, -r)]
        return sum(at) / (4 * np.pi * np.sqrt(1 - r**2)), np.exp(-0.5 * (x**2 + y**2)) / (2 * np.pi)

    for law, task, reach in (ring, s.rings(0.4), 3.8), (cross, s.cross(0.8), 6.5):
        grid = np.linspace(-reach, reach, 201)
        p, q = law(*np.meshgrid(grid, grid))
        assert task.truth == pytest.approx((p * np.log(p / q)).sum() * (grid[1] - grid[0]) ** 2, abs=1e-6)

    a = 0.5
    w, y = np.linspace(0, 9, 2001), np.linspace(-20, 20, 801)
    of_w = np.sqrt(2 / np.pi) * np.exp(-0.5 * w**2) * (w[1] - w[0]) * np.where(w == 0, 0.5, 1)
    variance = 1 - a + a * w**2
    p_y = np.exp(-0.5 * y[:, None] ** 2 / variance) @ (of_w / np.sqrt(2 * np.pi * variance))
    h_y = -(p_y * np.log(p_y)).sum() * (y[1] - y[0])
    h_y_given_x = (of_w * 0.5 * np.log(2 * np.pi * np.e * variance)).sum()
    assert s.concentric(1, 1, a).truth == pytest.approx(h_y - h_y_given_x, abs=1e-6)


def test_additive_noise_by_a_double_integral():
    """The mean of log r over a grid of midpoints of x and of the noise, for noise below and above 1/2."""
    middle = (np.arange(1500) + 0.5) / 1500
    for noise in (0.3, 0.75):
        y = middle + noise * (2 * middle[:, None] - 1)
        length = np.minimum(y + noise, 1) - np.maximum(y - noise, 0)
        assert s.additive_uniform(noise).truth == pytest.approx(-np.log(length).mean(), abs=2e-6)
    assert s.additive_uniform(0.5).truth == pytest.approx(0.5)
    assert s.additive_uniform(0.2).log_ratio(np.full((1, 1), 0.5), np.full((1, 1), 0.8))[0] == -np.inf


def test_limits():
    """No dependence gives 0; more copies of a pair add up; wide noise hides a ring; circles far apart tell log k."""
    assert s.cross(0.0).truth == 0
    assert s.cross(0.01).truth == pytest.approx(0, abs=1e-8)
    assert s.cross(-0.7).truth == s.cross(0.7).truth
    assert s.cross(0.7, 3).truth == pytest.approx(3 * s.cross(0.7).truth)
    assert s.rings(0.1, pairs=3).truth == pytest.approx(3 * s.rings(0.1).truth)
    assert s.rings(30.0).truth == pytest.approx(0, abs=1e-7)
    assert s.rings(0.2, (2.0,)).truth == pytest.approx(s.rings(0.1).truth, abs=1e-8)
    assert s.concentric(2, 2, 1e-6).truth == pytest.approx(0, abs=1e-9)
    # a cross of r near 1 loses what its sign is worth: between I − log 2 and I of the Gaussian
    gap = s.gaussian(0.9999).truth - s.cross(0.9999).truth
    assert math.log(2) - 0.05 < gap < math.log(2)


def test_mixture_reaches_its_error_and_knows_what_it_is():
    """One component is a Gaussian; k far components that both sides see share log k; the error falls as asked."""
    one = s.mixture([1.0], [[1.0, -2.0]], [PAIR], 1, error=1e-3)
    assert one.truth_error <= 1e-3
    assert abs(one.truth - s.gaussian(0.6).truth) < 4 * one.truth_error
    far = s.mixture([1, 1], [[-9, -9], [9, 9]], [np.eye(2)] * 2, 1, error=5e-3)
    assert far.truth == pytest.approx(math.log(2), abs=4 * far.truth_error + 1e-6)


def test_x_comes_first_and_is_not_y():
    """Sides of unequal size and law come out on their own side; the log-ratio of swapped sides is another."""
    x, y = jax.eval_shape(lambda k: s.student(2, 3, 1).sample(k, 5), jax.random.key(0))
    assert (x.shape, y.shape) == ((5, 2), (5, 3))
    concentric = s.concentric(1, 1, 0.9)

    @jax.jit
    def means(key):
        x, y = concentric.sample(key, N)
        return concentric.log_ratio(x, y).mean(), concentric.log_ratio(y, x).mean()

    right, wrong = means(jax.random.key(0))
    assert wrong < right - 0.05


def test_jit_and_vmap_over_keys_equal_a_loop():
    """A batch of keys in one compiled call gives what each key gives alone."""
    tasks = [s.standardised(s.student(1, 2, 3)), three_gaussians()]

    def draw(key):
        return [task.sample(key, 6) for task in tasks]

    keys = jax.random.split(jax.random.key(0), 3)
    together, one = jax.jit(jax.vmap(draw))(keys), jax.jit(draw)
    for i, key in enumerate(keys):
        for alone, many in zip(jax.tree.leaves(one(key)), jax.tree.leaves(together), strict=True):
            np.testing.assert_allclose(many[i], alone, rtol=1e-5, atol=1e-6)


BAD = {
    "r at 1": (lambda: s.gaussian([0.5, 1.0]), "inside (-1, 1)"),
    "r nan": (lambda: s.gaussian([math.nan]), "inside (-1, 1)"),
    "r matrix": (lambda: s.gaussian(PAIR), "inside (-1, 1)"),
    "mi negative": (lambda: s.gaussian_with_mi(2, -1), "at least 0"),
    "mi too large": (lambda: s.gaussian_with_mi(1, 50), "inside (-1, 1)"),
    "d 0": (lambda: s.dense(0), "at least 1"),
    "d a float": (lambda: s.dense(2.5), "integer"),
    "two pairs of one": (lambda: s.two_pair(1), "at least 2"),
    "not square": (lambda: s.multinormal(np.ones((2, 3)), 1), "square"),
    "not symmetric": (lambda: s.multinormal([[1, 0.5], [0.2, 1]], 1), "symmetric"),
    "not definite": (lambda: s.multinormal([[1, 2], [2, 1]], 1), "positive definite"),
    "nan covariance": (lambda: s.multinormal([[1, math.nan], [math.nan, 1]], 1), "finite"),
    "no y": (lambda: s.multinormal(PAIR, 2), "leave at least one"),
    "dof 0": (lambda: s.student(1, 1, 0), "dof"),
    "dof no integer": (lambda: s.independent_heavy(2, 1.5), "dof"),
    "noise 0": (lambda: s.additive_uniform(0), "noise"),
    "ring noise": (lambda: s.rings(1e-4), "noise"),
    "radius 0": (lambda: s.rings(0.1, (0, 1)), "radii"),
    "cross 1": (lambda: s.cross(1), "between"),
    "strength 1": (lambda: s.concentric(1, 1, 1), "strength"),
    "mixture shapes": (lambda: s.mixture([1], MEANS, COVARIANCES, 1), "shapes"),
    "mixture weights": (lambda: s.mixture([1, -1, 1], MEANS, COVARIANCES, 1), "positive"),
    "mixture of a singular": (lambda: s.mixture([1], [[0, 0]], [np.ones((2, 2))], 1), "covariances[0]"),
    "mixture without y": (lambda: s.mixture(WEIGHTS, MEANS, COVARIANCES, 3), "leave at least one"),
    "error 0": (lambda: s.mixture([1], [[0, 0]], [PAIR], 1, error=0), "error"),
    "n 0": (lambda: s.gaussian(0.5).sample(jax.random.key(0), 0), "at least 1"),
    "n 1, standardised": (lambda: s.standardised(s.gaussian(0.5)).sample(jax.random.key(0), 1), "at least 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_words(case):
    make, words = BAD[case]
    with pytest.raises(InputError) as caught:
        make()
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")
