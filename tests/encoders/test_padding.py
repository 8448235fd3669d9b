"""pidjax/encoders: padded sequences to one vector a sample, whatever stands in the padding and in the batch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.encoders import MULTIBENCH, mlp, pooled, recurrent, transformer
from pidjax.encoders.positions import positions_1d

N, T, D, WIDTH = 5, 6, 3, 10
LENGTHS = np.array([6, 4, 1, 0, 3])
MASK = np.arange(T) < LENGTHS[:, None]
X = np.random.default_rng(0).normal(size=(N, T, D)).astype(np.float32)
ORDER = np.array([3, 0, 4, 2, 1])
STREAM = ((T, D),)
SMALL = MULTIBENCH | {"depth": 1, "feedforward": 16}
MEMBERS = {
    "mlp": lambda: pooled(mlp(D, 8, WIDTH)),
    "gru": lambda: pooled(recurrent(STREAM, width=WIDTH, cell="gru", positions="none"), "last"),
    "lstm": lambda: pooled(recurrent(STREAM, width=WIDTH)),
    "pre-norm": lambda: pooled(transformer(STREAM, width=WIDTH, depth=2, heads=2, positions="sincos")),
    "post-norm": lambda: pooled(transformer(STREAM, width=WIDTH, **SMALL), "last"),
}
every = pytest.mark.parametrize("name", MEMBERS)


@functools.cache
def built(name):
    """The encoder, its parameters, and ``f(x, mask) -> z, gradients of a sum of z`` as one program."""
    encoder = MEMBERS[name]()
    params, state = jax.jit(encoder.init)(jax.random.key(0))

    def value(params, x, mask):
        z = encoder.apply(params, state, x, mask=mask)[0]
        return (z * jnp.cos(jnp.arange(z.size).reshape(z.shape))).sum(), z

    def f(x, mask):
        gradients, z = jax.grad(value, argnums=(0, 1), has_aux=True)(params, x, mask)
        return z, gradients

    return encoder, params, jax.jit(f)


@functools.cache
def padded(name):
    """Vectors and gradients of the padded batch."""
    return built(name)[2](X, MASK)


@every
def test_one_vector_a_sample(name):
    """[n, width]."""
    assert padded(name)[0].shape == (N, WIDTH)


@every
def test_padding_changes_nothing(name):
    """A sequence alone, without any padding or mask, gives the vector that it gives padded in a batch."""
    encoder, params, _ = built(name)
    alone = jax.jit(lambda x: encoder.apply(params, {}, x)[0])(X[1:2, : LENGTHS[1]])
    np.testing.assert_allclose(padded(name)[0][1:2], alone, rtol=1e-4, atol=1e-5)


@every
def test_batch_mates_change_nothing(name):
    """In another order the same vectors."""
    np.testing.assert_allclose(built(name)[2](X[ORDER], MASK[ORDER])[0], padded(name)[0][ORDER], rtol=1e-4, atol=1e-5)


@every
def test_what_padding_holds_is_never_seen(name):
    """NaN in the padding: the same vectors, the same finite gradients, none of it with respect to the padding."""
    x = np.where(MASK[..., None], X, np.nan).astype(np.float32)
    for found, expected in zip(jax.tree.leaves(built(name)[2](x, MASK)), jax.tree.leaves(padded(name)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    of_x = np.asarray(padded(name)[1][1])
    assert (of_x[~MASK] == 0).all() and np.abs(of_x[:3]).max() > 0


@every
def test_a_sample_of_padding_alone_is_the_zero_vector(name):
    """Neither NaN nor a constant of the network."""
    np.testing.assert_array_equal(padded(name)[0][3], np.zeros(WIDTH))


@pytest.mark.parametrize("how", ["mean", "last"])
def test_pooling_is_its_formula(how):
    """Mean over real tokens, or the last of them, holes before it or not."""
    encoder = mlp(D, WIDTH)
    params, _ = encoder.init(jax.random.key(1))
    holes = MASK.copy()
    holes[0, [1, 5]] = False
    tokens = np.asarray(encoder.apply(params, {}, X)[0])
    found = pooled(encoder, how).apply(params, {}, X, mask=holes)[0]
    for i in (0, 1, 2, 4):
        real = tokens[i, holes[i]]
        np.testing.assert_allclose(found[i], real.mean(0) if how == "mean" else real[-1], rtol=1e-4, atol=1e-5)


def test_a_recurrent_state_passes_over_padding_anywhere():
    """Padding before and between the tokens: the outputs of the tokens without it."""
    encoder, params, _ = built("gru")
    mask = np.array([[False, True, True, False, True, True]])
    x = np.where(mask[..., None], np.insert(X[1, : LENGTHS[1]], [0, 2], 9.0, axis=0)[None], 9.0)
    found = encoder.apply(params, {}, x.astype(np.float32), mask=mask)[0]
    np.testing.assert_allclose(found, padded("gru")[0][1:2], rtol=1e-4, atol=1e-5)


def test_a_post_norm_block_is_its_formula():
    """Linear without bias; h = LN(h + attention); h = LN(h + W' relu(W h + b) + b'); the last token."""
    _, params, _ = built("post-norm")
    p = jax.tree.map(lambda v: np.asarray(v, float), params["blocks"][0])

    def norm(h, scale):
        centred = h - h.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6) * scale["scale"] + scale["bias"]

    h = X[0] @ np.asarray(params["embedding"]["maps"][0]["kernel"])
    assert "bias" not in params["embedding"]["maps"][0]
    a = p["attention"]
    q, k, v = (np.einsum("td,dhe->hte", h, a[s]["kernel"]) + a[s]["bias"][:, None] for s in ("query", "key", "value"))
    weights = np.exp(q @ k.swapaxes(1, 2) / np.sqrt(WIDTH / 5))
    seen = weights / weights.sum(-1, keepdims=True) @ v
    h = norm(h + np.einsum("hte,hed->td", seen, a["out"]["kernel"]) + a["out"]["bias"], p["norm1"])
    hidden = np.maximum(h @ p["up"]["kernel"] + p["up"]["bias"], 0)
    h = norm(h + hidden @ p["down"]["kernel"] + p["down"]["bias"], p["norm2"])
    np.testing.assert_allclose(padded("post-norm")[0][0], h[-1], rtol=1e-3, atol=1e-4)


def test_without_positions_the_order_is_not_seen():
    """Tokens in reverse, pooled by their mean: the same vector; with positions, another."""
    for positions in ("none", "sincos"):
        encoder = pooled(transformer(STREAM, width=WIDTH, depth=1, heads=2, positions=positions))
        params, _ = jax.jit(encoder.init)(jax.random.key(0))
        run = jax.jit(lambda x, encoder=encoder, params=params: encoder.apply(params, {}, x)[0])
        same = np.allclose(run(X), run(X[:, ::-1]), rtol=1e-4, atol=1e-5)
        assert same == (positions == "none")


def test_sincos_positions_are_their_formula():
    """sin and cos of t / 10000^(2k/width)."""
    angle = np.arange(5)[:, None] / 10000 ** (2 * np.arange(3) / 6)
    np.testing.assert_allclose(positions_1d(5, 6), np.concatenate([np.sin(angle), np.cos(angle)], 1), atol=1e-6)


@functools.cache
def training():
    """``f(x, mask, keys)`` of the post-norm transformer with dropout."""
    encoder, params, _ = built("post-norm")
    return jax.jit(lambda x, mask, keys: encoder.apply(params, {}, x, keys, train=True, mask=mask)[0])


def test_dropout_is_a_function_of_each_samples_key():
    """With its key a sample gives the same vector anywhere in the batch; with other keys, others."""
    keys = jax.random.split(jax.random.key(1), N)
    z = np.asarray(training()(X, MASK, keys))
    moved = training()(X[ORDER], MASK[ORDER], keys[ORDER])
    np.testing.assert_allclose(moved, z[ORDER], rtol=1e-4, atol=1e-5)
    same = np.asarray(training()(np.tile(X[:1], (N, 1, 1)), np.ones((N, T), bool), keys))
    assert (np.abs(same[1:] - same[0]).max(-1) > 1e-3).all()


def test_dropout_rests_outside_training():
    """With and without keys the same vectors."""
    encoder, params, _ = built("post-norm")
    keys = jax.random.split(jax.random.key(1), N)
    np.testing.assert_allclose(
        encoder.apply(params, {}, X, keys, mask=MASK)[0], padded("post-norm")[0], rtol=1e-4, atol=1e-5
    )


def test_dropout_zeroes_its_share_and_keeps_the_mean():
    """Of one token through one block without attention: every drop site scales what it keeps by 1/(1 − rate)."""
    encoder = transformer(((1, 1),), width=2, depth=1, heads=1, dropout=0.5, norm="post", positions="none")
    params, state = encoder.init(jax.random.key(0))
    params = jax.tree.map(jnp.zeros_like, params)
    block = params["blocks"][0]
    block["attention"]["out"]["bias"] = jnp.array([1.0, 3.0])
    block["norm1"] = block["norm2"] = {"scale": jnp.ones(2), "bias": jnp.zeros(2)}
    n = 2000
    keys = jax.random.split(jax.random.key(2), n)
    z = np.asarray(jax.jit(lambda x, k: encoder.apply(params, state, x, k, train=True)[0])(jnp.zeros((n, 1, 1)), keys))
    # (0, 0), (2, 0), (0, 6) or (2, 6) before normalisation, which leaves the order of the two coordinates
    order = np.sign(np.round(z[:, 0, 0], 2))
    for value, share in ((0, 1 / 4), (1, 1 / 4), (-1, 1 / 2)):
        assert abs((order == value).mean() - share) < 4 * np.sqrt(share * (1 - share) / n)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: training()(X, MASK, None), "dropout needs a key"),
        (lambda: transformer(STREAM, norm="batch"), "'pre', 'post'"),
        (lambda: transformer(STREAM, depth=0), "depth must be 1 or more"),
        (lambda: recurrent(STREAM, positions="rope"), "'learned', 'sincos', 'none'"),
        (lambda: pooled(mlp(2, 2), "max"), "'mean', 'last'"),
        (lambda: run_on(np.zeros((1, T + 1, D))), "learned positions for 6 tokens; found 7"),
        (lambda: run_on(np.zeros((1, T, D + 1))), r"found \(\(6, 4\),\)"),
    ],
    ids=["no key", "norm", "depth", "positions", "pooling", "too long", "features"],
)
def test_words(act, words):
    """What cannot be used is refused in a sentence."""
    with pytest.raises(ValueError, match=words):
        act()


def run_on(x):
    """The LSTM on ``x``."""
    encoder, params, _ = built("lstm")
    return encoder.apply(params, {}, x)
