"""pidjax/encoders: converters and the fusion transformer against the textbook; masks, padding, order of time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax import encoders
from pidjax._checks import InputError
from pidjax.encoders.positions import positions_2d

WIDTH, N, LENGTHS = 8, 4, (3, 1, 2)
OF = np.repeat([0, 1, 2], LENGTHS)
RNG = np.random.default_rng(0)
TOKENS = tuple(RNG.normal(size=(N, t, WIDTH)).astype(np.float32) for t in LENGTHS)
MASKS = np.array([[True, False, False], [False, True, False], [False, False, True], [True, True, True]])
HIDDEN = ~MASKS[:, OF][None]


def built(depth=2, **options):
    """A fusion with all parameters of order one, and it compiled as ``run(tokens, dropped, replaced, mask)``."""
    encoder = encoders.fusion_transformer(3, WIDTH, heads=2, depth=depth, **options)
    params, state = jax.eval_shape(encoder.init, jax.random.key(0))
    params = jax.tree.map(lambda x: jnp.asarray(RNG.normal(size=x.shape) * 0.4, jnp.float32), params)
    return params, jax.jit(lambda *x, mask=None: encoder.apply(params, state, x, mask=mask)[0])


PARAMS, RUN = built(mask_tokens=True)


def textbook(params, h):
    """[CLS] after the blocks of a sequence [n, t, width]: every token attends to every token."""

    def norm(p, x):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * np.asarray(p["scale"]) + np.asarray(p["bias"])

    def affine(p, x):
        return x @ np.asarray(p["kernel"]) + np.asarray(p.get("bias", 0))

    h = np.concatenate([np.broadcast_to(params["cls"], (len(h), 1, WIDTH)), h], axis=1)
    for p in params["blocks"].values():
        u = norm(p["norm1"], h)
        out = np.zeros_like(h)
        query, key, value = (affine(p[name], u) for name in ("query", "key", "value"))
        for head in (slice(0, 4), slice(4, 8)):
            scores = np.exp(query[..., head] @ key[..., head].swapaxes(1, 2) / 2)
            out[..., head] = scores / scores.sum(-1, keepdims=True) @ value[..., head]
        h = h + affine(p["out"], out)
        up = affine(p["up"], norm(p["norm2"], h))
        h = h + affine(p["down"], up / (1 + np.exp(-1.702 * up)))
    return norm(params["norm"], h)[:, 0]


def close(found, expected):
    """To float32's rounding."""
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_masks_drop_tokens():
    """Under each mask what the textbook's blocks give for the other modalities alone; all four at once."""
    found = RUN(TOKENS, HIDDEN, None)
    assert found.shape == (N, 4, WIDTH)
    for i, mask in enumerate(MASKS):
        left = [x for x, keep in zip(TOKENS, mask, strict=True) if keep]
        close(found[:, i], textbook(PARAMS, np.concatenate(left, axis=1)))
    close(RUN(TOKENS, None, None)[:, 0], found[:, -1])


@pytest.mark.parametrize("depth", [1, 2])
def test_masks_put_learned_tokens_in_place(depth):
    """Under masks of some tokens, others in each sample, what the textbook gives for mask tokens in their place."""
    params, run = built(depth, mask_tokens=True, modality_embedding=True)
    hidden, real = RNG.random((N, 3, len(OF))) < 0.6, np.ones((N, len(OF)), bool)
    real[:, 1] = False
    found = run(TOKENS, None, hidden, mask=real)
    token, own = np.asarray(params["mask_tokens"])[OF], np.asarray(params["embedding"])[OF]
    for i in range(3):
        h = np.where(hidden[:, i, :, None], token, np.concatenate(TOKENS, axis=1)) + own
        close(found[:, i], textbook(params, h[:, real[0]]))
    close(run(TOKENS, HIDDEN, HIDDEN), run(TOKENS, HIDDEN, None))  # what is dropped is not replaced


def test_half_precision_stays_half():
    """Masks are no reason to compute in more digits than parameters and tokens have."""
    encoder = encoders.fusion_transformer(3, WIDTH, heads=2, mask_tokens=True)
    params, state = jax.eval_shape(encoder.init, jax.random.key(0))
    params, tokens = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, jnp.bfloat16), (params, TOKENS))
    for dropped, replaced in ((HIDDEN, None), (None, HIDDEN)):
        z = jax.eval_shape(lambda p, x, a=dropped, b=replaced: encoder.apply(p, state, (x, a, b))[0], params, tokens)
        assert z.dtype == jnp.bfloat16


def test_padding_is_not_seen():
    """Samples of 2 of 3 tokens give what they give without the third, whatever it holds, under every mask."""
    real = np.ones((N, 6), bool)
    real[:, 2] = False
    padded = (TOKENS[0] * np.array([[[1], [1], [9]]], np.float32), *TOKENS[1:])
    found = RUN(padded, HIDDEN, None, mask=real)
    close(found, RUN(TOKENS, HIDDEN, None, mask=real))
    close(found[:, 3], textbook(PARAMS, np.concatenate([TOKENS[0][:, :2], *TOKENS[1:]], axis=1)))


def test_without_positions_time_order_is_invisible():
    """A reversed sequence has the same Z as published; with sin-cos positions another."""
    for positions, seen in ((False, False), (True, True)):
        convert = encoders.sequence_tokens(positions=positions)
        z, backwards = (
            RUN((convert.apply({}, {}, x)[0], *TOKENS[1:]), None, None) for x in (TOKENS[0], TOKENS[0][:, ::-1])
        )
        assert (np.abs(z - backwards).max() > 1e-2) == seen


def test_without_modality_embedding_modalities_are_one_set():
    """Two modalities exchanged: the same Z, unless each has a vector of its own."""
    one, two, three = TOKENS
    exchanged = (three, two, one)
    close(RUN(TOKENS, None, None), RUN(exchanged, None, None))
    _, run = built(depth=1, modality_embedding=True)
    assert np.abs(run(TOKENS, None, None) - run(exchanged, None, None)).max() > 1e-2


def test_gradients_of_hidden_tokens_are_zero():
    """What a mask hides has no influence; what it shows has."""
    g = jax.jit(jax.grad(lambda x: RUN((x, *TOKENS[1:]), HIDDEN, None)[:, 1].sum()))(TOKENS[0])
    assert (g == 0).all()
    g = jax.jit(jax.grad(lambda x: (RUN((x, *TOKENS[1:]), HIDDEN, None)[:, 0] ** 3).sum()))(TOKENS[0])
    assert (np.abs(g).max(-1) > 0).all()


@pytest.mark.parametrize("hidden", [False, True], ids=["linear", "perceptron"])
def test_masked_concatenation(hidden):
    """Means of the tokens shown, mask tokens for the others, through the perceptron; padding is left out."""
    fusion = encoders.masked(encoders.concat_fusion(WIDTH, modalities=3, hidden=hidden), 3, WIDTH)
    params, state = jax.jit(fusion.init)(jax.random.key(0))
    real = np.ones((N, 6), bool)
    real[:, 2] = False
    z = fusion.apply(params, state, (TOKENS, None, HIDDEN), mask=real)[0]
    assert z.shape == (N, 4, WIDTH)
    shown = [TOKENS[0][:, :2].mean(1), *(np.broadcast_to(params["mask_tokens"][i], (N, WIDTH)) for i in (1, 2))]
    mix = encoders.mlp(24, *([24] if hidden else []), WIDTH)
    close(z[:, 0], mix.apply(params["fusion"]["mix"], {}, np.concatenate(shown, axis=1))[0])
    with pytest.raises(InputError, match="mask='token'"):
        fusion.apply(params, state, (TOKENS, HIDDEN, None))


def test_masked_cross_attention():
    """A hidden modality's content does not matter; padding neither."""
    fusion = encoders.masked(encoders.cross_attention_fusion(WIDTH, heads=2), 2, WIDTH)
    params, state = jax.jit(fusion.init)(jax.random.key(0))
    real, replaced = np.ones((N, 5), bool), ~MASKS[:2, OF[OF != 1] // 2][None]
    real[:, 2] = False
    run = jax.jit(lambda a, b: fusion.apply(params, state, ((a, b), None, replaced), mask=real)[0])
    z = run(TOKENS[0], TOKENS[2])
    changed = TOKENS[0] * np.array([[[1], [1], [9]]], np.float32)
    close(z, run(changed, TOKENS[2]))
    close(z[:, 1], run(TOKENS[0] + 1, TOKENS[2])[:, 1])
    assert np.abs(z - run(TOKENS[0] + 1, TOKENS[2]))[:, 0].max() > 1e-2


def test_converters():
    """Feature tokens x w + b; a patch is its 1 x 1 convolution and its place; a vector in one or some; in a row."""
    key, x = jax.random.key(0), RNG.normal(size=(N, 5)).astype(np.float32)
    tokenizer = encoders.feature_tokens(5, WIDTH)
    params, state = tokenizer.init(key)
    expected = x[:, :, None] * np.asarray(params["kernel"]) + np.asarray(params["bias"])
    close(tokenizer.apply(params, state, x)[0], expected)
    assert encoders.vector_tokens().apply({}, {}, x)[0].shape == (N, 1, 5)
    np.testing.assert_array_equal(encoders.vector_tokens(2).apply({}, {}, x[:, :4])[0][:, 1], x[:, 2:4])
    with pytest.raises(InputError, match="one token or more; found 0"):
        encoders.vector_tokens(0)
    with pytest.raises(InputError, match="a width of 2 equal stretches"):
        encoders.vector_tokens(2).apply({}, {}, x)
    maps = RNG.normal(size=(N, 2, 3, 5)).astype(np.float32)
    row = encoders.chain(encoders.mlp(5, 6), encoders.patch_embedding(6, WIDTH))
    params, state = row.init(key)
    found = row.apply(params, state, maps)[0]
    (first,), mix = params["0"]["layers"].values(), params["1"]["mix"]
    expected = (maps @ np.asarray(first["kernel"])) @ np.asarray(mix["kernel"])
    close(found, expected.reshape(N, 6, WIDTH) + np.asarray(positions_2d(2, 3, WIDTH)))


def test_positions():
    """Row 1, column 2 of a map: sines and cosines of the row, then of the column, at frequencies 1 and 1/100."""
    row, column = 1 / np.array([1, 100]), 2 / np.array([1, 100])
    expected = np.concatenate([np.sin(row), np.cos(row), np.sin(column), np.cos(column)])
    np.testing.assert_allclose(positions_2d(2, 3, WIDTH)[5], expected, rtol=1e-5)


def test_bad_input_is_refused_in_words():
    """Widths that do not fit, vectors instead of tokens, masks that the fusion was not built for."""
    with pytest.raises(InputError, match="width 8, heads 3"):
        encoders.fusion_transformer(2, 8, heads=3)
    with pytest.raises(InputError, match="depth must be 1 or more"):
        encoders.fusion_transformer(2, 8, depth=0)
    with pytest.raises(InputError, match="modality 2 must come as tokens"):
        RUN((TOKENS[0], TOKENS[1][:, 0], TOKENS[2]), None, None)
    with pytest.raises(InputError, match="build it with mask_tokens"):
        built(depth=1)[1](TOKENS, None, HIDDEN)
    with pytest.raises(InputError, match="multiple of 4"):
        encoders.patch_embedding(3, 6)
    with pytest.raises(InputError, match="a sequence must be"):
        encoders.sequence_tokens().apply({}, {}, TOKENS[0][:, 0])
