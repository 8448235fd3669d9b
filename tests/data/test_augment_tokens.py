"""Word masking and deletion: which words go, how often, and that the padding is right."""

import functools

import jax
import numpy as np
import pytest

from pidjax.data.augment_tokens import delete_one, delete_tokens, mask_tokens

N = 2000
KEYS = jax.random.split(jax.random.key(0), N)
X = np.array([101, 7, 8, 9, 102, 0, 0], np.int32)
MASK = X > 0
SPECIAL = (101, 102)


@functools.cache
def results(aug, *args):
    """Results for N keys."""
    found = jax.jit(jax.vmap(lambda key: aug(key, X, *args, special=SPECIAL, mask=MASK)))(KEYS)
    return jax.tree.map(np.asarray, found)


def is_share(found, p):
    """A mean of N coins, within 4 standard errors of its probability."""
    return np.abs(found.mean(0) - p).max() <= 4 * np.sqrt(p * (1 - p) / N)


def test_masking_puts_the_token_in_the_place_of_words_alone():
    """Each of the three words at its rate, never the special tokens nor the padding."""
    out = results(mask_tokens, 103, 0.3)
    hit = out == 103
    assert out.dtype == X.dtype and is_share(hit[:, 1:4], 0.3) and not hit[:, [0, 4, 5, 6]].any()
    np.testing.assert_array_equal(out, np.where(hit, 103, X))


def test_deletion_closes_up_and_pads():
    """What is left is the sentence without some words, in order; the mask counts it."""
    out, mask = results(delete_tokens, 0.3)
    kept = (out[:, :, None] == np.array([7, 8, 9])).any(1)
    assert is_share(kept, 0.7)
    for i in range(200):
        expected = [101, *np.array([7, 8, 9])[kept[i]], 102]
        np.testing.assert_array_equal(out[i], np.pad(expected, (0, 7 - len(expected))))
        np.testing.assert_array_equal(mask[i], np.arange(7) < len(expected))


def test_one_word_is_deleted_each_as_likely():
    """A third of the draws each."""
    out, mask = results(delete_one)
    assert (mask.sum(1) == 4).all()
    assert is_share((out[:, :, None] != np.array([7, 8, 9])).all(1), 1 / 3)


def test_the_last_word_is_not_deleted():
    """A sentence of one word, and one of none, stay."""
    for mask in (np.arange(7) < 1, np.zeros(7, bool)):
        out, left = delete_one(KEYS[0], X, mask=mask)
        np.testing.assert_array_equal(out, np.where(mask, X, 0))
        np.testing.assert_array_equal(left, mask)


def test_deletion_without_a_mask_is_refused():
    """Nobody could tell the words from the padding."""
    with pytest.raises(ValueError, match="mask1 or mask2"):
        delete_tokens(KEYS[0], X)
