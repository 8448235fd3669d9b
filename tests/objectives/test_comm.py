"""pidjax/objectives: CoMM's loss against the released code's values and by brute force; its masks, padding, presets."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax import encoders
from pidjax._checks import InputError
from pidjax.objectives import CoMMConfig, cmc, comm, comm_preset, method
from pidjax.objectives.comm import contrast, total
from pidjax.objectives.contrastive import ntxent_loss
from pidjax.objectives.infmasking import random_masks

N, D = 3, 4
k, n, d = np.meshgrid(np.arange(3), np.arange(N), np.arange(D), indexing="ij")
Z1, Z2 = np.sin(1 + k + 2 * n + 3 * d), np.cos(1 + 2 * k + n + 3 * d)
VIEWS = np.stack([Z1, Z2]).transpose(2, 0, 1, 3)
"""The notes' tensors, [samples, views, masks, d]."""
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _double(request):
    """Values to 1e-6 of the released code's need more than float32."""
    with jax.enable_x64("released" in request.node.name or "brute" in request.node.name):
        yield


@functools.partial(jax.jit, static_argnames=("config",))
def terms_of(p, random=None, progress=1.0, *, config):
    """The loss of projections and its terms."""
    terms = contrast(p, random, config, progress=progress)
    return total(terms, config, p.shape[2] - 1), terms


def test_loss_is_the_released_codes():
    """The value and each term on given tensors, to 1e-6."""
    value, terms = terms_of(VIEWS, config=comm_preset("released"))
    expected = {"only1": 6.4898130116, "only2": 10.4522446024, "joint": 7.5001864320}
    for name, term in expected.items():
        assert float(terms[name]) == pytest.approx(term, abs=1e-6)
    assert float(value) == pytest.approx(8.1474146820, abs=1e-6)


def test_cmc_is_the_released_codes():
    """Mean over the three pairs of modalities."""
    contrast_of = jax.jit(lambda a, b: ntxent_loss(a, b, 0.1))
    pairs = [contrast_of(Z1[a], Z1[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert float(np.mean(pairs)) == pytest.approx(8.7805735406, abs=1e-6)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def infonce(a, b):
    """Eq. 6, with log N."""
    scores = unit(a) @ unit(b).T / 0.1
    return np.mean(np.diag(scores) - np.log(np.exp(scores).sum(1))) + np.log(len(a))


def test_paper_loss_by_brute_force():
    """Eq. 7 for two and three modalities: clean Z_i against both views, summed, cross-view negatives only."""
    for modalities in (2, 3):
        p = RNG.normal(size=(5, 3, modalities + 1, 4))
        clean, one, two = p.swapaxes(0, 1)
        expected = -infonce(one[:, -1], two[:, -1])
        for i in range(modalities):
            expected -= (infonce(clean[:, i], one[:, -1]) + infonce(clean[:, i], two[:, -1])) / 2
        assert float(terms_of(p, config=comm_preset("paper"))[0]) == pytest.approx(expected, rel=1e-9)


def test_infmasking_by_brute_force():
    """Its term of each view, with the covariance matrices written out."""
    masks, scale = 4, 0.6
    random = RNG.normal(size=(N, 2, masks, D))
    value, found = terms_of(VIEWS, random, scale / 0.8, config=comm_preset("infmasking", covariance=0.8))
    for view in range(2):
        q, keys = unit(VIEWS[:, view, -1]), unit(random[:, view])
        values = []
        for i in range(N):
            sigma = np.cov(keys[i].T, bias=True) * scale / 0.1
            positive = q[i] @ (keys[i].mean(0) + sigma @ q[i] / 2) / 0.1
            negatives = [q[i] @ keys[j, t] / 0.1 for j in range(N) for t in range(masks) if j != i]
            negatives += [q[i] @ q[j] / 0.1 for j in range(N) if j != i]
            values.append(np.log(np.exp([positive, *negatives]).sum()) - positive + q[i] @ sigma @ q[i] / 0.2)
        assert float(found[f"random{view + 1}"]) == pytest.approx(np.mean(values), rel=1e-9)
    assert float(value) == pytest.approx(float(sum(found.values())) / 5, rel=1e-9)


def test_parts_of_the_loss_add_up():
    """L alone and ΣL_i alone are the two parts of both."""
    values = {}
    for name, weights in {"both": {}, "L": {"weight_unimodal": 0}, "sum": {"weight_joint": 0}}.items():
        value, terms = terms_of(VIEWS.astype(np.float32), config=comm_preset("released", **weights))
        assert set(terms) == {"both": {"only1", "only2", "joint"}, "L": {"joint"}, "sum": {"only1", "only2"}}[name]
        values[name] = float(value)
    assert values["both"] == pytest.approx(values["L"] + values["sum"], rel=1e-5)


def test_random_masks_hide_a_share_of_each_modality():
    """⌊0.3 · length⌋ tokens are left, others each time, all equally often."""
    masks = np.asarray(jax.jit(lambda key: random_masks(key, (10, 4, 1), 400, 0.7))(jax.random.key(0)))
    assert (masks[:, :10].sum(1) == 7).all() and (masks[:, 10:14].sum(1) == 3).all() and masks[:, 14].all()
    assert np.abs(masks[:, :10].mean(0) - 0.7).max() < 4 * np.sqrt(0.21 / 400)
    with pytest.raises(InputError, match="hide everything"):
        random_masks(jax.random.key(0), (1, 2), 4, 0.7)


WIDTH, LENGTH = 8, 3
BATCH = {
    "x1": RNG.normal(size=(4, LENGTH, 5)).astype(np.float32),
    "x2": RNG.normal(size=(4, 6)).astype(np.float32),
    "mask1": np.array([[True] * 3, [True, True, False], [True] * 3, [True, False, False]]),
}


def noise(key, sample):
    """Every sample and its mask; the first modality noisier."""
    drawn = {name: x + 0.1 * jax.random.normal(key, x.shape) for name, x in sample.items() if name[0] == "x"}
    return sample | drawn


def objective_of(augment=noise, **changes):
    """CoMM of a sequence and a vector."""
    nets = (
        encoders.chain(encoders.mlp(5, WIDTH), encoders.sequence_tokens()),
        encoders.chain(encoders.mlp(6, WIDTH), encoders.vector_tokens()),
    )
    fusion = encoders.fusion_transformer(2, WIDTH, heads=2, mask_tokens=True)
    return comm(nets, fusion, augment=augment, config=CoMMConfig(head=(6, 4), **changes))


@functools.cache
def built(**changes):
    """The objective, its parameters and state, and its encoding, compiled."""
    objective = objective_of(**changes)
    params, state = jax.jit(objective.init)(jax.random.key(0), BATCH)
    return objective, params, state, jax.jit(objective.encode, static_argnames="train")


KEYS = jax.random.split(jax.random.key(1), 4)


def test_embeddings_without_labels_or_augmentation():
    """Z of both, Z of each alone, mean tokens; "only" does not see the other modality, "joint" does."""
    _, params, state, encode = built()
    z, _ = encode(params, state, BATCH, None, train=False)
    assert set(z) == {"joint", "only1", "only2", "backbone1", "backbone2"}
    assert all(x.shape == (4, WIDTH) for x in z.values())
    other, _ = encode(params, state, BATCH | {"x2": BATCH["x2"] + 1}, None, train=False)
    np.testing.assert_array_equal(z["only1"], other["only1"])
    assert min(np.abs(z[name] - other[name]).max() for name in ("only2", "joint")) > 1e-3


def test_padding_does_not_matter():
    """What stands behind the end of a sequence changes nothing, neither in training nor after."""
    _, params, state, encode = built()
    changed = BATCH | {"x1": np.where(BATCH["mask1"][..., None], BATCH["x1"], 7)}
    for train in (True, False):
        z, other = (encode(params, state, batch, KEYS, train=train)[0] for batch in (BATCH, changed))
        for name in z:
            np.testing.assert_allclose(z[name], other[name], atol=1e-5, err_msg=name)


def test_training_and_evaluation_are_one_path():
    """Without augmentation each view of training is the embedding of evaluation, under every mask."""
    _, params, state, encode = built()
    same = objective_of(augment=lambda key, sample: sample)
    views = jax.jit(lambda: same.encode(params, state, BATCH, KEYS, train=True)[0]["views"])()
    z, _ = encode(params, state, BATCH, None, train=False)
    for i, name in enumerate(("only1", "only2", "joint")):
        for view in range(2):
            np.testing.assert_allclose(views[:, view, i], z[name], atol=1e-5)


PRESETS = {
    "released": ({}, 2),
    "paper": ({"mask": "token", "clean_unimodal": True, "negatives": "cross_view"}, 3),
    "infmasking": ({"random_masks": 3, "mask_ratio": 0.5}, 2),
}


@pytest.mark.parametrize("changes, views", PRESETS.values(), ids=PRESETS)
def test_every_preset_steps(changes, views):
    """Finite loss, the same on two devices, named numbers; a gradient for all but what nothing can see."""
    objective, params, state, _ = built(**changes)

    @jax.jit
    def run(theta):
        z, _ = objective.encode({"theta": theta}, state, BATCH, KEYS, train=True)
        value, info = objective.loss({"theta": theta}, z, BATCH)
        shards = jax.tree.map(lambda x: x.reshape(2, x.shape[0] // 2, *x.shape[1:]), (z, BATCH))
        one_share = functools.partial(objective.loss, {"theta": theta}, axis_name="data")
        shared = jax.vmap(one_share, axis_name="data")(*shards)[0].mean()
        return value, (info, z, shared)

    (value, (info, z, shared)), slope = jax.jit(jax.value_and_grad(run, has_aux=True))(params["theta"])
    assert z["views"].shape == (4, views, 3, WIDTH) and np.isfinite(float(value))
    assert float(shared) == pytest.approx(float(value), rel=1e-5)
    assert {"loss", "only1", "only2", "joint"} <= set(info) and ("random1" in info) == ("random_masks" in changes)
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(slope))
    blind = {"['fusion']['norm']['bias']"}  # the head's normalisation takes a shift of Z away again
    if not {"mask", "random_masks"} & set(changes):
        blind.add("['fusion']['mask_tokens']")
    for path, g in jax.tree_util.tree_leaves_with_path(slope):
        name = jax.tree_util.keystr(path)
        assert (np.abs(g).max() > 1e-4) != (name in blind), name


def test_the_door_is_the_same_comm():
    """``method`` builds the preset with its changes: parameters of the same shapes; it says what it needs."""
    _, params, _, _ = built()
    nets = (
        encoders.chain(encoders.mlp(5, WIDTH), encoders.sequence_tokens()),
        encoders.chain(encoders.mlp(6, WIDTH), encoders.vector_tokens()),
    )
    fusion = encoders.fusion_transformer(2, WIDTH, heads=2, mask_tokens=True)
    found = method("comm", nets, augment=noise, fusion=fusion, head=(6, 4))
    assert found.heads == ("joint",)
    alike = jax.eval_shape(found.objective.init, jax.random.key(0), BATCH)[0]
    assert jax.tree.map(lambda x: x.shape, alike) == jax.tree.map(lambda x: x.shape, params)
    assert method("cmc", [encoders.mlp(5, 8)] * 3).heads == ("projection1", "projection2", "projection3")
    for settings in ({"augment": noise}, {"fusion": fusion}):
        with pytest.raises(InputError, match="fuses tokens"):
            method("infmasking", nets, **settings)


def test_cmc_of_three():
    """Loss as the mean of its three terms; vectors of every modality and their projections."""
    nets = [encoders.mlp(size, 8) for size in (5, 6, 7)]
    batch = {f"x{i}": RNG.normal(size=(4, size)).astype(np.float32) for i, size in enumerate((5, 6, 7), 1)}
    objective = cmc(nets, width=3)
    params, state = jax.jit(objective.init)(jax.random.key(0), batch)
    z, _ = objective.encode(params, state, batch, None, train=True)
    value, info = jax.jit(objective.loss)(params, z, batch)
    assert z["backbone3"].shape == (4, 8) and z["projection1"].shape == (4, 3)
    terms = [np.log(7) - float(info[name]) for name in ("cross12", "cross13", "cross23")]
    assert float(value) == pytest.approx(np.mean(terms), rel=1e-5)
    expected = ntxent_loss(z["projection1"], z["projection3"], 0.1)
    assert terms[1] == pytest.approx(float(expected), rel=1e-5)


def test_bad_input_is_refused_in_words():
    """One modality, unknown names, no loss, a batch that lacks a modality, views that are none."""
    net, fusion = encoders.vector_tokens(), encoders.fusion_transformer(2, WIDTH, heads=2)
    for build in (lambda: comm([net], fusion, augment=None), lambda: cmc([net])):
        with pytest.raises(InputError, match="needs 2 encoders or more; found 1"):
            build()
    with pytest.raises(InputError, match="'released', 'paper', 'infmasking'; found 'clip'"):
        comm_preset("clip")
    for changes, message in (
        ({"mask": "zero"}, "'drop', 'token'"),
        ({"temperature": 0}, "temperature must be positive"),
        ({"mask_ratio": 1}, "some token is left"),
        ({"weight_joint": 0, "weight_unimodal": 0}, "so that there is a loss"),
    ):
        with pytest.raises(InputError, match=message):
            dataclasses.replace(comm_preset("released"), **changes)
    with pytest.raises(InputError, match="give augment"):
        comm([net, net], fusion, augment=None, config=comm_preset("paper"))
    plain = comm([net, net], fusion, augment=None)
    x = jnp.zeros((4, WIDTH))
    with pytest.raises(InputError, match="both modalities, x1 and x2; found x1"):
        plain.encode({"theta": {}}, {}, {"x1": x}, train=False)
    with pytest.raises(InputError, match="hold two views"):
        plain.encode({"theta": {}}, {}, {"x1": x, "x2": x}, train=True)
    objective, params, state, _ = built()
    with pytest.raises(InputError, match="mask1 must say of every token"):
        objective.encode(params, state, BATCH | {"mask1": np.ones((4, 2), bool)}, train=False)
