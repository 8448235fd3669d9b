"""pidjax/objectives/decomposition.py: every term against numpy, negatives, views, standardisation, options."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from pidjax.critics import concat
from pidjax.encoders import linear, transformer
from pidjax.objectives import HEADS, DecompositionConfig, Shapes, decomposition
from pidjax.objectives.decomposition import PAIRS, _silent, _standardise, _tokens

N = 8
SHAPES = Shapes((("eeg", (4, 128, 64.0)), ("erp", (4, 32, 64.0)), ("fnirs", (6, 40, 10.0))), (("eeg", 8), ("fnirs", 6)))
CONFIG = DecompositionConfig(n_dims=4, width=8, attention_heads=2, bands=((4, 8), (8, 13)))
KEYS = jax.random.split(jax.random.key(1), N)


def make_batch(n=N, seed=0):
    """Samples of noise, 10 s apart, in one recording."""
    rng = np.random.default_rng(seed)
    arrays = {name: rng.normal(size=(n, *shape[:2])) for name, shape in SHAPES.signals}
    arrays |= {f"{name}_features": rng.normal(size=(n, width)) for name, width in SHAPES.features}
    arrays["onset"] = 10.0 * np.arange(n)
    return {name: x.astype(np.float32) for name, x in arrays.items()} | {"recording": np.zeros(n, np.int32)}


BATCH = make_batch()


@functools.cache
def compiled():
    """``init``, ``encode`` and the gradient of the default design, each compiled once."""
    objective = decomposition(CONFIG, SHAPES)

    def value(theta, state, batch, keys):
        params = {"theta": theta, "phi": {}}
        z, _ = objective.encode(params, state, batch, keys, train=True)
        return objective.loss(params, z, batch)[0], z

    encode = jax.jit(functools.partial(objective.encode, train=False))
    return jax.jit(objective.init), encode, jax.jit(jax.value_and_grad(value, has_aux=True))


@functools.cache
def trained():
    """Parameters, state, loss, embeddings of two views and gradients of ``BATCH``."""
    init, _, gradient = compiled()
    params, state = init(jax.random.key(0), BATCH)
    (value, z), gradients = gradient(params["theta"], state, BATCH, KEYS)
    return params, state, value, z, gradients


@functools.cache
def loss_of(config):
    """The compiled loss of another design, on the embeddings of the default one."""
    loss = jax.jit(decomposition(config, SHAPES).loss)
    params, _, _, z, _ = trained()
    return lambda **changes: {k: float(v) for k, v in loss(params, z, BATCH | changes)[1].items()}


def perceptron(params, x):
    """Linear layers with GELU between them, in numpy."""
    for i in range(len(params["layers"])):
        if i:
            x = x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
        x = x @ np.asarray(params["layers"][i]["kernel"]) + np.asarray(params["layers"][i]["bias"])
    return x


def cos(a, b):
    """Cosine of every pair of rows."""
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def nce(a, b, negative):
    """InfoNCE in both directions, one anchor at a time."""
    rows = []
    for x, y in ((a, b), (b, a)):
        for i in range(len(x)):
            f = cos(x[i][None], y) / CONFIG.temperature
            others = negative[i] & (np.arange(len(x)) != i)
            rows.append(f[i] - np.log(np.exp(f[i]) + np.exp(f[others]).sum()) + np.log(others.sum() + 1))
    return np.mean(rows)


def expected(config, negative=None):
    """Every term and the loss, by the formulas of the design, from the embeddings."""
    params, _, _, z, _ = trained()
    theta, z = params["theta"], {name: np.asarray(v, float) for name, v in z.items()}
    negative = np.ones((N, N), bool) if negative is None else negative
    similar = cos if config.similarity == "cosine" else lambda a, b: (a * b).sum(-1)
    info = {
        "redundancy": np.mean([nce(z["redundancy_eeg"][:, v], z["redundancy_fnirs"][:, v], negative) for v in (0, 1)]),
        "synergy": nce(z["synergy"][:, 0], z["synergy"][:, 1], negative),
        "ceiling": np.log1p((negative & ~np.eye(N, dtype=bool)).sum(axis=1)).mean(),
        "orthogonality": sum(np.abs(similar(z[a], z[b])).mean() for a, b in PAIRS),
    }
    for m, other in (("eeg", "fnirs"), ("fnirs", "eeg")):
        rebuilt = perceptron(theta[f"decoder_{m}"], z[f"unique_{m}"])
        features = BATCH[f"{m}_features"].astype(float)
        target = (features - features.mean(0)) / features.std(0)
        info[f"reconstruction_{m}"] = ((rebuilt - target[:, None]) ** 2).mean()
        similarity = similar(z[f"unique_{m}"], perceptron(theta[f"projection_{m}"], z[f"h_{other}"]))
        squared = config.unique_loss == "squared"
        info[f"leakage_{m}"] = np.mean(similarity**2 if squared else -np.log(np.maximum(1 - similarity, 1e-6)))
    unique = sum(info[f"{term}_{m}"] for term in ("reconstruction", "leakage") for m in ("eeg", "fnirs"))
    info["loss"] = (
        -config.weight_redundancy * info["redundancy"]
        + config.weight_unique * unique
        - config.weight_synergy * info["synergy"]
        + config.weight_orthogonality * info["orthogonality"]
    )
    return info


def test_labels_teach_the_synergy_head():
    """The loss gains the cross-entropy of a linear classifier of Z_S over rows whose label is told, and only those."""
    objective = decomposition(dataclasses.replace(CONFIG, classes=3), SHAPES)
    params, _, _, z, _ = trained()
    classifier = linear(4, 3).init(jax.random.key(3))[0]
    taught = {"theta": params["theta"] | {"classifier": classifier}, "phi": {}}
    y = np.array([0, 2, -1, 1, -1, -1, 2, 0], np.int32)
    logits = np.asarray(linear(4, 3).apply(classifier, {}, z["synergy"])[0], float)
    terms = np.log(np.exp(logits).sum(-1)) - np.take_along_axis(logits, np.maximum(y, 0)[:, None, None], 2)[..., 0]
    loss = jax.jit(objective.loss)
    total, info = loss(taught, z, BATCH | {"y": y})
    assert float(info["cross_entropy"]) == pytest.approx(terms[y >= 0].mean(), rel=1e-5)
    assert float(total) == pytest.approx(float(trained()[2]) + terms[y >= 0].mean(), rel=1e-5)
    assert float(loss(taught, z, BATCH | {"y": np.full(N, -1, np.int32)})[1]["cross_entropy"]) == 0.0
    drawn = jax.eval_shape(objective.init, jax.random.key(0), BATCH)[0]["theta"]["classifier"]
    assert jax.tree.map(np.shape, drawn) == jax.tree.map(np.shape, classifier)


def test_nine_pairs_of_different_components():
    """All pairs of five heads but the two redundant ones."""
    assert len(PAIRS) == len(set(PAIRS)) == 9 and ("redundancy_eeg", "redundancy_fnirs") not in PAIRS


@pytest.mark.parametrize(
    ("unique_loss", "similarity"), [("negative", "cosine"), ("squared", "cosine"), ("negative", "dot")]
)
def test_every_term_is_its_formula(unique_loss, similarity):
    """Each named number and their sum, for both forms of the unique loss and of the similarity."""
    config = dataclasses.replace(CONFIG, unique_loss=unique_loss, similarity=similarity)
    found, wanted = loss_of(config)(), expected(config)
    assert set(found) == set(wanted)
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4, atol=1e-5, err_msg=name)


@functools.cache
def adversary(unique_loss):
    """Loss and inner loss of an adversarial design on the embeddings of the default one, and both gradients."""
    config = dataclasses.replace(CONFIG, unique_loss=unique_loss, weight_redundancy=0.0, weight_synergy=0.0)
    objective = decomposition(config, SHAPES)
    theta, z = trained()[0]["theta"], trained()[3]
    players = {
        f"adversary_{m}": concat((8,)).init(jax.random.key(i), np.zeros((1, 4)), np.zeros((1, 8)))
        for i, m in enumerate(("eeg", "fnirs"))
    }

    def value(players, z):
        turns = unique_loss == "adversarial"
        params = {"theta": theta if turns else theta | players, "phi": players if turns else {}}
        return objective.loss(params, z, BATCH)

    (_, info), gradients = jax.jit(jax.value_and_grad(value, (0, 1), has_aux=True))(players, z)
    inner = jax.jit(jax.grad(lambda p: objective.inner({"theta": theta, "phi": p}, z, BATCH), has_aux=True))
    return players, info, gradients, inner(players) if objective.inner else None


def test_an_adversary_reads_what_it_says():
    """The leakage is I_NCE of the adversary's scores of every pair, mean over views."""
    players, info, _, (_, found) = adversary("adversarial")
    z = {name: np.asarray(v, float) for name, v in trained()[3].items()}
    for m, other in (("eeg", "fnirs"), ("fnirs", "eeg")):
        p, values = jax.tree.map(np.asarray, players[f"adversary_{m}"]), []
        for v in range(2):
            hidden = (z[f"unique_{m}"][:, None, v] @ p["x"] + z[f"h_{other}"][None, :, v] @ p["y"] + p["bias"]).clip(0)
            f = (hidden @ p["out"]["kernel"])[..., 0]
            values.append(np.mean(np.diag(f) - np.log(np.exp(f).sum(1)) + np.log(N)))
        np.testing.assert_allclose(info[f"leakage_{m}"], np.mean(values), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found[f"adversary_{m}"], np.mean(values), rtol=1e-4, atol=1e-5)


def test_a_reversal_layer_is_both_players_at_once():
    """Embeddings move as in turns with the adversary, the adversary as by its own loss; the other side is held."""
    _, info, (of_players, of_z), (inner, _) = adversary("adversarial")
    _, reversed_info, (reversed_players, reversed_z), _ = adversary("grl")
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
    close(reversed_info["leakage_eeg"], info["leakage_eeg"])
    jax.tree.map(close, reversed_z, of_z)
    jax.tree.map(close, reversed_players, inner)
    jax.tree.map(lambda a, b: close(a, -b), of_players, inner)
    assert not np.asarray(of_z["h_eeg"]).any() and np.asarray(of_z["unique_eeg"]).any()


def test_weights_multiply_their_terms():
    """λ of redundancy, unique, synergy and orthogonality."""
    weights = {"redundancy": 0.5, "unique": 2.0, "synergy": 3.0, "orthogonality": 0.25}
    config = dataclasses.replace(CONFIG, **{f"weight_{name}": w for name, w in weights.items()})
    np.testing.assert_allclose(loss_of(config)()["loss"], expected(config)["loss"], rtol=1e-4)


def test_the_loss_is_the_named_loss():
    """What is minimised is what is reported."""
    np.testing.assert_allclose(trained()[2], loss_of(CONFIG)()["loss"], rtol=1e-5)


def test_near_segments_are_no_negatives():
    """With a gap of 15 s and onsets 10 s apart the neighbours are left out, and only they."""
    config = dataclasses.replace(CONFIG, min_gap=15.0)
    apart = np.abs(np.subtract.outer(np.arange(N), np.arange(N))) > 1
    found, wanted = loss_of(config)(), expected(config, apart)
    for name in ("redundancy", "synergy"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4, atol=1e-5)


def test_a_gap_is_inclusive():
    """Onsets exactly ``min_gap`` apart are negatives."""
    gap = loss_of(dataclasses.replace(CONFIG, min_gap=10.0))()
    np.testing.assert_allclose(gap["redundancy"], loss_of(CONFIG)()["redundancy"], rtol=1e-5)


def test_without_negatives_there_is_no_information():
    """A gap longer than the recording leaves 0 nats."""
    found = loss_of(dataclasses.replace(CONFIG, min_gap=15.0))(onset=np.zeros(N, np.float32))
    assert found["redundancy"] == 0 and found["synergy"] == 0 and np.isfinite(found["loss"])


def test_negatives_come_from_the_same_recording():
    """Segments of another recording do not count, however far apart."""
    recording = np.array([0, 1, 0, 1, 1, 0, 0, 1], np.int32)
    found = loss_of(CONFIG)(recording=recording)
    wanted = expected(CONFIG, recording[:, None] == recording[None])
    for name in ("redundancy", "synergy"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4, atol=1e-5)


def test_training_has_two_views():
    """[n, 2, dims] of every head and representation, and the standardised features."""
    z = trained()[3]
    shapes = dict.fromkeys(HEADS, (N, 2, 4)) | {"h_eeg": (N, 2, 8), "h_fnirs": (N, 2, 8)}
    assert {k: v.shape for k, v in z.items()} == shapes | {"target_eeg": (N, 8), "target_fnirs": (N, 6)}
    assert all(np.abs(z[head][:, 0] - z[head][:, 1]).max() > 1e-3 for head in HEADS)


def test_encoding_has_one_view_and_no_randomness():
    """Without training: [n, 1, dims], the same each time, and no features are needed."""
    params, state, *_ = trained()
    signals = {name: BATCH[name] for name in ("eeg", "erp", "fnirs")}
    _, encode, _ = compiled()
    (z, new_state), (again, _) = encode(params, state, signals), encode(params, state, signals)
    assert {k: v.shape for k, v in z.items()} == dict.fromkeys(HEADS, (N, 1, 4)) | {
        "h_eeg": (N, 1, 8),
        "h_fnirs": (N, 1, 8),
    }
    jax.tree.map(np.testing.assert_array_equal, (z, new_state), (again, state))


def test_a_sample_is_augmented_by_its_own_key():
    """Samples in another order, with their keys, give the same embeddings in that order."""
    params, state, _, z, _ = trained()
    order = np.random.default_rng(0).permutation(N)
    (_, moved), _ = compiled()[2](params["theta"], state, {k: v[order] for k, v in BATCH.items()}, KEYS[order])
    for name in (*HEADS, "h_eeg", "h_fnirs", "target_eeg"):
        np.testing.assert_allclose(moved[name], z[name][order], rtol=1e-3, atol=1e-4)


def test_the_unit_of_the_data_does_not_matter():
    """Raw signals a million times smaller, shifted or not, have the same embeddings."""
    init, encode, _ = compiled()
    params, state, *_ = trained()
    small = {k: np.float32(1e-6) * v if v.ndim > 1 else v for k, v in BATCH.items()}
    small["fnirs"] = small["fnirs"] + np.float32(1e-5)
    new_params, new_state = init(jax.random.key(0), small)
    signals = [{name: b[name] for name in ("eeg", "erp", "fnirs")} for b in (BATCH, small)]
    z, new_z = encode(params, state, signals[0])[0], encode(new_params, new_state, signals[1])[0]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), z, new_z)


def test_encoding_standardises_by_the_first_batch():
    """Another batch is scaled by what ``init`` measured: a sample's embedding does not depend on its company."""
    _, encode, _ = compiled()
    params, state, *_ = trained()
    signals = {name: BATCH[name] for name in ("eeg", "erp", "fnirs")}
    mixed = {name: np.concatenate([x[:1], 5 + 3 * x[1:]]) for name, x in signals.items()}
    z, other = encode(params, state, signals)[0], encode(params, state, mixed)[0]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[0], b[0], rtol=1e-3, atol=1e-4), z, other)


def test_silence_is_a_neutral_token():
    """Frames without any energy (masked, or of a dropped channel) enter the transformer as zeros, the mean token."""
    _, encode, _ = compiled()
    params, state, *_ = trained()
    scale = state["scale"]
    silent = {name: BATCH[name] for name in ("erp", "fnirs")}
    silent["eeg"] = np.broadcast_to(scale["eeg"]["mean"], BATCH["eeg"].shape)
    erp = _standardise(_tokens(CONFIG, "erp", 64.0, _standardise(BATCH["erp"], scale["erp"])), scale["erp_tokens"])
    encoder = transformer(((3, 8), (5, 24)), width=8, depth=1, heads=2)
    expected = jax.jit(encoder.apply)(params["theta"]["encoder_eeg"], {}, (np.zeros((N, 3, 8), np.float32), erp))[0]
    found = encode(params, state, silent)[0]["h_eeg"][:, 0]
    np.testing.assert_allclose(found, expected.mean(1), rtol=1e-4, atol=1e-5)


def test_a_frame_of_zeros_is_silent_whatever_the_transform():
    """Of one channel, in all bands: only frames (1 s, every half) that hold nothing else."""
    x = np.random.default_rng(0).normal(size=(1, 2, 256)).astype(np.float32)
    x[0, 1, 32:160] = 0
    found = np.asarray(_silent(CONFIG, 64.0, jax.numpy.asarray(x))).reshape(1, 7, 2, 2)
    assert not found[:, :, 0].any() and (found[0, :, 1].T == [0, 1, 1, 1, 0, 0, 0]).all()
    one = np.asarray(_silent(CONFIG, 64.0, jax.numpy.asarray(x[..., 40:120])))  # a frame and a quarter
    assert one.shape == (1, 1, 4) and (one[0, 0].reshape(2, 2) == [[False, False], [True, True]]).all()


def test_a_feature_that_never_varies_is_zero():
    """A constant of 0.1 is a target of 0, not of ±1."""
    init, _, gradient = compiled()
    batch = BATCH | {"eeg_features": BATCH["eeg_features"].copy()}
    batch["eeg_features"][:, 3] = 0.1
    params, state = init(jax.random.key(0), batch)
    (_, z), _ = gradient(params["theta"], state, batch, KEYS)
    np.testing.assert_allclose(z["target_eeg"][:, 3], np.zeros(N), atol=1e-3)


def test_a_channel_that_comes_alive_does_not_swamp_the_others():
    """Flat in the first batch, noise in the next: its tokens stay of the order of the others'."""
    flat = BATCH | {"eeg": BATCH["eeg"].copy()}
    flat["eeg"][:, 1] = 0
    scale = compiled()[0](jax.random.key(0), flat)[1]["scale"]
    tokens = _standardise(_tokens(CONFIG, "eeg", 64.0, _standardise(BATCH["eeg"], scale["eeg"])), scale["eeg_tokens"])
    assert np.abs(tokens).max() < 100


def test_gradients_are_finite_and_reach_every_part():
    """Every leaf of theta is finite, every network has one that is not zero."""
    gradients = trained()[4]
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(gradients))
    assert [k for k, part in gradients.items() if not any(np.abs(g).max() > 0 for g in jax.tree.leaves(part))] == []


@pytest.mark.parametrize("changes", [{"encoder": "lstm", "bands_transform": "wavelet"}], ids=str)
def test_options_train(changes):
    """The other encoders and the other fusion give a finite loss, also where there are no events."""
    shapes = Shapes(tuple(s for s in SHAPES.signals if s[0] != "erp"), SHAPES.features)
    objective = decomposition(dataclasses.replace(CONFIG, **changes), shapes)

    @jax.jit
    def program(key, keys, batch):
        params, state = objective.init(key, batch)
        z, new_state = objective.encode(params, state, batch, keys, train=True)
        return objective.loss(params, z, batch), (state, new_state)

    (loss, info), (state, new_state) = program(jax.random.key(0), KEYS, BATCH)
    assert np.isfinite(loss) and all(np.isfinite(v) for v in info.values())
    assert jax.tree.structure(state) == jax.tree.structure(new_state)


@pytest.mark.parametrize("option", ["encoder", "fusion", "unique_loss", "similarity", "bands_transform"])
def test_an_unknown_option_is_refused(option):
    """The message names the option."""
    with pytest.raises(ValueError, match=f"{option} must be one of"):
        DecompositionConfig(**{option: "best"})


@pytest.mark.parametrize("classes", [-1, 1])
def test_one_class_is_nothing_to_learn(classes):
    """Labels have two classes or more, or there are none."""
    with pytest.raises(ValueError, match=f"0, without labels, or at least 2; found {classes}"):
        DecompositionConfig(classes=classes)
