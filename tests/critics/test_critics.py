"""pidjax/critics: one table of all critics against their formulas, dense statistics and autodiff, and devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from devices_script import CRITICS, TILINGS, WHOLE, data, parameters, read, value_and_gradient

from pidjax import bounds, critics
from pidjax.bounds import score_stats

every_critic = pytest.mark.parametrize("name", CRITICS)
PARAMETRIC = [name for name in CRITICS if name != "cosine"]


def dense(name, params, x, y, xp=np):
    """f(x_i, y_j) for all pairs, by the formula of one pair."""
    return CRITICS[name].formula(xp, params, x[:, None], y[None])


def same(found, expected, tolerance=1e-10):
    """Leaf by leaf; the default is round-off of float64."""
    close = functools.partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
    jax.tree.map(close, found, expected)


@every_critic
def test_scores_are_the_formula(name):
    """All pairs of 7 x and 5 y, and pairs row by row; in blocks and with sorting as well."""
    (x, y), params = data(name, 7, 5), parameters(name)
    pairs = np.resize(y, (7, y.shape[1]))
    for tiling in TILINGS.values():
        critic = CRITICS[name].make(tiling)
        with jax.enable_x64(True), jax.numpy_rank_promotion("raise"):
            found = jax.jit(lambda p, x, y, z, c=critic: (c.scores(p, x, y), c.paired(p, x, z)))(params, x, y, pairs)
        same(found, (dense(name, params, x, y), CRITICS[name].formula(np, params, x, pairs)))


def sides(f, over, options):
    """The statistics of the dense table, by side."""
    both = [score_stats(f, **options), score_stats(f.T, **options)]
    match over:
        case "y":
            return both[0]
        case "x":
            return both[1]
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), *both)


def options_of(given, n=8):
    """What may be said of rows and negatives."""
    rng = np.random.default_rng(1)
    return {
        "nothing": {},
        "positive": {"positive": rng.permutation(n)},
        "negatives": {"log_weights": np.log(rng.uniform(0.1, 2, (n, n)))},
        "rows": {"weight": rng.uniform(0.1, 2, n)},
        "softplus": {"transform": "softplus"},
        "clip": {"transform": ("clip", 0.7)},
    }[given]


OPTIONS = ["nothing", "positive", "negatives", "rows", "softplus", "clip"]
CASES = [  # every option where the code is common to all critics, every critic and tiling where it is not
    *(("bilinear", tiling, over, given) for tiling, over in (("whole", "x"), ("rows", "y")) for given in OPTIONS),
    ("bilinear", "rows", "both", "negatives"),
    *(("concat", "sorted", "y", given) for given in ("nothing", "rows", "negatives")),
    *((name, tiling, "both", "nothing") for name in CRITICS for tiling in ("whole", "rows") if name != "bilinear"),
    ("concat", "rows, sorted", "both", "nothing"),
]


def weighted(stats):
    """A number that depends on every part of every row."""
    fields = stats.positive, stats.neg_logsumexp, stats.neg_mean
    weights = np.random.default_rng(2).normal(size=(3, len(stats.positive)))
    return sum((w * f).sum() for w, f in zip(weights, fields, strict=True))


@pytest.mark.parametrize(("name", "tiling", "over", "given"), CASES)
def test_statistics_are_those_of_the_dense_table(name, tiling, over, given):
    """Every part, and its gradients in parameters and both inputs against autodiff through the formula of one pair."""
    critic, theta, options = CRITICS[name].make(TILINGS[tiling]), (parameters(name), *data(name)), options_of(given)

    def from_critic(params, x, y):
        return critic.stats(params, x, y, over=over, **options)

    def from_table(params, x, y):
        return sides(dense(name, params, x, y, jnp), over, options)

    @jax.jit
    def both(*theta):
        def values(of):
            return jax.value_and_grad(lambda theta: (lambda s: (weighted(s), s))(of(*theta)), has_aux=True)(theta)

        return values(from_critic), values(from_table)

    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        found, expected = both(*theta)
    same(found, expected)


@every_critic
def test_one_gradient_at_a_time(name):
    """Of the parameters alone, and of the inputs alone, as an alternating update takes them."""
    critic, params, inputs = CRITICS[name].make(WHOLE), parameters(name), data(name)

    @jax.jit
    def gradients(params, inputs):
        def loss(params, inputs):
            return read(critic.stats(params, *inputs))

        at = params, inputs
        return (jax.grad(loss, 0)(*at), jax.grad(loss, 1)(*at)), jax.grad(loss, (0, 1))(*at)

    with jax.enable_x64(True):
        same(*gradients(params, inputs))


@pytest.mark.parametrize("name", ["separable", "concat", "concat, deep", "gaussian"])
def test_a_hundred_critics_at_once(name):
    """``vmap`` of value and gradient over 100 critics and data sets; the last two equal their own."""
    critic = CRITICS[name].make(TILINGS["rows"] if name == "concat" else WHOLE)
    each = [(parameters(name, seed), *data(name, seed=seed)) for seed in range(100)]
    params, x, y = jax.tree.map(lambda *v: np.stack(v).astype(np.float32), *each)
    one = functools.partial(value_and_gradient, critic)
    found, alone = jax.jit(jax.vmap(one))(params, x, y), jax.jit(one)
    for i in (98, 99):
        expected = alone(*jax.tree.map(lambda v, i=i: v[i], (params, x, y)))
        same(jax.tree.map(lambda v, i=i: v[i], found), expected, 1e-4)
    assert len(np.unique(found[0])) == 100


@functools.cache
def compiled(name):
    """``value_and_gradient`` of a critic on whole tables, traced once for all tests that have its shapes."""
    return jax.jit(functools.partial(value_and_gradient, CRITICS[name].make(WHOLE)))


@every_critic
@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_large_scores_stay_finite(name, scale):
    """Inputs or parameters that give scores of about ±1e4: value and gradient."""
    params, (x, y) = jax.tree.map(np.float32, (parameters(name), data(name)))
    factor = np.float32(np.copysign(abs(scale) ** 0.5, scale))
    found = compiled(name)(params, factor * x, 100 * y)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))


@every_critic
def test_one_pair_tells_nothing(name):
    """N = 1: no negatives, 0 nats, gradient 0."""
    params, (x, y) = jax.tree.map(np.float32, (parameters(name), data(name, 1)))
    found = jax.jit(functools.partial(value_and_gradient, CRITICS[name].make(WHOLE), over="both"))(params, x, y)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(found))


@pytest.mark.parametrize("name", [n for n in PARAMETRIC if n != "residual" and "gaussian" not in n])
def test_a_dead_critic_tells_nothing(name):
    """Parameters that are all 0, of critics that are constant then: 0 nats, finite gradients."""
    params, (x, y) = jax.tree.map(np.float32, (parameters(name), data(name)))
    params = jax.tree.map(np.zeros_like, params)
    value, gradient = compiled(name)(params, x, y)
    np.testing.assert_allclose(value, 0, atol=1e-6)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


@every_critic
def test_bfloat16_inputs_are_summed_in_float32(name):
    """Scores of bf16 inputs and parameters are float32, within 1e-5 of those of the same numbers in float64.

    bf16 itself has 8 bits, 4e-3: products of bf16 operands are exact in float32, and so are sums but for rounding.
    """
    params, (x, y) = jax.tree.map(lambda v: jnp.asarray(v, jnp.bfloat16), (parameters(name), data(name)))
    found = jax.jit(CRITICS[name].make(WHOLE).scores)(params, x, y)
    exact = dense(name, *jax.tree.map(lambda v: np.asarray(v, float), (params, x, y)))
    error = np.abs(found - exact).max() / np.abs(exact).max()
    assert found.dtype == jnp.float32 and error < 1e-5


def test_a_huge_batch_is_never_a_table():
    """N = 4096 in blocks of 64 rows: temporary memory under a quarter of one table, value that of numpy by rows."""
    n = 4096
    (x, y), params = data("concat", n), parameters("concat")
    x, y, params = jax.tree.map(np.float32, (x, y, params))
    critic = CRITICS["concat"].make(WHOLE._replace(rows=64, sort=2**30))
    f = jax.jit(functools.partial(value_and_gradient, critic)).lower(params, x, y).compile()
    assert f.memory_analysis().temp_size_in_bytes < n * n * 4 / 4
    x, y = np.float32(1.1) * x, np.float32(0.9) * y
    a, c, v = x @ params["x"] + params["bias"], y @ params["y"], params["out"]["kernel"][:, 0]
    blocks = [np.maximum(a[i : i + 256, None] + c[None], 0) @ v for i in range(0, n, 256)]
    with jax.enable_x64(True):
        expected = read(score_stats(jnp.asarray(np.concatenate(blocks) + params["out"]["bias"][0], jnp.float64)))
    np.testing.assert_allclose(f(params, np.float32(x / 1.1), np.float32(y / 0.9))[0], expected, rtol=1e-4)


def test_the_default_tiling_blocks_what_does_not_fit():
    """N = 8192: less memory than one table, without asking."""
    n, critic = 8192, CRITICS["concat"].make(None)
    inputs = jax.tree.map(np.float32, (parameters("concat"), *data("concat", n)))
    f = jax.jit(jax.grad(lambda *theta: bounds.infonce(critic.stats(*theta)))).lower(*inputs).compile()
    assert f.memory_analysis().temp_size_in_bytes < n * n * 4


def test_four_devices_equal_one(four_devices):
    """pmap and shard_map of every form of critic, in a process with four CPU devices: values and raw gradients."""
    four_devices("critics/devices_script.py")


# --- What a critic is, one by one ------------------------------------------------------------------------


def gaussian_pairs(r, n, seed):
    """n pairs with canonical correlations r, a stack of such batches by a stack of seeds."""
    rng = np.random.default_rng(seed)
    x, e = rng.normal(size=(2, *n, len(r)))
    return x.astype(np.float32), (r * x + np.sqrt(1 - r**2) * e).astype(np.float32)


def test_the_exact_gaussian_critic_gives_jeffreys():
    """NCE-CLUB (and CLUB) is Σ r²/(1 − r²), leave-one-out is above I and InfoNCE below, within 4 standard errors."""
    r, n = np.array([0.9, -0.6, 0.3, 0.0]), (200, 128)
    x, y = gaussian_pairs(r, n, 0)
    params = {
        "mean": [{"kernel": np.diag(r).astype(np.float32), "bias": np.zeros(4, np.float32)}],
        "log_variance": np.log(1 - r**2).astype(np.float32),
    }
    names = {"nce_club": "y", "club": "x", "l1out": "x", "infonce": "x"}  # log p(y) belongs to the anchor y

    @jax.jit
    @jax.vmap
    def values(x, y):
        stats = {over: critics.gaussian().stats(params, x, y, over=over) for over in ("x", "y")}
        return {name: getattr(bounds, name)(stats[over]) for name, over in names.items()}

    found = {
        name: (v.mean(), 4 * v.std() / len(v) ** 0.5) for name, v in jax.tree.map(np.asarray, values(x, y)).items()
    }
    jeffreys, information = (r**2 / (1 - r**2)).sum(), -np.log(1 - r**2).sum() / 2
    for name in ("nce_club", "club"):
        np.testing.assert_allclose(found[name][0], jeffreys, rtol=0, atol=found[name][1])
    assert found["l1out"][0] > information - found["l1out"][1]
    assert found["infonce"][0] < information + found["infonce"][1]


def test_a_trained_critic_gives_jeffreys_not_the_information():
    """Two pairs with I = 1 in all: J = 3.437. A separable critic fitted by InfoNCE reads J within 10 %, above 2 I."""
    r = np.full(2, np.sqrt(1 - np.exp(-1.0)))
    critic = critics.separable((64,), 16)

    def pairs(key, n):
        x, e = jax.random.normal(key, (2, n, 2))
        return x, r * x + np.exp(-0.5) * e

    def step(carry, key):
        params, slopes = carry
        x, y = pairs(key, 256)
        slope = jax.grad(lambda p: -bounds.infonce(critic.stats(p, x, y)))(params)
        slopes = jax.tree.map(lambda m, g: 0.9 * m + g, slopes, slope)
        return (jax.tree.map(lambda p, m: p - 0.05 * m, params, slopes), slopes), None

    @jax.jit
    def trained(key):
        start, steps, test = jax.random.split(key, 3)
        params = critic.init(start, *pairs(start, 2))
        slopes = jax.tree.map(jnp.zeros_like, params)
        (params, _), _ = jax.lax.scan(step, (params, slopes), jax.random.split(steps, 2000))
        return bounds.nce_club(critic.stats(params, *pairs(test, 4096)))

    with jax.numpy_rank_promotion("allow"):
        value = trained(jax.random.key(0))
    print(value)
    np.testing.assert_allclose(value, 2 * (np.e - 1), rtol=0.1)
    assert value > 2.5


FIRST = {  # kernels that meet the inputs, and their fan-in for dx = 400 and dy = 200
    "separable": lambda p: [(p["g"][0]["kernel"], 400), (p["h"][0]["kernel"], 200)],
    "bilinear": lambda p: [(p["kernel"], 400)],
    "concat": lambda p: [(p["x"], 600), (p["y"], 600)],
    "gaussian": lambda p: [(p["mean"][0]["kernel"], 400)],
}


@pytest.mark.parametrize("name", FIRST)
def test_kernels_start_as_published(name):
    """U(±1/√fan-in); concat counts both inputs. The largest of 1000 draws is beyond 0.98 in all but e^-20 of cases."""
    zeros = (np.zeros((2, d), np.float32) for d in (400, 200))
    params = jax.jit(CRITICS[name].make(None).init)(jax.random.key(0), *zeros)
    for kernel, fan_in in FIRST[name](params):
        assert 0.98 < np.abs(kernel).max() * fan_in**0.5 <= 1.0001


def test_softplus_scores_are_positive():
    """The published variant never gives a negative score."""
    (x, y), params = data("concat"), parameters("concat")
    params["out"]["bias"] = params["out"]["bias"] - 5
    linear, positive = (
        jax.jit(CRITICS[name].make(WHOLE).scores)(params, x, y) for name in ("concat", "concat, softplus")
    )
    assert (linear < 0).any() and (positive > 0).all()
