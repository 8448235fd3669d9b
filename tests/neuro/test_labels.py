"""pidjax/neuro/labels.py: which columns of the metadata are labels, and of which trials."""

import numpy as np
import pandas as pd

from pidjax.evaluate import blockwise_folds
from pidjax.neuro.labels import labels_of


def test_sessions_without_a_common_class_have_labels_of_their_own():
    """Imagery (left, right) and arithmetic (sums, rest) are two questions; a class in common makes them one."""
    n = 40
    table = pd.DataFrame({"session": np.repeat(["imagery", "arithmetic"], n), "trial_type": "left"})
    table.loc[1::2, "trial_type"] = "right"
    table.loc[n:, "trial_type"] = np.where(np.arange(n) % 2, "sums", "rest")
    blocks = np.tile(np.arange(n) // 10, 2)
    folds = blockwise_folds(blocks, np.arange(2.0 * n), recording=np.repeat([0, 1], n))
    found, skipped = labels_of(table, folds)
    assert {label.name: set(label.values) for label in found} == {
        "trial_type of imagery": {"left", "right"},
        "trial_type of arithmetic": {"sums", "rest"},
    }
    assert not skipped and all((table.session[label.rows] == label.name.split()[-1]).all() for label in found)
    alone = labels_of(table.assign(session=np.repeat([1, 2], n), trial_type=np.repeat(["x", "y"], n)), folds)
    assert alone == ([], {"trial_type": "every session has one class of its own, so the session tells it all"})
    shared = table.replace({"sums": "left"})
    assert [label.name for label in labels_of(shared, folds)[0]] == ["trial_type"]


def test_a_number_that_is_its_blocks_is_no_target():
    """A number of one value a block leaves nothing to decode within blocks; one trial that differs is enough."""
    n = 40
    blocks = np.arange(n) // 5
    table = pd.DataFrame({"dose": blocks / 10})
    folds = blockwise_folds(blocks, np.arange(float(n)))
    found, skipped = labels_of(table, folds)
    assert not found and skipped["dose"].startswith("it is the same in all trials of a block")
    table.loc[3, "dose"] = 2.0
    assert [label.name for label in labels_of(table, folds)[0]] == ["dose"]


def test_one_value_is_said():
    """A column of words, or of few numbers, that never varies is named among what was not probed."""
    folds = blockwise_folds(np.arange(20) // 5, np.arange(20.0))
    found, skipped = labels_of(pd.DataFrame({"task": ["rest"] * 20, "level": 2}), folds)
    assert not found and skipped == {"task": "all trials have the same, rest", "level": "all trials have the same, 2"}
