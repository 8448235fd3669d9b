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
    *(("bilinear", "rows", "both", given) for given in OPTIONS if given != "positive"),
    *(("concat", "sorted", "y", given) for given in OPTIONS),
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


@every_critic
@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_large_scores_stay_finite(name, scale):
    """Inputs or parameters that give scores of about ±1e4: value and gradient."""
    params, (x, y) = jax.tree.map(np.float32, (parameters(name), data(name)))
    factor = np.float32(np.copysign(abs(scale) ** 0.5, scale))
    found = jax.jit(functools.partial(value_and_gradient, CRITICS[name].make(WHOLE)))(params, factor * x, 100 * y)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))


@every_critic
def test_one_pair_tells_nothing(name):
    """N = 1: no negatives, 0 nats, gradient 0."""
    params, (x, y) = jax.tree.map(np.float32, (parameters(name), data(name, 1)))
    found = jax.jit(functools.partial(value_and_gradient, CRITICS[name].make(WHOLE), over="both"))(params, x, y)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(found))


@pytest.mark.parametrize("name", [name for name in PARAMETRIC if "gaussian" not in name])
def test_a_dead_critic_tells_nothing(name):
    """Parameters that are all 0: 0 nats, finite gradients."""
    params, (x, y) = jax.tree.map(np.float32, (parameters(name), data(name)))
    params = jax.tree.map(np.zeros_like, params)
    value, gradient = jax.jit(functools.partial(value_and_gradient, CRITICS[name].make(WHOLE)))(params, x, y)
    np.testing.assert_allclose(value, 0, atol=1e-6)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


@every_critic
def test_bfloat16_inputs_are_summed_in_float32(name):
    """Scores of bf16 inputs and parameters are float32 and within 2 % of those of the same numbers in float64.

    Hidden layers and projections are kept in float32, so that what is left is the rounding of products of bf16
    operands, which are exact, and of float32 sums; cosines divide in bf16 (8 bits).
    """
    params, (x, y) = jax.tree.map(lambda v: jnp.asarray(v, jnp.bfloat16), (parameters(name), data(name)))
    found = jax.jit(CRITICS[name].make(WHOLE).scores)(params, x, y)
    exact = dense(name, *jax.tree.map(lambda v: np.asarray(v, float), (params, x, y)))
    error = np.abs(found - exact).max() / np.abs(exact).max()
    print(name, error)
    assert found.dtype == jnp.float32 and error < 2e-2


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
    params = CRITICS[name].make(None).init(jax.random.key(0), jnp.zeros((2, 400)), jnp.zeros((2, 200)))
    for kernel, fan_in in FIRST[name](params):
        assert 0.98 < np.abs(kernel).max() * fan_in**0.5 <= 1.0001


def test_softplus_scores_are_positive():
    """The published variant never gives a negative score."""
    (x, y), params = data("concat"), parameters("concat")
    params["out"]["bias"] = params["out"]["bias"] - 5
    linear, positive = (CRITICS[name].make(WHOLE).scores(params, x, y) for name in ("concat", "concat, softplus"))
    assert (linear < 0).any() and (positive > 0).all()


# --- A few negatives an anchor ---------------------------------------------------------------------------


def by_index(n):
    """A critic whose score of (x_i, y_j) says i and j: 100 i + j."""

    def paired(params, x, y):
        return 100 * x[:, 0] + y[:, 0]

    rows = jnp.arange(n, dtype=jnp.float32)[:, None]
    return critics.bilinear()._replace(paired=paired), rows, rows


@pytest.mark.parametrize("k", [1, 3, 7])
def test_sampled_negatives_are_others_and_each_used_equally(k):
    """The negatives' sum over the batch is k Σ y, none is the row's own, and all k of a row differ."""
    critic, x, y = by_index(8)
    draw = jax.jit(lambda key, t: critics.sampled_stats(critic, {}, key, x, y, k=k, transform=t), static_argnums=1)
    uses = np.zeros((8, 8))
    for seed in range(100):
        stats = draw(jax.random.key(seed), "identity")
        means = stats.neg_mean - 100 * np.arange(8)
        np.testing.assert_allclose(means.sum(), 28, rtol=1e-5)
        if k == 1:
            at = np.round(means).astype(int)
            assert sorted(at) == list(range(8)) and (at != np.arange(8)).all()
            uses[np.arange(8), at] += 1
        if k == 7:
            np.testing.assert_allclose(means, (28 - np.arange(8)) / 7, rtol=1e-3)
    assert (np.asarray(stats.num_neg) == k).all()
    if k == 1:  # each other row is a negative with probability 1/7: 4 standard errors of a count of 100
        off = uses[~np.eye(8, dtype=bool)]
        assert np.abs(off - 100 / 7).max() < 4.5 * np.sqrt(100 / 7 * 6 / 7)


@every_critic
def test_all_negatives_sampled_are_all_pairs(name):
    """k = n − 1 gives the statistics of ``critic.stats``."""
    critic, params, (x, y) = CRITICS[name].make(WHOLE), parameters(name), data(name)
    with jax.enable_x64(True):

        @jax.jit
        def both(params, x, y, key):
            return critics.sampled_stats(critic, params, key, x, y, k=7), critic.stats(params, x, y)

        same(*both(params, x, y, jax.random.key(0)))


def test_sampled_club_has_the_expectation_of_variational_club():
    """Mean over 500 draws of CLUBSample, against CLUB of all pairs, within 4 standard errors."""
    critic, (x, y), params = CRITICS["gaussian"].make(WHOLE), data("gaussian"), parameters("gaussian")
    keys = jax.random.split(jax.random.key(0), 500)
    values = np.asarray(
        jax.jit(jax.vmap(lambda key: bounds.club(critics.sampled_stats(critic, params, key, x, y))))(keys)
    )
    expected = bounds.club(critic.stats(params, x, y))
    np.testing.assert_allclose(values.mean(), expected, rtol=0, atol=4 * values.std() / 500**0.5)


def test_shards_draw_the_negatives_of_the_whole_batch():
    """Statistics of four shards in turn are those of one device with the same key."""
    critic, (x, y), params = CRITICS["concat"].make(WHOLE), data("concat"), parameters("concat")
    key = jax.random.key(0)

    def draw(x, y, axis_name=None):
        return critics.sampled_stats(critic, params, key, x, y, k=3, axis_name=axis_name)

    shards = jax.vmap(functools.partial(draw, axis_name="data"), axis_name="data")
    found = jax.jit(shards)(x.reshape(4, 2, -1), y.reshape(4, 2, -1))
    same(jax.tree.map(lambda v: v.reshape(8), found), jax.jit(draw)(x, y), 1e-5)


@pytest.mark.parametrize("k", [0, 8, -1])
def test_k_is_less_than_the_batch(k):
    """8 rows have 7 negatives."""
    x, y = data("bilinear")
    with pytest.raises(ValueError, match="less than the 8 rows"):
        critics.sampled_stats(critics.bilinear(), parameters("bilinear"), jax.random.key(0), x, y, k=k)


# --- Conditions and bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["x", "y", "both"])
def test_conditions_are_appended(side):
    """[x, z], [y, z] or both; z of the pair."""
    x, y, z = np.ones((5, 2)), np.zeros((5, 3)), np.arange(10.0).reshape(5, 2)
    found = critics.condition(x, y, z, side)
    expected = (np.hstack([x, z]) if side != "y" else x), (np.hstack([y, z]) if side != "x" else y)
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_a_conditional_critic_sees_the_condition():
    """Scores of a bilinear critic of [x, z] and y."""
    x, y, z = (np.random.default_rng(i).normal(size=(5, d)) for i, d in enumerate((2, 3, 4)))
    kernel = np.random.default_rng(3).normal(size=(6, 3))
    found = critics.bilinear().scores({"kernel": kernel}, *critics.condition(x, y, z, "x"))
    np.testing.assert_allclose(found, np.hstack([x, z]) @ kernel @ y.T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((np.ones((5, 2)), np.ones((5, 2)), np.ones((4, 1))), ValueError, "as many rows"),
        ((np.ones((5, 2)), np.ones((5, 2)), np.ones((5, 1)), "left"), ValueError, "'x', 'y', 'both'"),
        ((np.ones((5, 2)), np.ones((5, 2)), np.ones((5, 1), int)), TypeError, "z must be floating"),
        ((np.ones((5, 2)), np.ones((5, 2)), np.ones(5)), ValueError, "matri"),
    ],
)
def test_unusable_conditions_are_refused(arguments, error, words):
    """Rows that do not match, an unknown side, class numbers, a vector."""
    with pytest.raises(error, match=words):
        critics.condition(*arguments)


BAD = {
    "rows": ((np.ones((8, 4)), np.ones((7, 3))), {}, ValueError, "as many rows"),
    "a vector": ((np.ones(8), np.ones((8, 3))), {}, ValueError, "matrices"),
    "a stack": ((np.ones((2, 8, 4)), np.ones((2, 8, 3))), {}, ValueError, "matrices"),
    "integers": ((np.ones((8, 4), int), np.ones((8, 3))), {}, TypeError, "x must be floating"),
    "width": ((np.ones((8, 5)), np.ones((8, 3))), {}, ValueError, "features"),
    "side": ((np.ones((8, 4)), np.ones((8, 3))), {"over": "z"}, ValueError, "'y', 'x', 'both'"),
    "positive of both": (
        (np.ones((8, 4)), np.ones((8, 3))),
        {"over": "both", "positive": np.arange(8)},
        ValueError,
        "columns of one side",
    ),
    "floating positive": ((np.ones((8, 4)), np.ones((8, 3))), {"positive": np.ones(8)}, TypeError, "integer"),
    "far positive": ((np.ones((8, 4)), np.ones((8, 3))), {"positive": np.full(8, 8)}, ValueError, "columns 0 to 7"),
    "weights": ((np.ones((8, 4)), np.ones((8, 3))), {"weight": np.ones(7)}, ValueError, "one number a row"),
    "negatives": ((np.ones((8, 4)), np.ones((8, 3))), {"log_weights": np.ones((8, 7))}, ValueError, "log_weights"),
    "empty row": (
        (np.ones((8, 4)), np.ones((8, 3))),
        {"log_weights": np.full((8, 8), -np.inf)},
        ValueError,
        "without a negative",
    ),
    "transform": ((np.ones((8, 4)), np.ones((8, 3))), {"transform": "exp"}, ValueError, "transform must be"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("name", ["bilinear", "concat", "separable", "gaussian"])
def test_unusable_input_is_refused(name, case):
    """In words, and for all critics alike."""
    inputs, options, error, words = BAD[case]
    params = jax.tree.map(np.float32, parameters(name))
    with pytest.raises(error, match=words):
        CRITICS[name].make(WHOLE).stats(params, *inputs, **options)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: critics.concat(()), "at least one layer"),
        (lambda: critics.concat((0,)), "hidden must be positive integers"),
        (lambda: critics.concat((2.5,)), "hidden must be positive integers"),
        (lambda: critics.concat(output="relu"), "'linear', 'softplus'"),
        (lambda: critics.separable(n_dims=0), "n_dims must be positive integers"),
        (lambda: critics.gaussian(log_variance="tanh"), "'free', 'network'"),
    ],
)
def test_unusable_settings_are_refused(make, words):
    """Widths and names, when the critic is made."""
    with pytest.raises(ValueError, match=words):
        make()
