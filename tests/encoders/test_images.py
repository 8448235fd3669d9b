"""pidjax/encoders/images.py: published sizes, batch statistics, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.encoders import alexnet, convnet, of_pixels, resnet18, vit
from pidjax.encoders.flax_glue import from_nnx
from pidjax.encoders.images import Residual
from pidjax.typing import Encoder

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(4, 16, 16, 3)).astype(np.float32)


@pytest.mark.parametrize(
    "build, parameters, shape", [(alexnet, 2_469_696, (2, 6, 6, 256)), (resnet18, 11_176_512, (2, 7, 7, 512))]
)
def test_published_sizes(build, parameters, shape):
    """Parameters without the classifier, and the map that 224 pixels become; nothing is computed."""
    encoder = build()
    params, state = jax.eval_shape(encoder.init, KEY)
    x = jax.ShapeDtypeStruct((2, 224, 224, 3), jnp.float32)
    z, _ = jax.eval_shape(lambda p, s, x: encoder.apply(p, s, x, train=True), params, state, x)
    assert z.shape == shape
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == parameters
    assert (build is resnet18) == bool(state)


def test_small_pictures_keep_a_map():
    """64 pixels through a first layer of stride 2."""
    encoder, x = alexnet(width=8, stride=2), jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    assert jax.eval_shape(lambda k, x: encoder.apply(*encoder.init(k), x)[0], KEY, x).shape == (1, 2, 2, 32)


def test_each_layer_of_a_convnet_halves_the_picture():
    """Convolutions without bias, scale and shift of each channel; statistics that training moves; uneven sizes too."""
    encoder = convnet((4, 8))
    params, state = jax.jit(encoder.init)(KEY)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 3 * 4 * 25 + 4 * 8 * 9 + 2 * (4 + 8)
    z, moved = jax.jit(encoder.apply, static_argnames="train")(params, state, X[:, :13], train=True)
    assert z.shape == (4, 4, 4, 8) and z.min() == 0
    changed = jax.tree.map(lambda a, b: bool(np.any(a != b)), state, moved)
    assert len(jax.tree.leaves(changed)) == 4 and all(jax.tree.leaves(changed))  # mean and variance, twice
    with pytest.raises(InputError, match="1 or more; found \\(4, 0\\)"):
        convnet((4, 0))


def test_residual_convolutions_add_to_what_they_see():
    """With all their parameters 0 they change nothing; as they start they do, and the map keeps its size."""
    plain, deeper = convnet((4, 8)), convnet((4, 8), residual=2)
    params, state = jax.jit(deeper.init)(KEY)
    further = params.pop("residual"), state.pop("residual")
    expected, _ = jax.jit(plain.apply)(params, state, X)

    def of(scale: float) -> np.ndarray:
        scaled = jax.tree.map(lambda leaf: scale * leaf, further[0])
        return np.asarray(jax.jit(deeper.apply)(params | {"residual": scaled}, state | {"residual": further[1]}, X)[0])

    np.testing.assert_allclose(of(0.0), expected, rtol=1e-6)
    assert of(1.0).shape == expected.shape and np.abs(of(1.0) - expected).max() > 1e-2
    with pytest.raises(InputError, match="0 or more; found -1"):
        convnet((4, 8), residual=-1)


def test_batch_statistics_of_residual_blocks():
    """Training moves them; without, a sample's features do not depend on its batch, and nothing moves."""
    encoder = from_nnx(lambda rngs: Residual(3, 4, 2, rngs))
    params, state = jax.jit(encoder.init)(KEY)
    run = jax.jit(encoder.apply, static_argnames="train")
    z, moved = run(params, state, X, train=True)
    assert z.shape == (4, 8, 8, 4) and np.abs(moved["first"]["norm"]["mean"]).max() > 0
    one, kept = run(params, moved, np.concatenate([X[:1], 5 * X[1:]]), train=False)
    np.testing.assert_allclose(run(params, moved, X, train=False)[0][0], one[0], rtol=1e-4, atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, kept, moved)


def test_vit_sees_where_a_patch_is():
    """Two patches exchanged are two tokens exchanged only without positions: here everything changes."""
    encoder = vit(patch=8, width=8, depth=1, heads=2)
    params, state = jax.jit(encoder.init)(KEY)
    run = jax.jit(lambda x: encoder.apply(params, state, x)[0])
    z, turned = run(X), run(np.roll(X, 8, axis=2))
    assert z.shape == (4, 4, 8)
    assert np.abs(turned - z[:, [1, 0, 3, 2]]).max() > 1e-2


def test_pixels_are_normalised_as_of_imagenet():
    """Bytes and numbers in [0, 1] are one thing: less the channels' mean, over their deviation."""
    encoder = of_pixels(Encoder(lambda key: ({}, {}), lambda params, state, x, key=None, **options: (x, state)))
    pixels = np.random.default_rng(0).integers(256, size=(2, 4, 4, 3), dtype=np.uint8)
    expected = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    for x in (pixels, (pixels / 255).astype(np.float32)):
        np.testing.assert_allclose(encoder.apply({}, {}, x)[0], expected, rtol=1e-4, atol=1e-5)
    for x, message in (
        (np.zeros((2, 3, 8, 8), np.float32), "move the channels to the end"),
        (np.zeros((8, 8), np.float32), "red, green and blue as last axis"),
        (pixels.astype(int), "found int64"),
        (pixels.astype(np.float32), "leave normalising to encoders.of_pixels"),
    ):
        with pytest.raises(InputError, match=message):
            encoder.apply({}, {}, x)


def test_bad_pictures_are_refused_in_words():
    """Channels first, bytes, sizes that do not fit."""
    encoder = vit(patch=8, width=8, depth=1, heads=2)
    for x, message in (
        (X.transpose(0, 3, 1, 2), "blue last; found shape"),
        ((X > 0).astype(np.uint8), "must be floating, normalised; found uint8"),
        (X[:, :12], "12 x 16 do not divide into patches of 8"),
    ):
        with pytest.raises(InputError, match=message):
            jax.eval_shape(lambda k, x: encoder.apply(*encoder.init(k), x), KEY, x)
    with pytest.raises(InputError, match="'large', 'small'"):
        resnet18(stem="tiny")
    with pytest.raises(InputError, match="width 10, heads 2"):
        vit(width=10, heads=2)
