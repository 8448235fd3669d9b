"""pidjax/data/trifeature: published areas and counts, the published renderer rewritten, and the truth of its tasks."""

import jax
import numpy as np
import pytest
from scipy import ndimage

from pidjax._checks import InputError
from pidjax.data.trifeature import (
    COLOURS,
    PARTNER,
    SHAPES,
    TEXTURES,
    Factors,
    Placement,
    labels,
    paint,
    pairs,
    place,
    render,
    render_all,
    split,
)
from pidjax.data.trifeature.shapes import templates

KEY = jax.random.key(0)
SPLIT = split()


def test_areas_of_shapes():
    """Shares of the square that the shapes cover, as published, and at a quarter of the size."""
    areas = [0.5, 1, 0.5590, 0.7869, 0.5538, 0.4922, 0.6865, 0.2608, 0.5538, 0.6802]
    np.testing.assert_allclose(templates(128).mean((1, 2)), areas, atol=5e-5)
    assert set(np.unique(templates(128))) == {0, 1}
    np.testing.assert_allclose(templates(32).mean((1, 2)), areas, atol=5e-5)
    np.testing.assert_allclose(templates(37).mean((1, 2)), areas, atol=5e-5)


def sheet(texture, oy, ox, field):
    """A texture of 448 x 448 pixel by pixel, as the notes define it."""
    out = np.zeros((448, 448))
    if texture == "rain":
        for y, x in np.argwhere(field < 0.05):
            out[y : y + 7, x] = 1
        return out
    y, x = np.mgrid[:448, :448] + np.array([oy, ox])[:, None, None]
    Y, X, odd = y % 10, x % 10, (y // 10) % 2 == 1
    match texture:
        case "solid":
            out += 1
        case "stripes":
            out[Y < 3] = 1
        case "grid":
            out[(Y < 3) | (X < 3)] = 1
        case "hexgrid":
            slope = (1.73 * y).astype(int)
            out[((x + slope) % 10 < 2) | ((x - slope) % 10 < 2) | (Y < 2)] = 1
        case "dots":
            out[(Y - 5) ** 2 + (X - 5) ** 2 < 16] = 1
        case "noise":
            out[field < 0.5] = 1
        case "triangles":
            out[Y // 2 - np.abs(X - 5) > 0] = 1
        case "zigzags":
            x = np.where(odd, 9 - X, X)
            out[(x > Y // 2) & (x < 5 + Y // 2)] = 1
        case "pluses":
            centre = (np.abs(X - 5) < 1.5) | (np.abs(Y - 5) < 1.5)
            edge = (X < 1.5) | (10 - X < 1.5) | ((np.abs(Y - 5) < 1.5) & (np.abs(X - 5) > 1.5))
            out[np.where(odd, edge, centre)] = 1
    return out


def by_scipy(shape, texture, colour, at):
    """The published order: turn the template, place it, turn the texture, cut out its middle, paint."""
    mask = np.zeros((224, 224))
    turned = ndimage.rotate(templates(128)[shape].astype(float), at.shape_angle - 45, order=1, reshape=True)
    mask[at.row : at.row + len(turned), at.column : at.column + turned.shape[1]] = turned
    texture = sheet(TEXTURES[texture], at.oy, at.ox, at.field)
    texture = ndimage.rotate(texture, at.texture_angle - 45, order=0, reshape=False)[112:336, 112:336]
    on = (mask * texture)[..., None]
    return np.floor(255 * (on * np.array(list(COLOURS.values())[colour]) + (1 - on) * 0.5))


def test_pictures_are_the_published_renderers():
    """Every shape, texture and colour at 224 pixels for the same random numbers, but for rounding at edges."""
    kinds = np.stack([np.arange(10), np.roll(np.arange(10), 3), np.roll(np.arange(10), 5)])
    at = jax.jit(jax.vmap(lambda key: place(key, 224)))(jax.random.split(KEY, 10))
    found = np.asarray(jax.jit(jax.vmap(paint))(*kinds, at)).astype(int)
    for k, picture in enumerate(found):
        expected = by_scipy(*kinds[:, k], Placement(*(np.asarray(x[k]) for x in at)))
        assert (np.abs(picture - expected).max(-1) > 1).mean() < 1e-3, (SHAPES[k], TEXTURES[kinds[1, k]])


def test_small_pictures_show_shape_and_colour():
    """At 32 pixels a solid white square takes 18 = 128/224 of the side, less half a pixel at each edge, by turning."""
    draw = jax.jit(jax.vmap(lambda key: render(1, 0, 9, key, size=32)))
    pictures = np.asarray(draw(jax.random.split(KEY, 20))).astype(float)
    assert pictures.shape == (20, 32, 32, 3) and pictures.min() == 127
    share = ((pictures - 127.5) / 127.5).mean((1, 2, 3))
    np.testing.assert_allclose(share, (17 / 32) ** 2, atol=0.01)


def test_split_has_the_published_counts():
    """Test pictures of each shape; all combinations, once in either part."""
    assert np.bincount(SPLIT["test"].shape).tolist() == [19, 26, 20, 19, 25, 15, 19, 18, 19, 20]
    assert len(SPLIT["train"].shape) == 2400
    both = {name: {tuple(row) for row in np.stack(part[:3], 1)} for name, part in SPLIT.items()}
    assert len(both["train"]) == 800 and len(both["train"] | both["test"]) == 1000


@pytest.mark.parametrize("part, total, partners", [("train", 576_846, 57_636), ("test", 4_094, 404)])
def test_pairs_have_the_published_counts(part, total, partners):
    """Ordered pairs of one shape, of which partners; with a picture's pair with itself, as published."""
    found = pairs(SPLIT[part], biased=False, limit=None, with_itself=True)
    assert len(found) == total and labels(SPLIT[part], found)["synergy"].sum() == partners
    biased = pairs(SPLIT[part], biased=True, limit=None, with_itself=True)
    assert len(biased) == partners and labels(SPLIT[part], biased)["synergy"].all()


def test_pairs_that_are_left_out():
    """Of the published test pairs 200 are a picture with itself and 562 share the texture."""
    found = pairs(SPLIT["test"], biased=False, limit=None, with_itself=True)
    asked = labels(SPLIT["test"], found)
    assert (asked["unique1"] == asked["unique2"]).sum() == 562
    assert len(pairs(SPLIT["test"], biased=False, limit=None)) == len(found) - 200


def test_a_sample_of_pairs_is_fixed_and_without_repetition():
    """10,000 different pairs of one shape, the same for the same seed."""
    found = pairs(SPLIT["train"], biased=False)
    assert len({tuple(pair) for pair in found}) == 10_000
    assert (SPLIT["train"].shape[found[:, 0]] == SPLIT["train"].shape[found[:, 1]]).all()
    np.testing.assert_array_equal(found, pairs(SPLIT["train"], biased=False))
    assert (found != pairs(SPLIT["train"], biased=False, seed=1)).any()


def test_synergy_is_pure():
    """With uniform factors neither picture tells the label anything, both tell h(0.1) = 0.325 nats."""
    texture, colour = np.indices((10, 10)).reshape(2, -1)
    zero = np.zeros(200, int)
    factors = Factors(zero, np.concatenate([texture, texture]), np.concatenate([colour, colour]), zero)
    y = labels(factors, np.stack([np.arange(100), np.arange(100, 200)], 1))["synergy"].reshape(10, 10)
    assert (y.mean(0) == 0.1).all() and (y.mean(1) == 0.1).all()
    assert sorted(PARTNER) == list(range(10))
    h = -(0.1 * np.log(0.1) + 0.9 * np.log(0.9))
    assert h == pytest.approx(0.325, abs=5e-4)


def test_a_picture_does_not_depend_on_its_neighbours():
    """The same picture alone and among others."""
    factors = Factors(*(np.asarray(x[:5]) for x in SPLIT["train"]))
    alone = Factors(*(x[3:4] for x in factors))
    together = render_all(factors, KEY, size=32, batch=4)
    assert together.shape == (5, 32, 32, 3) and together.dtype == np.uint8
    np.testing.assert_array_equal(render_all(alone, KEY, size=32, batch=4)[0], together[3])
    assert (together[0] != together[1]).any()  # two renderings of one combination


def test_bad_input_is_refused_in_words():
    """Pictures too small to hold a shape; factors without a pair."""
    with pytest.raises(InputError, match="16 pixels wide or more; found 8"):
        render(0, 0, 0, KEY, size=8)
    with pytest.raises(InputError, match="make a pair"):
        pairs(Factors(*np.zeros((4, 1), int)), biased=False)
