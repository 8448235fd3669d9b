"""Augmentations of vectors and sequences: what each changes, how often, and what it leaves alone."""

import functools

import jax
import numpy as np
import pytest

from pidjax.data.augment import gaussian_noise
from pidjax.data.augment_sequences import mask_features, mask_steps, pitch, stretch, time_warp
from pidjax.data.augment_steps import crop, drop, permute, swap, zero

N, T, REAL = 2000, 8, 5
KEYS = jax.random.split(jax.random.key(0), N)
X = np.random.default_rng(0).normal(size=(T, 3)).astype(np.float32)
RAMP = np.tile(1 + np.arange(T, dtype=np.float32)[:, None], (1, 3))
WHOLE, PADDED = np.ones(T, bool), np.arange(T) < REAL
SEQUENCES = {
    "zero": (zero, 0.4),
    "drop": (drop, 0.8),
    "crop": (crop, 0.25),
    "swap": (swap,),
    "permute": (permute,),
    "time_warp": (time_warp, 0.2),
    "stretch": (stretch, 1.5),
    "mask_steps": (mask_steps, 0.5, 2),
    "gaussian_noise": (gaussian_noise, 0.3),
}
every = pytest.mark.parametrize("name", SEQUENCES)


@functools.cache
def mapped(name):
    """The augmentation for all keys, compiled once for every mask."""
    aug, *args = SEQUENCES[name]
    return jax.jit(jax.vmap(lambda key, x, mask: aug(key, x, *args, mask=mask), in_axes=(0, None, None)))


def many(name, x=X, mask=WHOLE):
    """Its results for N keys."""
    return np.asarray(mapped(name)(KEYS, x, mask))


def lost(out):
    """Steps that are zero in all features."""
    return (out == 0).all(-1)


def runs(steps):
    """Number of stretches of true steps."""
    return (np.diff(np.pad(steps.astype(int), ((0, 0), (1, 0))), axis=1) == 1).sum(1)


def is_share(found, p):
    """A mean of N coins, within 4 standard errors of its probability."""
    return (np.abs(np.mean(found, 0) - p) <= 4 * np.sqrt(np.asarray(p) * (1 - np.asarray(p)) / N)).all()


def is_uniform(sample, lo, hi):
    """Inside [lo, hi], its first two moments within 4 standard errors."""
    u = (sample - lo) / (hi - lo)
    inside = u.min() >= -1e-4 and u.max() <= 1 + 1e-4
    return inside and abs(u.mean() - 1 / 2) < 4 * np.sqrt(1 / 12 / N) and abs(u.var() - 1 / 12) < 4 / np.sqrt(180 * N)


@every
def test_padding_stays(name):
    """Steps that are not real are what they were, whatever happens to the others."""
    out = many(name, mask=PADDED)
    np.testing.assert_array_equal(out[:, REAL:], np.broadcast_to(X[REAL:], (N, T - REAL, 3)))
    assert (out[:, :REAL] != X[:REAL]).any()


@every
def test_no_mask_is_a_mask_of_ones(name):
    """Alone, without a mask, the same result of the same key."""
    aug, *args = SEQUENCES[name]
    np.testing.assert_allclose(aug(KEYS[3], X, *args), many(name)[3], rtol=1e-4, atol=1e-5)


@every
def test_a_sequence_of_padding_alone_stays(name):
    """No real step, nothing to change, nothing that is not a number."""
    np.testing.assert_array_equal(many(name, mask=~WHOLE), np.broadcast_to(X, (N, T, 3)))


@pytest.mark.parametrize(("mask", "length"), [(WHOLE, T), (PADDED, REAL)])
def test_zero_takes_its_share_anywhere(mask, length):
    """Exactly ⌊0.4 n⌋ steps, each as likely, the others untouched."""
    out, count = many("zero", mask=mask), int(0.4 * length)
    assert (lost(out).sum(1) == count).all() and is_share(lost(out)[:, :length], np.full(length, count / length))
    np.testing.assert_array_equal(out, np.where(lost(out)[..., None], 0, X))


def test_zero_of_a_vector_takes_coordinates():
    """Of 30 coordinates 3, as the released code does; the binary fraction of 0.1 is not in the way."""
    vector = np.arange(1, 31, dtype=np.float32)
    assert (np.asarray(zero(KEYS[0], vector, 0.1)) == 0).sum() == 3


def test_drop_takes_a_uniform_share():
    """⌊8 s⌋ steps with s uniform in [0, 0.8]: 5/32 each of 0 … 5 steps, 2/32 of 6."""
    out = many("drop")
    assert is_share(lost(out).sum(1)[:, None] == np.arange(7), np.array([5, 5, 5, 5, 5, 5, 2]) / 32)
    np.testing.assert_array_equal(out, np.where(lost(out)[..., None], 0, X))


def test_crop_keeps_one_stretch():
    """2 … 7 steps, 1/6 of the draws each, in one piece, and at any place as often as at any other."""
    kept = ~lost(many("crop"))
    assert (runs(kept) == 1).all() and is_share(kept.sum(1)[:, None] == np.arange(2, 8), np.full(6, 1 / 6))
    first = kept.argmax(1)[kept.sum(1) == 5]
    share = (first[:, None] == np.arange(4)).mean(0)
    assert np.abs(share - 1 / 4).max() < 4 * np.sqrt(3 / 16 / len(first))


def test_crop_leaves_one_step_at_least():
    """Of two real steps a quarter is none."""
    kept = ~lost(many("crop", mask=np.arange(T) < 2))
    assert set(kept[:, :2].sum(1)) == {1}


@pytest.mark.parametrize(
    ("mask", "order"), [(WHOLE, [4, 5, 6, 7, 0, 1, 2, 3]), (PADDED, [2, 3, 4, 0, 1, 5, 6, 7])], ids=["even", "odd"]
)
def test_swap_puts_the_second_half_first(mask, order):
    """Whatever the key."""
    np.testing.assert_array_equal(many("swap", mask=mask), np.broadcast_to(X[order], (N, T, 3)))


def test_permute_keeps_the_steps_and_shuffles_them_evenly():
    """The same steps, each at each real place in a fifth of the draws."""
    found = many("permute", x=RAMP, mask=PADDED)[:, :REAL, 0].astype(int) - 1
    assert (np.sort(found, 1) == np.arange(REAL)).all()
    assert is_share(found[:, :, None] == np.arange(REAL), np.full((REAL, REAL), 1 / REAL))


def test_time_warp_moves_the_middle_and_holds_the_ends():
    """A ramp stays monotone between its ends, within ± 0.2 of the time, with two slopes; later and earlier alike."""
    out = many("time_warp", x=RAMP)[:, :, 0] - 1
    np.testing.assert_allclose(out[:, [0, -1]], np.broadcast_to([0, T - 1], (N, 2)), atol=1e-5)
    shift = out - np.arange(T)
    assert (np.diff(out) >= -1e-5).all() and np.abs(shift).max() <= 0.2 * (T - 1) + 1e-4
    bends = (np.abs(np.diff(out, 2)) > 1e-3).sum(1)
    assert set(bends) <= {0, 1, 2} and (bends > 0).mean() > 0.9  # two where the moment lies between two steps
    assert abs(shift.mean()) <= 4 * shift.mean(1).std() / np.sqrt(N)


def test_stretch_plays_at_one_rate():
    """A ramp comes back with one slope, of uniform logarithm, and ends in zeros where it was played out."""
    out = many("stretch", x=RAMP)[:, :, 0]
    rate = out[:, 1] - 1
    played = rate[:, None] * np.arange(T)
    sure = np.abs(played - (T - 1)) > 1e-3
    np.testing.assert_allclose(out[sure], np.where(played <= T - 1, 1 + played, 0)[sure], atol=1e-4)
    assert is_uniform(np.log(rate), -np.log(1.5), np.log(1.5))


def test_pitch_shifts_the_features():
    """A ramp over the bins is moved by a uniform number of bins and held at its ends; all steps alike."""
    out = np.asarray(jax.jit(jax.vmap(lambda key: pitch(key, RAMP.T, 2.0)))(KEYS)) - 1
    shift = 4 - out[:, 0, 4]
    assert (out == out[:, :1]).all() and is_uniform(shift, -2, 2)
    np.testing.assert_allclose(out[:, 0], np.clip(np.arange(T) - shift[:, None], 0, T - 1), atol=1e-4)


def test_time_masks_are_stretches_of_uniform_length():
    """Two of them, of up to half of the time each; one alone has each length 0 … 4 in a fifth of the draws."""
    two = lost(many("mask_steps"))
    assert (runs(two) <= 2).all() and two.sum(1).max() <= 8 and two.any(0).all()
    one = lost(np.asarray(jax.jit(jax.vmap(lambda key: mask_steps(key, X, 0.5)))(KEYS)))
    assert (runs(one) <= 1).all() and is_share(one.sum(1)[:, None] == np.arange(5), np.full(5, 1 / 5))


def test_feature_masks_are_time_masks_of_the_transpose():
    """The same key, the same stretches along the other axis."""
    np.testing.assert_array_equal(mask_features(KEYS[5], X.T, 0.5, 2).T, many("mask_steps")[5])


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: zero(KEYS[0], X, 1.5), "share must lie between 0 and 1; found 1.5"),
        (lambda: drop(KEYS[0], X, -0.1), "most must lie between 0 and 1"),
        (lambda: time_warp(KEYS[0], X, 0.5), "between 0 and 0.49"),
        (lambda: stretch(KEYS[0], X, 0.5), "factor, 1 or more"),
        (lambda: pitch(KEYS[0], X, -1.0), "number of bins"),
    ],
    ids=["zero", "drop", "warp", "stretch", "pitch"],
)
def test_words(act, words):
    """Settings that mean nothing are refused."""
    with pytest.raises(ValueError, match=words):
        act()
