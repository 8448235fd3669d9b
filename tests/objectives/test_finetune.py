"""pidjax/objectives/finetune.py: each loss by hand, its trivial value, and that it starts from what was learned."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax import encoders
from pidjax._checks import InputError
from pidjax.objectives import comm, comm_preset, finetune
from pidjax.objectives.contrastive import supcon_loss

RNG = np.random.default_rng(0)
X = {f"x{i}": RNG.normal(size=(6, 5)).astype(np.float32) for i in (1, 2)}
KEYS = jax.random.split(jax.random.key(1), 6)
CLASSES = np.array([0, 1, 2, 0, 1, 0])


@functools.cache
def learned():
    """A small CoMM and its parameters."""
    nets = [encoders.feature_tokens(5, 4)] * 2
    fusion = encoders.fusion_transformer(2, 4, heads=2)
    base = comm(nets, fusion, augment=lambda key, sample: sample, config=comm_preset("released", head=(4,)))
    params, state = jax.jit(base.init)(jax.random.key(0), X)
    return base, params, state


def run(y, **options):
    """Parameters, and loss, info, embeddings and evaluation of a fresh fine-tuning."""
    base, params, state = learned()
    objective = finetune(base, params, state, **options)
    batch = X | {"y": y}

    @jax.jit
    def program(batch):
        found, kept = objective.init(jax.random.key(2), batch)
        z, _ = objective.encode(found, kept, batch, KEYS, train=True)
        evaluated, _ = objective.encode(found, kept, batch, train=False)
        return found, objective.loss(found, z, batch), evaluated

    return program(batch)


def test_supcon_is_the_released_codes():
    """On given tensors: the released value times T₀/T, normalised, with labels and without."""
    i, v, d = np.meshgrid(np.arange(4), np.arange(2), np.arange(3), indexing="ij")
    f = np.sin(1 + i + 2 * v + 3 * d)
    with jax.enable_x64(True):
        for labels, expected in (([0, 0, 1, 1], 14.7935550776), (range(4), 15.2357812223)):
            value, trivial = jax.jit(lambda f, y: supcon_loss(f, y, 0.07))(f, np.array(labels))
            assert float(value) == pytest.approx(expected, abs=1e-6)
            assert float(trivial) == pytest.approx(np.log(7))


def test_it_starts_from_what_was_learned():
    """The representation is that of the base; its parameters are the base's."""
    base, params, state = learned()
    found, (value, info), z = run(CLASSES, loss="supcon")
    jax.tree.map(np.testing.assert_array_equal, found["theta"]["base"], params["theta"])
    expected = jax.jit(lambda: base.encode(params, state, X, train=False)[0])()
    np.testing.assert_allclose(z["joint"], expected["joint"], atol=1e-6)
    assert "output" not in found["theta"] and float(info["trivial"]) == pytest.approx(np.log(11), rel=1e-5)
    assert float(value) == float(info["supcon"])


def test_losses_by_hand():
    """Cross-entropy, binary cross-entropy summed over labels and squared error of the linear output of Z."""
    labels = RNG.integers(2, size=(6, 3))
    numbers = RNG.normal(size=(6, 3)).astype(np.float32)
    for loss, y in (("cross_entropy", CLASSES), ("binary", labels), ("mse", numbers)):
        _, (value, info), z = run(y, loss=loss, outputs=3)
        out = np.asarray(z["output"], np.float64)
        p = np.exp(out) / np.exp(out).sum(1, keepdims=True)
        each = 1 / (1 + np.exp(-out))
        expected, trivial = {
            "cross_entropy": (-np.log(p[np.arange(6), CLASSES]).mean(), np.log(3)),
            "binary": (-np.where(labels, np.log(each), np.log(1 - each)).sum(1).mean(), 3 * np.log(2)),
            "mse": (((out - numbers) ** 2).mean(), numbers.var(0).mean()),
        }[loss]
        assert float(value) == pytest.approx(expected, rel=1e-4), loss
        assert float(info["trivial"]) == pytest.approx(trivial, rel=1e-4), loss


def test_bad_input_is_refused_in_words():
    """Unknown losses, outputs that do not fit, no labels."""
    base, params, state = learned()
    with pytest.raises(InputError, match="'supcon', 'cross_entropy', 'binary', 'mse'; found 'hinge'"):
        finetune(base, params, state, loss="hinge")
    for loss, outputs in (("supcon", 3), ("mse", 0)):
        with pytest.raises(InputError, match="outputs counts"):
            finetune(base, params, state, loss=loss, outputs=outputs)
    objective = finetune(base, params, state, loss="mse", outputs=2)
    z = {"views": jnp.zeros((6, 2, 3, 4))}
    with pytest.raises(InputError, match='must hold labels "y"'):
        objective.loss({"theta": {}}, z, X)
    theta = {"output": {"kernel": jnp.zeros((4, 2)), "bias": jnp.zeros(2)}}
    with pytest.raises(InputError, match="one column an output"):
        objective.loss({"theta": theta}, z, X | {"y": jnp.zeros(6)})
