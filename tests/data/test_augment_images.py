"""pidjax/data/augment_images.py: golden arrays of the standard definitions, and what is drawn how often.

``golden_images.npz`` holds one picture and what others make of it: Pillow's ``crop`` and ``resize`` of floating
channels (bilinear), its ``ImageEnhance`` and ``convert("L")`` in 8 bits, Python's ``colorsys``, scipy's
``gaussian_filter``.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.data import augment_images as images

with np.load(Path(__file__).with_name("golden_images.npz")) as stored:
    GOLDEN = dict(stored)
X = GOLDEN["image"].astype(np.float32) / 255
PLANES = jnp.moveaxis(jnp.array(X), -1, 0)
KEYS = jax.random.split(jax.random.key(0), 400)


def many(aug, x):
    """``aug(key, x)`` for all keys."""
    return np.asarray(jax.jit(jax.vmap(aug, in_axes=(0, None)))(KEYS, x))


@pytest.mark.parametrize("name, box", {"crop_smaller": (3, 5, 33, 47), "crop_larger": (10, 20, 9, 7)}.items())
def test_resized_crops_are_pillows(name, box):
    """Antialiased where it shrinks, bilinear where it grows, nothing from beyond the box; the box is traced."""
    found = jax.jit(lambda *box: images.resized_crop(X, *box, 16))(*box)
    np.testing.assert_allclose(found, GOLDEN[name], atol=1e-5)


@pytest.mark.parametrize("name, factor", {"brightness": 1.3, "contrast": 0.7, "saturation": 1.4}.items())
def test_blends_are_pillows(name, factor):
    """To the rounding of its 8 bits, of the result and of the grey it blends with."""
    grey = images.grey(PLANES)
    towards = {"brightness": 0.0, "contrast": grey.mean(), "saturation": grey}[name]
    found = np.moveaxis(images.blend(PLANES, towards, factor), 0, -1)
    np.testing.assert_allclose(found, GOLDEN[name] / 255, atol=1.5 / 255)


def test_grey_is_pillows():
    """To the rounding of its 8 bits."""
    np.testing.assert_allclose(images.grey(PLANES)[0], GOLDEN["grey"] / 255, atol=1 / 255)


@pytest.mark.parametrize("name, turn", {"hue_up": 0.1, "hue_down": -0.07}.items())
def test_hue_is_that_of_colorsys(name, turn):
    """Also of grey, black, white and pure colours, which the picture's corner holds."""
    found = np.moveaxis(images.turn_hue(PLANES[:, :12, :12], turn), 0, -1)
    np.testing.assert_allclose(found, GOLDEN[name], atol=1e-5)


def test_blur_is_scipys():
    """Separable, cut off at 6 pixels, edges held."""
    np.testing.assert_allclose(images.blur(X, 1.3, 6)[:16, :16], GOLDEN["blur"], atol=1e-5)


def test_crops_keep_the_share_they_are_asked_for():
    """Of a ramp of columns a crop's mean is its centre and its slope its width: areas within the bounds, all places."""
    rows, columns = np.mgrid[:64, :64].astype(np.float32)
    ramp = np.stack([columns, rows, columns], -1)
    crops = many(lambda key, x: images.random_resized_crop(key, x, 16, (0.2, 0.6)), ramp)
    width = (crops[:, 8, 12, 0] - crops[:, 8, 4, 0]) * 2
    height = (crops[:, 12, 8, 1] - crops[:, 4, 8, 1]) * 2
    share, ratio = width * height / 64**2, width / height
    assert share.min() > 0.2 - 0.02 and share.max() < 0.6 + 0.02
    assert ratio.min() > 3 / 4 - 0.06 and ratio.max() < 4 / 3 + 0.06
    n, sd = len(KEYS), 0.4 / np.sqrt(12)
    assert abs(share.mean() - 0.4) < 4 * sd / np.sqrt(n) + 0.01
    assert abs(crops[:, :, :, 0].mean() - 31.5) < 4 * crops[:, :, :, 0].mean((1, 2)).std() / np.sqrt(n)


def test_views_of_simclr():
    """Rates as asked: grey in a fifth, each view another, none outside [0, 1]."""
    views = many(lambda key, x: images.simclr(key, x, 12), GOLDEN["image"])
    assert views.shape == (400, 12, 12, 3) and views.min() > -1e-5 and views.max() < 1 + 1e-5
    is_grey = np.ptp(views, axis=-1).max((1, 2)) < 1e-4
    assert abs(is_grey.mean() - 0.2) < 4 * np.sqrt(0.16 / 400)
    assert len(np.unique(views[:, 5, 5], axis=0)) == 400


def test_nothing_is_left_to_do():
    """Without crop and with rates 0 a view is the picture, resized, or its mirror image."""
    off = {"crop": None, "jitter_rate": 0, "grey_rate": 0, "blur_rate": 0}
    plain = images.resize(X, 12)
    np.testing.assert_allclose(images.simclr(KEYS[0], X, 12, flip=0, **off), plain, atol=1e-5)
    np.testing.assert_allclose(images.simclr(KEYS[0], X, 12, flip=1, **off), plain[:, ::-1], atol=1e-5)


def test_bad_pictures_are_refused_in_words():
    """Channels first, rates and shares that are none."""
    with pytest.raises(InputError, match="move the channels to the end"):
        images.simclr(KEYS[0], np.zeros((3, 8, 8), np.float32), 12)
    with pytest.raises(InputError, match="grey_rate is a probability"):
        images.simclr(KEYS[0], X, 12, grey_rate=2)
    with pytest.raises(InputError, match="0 < least"):
        images.random_resized_crop(KEYS[0], jnp.asarray(X), 12, (0.0, 1.0))
