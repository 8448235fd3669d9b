"""FactorCL's terms against the tiled formula written out, devices against one, and what each preset and name means."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp

from pidjax import encoders
from pidjax._checks import InputError
from pidjax.objectives.factorcl import ALGORITHM_2, HEADS, TERMS, FactorCLConfig, factorcl, released
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


def layered(layers, h):
    for layer in layers[:-1]:
        h = np.maximum(h @ layer["kernel"] + layer["bias"], 0)
    return h @ layers[-1]["kernel"] + layers[-1]["bias"]


def score(params, x, y):
    """f of all pairs of [x, y], tiled: the published way; of a separable critic, inner products of two perceptrons."""
    if "g" in params:
        return layered(params["g"], x) @ layered(params["h"], y).T
    h = np.concatenate([np.repeat(x[:, None], len(y), 1), np.repeat(y[None], len(x), 0)], -1)
    first = {"kernel": np.vstack([params["x"], params["y"]]), "bias": params["bias"]}
    return layered([first, *params["hidden"], params["out"]], h)[..., 0]


def sides(table, over, weights):
    """Positive and negatives of every anchor: rows of the table, columns, or both."""
    rows, columns = (np.diag(table), table, weights), (np.diag(table), table.T, weights)
    return {"y": [rows], "x": [columns], "both": [rows, columns]}[over]


def nce(positive, negatives, weights):
    """Eq. 10 and log N, negatives counted by their weights."""
    counted = np.hstack([np.ones((N, 1)), weights])
    total = logsumexp(np.hstack([positive[:, None], negatives]), axis=1, b=counted)
    return np.mean(positive - total + np.log(counted.sum(1)))


def club(positive, negatives, weights, every):
    """Eq. 11, the positive among the second mean's pairs where ``every`` one is."""
    return np.mean(positive - ((weights * negatives).sum(1) + every * positive) / (weights.sum(1) + every))


OTHERS = 1.0 - np.eye(N)


def ridge_weights(config, given):
    """K (K + λ)⁻¹ of a Gaussian kernel, clamped; rows of different samples alone, their sum N − 1."""
    square = ((given[:, None] - given[None]) ** 2).sum(-1)
    kernel = np.exp(-square / (2 * np.median(square))).astype(float)
    weights = np.maximum(OTHERS * np.linalg.solve(kernel + config.regularisation * np.eye(N), kernel), 0)
    return weights * (N - 1) / weights.sum(1, keepdims=True)


def expected(config, params, z, y):
    """Every term, from embeddings, by the formulas of App. D.1; and the shares of weights that are clamped."""
    code = np.eye(CLASSES)[y]
    label = code if config.label_code == "one_hot" else y[:, None]

    def conditions(head, critic):
        """Positives, negatives and weights of every line-up of a conditional term."""
        one, two = z[f"{head}1"], z[f"{head}2"]
        if config.supervised:
            x1, x2 = np.hstack([one[:, 0], code]), two[:, 0]
            x2 = np.hstack([x2, code]) if config.condition_side == "both" else x2
            alike = OTHERS * (y[:, None] == y) if config.negatives == "same_label" else OTHERS
            return [sides(score(critic, x1, x2), config.over, alike)]
        if config.negatives == "augmented":  # the condition is the first augmentation, the pair the second
            x1 = np.hstack([one[:, 2], one[:, 1], two[:, 1]])
            scores = np.vstack([score(critic, x1[i : i + 1], two[i, 2:]) for i in range(N)])
            return [[(scores[:, 0], scores[:, 1:], np.ones_like(scores[:, 1:]))]]
        found = []
        for k in range(1, one.shape[1]):
            given = np.hstack([one[:, k], two[:, k]])
            if config.condition_side == "both":
                x1, x2 = np.hstack([one[:, 0], one[:, k]]), np.hstack([two[:, 0], two[:, k]])
            else:
                x1, x2 = np.hstack([one[:, 0], given]), two[:, 0]
            weights = ridge_weights(config, given) if config.negatives == "kernel" else OTHERS
            found.append(sides(score(critic, x1, x2), config.over, weights))
        return found

    def line_ups(term, critic):
        head = HEADS[term]
        if term.endswith("c"):
            return conditions(head, critic)
        if term in ("nce1", "nce2"):
            c = z[f"c{term[-1]}"]
            others = [label] if config.supervised else [c[:, k] for k in range(1, c.shape[1])]
            pairs = [(c[:, 0], other) for other in others]
        else:
            pairs = [(z[f"{head}1"][:, 0], z[f"{head}2"][:, 0])]
        return [sides(score(critic, *pair), config.over, OTHERS) for pair in pairs]

    found = {}
    for term in TERMS:
        lined = line_ups(term, params["phi" if "club" in term else "theta"][term])
        if "club" in term:
            found[term] = np.mean([club(*side, config.club_mean == "all") for both in lined for side in both])
            found[f"critic_{term}"] = np.mean([nce(*side) for both in lined for side in both])
            spread = [z[f"{HEADS[term]}{side}"][:, 0].std(0).mean() for side in "12"]
            found[f"spread_{HEADS[term]}"] = np.mean(spread)
        else:
            found[term] = np.mean([nce(*side) for both in lined for side in both])
        if term.endswith("c") and config.negatives == "kernel":
            found[f"clamped_{HEADS[term]}"] = (lined[0][0][2] == 0).mean() * N / (N - 1) - 1 / (N - 1)
    return found


CONFIGS = {
    "ssl": SMALL,
    "ssl, first side, two pairs": dataclasses.replace(SMALL, condition_side="first", pairs=2),
    "sup, Algorithm 2": dataclasses.replace(SMALL, supervised=True, term_weights=ALGORITHM_2),
    "sup, honest": dataclasses.replace(SMALL, supervised=True, condition_side="first", negatives="same_label"),
    "ssl, separable critics, both sides, weights": dataclasses.replace(
        SMALL, critic="separable", over="both", term_weights=(0.5, 2.0, 1.0, 3.0, 0.3, 1.5)
    ),
    "ssl, kernel": dataclasses.replace(SMALL, negatives="kernel", regularisation=0.1),
    "ssl, augmented": dataclasses.replace(SMALL, negatives="augmented", pairs=5),
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
    signed = [w * wanted[t] * (1 if "club" in t else -1) for t, w in zip(TERMS, config.term_weights, strict=True)]
    assert value == pytest.approx(sum(signed), rel=1e-4)
    shown = {f"{t}_{config.negatives}" if t in TERMS and t.endswith("c") else t: v for t, v in wanted.items()}
    assert info.keys() | critic_info.keys() == shown.keys() | {"loss"}
    for term, v in shown.items():
        assert (info | critic_info)[term] == pytest.approx(v, rel=1e-4, abs=1e-4), term
    assert inner == pytest.approx(-critic_info["critic_club12"] - critic_info["critic_club12c"], rel=1e-5)
    if config.negatives == "kernel":
        assert 0 < wanted["clamped_b"] < 1
    if name in ("ssl, kernel", "sup, honest"):
        shards = jax.tree.map(lambda x: x.reshape(2, N // 2, *x.shape[1:]), (z, batch))
        over_devices = jax.jit(jax.vmap(lambda z, b: both(params, z, b, "data")[0][1], axis_name="data"))(*shards)
        for term, v in info.items():
            assert np.mean(over_devices[term]) == pytest.approx(v, rel=1e-4, abs=1e-4), term


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
