"""FactorCL's terms against the tiled formula written out, devices against one, and what each preset and name means."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax import bounds, encoders
from pidjax._checks import InputError
from pidjax.objectives.factorcl import TERMS, FactorCLConfig, factorcl, released
from pidjax.objectives.methods import METHODS, method

N, D, CLASSES = 6, 3, 2
NETS = [encoders.mlp(4, D, activation="relu", init="torch"), encoders.mlp(5, D, activation="relu", init="torch")]
SMALL = FactorCLConfig(critic_hidden=(4,))


def augment(key, sample):
    return {name: x * (1 + 0.3 * jax.random.normal(key, x.shape)) for name, x in sample.items()}


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    found = {name: rng.normal(size=(N, d)).astype(np.float32) for name, d in (("x1", 4), ("x2", 5))}
    return found | {"y": np.array([0, 1, 1, 0, 1, 0])}


def score(params, x, y):
    """f of all pairs of [x, y], tiled: the published way."""
    h = np.concatenate([np.repeat(x[:, None], len(y), 1), np.repeat(y[None], len(x), 0)], -1)
    h = np.maximum(h @ np.vstack([params["x"], params["y"]]) + params["bias"], 0)
    for layer in params["hidden"]:
        h = np.maximum(h @ layer["kernel"] + layer["bias"], 0)
    return (h @ params["out"]["kernel"] + params["out"]["bias"])[..., 0]


def nce(table, over, allowed):
    table, allowed = (table, allowed) if over == "y" else (table.T, allowed.T)
    kept = np.where(allowed | np.eye(len(table), dtype=bool), np.exp(table), 0)
    return np.mean(np.diag(table) - np.log(kept.sum(1)) + np.log((kept > 0).sum(1)))


def club(table, over, allowed, every):
    table, allowed = (table, allowed) if over == "y" else (table.T, allowed.T)
    counted = allowed | np.eye(len(table), dtype=bool) if every else allowed
    return np.mean(np.diag(table) - np.where(counted, table, 0).sum(1) / counted.sum(1))


def expected(config, params, z, y):
    """Every term, from embeddings, by the formulas of App. D.1."""
    code = np.eye(CLASSES)[y]
    label = code if config.label_code == "one_hot" else y[:, None]
    others = ~np.eye(N, dtype=bool)
    alike = others & (y[:, None] == y[None]) if config.negatives == "same_label" else others

    def conditions(head):
        one, two = z[f"{head}1"], z[f"{head}2"]
        if config.supervised:
            both = config.condition_side == "both"
            yield np.hstack([one[:, 0], code]), np.hstack([two[:, 0], code]) if both else two[:, 0]
            return
        for k in range(1, one.shape[1]):
            if config.condition_side == "both":
                yield np.hstack([one[:, 0], one[:, k]]), np.hstack([two[:, 0], two[:, k]])
            else:
                yield np.hstack([one[:, 0], one[:, k], two[:, k]]), two[:, 0]

    def of_terms(term):
        if term in ("nce1", "nce2"):
            c = z[f"c{term[-1]}"]
            return [(c[:, 0], label)] if config.supervised else [(c[:, 0], c[:, k]) for k in range(1, c.shape[1])]
        head = {"nce12": "a", "club12": "d", "club12c": "b", "nce12c": "g"}[term]
        return list(conditions(head)) if term.endswith("c") else [(z[f"{head}1"][:, 0], z[f"{head}2"][:, 0])]

    found = {}
    for term in TERMS:
        group = params["phi" if "club" in term else "theta"][term]
        allowed = alike if term.endswith("c") else others
        tables = [score(group, a, b) for a, b in of_terms(term)]
        read = [
            club(t, config.over, allowed, config.club_mean == "all") if "club" in term else nce(t, config.over, allowed)
            for t in tables
        ]
        found[term] = np.mean(read)
    return found


CONFIGS = {
    "ssl": SMALL,
    "ssl, first side, two pairs": dataclasses.replace(SMALL, condition_side="first", pairs=2),
    "sup": dataclasses.replace(SMALL, supervised=True),
    "sup, honest": dataclasses.replace(SMALL, supervised=True, condition_side="first", negatives="same_label"),
    "released ssl": dataclasses.replace(released(supervised=False), critic_hidden=(4, 4)),
    "released sup": dataclasses.replace(released(supervised=True), critic_hidden=(4, 4)),
}


def shaped(objective, batch):
    """Parameters, embeddings of training and representations: shapes alone."""

    def run(key):
        params, state = objective.init(key, batch)
        z, _ = objective.encode(params, state, batch, jax.random.split(key, N), train=True)
        return params, z, objective.encode(params, state, batch, train=False)[0]

    return jax.eval_shape(run, jax.random.key(0))


def filled(shapes, seed=0):
    """Random numbers in those shapes."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda s: rng.normal(size=s.shape).astype(np.float32), shapes)


@pytest.mark.parametrize("name", CONFIGS)
def test_terms_are_those_of_the_tiled_formula_on_one_device_and_two(name, batch):
    config = CONFIGS[name]
    objective = factorcl(NETS, config, augment=augment, classes=CLASSES)
    params, z, _ = shaped(objective, batch)
    params, z = filled(params), filled(z, 1)

    def both(params, z, batch, axis_name=None):
        return [f(params, z, batch, axis_name=axis_name) for f in (objective.loss, objective.inner)]

    (value, info), (inner, critic_info) = jax.device_get(jax.jit(both)(params, z, batch))
    wanted = expected(config, params, z, batch["y"])
    assert value == pytest.approx(sum(v if "club" in t else -v for t, v in wanted.items()), rel=1e-4)
    for term, v in wanted.items():
        shown = f"{term}_{config.negatives}" if term.endswith("c") else term
        assert info[shown] == pytest.approx(v, rel=1e-4, abs=1e-4), term
    assert inner == pytest.approx(-critic_info["critic_club12"] - critic_info["critic_club12c"], rel=1e-5)
    table = score(params["phi"]["club12"], z["d1"][:, 0], z["d2"][:, 0])
    assert critic_info["critic_club12"] == pytest.approx(
        nce(table, config.over, ~np.eye(N, dtype=bool)), rel=1e-4, abs=1e-4
    )
    if name in ("ssl", "sup, honest"):
        shards = jax.tree.map(lambda x: x.reshape(2, N // 2, *x.shape[1:]), (z, batch))
        over_devices = jax.jit(jax.vmap(lambda z, b: both(params, z, b, "data")[0][0], axis_name="data"))(*shards)
        assert np.mean(over_devices) == pytest.approx(value, rel=1e-4)


def test_representations_are_those_of_appendix_d(batch):
    config = dataclasses.replace(SMALL, pairs=2)
    objective = factorcl(NETS, config, augment=augment)
    params, *_ = shaped(objective, batch)
    params, state = filled(params), {"encoder1": {}, "encoder2": {}}

    @jax.jit
    def encoded(key):
        z, _ = objective.encode(params, state, batch, jax.random.split(key, N), train=True)
        return z, objective.encode(params, state, batch, train=False)[0]

    z, held = encoded(jax.random.key(0))
    for side in "12":
        for name, heads in (("shared", "ab"), ("unique", "cdg")):
            found, wanted = held[f"{name}{side}"], np.hstack([z[f"{h}{side}"][:, 0] for h in heads])
            np.testing.assert_allclose(found, wanted, atol=1e-5)
        assert held[f"backbone{side}"].shape == (N, D)
        assert z[f"b{side}"].shape == (N, 3, D) and z[f"d{side}"].shape == (N, 1, D)


@pytest.mark.parametrize("negatives", ["augmented", "kernel"])
def test_true_conditional_negatives_of_augmentations(negatives, batch):
    config = dataclasses.replace(
        SMALL, negatives=negatives, pairs=5 if negatives == "augmented" else 1, regularisation=0.1
    )
    objective = factorcl(NETS, config, augment=augment)
    params, z, _ = shaped(objective, batch)
    params, z = filled(params), filled(z, 1)
    _, info = jax.device_get(jax.jit(objective.loss)(params, z, batch))
    one, two, critic = z["g1"], z["g2"], params["theta"]["nce12c"]
    terms = []
    for i in range(N):
        if negatives == "augmented":  # the condition is the first augmentation, the pair the second
            scores = score(critic, np.concatenate([one[i, 2], one[i, 1], two[i, 1]])[None], two[i, 2:])[0]
            terms.append(scores[0] - np.log(np.exp(scores).mean()))
    if negatives == "kernel":
        for k in (1,):
            x, y = np.hstack([one[:, 0], one[:, k]]), np.hstack([two[:, 0], two[:, k]])
            given = np.hstack([one[:, k], two[:, k]])
            square = ((given[:, None] - given[None]) ** 2).sum(-1)
            weights = np.exp(bounds.ridge(np.exp(-square / (2 * np.median(square))), 0.1))
            scores = np.exp(score(critic, x, y))
            lined = np.diag(scores) / (np.diag(scores) + (weights * scores).sum(1))
            terms.append(np.mean(np.log(lined) + np.log1p(weights.sum(1))))
    assert info[f"nce12c_{negatives}"] == pytest.approx(np.mean(terms), rel=1e-3, abs=1e-4)


def test_names_select_terms_heads_and_augmentations(batch):
    def unique(key, sample):
        return {name: 0 * x for name, x in sample.items()}

    keys = jax.random.split(jax.random.key(1), N)

    def first_view(name):
        found = method(name, NETS, augment=augment, unique_augment=unique, classes=CLASSES, config=SMALL)
        params, state = found.objective.init(jax.random.key(0), batch)
        return found.objective.encode(params, state, batch, keys, train=True)[0]["c1"][:, 1]

    of_unique, of_independent = jax.jit(lambda: [first_view(n) for n in ("factorcl_ssl", "factorcl_indaug")])()
    assert np.ptp(of_unique, axis=0).max() == 0 < np.ptp(of_independent, axis=0).max()
    expected_heads = {
        "factorcl_ssl_s": ({"a1", "a2", "b1", "b2"}, {"nce12"}, {"club12c"}),
        "factorcl_ssl_u1": ({"c1", "d1", "d2", "g1", "g2"}, {"nce1", "nce12c"}, {"club12"}),
        "factorcl_sup_u2": ({"c2", "d1", "d2", "g1", "g2"}, {"nce2", "nce12c"}, {"club12"}),
    }
    for name, (heads, of_theta, of_phi) in expected_heads.items():
        found = method(name, NETS, augment=augment, classes=CLASSES, config=SMALL)
        params, _ = jax.eval_shape(found.objective.init, jax.random.key(0), batch)
        assert {p for p in params["theta"] if len(p) == 2} == heads, name
        assert {p for p in params["theta"] if p in TERMS} == of_theta and set(params["phi"]) == of_phi, name


PLAIN = [n for n, of in METHODS.items() if not n.startswith(("factorcl", "ourcl")) and "joint" not in of.heads]


@pytest.mark.parametrize("name", PLAIN)
def test_every_baseline_gives_a_finite_gradient_and_the_heads_it_names(name, batch):
    nets = [encoders.mlp(4, D), encoders.mlp(5, D)]
    found = method(name, nets, augment=augment, classes=CLASSES)

    @jax.jit
    def run(key):
        params, state = found.objective.init(key, batch)
        z, _ = found.objective.encode(params, state, batch, jax.random.split(key, N), train=True)
        held, _ = found.objective.encode(params, state, batch, train=False)
        return held, jax.grad(lambda p: found.objective.loss(p, z, batch)[0])(params)

    held, slope = run(jax.random.key(0))
    assert set(found.heads) <= set(held)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope))


def bad_batch(**changes):
    good = {"x1": jnp.ones((4, 4)), "x2": jnp.ones((4, 5)), "y": jnp.array([0, 1, 0, 1])}
    return {k: v for k, v in (good | changes).items() if v is not None}


def run_once(objective, batch):
    def run(key):
        params, state = objective.init(key, batch)
        z, _ = objective.encode(params, state, batch, jax.random.split(key, batch["x1"].shape[0]), train=True)
        return objective.loss(params, z, batch)[0]

    return jax.eval_shape(run, jax.random.key(0))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: method("factorcl", NETS), "there is no method 'factorcl': choose among simclr"),
        (lambda: factorcl(NETS, SMALL), "needs augment"),
        (lambda: factorcl(NETS, dataclasses.replace(SMALL, supervised=True)), "needs classes"),
        (lambda: FactorCLConfig(negatives="nearest"), "negatives must be one of"),
        (lambda: FactorCLConfig(negatives="same_label"), "need labels"),
        (lambda: FactorCLConfig(negatives="augmented"), "pairs >= 3"),
        (lambda: FactorCLConfig(term_weights=(1.0, 2.0)), "six numbers"),
        (lambda: run_once(factorcl(NETS, SMALL, augment=augment), bad_batch(x2=None)), "both modalities"),
        (
            lambda: run_once(factorcl(NETS, dataclasses.replace(SMALL, supervised=True), classes=2), bad_batch(y=None)),
            "class labels",
        ),
        (
            lambda: run_once(factorcl(NETS, SMALL, augment=augment), {k: v[:1] for k, v in bad_batch().items()}),
            "no negatives",
        ),
        (
            lambda: run_once(factorcl(NETS, SMALL, augment=lambda k, s: {n: x[1:] for n, x in s.items()}), bad_batch()),
            "keep the shape",
        ),
        (
            lambda: run_once(
                factorcl([encoders.transformer(((4, 1),), width=4, depth=1, heads=1)] * 2, SMALL, augment=augment),
                bad_batch(x1=jnp.ones((4, 4, 1)), x2=jnp.ones((4, 4, 1))),
            ),
            "pool|streams|tuple",
        ),
    ],
)
def test_bad_input(call, words):
    with pytest.raises((InputError, TypeError, ValueError), match=words):
        call()


def test_a_label_out_of_range_is_no_number():
    objective = factorcl(NETS, dataclasses.replace(SMALL, supervised=True), classes=2)
    batch = bad_batch(y=jnp.array([0, 1, 2, 1]))

    @jax.jit
    def run(key):
        params, state = objective.init(key, batch)
        z, _ = objective.encode(params, state, batch, jax.random.split(key, 4), train=True)
        return objective.loss(params, z, batch)[0]

    assert np.isnan(run(jax.random.key(0)))
