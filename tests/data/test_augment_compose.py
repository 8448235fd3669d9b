"""Augmentations by name, of one modality and of a sample with two; unique augmentations see the other one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.data import AUGMENTATIONS, RELEASED_SEQUENCES, RELEASED_VECTORS, apart, compose, in_turn, together
from pidjax.data.augment_paired import cut_mix
from pidjax.data.augment_steps import drop, zero

N, T = 2000, 8
KEYS = jax.random.split(jax.random.key(0), N)
KEY = KEYS[0]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(T, 3)).astype(np.float32)
MASK = np.arange(T) < 6
WORDS = RNG.normal(size=(T, 2)).astype(np.float32)
WORDS[[1, 4]] = 0
SPOKEN = np.arange(T) < 5
SAMPLE = {"x1": WORDS, "x2": X, "mask1": SPOKEN, "mask2": MASK, "y": np.int32(3)}
SILENT = np.array([0, 1, 0, 0, 1, 1, 0, 0], bool)  # of the real steps of x2: zero in x1, or padding there
BOTH = [("zero", {"share": 0.3}), ("swap", {}), ("gaussian_noise", {"sd": 0.1})]


def many(augment, sample=SAMPLE):
    """Results for N keys."""
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(augment, in_axes=(0, None)))(KEYS, sample))


def is_share(found, p):
    """A mean of coins, within 4 standard errors of its probability."""
    return np.abs(found.mean(0) - p).max() <= 4 * np.sqrt(p * (1 - p) / len(found))


def test_all_steps_are_done_in_turn():
    """By hand: each with a key of its own, in order; the mask comes back with the sequence."""
    keys = jax.random.split(KEYS[0], 3)
    by_hand = AUGMENTATIONS["swap"](None, zero(keys[0], X, 0.3, mask=MASK), mask=MASK)
    by_hand = by_hand + 0.1 * MASK[:, None] * jax.random.normal(keys[2], X.shape)
    found, mask = compose(BOTH)(KEYS[0], X, MASK)
    np.testing.assert_allclose(found, by_hand, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(mask, MASK)


@pytest.mark.parametrize(
    ("steps", "sd"), [(RELEASED_VECTORS, 0.01), (RELEASED_SEQUENCES, 0.1)], ids=["vectors", "sets"]
)
def test_one_of_the_released_four(steps, sd):
    """A quarter of the samples each: halves swapped or steps shuffled, a little noise, a share of zeros, nothing."""
    x = np.arange(1, 21, dtype=np.float32)
    out = many(compose(steps, "one_of"), x)
    zeros = (out == 0).sum(1)
    same = (out == x).all(1)
    moved = (np.sort(out, 1) == x).all(1) & ~same
    noisy = ~moved & ~same & (zeros == 0)
    assert set(zeros) == {0, 2 if sd == 0.01 else 4}
    assert all(is_share(kind, 1 / 4) for kind in (zeros > 0, same, moved, noisy))
    noise = out[noisy] - x
    assert abs(noise.std() - sd) < 4 * sd / np.sqrt(2 * noise.size) + 1e-5  # float32 near 20
    if sd == 0.01:
        np.testing.assert_array_equal(out[moved], np.broadcast_to(np.roll(x, 10), out[moved].shape))


def test_chance_is_the_probability_of_a_step():
    """Half of the draws swapped, half as they were; and a mask that a step would change as well."""
    out = many(compose([("swap", {"chance": 0.5})]), X)
    assert is_share((out != X).any((1, 2)), 0.5)
    tokens, mask = np.arange(1, 9), np.ones(8, bool)
    _, left = many(lambda key, x: compose([("delete_one", {"chance": 0.3})])(key, x, mask), tokens)
    assert is_share(~left[:, -1], 0.3)


def test_composed_augmentations_are_steps():
    """One of two chains."""
    aug = compose([compose(["swap", ("zero", {"share": 0.5})]), "identity"], "one_of")
    zeros = (many(aug, X) == 0).all(-1).sum(1)
    assert set(zeros) == {0, 4} and is_share(zeros > 0, 0.5)


def test_apart_the_modalities_have_draws_of_their_own():
    """As many steps of both are lost, not the same ones; what is not augmented stays; so does the input."""
    aug = apart(compose(["drop"]), compose(["drop"]))
    found = many(aug, {"x1": X, "x2": X, "y": SAMPLE["y"]})
    lost = [(found[name] == 0).all(-1) for name in ("x1", "x2")]
    assert set(found) == {"x1", "x2", "y"} and (found["y"] == 3).all()
    counts = np.stack([side.sum(1) for side in lost])
    assert abs(np.corrcoef(counts)[0, 1]) < 4 / np.sqrt(N) and (lost[0] != lost[1]).any()
    alone = many(apart(None, compose(["drop"])))
    np.testing.assert_array_equal(alone["x1"], np.broadcast_to(WORDS, (N, T, 2)))
    assert (alone["x2"] != X).any()


@pytest.mark.parametrize("name", ["drop", "crop"])
def test_together_both_lose_the_same_steps(name):
    """Multi-drop and multi-crop: sequences of different features, the same draws."""
    found = many(together(name), {"x1": X, "x2": 1 + X[:, :1] ** 2, "mask1": MASK, "mask2": MASK})
    lost = [(found[side] == 0).all(-1) for side in ("x1", "x2")]
    np.testing.assert_array_equal(*lost)
    assert lost[0].any() and not lost[0][:, 6:].any()


def test_in_turn_is_one_after_the_other():
    """Multi-drop, then noise of each modality's own: by hand, each with a key of its own."""
    noise = compose([("gaussian_noise", {"sd": 0.1})])
    sample, (first, second) = {"x1": X, "x2": X}, jax.random.split(KEY)
    found = in_turn(together(drop), apart(noise, noise))(KEY, sample)
    by_hand = apart(noise, noise)(second, together(drop)(first, sample))
    assert all((found[name] == by_hand[name]).all() for name in sample)
    assert (found["x1"] != found["x2"]).all()


def test_three_modalities_apart():
    """Each by its own, with a key of its own; a step that looks at the other one has no other one."""
    noise = compose([("gaussian_noise", {"sd": 0.1})])
    sample = {f"x{i}": X for i in (1, 2, 3)}
    found = apart(noise, None, noise)(KEY, sample)
    assert (found["x2"] == X).all() and (found["x1"] != found["x3"]).all()
    with pytest.raises(ValueError, match="a sample of two"):
        apart(noise, None, compose(["noise_where_silent"]))(KEY, sample)
    with pytest.raises(ValueError, match="a sample of 2 modalities"):
        apart(noise, None)(KEY, sample)


@pytest.mark.parametrize(("where", "frames"), [("silent", SILENT), ("spoken", MASK & ~SILENT)])
def test_unique_noise_is_on_silent_frames_alone_or_on_the_others(where, frames):
    """Real frames of x2 at which x1, as it was before its own augmentation, is zero or padding."""
    aug = apart(compose([("zero", {"share": 1.0})]), compose([(f"noise_where_{where}", {"sd": 0.5})]))
    added = many(aug)["x2"] - X
    assert (added[:, ~frames] == 0).all() and (added[:, frames] != 0).all()
    noise = added[:, frames]
    assert abs(noise.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * noise.size)


@pytest.mark.parametrize(("where", "frames"), [("silent", SILENT), ("spoken", MASK & ~SILENT)])
def test_conditional_masking_is_of_silent_frames_alone_or_of_the_others(where, frames):
    """A share of them rounded down (of the three silent ones ⌊0.7 · 3⌋), each as likely."""
    lost = (many(apart(None, compose([(f"zero_where_{where}", {"share": 0.7})])))["x2"] == 0).all(-1)
    count = int(0.7 * frames.sum() + 1e-4)
    assert not lost[:, ~frames].any() and (lost.sum(1) == count).all()
    assert is_share(lost[:, frames], count / frames.sum())


def test_cut_mix_takes_allowed_features_of_one_sample():
    """Each with its probability, of a row that is as likely as any; the features that are not allowed stay."""
    x, other = np.zeros(4, np.float32), 1 + np.arange(3, dtype=np.float32)[:, None] + np.zeros(4, np.float32)
    allowed = (True, False, True, True)
    out = many(compose([("cut_mix", {"other": other, "share": 0.4, "allowed": allowed})]), x)
    assert (out[:, 1] == 0).all() and is_share(out[:, [0, 2, 3]] > 0, 0.4)
    rows = out.max(1)
    assert all(set(row) <= {0, top} for row, top in zip(out[:200], rows[:200], strict=True))
    mixed = rows[rows > 0]
    assert is_share(mixed[:, None] == [1, 2, 3], 1 / 3)


def test_deletion_changes_the_mask_of_its_modality():
    """Words of x1 go and its mask with them; the sample keeps its entries."""
    sample = {"x1": np.arange(1, 9), "x2": X, "mask1": np.ones(8, bool)}
    found = many(apart(compose(["delete_one"]), None), sample)
    assert set(found) == set(sample) and (found["mask1"].sum(1) == 7).all() and (found["x1"][:, -1] == 0).all()


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: compose(["blur"]), "no augmentation 'blur': choose among identity, gaussian_noise, zero, drop, crop"),
        (lambda: compose([("drop", {"share": 0.1})]), "drop has the settings most, chance and needs none of them"),
        (lambda: compose(["cut_mix"]), "needs other; found none"),
        (lambda: compose([("drop", {"chance": 2})]), "chance must lie between 0 and 1"),
        (lambda: compose("drop"), "found 'drop'"),
        (lambda: compose([]), r"found \[\]"),
        (lambda: compose(("drop", {"most": 0.5})), "a step must be a name"),
        (lambda: compose(["drop"], "both"), "'all', 'one_of'"),
        (lambda: compose([lambda key, x: x[1:]])(KEY, X), r"must keep the shape .* \(8, 3\); found \(7, 3\)"),
        (lambda: compose(["gaussian_noise"]), "needs sd"),
        (lambda: compose(["time_warp"])(KEY, np.arange(8)), "makes float32 of int32"),
        (lambda: compose(["noise_where_silent"])(KEY, X), "looks at the other modality"),
        (lambda: together(drop)(KEY, {"x1": X, "x2": X[1:]}), "as many steps; found 8 and 7"),
        (lambda: apart(None, compose(["noise_where_silent"]))(KEY, {"x1": X[1:], "x2": X}), "one length"),
        (lambda: apart(compose(["delete_one"]), None)(KEY, {"x1": jnp.arange(3), "x2": X}), "mask1 or mask2"),
        (lambda: cut_mix(KEY, X, X), r"samples of shape \(8, 3\); found an array \(8, 3\)"),
        (lambda: cut_mix(KEY, X, X[None], 0.5, (True, False)), "3 booleans"),
    ],
)
def test_words(act, words):
    """What cannot be used is refused in a sentence that says what could."""
    with pytest.raises(ValueError, match=words):
        act()


def test_pictures_are_augmented_by_name():
    picture, off = (
        np.random.default_rng(0).random((6, 6, 3), np.float32),
        dict.fromkeys(("jitter_rate", "blur_rate"), 0),
    )
    flipped = compose([("simclr", {"size": 6, "crop": None, "flip": 1, "grey_rate": 0} | off)])(KEY, picture)
    np.testing.assert_allclose(flipped, picture[:, ::-1], atol=1e-6)


def test_names_are_those_of_the_functions():
    """One table for all, no name twice."""
    assert all(name == function.__name__ for name, function in AUGMENTATIONS.items()) and len(AUGMENTATIONS) == 25
