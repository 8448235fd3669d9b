"""One table of all bounds: their formulas, invariances, order, edges, masks and devices. A new bound is a new row."""

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from pidjax import bounds
from pidjax.bounds import score_stats

NOTHING, CONSTANT, ANCHOR, BOTH = range(4)
TAU = 1.5
PHI = {
    "identity": lambda f: f,
    "softplus": lambda f: np.log1p(np.exp(f)),
    ("clip", TAU): lambda f: np.clip(f, -TAU, TAU),
}


class Bound(NamedTuple):
    """A row of the table."""

    function: Callable
    formula: Callable  # in float64, without logarithms of sums, of the rows that by_hand reduces
    free: int = NOTHING  # the most that may be added to the scores without effect
    constant: Callable = lambda c, a: 0.0  # the value where all scores are c and the baseline is a
    transform: Any = "identity"
    reads: str = "stats"  # its arguments: "stats"; "views", two of them; "baseline", statistics and a baseline
    options: dict = {}  # noqa: RUF012


def blend(alpha):
    """Formula and constant of the interpolated bound."""

    def formula(r):
        rest = (1 - alpha) * np.exp(r.a)
        with_positive = alpha * (np.exp(r.p) + r.k * r.e) / (r.k + 1) + rest
        return 1 + r.mean(r.p - np.log(with_positive)) - r.mean(r.e / (alpha * r.e + rest))

    def constant(c, a):
        m = alpha * np.exp(c) + (1 - alpha) * np.exp(a)
        return np.mean(1 + c - np.log(m) - np.exp(c) / m)

    return {"formula": formula, "constant": constant, "reads": "baseline", "options": {"alpha": alpha}}


def pick(r):
    """p − log of the mean of exp over the line-up, positive included."""
    return r.mean(r.p - np.log((np.exp(r.p) + r.k * r.e) / (r.k + 1)))


BOUNDS = {
    "infonce": Bound(bounds.infonce, pick, ANCHOR),
    "ntxent": Bound(bounds.ntxent, pick, ANCHOR, reads="views"),
    "dv": Bound(bounds.dv, lambda r: r.mean(r.p) - np.log(r.mean(r.e)), CONSTANT),
    "nwj": Bound(bounds.nwj, lambda r: 1 + r.mean(r.p) - r.mean(r.e), constant=lambda c, a: 1 + c - np.exp(c)),
    "tuba": Bound(
        bounds.tuba,
        lambda r: 1 + r.mean(r.p - r.a) - r.mean(r.e / np.exp(r.a)),
        constant=lambda c, a: np.mean(1 + c - a - np.exp(c - a)),
        reads="baseline",
    ),
    "interpolated 0": Bound(bounds.interpolated, **blend(0.0)),
    "interpolated 0.3": Bound(bounds.interpolated, **blend(0.3)),
    "interpolated 1": Bound(bounds.interpolated, free=ANCHOR, **blend(1.0)),
    "js": Bound(
        bounds.js,
        lambda r: -r.mean(np.log1p(np.exp(-r.p))) - r.mean(r.m),
        constant=lambda c, a: -np.log1p(np.exp(-c)) - np.log1p(np.exp(c)),
        transform="softplus",
    ),
    "plug_in": Bound(bounds.plug_in, lambda r: r.mean(r.p), constant=lambda c, a: c),
    "smile": Bound(
        bounds.smile,
        lambda r: r.mean(r.p) - np.log(r.mean(r.e)),
        constant=lambda c, a: c - np.clip(c, -TAU, TAU),
        transform=("clip", TAU),
    ),
    "l1out": Bound(bounds.l1out, lambda r: r.mean(r.p - np.log(r.e)), ANCHOR),
    "club": Bound(bounds.club, lambda r: r.mean(r.p - r.m), BOTH),
    "nce_club": Bound(bounds.nce_club, lambda r: r.mean(r.p - r.m), BOTH),
    "nce_club all pairs": Bound(
        bounds.nce_club, lambda r: r.mean(r.p - (r.p + r.k * r.m) / (r.k + 1)), BOTH, options={"all_pairs": True}
    ),
}
every_bound = pytest.mark.parametrize("name", BOUNDS)


def values(f, g, a, *, axis_name=None, **rows):
    """Every bound of scores f, scores g of the own view, a baseline a."""

    def value(bound):
        stats = score_stats(f, transform=bound.transform, **rows)
        others = {"stats": (), "views": (score_stats(g, **rows),), "baseline": (a,)}[bound.reads]
        return bound.function(stats, *others, axis_name=axis_name, **bound.options)

    return {name: value(bound) for name, bound in BOUNDS.items()}


def by_hand(bound, f, g, a, *, positive=None, log_weights=None, weight=None):
    """The formula on rows that a double loop has reduced, in float64."""
    f, g, a = (np.asarray(x, float) for x in (f, g, a))
    n, phi = len(f), PHI[bound.transform]
    positive = np.arange(n) if positive is None else positive
    w = np.ones(f.shape) if log_weights is None else np.exp(np.asarray(log_weights, float))
    weight = np.ones(n) if weight is None else np.asarray(weight, float)
    k, e, m = np.zeros((3, n))
    for i in range(n):
        for table in (f, g) if bound.reads == "views" else (f,):
            for j in range(f.shape[1]):
                if j != positive[i]:
                    k[i] += w[i, j]
                    e[i] += w[i, j] * np.exp(phi(table[i, j]))
                    m[i] += w[i, j] * phi(table[i, j])
    p = f[np.arange(n), positive]
    rows = SimpleNamespace(p=p, k=k, e=e / k, m=m / k, a=a, mean=lambda x: (weight * x).sum() / weight.sum())
    return bound.formula(rows)


def with_gradients(f, g, a, **rows):
    """Values of every bound, and their gradients with respect to f, g and a."""
    function = functools.partial(values, **rows)
    return function(f, g, a), jax.jacrev(function, argnums=(0, 1, 2))(f, g, a)


VALUES, GRADIENTS = jax.jit(values), jax.jit(with_gradients)


def gradients(name, scores, some):
    """(value, its gradients) of one bound."""
    return jax.tree.map(np.asarray, tuple(part[name] for part in GRADIENTS(*scores, **some)))


def batch(n, m, seed=0):
    """Scores of both views of unit variance, and a baseline."""
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=shape).astype(np.float32) for shape in ((n, m), (n, m), n))


def rows(n, m, seed=1):
    """Positives anywhere in the row; weights of negatives and of rows, far from 0."""
    rng = np.random.default_rng(seed)
    return {
        "positive": rng.permutation(m)[:n],
        "log_weights": np.log(rng.uniform(0.1, 2, (n, m))).astype(np.float32),
        "weight": rng.uniform(0.1, 2, n).astype(np.float32),
    }


def without(i, scores, of_rows):
    """The same batch without anchor i; candidates stay."""
    return tuple(np.delete(x, i, axis=0) for x in scores), {k: np.delete(v, i, axis=0) for k, v in of_rows.items()}


@every_bound
@pytest.mark.parametrize("given", ["nothing", "negatives", "rows"])
@pytest.mark.parametrize("shape", [(6, 6), (5, 8)], ids=["square", "not square"])
def test_every_bound_is_its_formula(name, shape, given):
    """Square or not; alone, with weights of negatives, with weights of rows."""
    some, scores = rows(*shape), batch(*shape)
    if given == "nothing":
        some = {} if shape == (6, 6) else {"positive": some["positive"]}
    elif given == "negatives":
        some["weight"] = np.ones_like(some["weight"])
    else:
        some["log_weights"] = np.zeros_like(some["log_weights"])
    found = VALUES(*scores, **some)[name]
    # float32 rounding: about 20 terms of order e
    np.testing.assert_allclose(found, by_hand(BOUNDS[name], *scores, **some), rtol=1e-5, atol=1e-5)


@every_bound
@pytest.mark.parametrize("added", [CONSTANT, ANCHOR, BOTH], ids=["constant", "c(anchor)", "u(x) + v(y)"])
def test_what_may_be_added_to_the_scores(name, added):
    """Up to a constant, c(anchor) or u(x) + v(y) nothing changes; anything more changes the value."""
    f, g, a = batch(6, 6)
    u, v = np.float32([[0.7, -1.2, 0.4, 1.5, -0.3, 0.9]]).T, np.float32([[1.1, -0.6, 0.2, -1.4, 0.8, 0.5]])
    u = {CONSTANT: np.full_like(u, 0.7), ANCHOR: u, BOTH: u}[added]
    v = v if added == BOTH else 0
    change = abs(VALUES(f + u + v, g + u, a)[name] - VALUES(f, g, a)[name])
    assert change < 1e-5 if added <= BOUNDS[name].free else change > 1e-2


@pytest.mark.parametrize("name", [name for name, bound in BOUNDS.items() if bound.reads == "baseline"])
def test_the_baseline_takes_up_a_function_of_the_anchor(name):
    """Scores + c(anchor) with a baseline + c(anchor) have the same value."""
    (f, g, a), c = batch(6, 6), batch(6, 6, seed=3)[2]
    np.testing.assert_allclose(VALUES(f + c[:, None], g, a + c)[name], VALUES(f, g, a)[name], atol=1e-5)


@every_bound
@pytest.mark.parametrize("c", [-2, 0, 0.5, 3])
def test_constant_scores_tell_nothing(name, c):
    """0 nats, or what is known in closed form: NWJ 1 + c − eᶜ, JS −2 log 2 at c = 0, plug-in c, SMILE c − clip(c)."""
    f, _, a = batch(6, 6)
    f = np.full_like(f, c)
    np.testing.assert_allclose(VALUES(f, f, a)[name], BOUNDS[name].constant(c, a.astype(float)), rtol=1e-5, atol=1e-5)


@every_bound
def test_only_line_ups_have_a_ceiling(name):
    """100·I: log N by InfoNCE, log(2N − 1) by NT-Xent, log(N/α) between; half of JS's 2 log 2; others go on to 100."""
    f = 100 * np.eye(6, dtype=np.float32)
    found = VALUES(f, np.zeros_like(f), np.zeros(6, np.float32))[name]
    expected = {
        "infonce": np.log(6),
        "interpolated 1": np.log(6),
        "ntxent": np.log(11),
        "interpolated 0.3": np.log(6 / 0.3),
        "js": -np.log(2),
        "nce_club all pairs": 100 * 5 / 6,
    }.get(name, 100)
    # float32 rounding of scores of 100
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def test_bounds_that_are_one():
    """α = 0 is TUBA, α = 1 is InfoNCE, TUBA without baseline is NWJ, SMILE with a huge τ is DV, CLUB is NCE-CLUB."""
    f, g, a = batch(6, 6)
    found, unbiased = VALUES(f, g, a), VALUES(f, g, np.zeros_like(a))
    same = functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-6)
    same(found["interpolated 0"], found["tuba"])
    same(found["interpolated 1"], found["infonce"])
    same(unbiased["tuba"], found["nwj"])
    same(bounds.tuba(score_stats(f), 0.0), found["nwj"])
    same(bounds.smile(score_stats(f, transform=("clip", 1e3))), found["dv"])
    same(found["club"], found["nce_club"])
    same(found["nce_club all pairs"], found["nce_club"] * 5 / 6)


FIVE, STACKED = [batch(6, 6, seed) for seed in range(5)], jax.jit(jax.vmap(values))


def test_nwj_dv_and_l1out_are_ordered_in_every_batch():
    """Jensen: NWJ ≤ DV ≤ leave-one-out, whatever the scores."""
    found = STACKED(*map(np.stack, zip(*FIVE, strict=True)))
    assert (found["nwj"] <= found["dv"]).all() and (found["dv"] <= found["l1out"]).all()


@every_bound
def test_a_stack_is_a_loop(name):
    """vmap over five batches equals one after the other."""
    found = STACKED(*map(np.stack, zip(*FIVE, strict=True)))[name]
    np.testing.assert_allclose(found, [VALUES(*one)[name] for one in FIVE], rtol=1e-5, atol=1e-6)


def test_jit_changes_nothing():
    """Every bound, compiled or not."""
    scores, some = batch(6, 6), rows(6, 6)
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6),
        VALUES(*scores, **some),
        values(*scores, **{k: jnp.asarray(v) for k, v in some.items()}),
    )


def test_gradients_are_finite_differences():
    """Of every bound with all its weights, in float64, with respect to scores, own view and baseline."""
    some = rows(5, 8)
    with jax.enable_x64(True):
        theta, unravel = ravel_pytree(tuple(x.astype(np.float64) for x in batch(5, 8)))

        def vector(theta):
            return jnp.stack(list(values(*unravel(theta), **some).values()))

        gradient, at = jax.jit(jax.jacrev(vector))(theta), jax.jit(jax.vmap(vector))
        theta, step = np.asarray(theta), 1e-5 * np.eye(theta.size)
        expected = np.asarray(at(theta + step) - at(theta - step)).T / 2e-5
    assert gradient.dtype == np.float64
    for i, name in enumerate(BOUNDS):
        # third derivatives · step² / 6, and float64 rounding / step
        np.testing.assert_allclose(gradient[i], expected[i], atol=1e-8, err_msg=name)


@every_bound
@pytest.mark.parametrize("scale", [1e4, -1e4])
@pytest.mark.parametrize("weighted", [False, True])
def test_large_scores_stay_finite(name, scale, weighted):
    """Scores of ±1e4: value and gradients."""
    f, g, a = batch(6, 6)
    f, g = (np.float32(scale) * (np.eye(6, dtype=np.float32) + 0.1 * x) for x in (f, g))
    found = gradients(name, (f, g, a), rows(6, 6) if weighted else {})
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(found))


contrasts = pytest.mark.parametrize("name", [name for name in BOUNDS if name != "plug_in"])


@contrasts
def test_one_pair_tells_nothing(name):
    """A batch of one has no negatives: value 0, gradient 0."""
    assert all((x == 0).all() for x in jax.tree.leaves(gradients(name, batch(1, 1), {})))


@every_bound
@pytest.mark.parametrize("holds", [0, np.inf, np.nan])
@pytest.mark.parametrize("by", ["weight", "log_weights"])
def test_a_masked_row_is_a_deleted_row(name, by, holds):
    """By a weight of 0, or by -inf for all its negatives under jit, whatever it holds; its columns stay."""
    scores, some = batch(6, 6), rows(6, 6)
    deleted, others = without(2, scores, some)
    if name == "plug_in" and by == "log_weights":
        pytest.skip("it reads no negatives")
    some[by][2] = 0 if by == "weight" else -np.inf
    for x in scores:
        x[2] += holds
    value, of_scores = gradients(name, scores, some)
    np.testing.assert_allclose(value, VALUES(*deleted, **others)[name], rtol=1e-5, atol=1e-6)
    assert all(np.isfinite(np.delete(x, 2, axis=0)).all() and (holds or (x[2] == 0).all()) for x in of_scores)


@every_bound
@pytest.mark.parametrize("by", ["weight", "log_weights"])
def test_all_rows_masked_tell_nothing(name, by):
    """Value 0 and gradient 0, not NaN."""
    some = rows(6, 6)
    if name == "plug_in" and by == "log_weights":
        pytest.skip("it reads no negatives")
    some[by][:] = 0 if by == "weight" else -np.inf
    assert all((x == 0).all() for x in jax.tree.leaves(gradients(name, batch(6, 6), some)))


def test_plug_in_reads_no_negatives():
    """It is the mean of positives also where there is nothing to contrast with."""
    np.testing.assert_allclose(bounds.plug_in(score_stats(jnp.array([[-8.5]]))), -8.5)
    masked = jax.jit(lambda f, w: bounds.plug_in(score_stats(f, log_weights=w)))
    f = batch(6, 6)[0]
    np.testing.assert_allclose(masked(f, np.full((6, 6), -np.inf, np.float32)), np.trace(f) / 6, rtol=1e-6)


def test_ntxent_is_no_bound():
    """X = Y one fair bit, 6 samples: all 64 batches of a critic that knows give 0.697 on average, above I = log 2."""
    bits = (np.arange(64)[:, None] >> np.arange(6)) & 1
    f = np.float32(30) * (bits[:, :, None] == bits[:, None, :])
    value = jax.vmap(lambda f: bounds.ntxent(score_stats(f), score_stats(f)))(f).mean()
    contrast = jax.vmap(lambda f: bounds.infonce(score_stats(f)))(f).mean()
    np.testing.assert_allclose(value, 0.6969, atol=1e-4)
    assert contrast < np.log(2) < value


def of_parameters(theta, f, g, a, some, axis_name=None):
    """Every bound where scores and baseline depend on parameters that all devices share."""
    f, g = (theta["scale"] * x + theta["columns"][None] for x in (f, g))
    return jnp.stack(list(values(f, g, theta["scale"] * a, axis_name=axis_name, **some).values()))


def value_and_jacobian(theta, *arguments, axis_name=None):
    """Of all bounds at once."""
    function = functools.partial(of_parameters, axis_name=axis_name)
    return function(theta, *arguments), jax.jacrev(function)(theta, *arguments)


ONE = jax.jit(value_and_jacobian)
FOUR = jax.jit(
    jax.vmap(functools.partial(value_and_jacobian, axis_name="data"), in_axes=(None, 0, 0, 0, 0), axis_name="data")
)


@every_bound
@pytest.mark.parametrize("weights", ["equal", "unequal", "one shard masked", "all masked"])
def test_four_devices_are_one(name, weights):
    """The mean over devices of value and gradient is that of the whole batch, however rows weigh."""
    theta = {"scale": np.float32(0.8), "columns": batch(8, 8, seed=4)[2]}
    scores, some = batch(8, 8), rows(8, 8)
    some["log_weights"][0, 3:7] = -np.inf
    some["weight"] = {
        "equal": np.ones(8),
        "unequal": np.array([5.0, 4, 1, 0, 0.5, 0.1, 2, 0.3]),
        "one shard masked": np.array([1.0, 2, 0, 0, 1, 0.5, 3, 1]),
        "all masked": np.zeros(8),
    }[weights].astype(np.float32)
    shards = jax.tree.map(lambda x: x.reshape(4, 2, *x.shape[1:]), (*scores, some))
    means = jax.tree.map(lambda x: x.mean(axis=0), FOUR(theta, *shards))
    i = list(BOUNDS).index(name)
    jax.tree.map(
        lambda found, expected: np.testing.assert_allclose(found[i], expected[i], rtol=1e-5, atol=1e-6),
        means,
        ONE(theta, *scores, some),
    )


@pytest.mark.parametrize(
    ("name", "transform"), [(n, t) for n in BOUNDS for t in PHI if t != BOUNDS[n].transform and n != "plug_in"]
)
def test_statistics_of_another_transform_are_refused(name, transform):
    """In words, and before anything is computed."""
    bound, stats = BOUNDS[name], score_stats(jnp.zeros((3, 3)), transform=transform)
    others = {"stats": (), "views": (stats,), "baseline": (0.0,)}[bound.reads]
    with pytest.raises(ValueError, match="under the transform"):
        bound.function(stats, *others, **bound.options)


def test_plug_in_reads_any_transform():
    """Positives are never transformed."""
    f = batch(6, 6)[0]
    found = [bounds.plug_in(score_stats(f, transform=t)) for t in PHI]
    np.testing.assert_allclose(found, np.full(3, np.trace(f) / 6), rtol=1e-6)


@pytest.mark.parametrize("bound", [bounds.tuba, functools.partial(bounds.interpolated, alpha=0.5)])
def test_a_baseline_is_one_number_an_anchor(bound):
    """Another shape is refused."""
    with pytest.raises(ValueError, match="log_baseline must be one number an anchor"):
        bound(score_stats(jnp.zeros((3, 3))), jnp.zeros(4))


def test_a_bound_reads_statistics():
    """A bare table of scores is refused."""
    with pytest.raises(TypeError, match="reads ScoreStats"):
        bounds.infonce(jnp.zeros((3, 3)))


def test_alpha_is_one_number():
    """Not one a row."""
    with pytest.raises(ValueError, match="alpha must be one number"):
        bounds.interpolated(score_stats(jnp.zeros((3, 3))), 0.0, jnp.full(3, 0.5))


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_lies_between_0_and_1(alpha):
    """Anything else is refused."""
    with pytest.raises(ValueError, match="alpha must lie in"):
        bounds.interpolated(score_stats(jnp.zeros((3, 3))), 0.0, alpha)


@pytest.mark.parametrize(
    "function", dict.fromkeys([*(b.function for b in BOUNDS.values()), bounds.supcon]), ids=lambda f: f.__name__
)
def test_docstrings_state_direction_and_source(function):
    """Which way it bounds and where it was published."""
    assert "Direction:" in function.__doc__ and "Source:" in function.__doc__
