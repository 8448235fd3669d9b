"""pidjax/data/paired.py: a batch of modalities, and what is refused before anything is trained."""

import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.data import paired

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(4, 3, 2)), RNG.normal(size=(4, 5))
MASK = np.arange(3)[None] < np.array([[3], [1], [2], [3]])


def test_a_batch():
    """Arrays and masks by name; what stands where nothing is real may be anything."""
    padded = np.where(MASK[..., None], A, np.nan)
    batch = paired([padded, B], [MASK, None])
    assert set(batch) == {"x1", "x2", "mask1"}
    np.testing.assert_array_equal(batch["x2"], B)
    assert set(paired([A, B, A])) == {"x1", "x2", "x3"}


@pytest.mark.parametrize(
    "arrays, masks, message",
    [
        ([A], None, "2 modalities or more; found 1"),
        ([A, B[:3]], None, r"found \[4, 3\] rows"),
        ([A[:0], B[:0]], None, r"found \[0, 0\] rows"),
        ([A.astype(str), B], None, "array of numbers"),
        ([A * np.nan, B], None, "missing in all samples, it holds no finite"),
        ([np.where(np.arange(4)[:, None, None] == 2, np.inf, A), B], None, "not finite in sample 2"),
        ([A, 0 * B], None, "modality 2 is the same in all samples"),
        ([A, B], [MASK & False, None], "nowhere true"),
        ([A, B], [MASK & (np.arange(4) != 1)[:, None], None], "all padding in sample 1"),
        ([A, B], [MASK.astype(int), None], "must be bool"),
        ([A, B], [MASK[:, :2], None], "must be bool"),
        ([np.where(np.arange(4)[:, None, None] == 1, np.nan, A), B], [MASK, None], "2 numbers of real tokens"),
    ],
)
def test_bad_input_is_refused_in_words(arrays, masks, message):
    """Each in a sentence that names the modality."""
    with pytest.raises(InputError, match=message):
        paired(arrays, masks)
