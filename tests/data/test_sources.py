"""pidjax/data/sources.py: batches of arrays, of files and of streams are functions of the step."""

import itertools

import jax
import numpy as np
import pytest

from pidjax.data import array_batches, stream_batches, with_inner

KEY = jax.random.key(0)
ARRAYS = {"x": np.arange(46.0).reshape(23, 2), "label": np.arange(23)}


def test_an_epoch_sees_every_sample_once():
    """But for the rest that fills no batch; rows of all arrays belong together; epochs differ in order."""
    get = array_batches(KEY, ARRAYS, 5)
    epochs = [np.concatenate([get(4 * e + k)["label"] for k in range(4)]) for e in range(3)]
    for labels in epochs:
        assert len(set(labels.tolist())) == 20
    assert (epochs[0] != epochs[1]).any() and (epochs[1] != epochs[2]).any()
    for step in range(9):
        batch = get(step)
        np.testing.assert_array_equal(batch["x"][:, 0], 2 * batch["label"])


def test_a_batch_is_a_function_of_key_and_step():
    """Whatever was asked for before; another key gives others."""
    a, b = array_batches(KEY, ARRAYS, 5), array_batches(KEY, ARRAYS, 5)
    forward = [a(i)["label"] for i in range(12)]
    for i in (11, 3, 0, 7):
        np.testing.assert_array_equal(b(i)["label"], forward[i])
    other = array_batches(jax.random.key(1), ARRAYS, 5)
    assert any((other(i)["label"] != forward[i]).any() for i in range(3))


def test_files_on_disk_give_the_batches_of_memory(tmp_path):
    """Memory-mapped by numpy: the same rows in the same order, as arrays of their own."""
    np.save(tmp_path / "x.npy", ARRAYS["x"])
    mapped = ARRAYS | {"x": np.load(tmp_path / "x.npy", mmap_mode="r")}
    for step in range(6):
        found = array_batches(KEY, mapped, 5)(step)["x"]
        assert not isinstance(found.base, np.memmap)
        np.testing.assert_array_equal(found, array_batches(KEY, ARRAYS, 5)(step)["x"])


def test_processes_share_a_batch():
    """The shares of three, joined, are the batch of one."""
    whole = array_batches(KEY, ARRAYS, 6)(4)["label"]
    shares = [array_batches(KEY, ARRAYS, 6, process=(i, 3))(4)["label"] for i in range(3)]
    np.testing.assert_array_equal(np.concatenate(shares), whole)


@pytest.mark.parametrize(
    ("arrays", "size", "process", "words"),
    [
        ({"a": np.zeros(3), "b": np.zeros(4)}, 2, None, "one length.*'a': 3, 'b': 4"),
        ({}, 2, None, "one length"),
        (ARRAYS, 24, None, "1 to 23 samples, as many as there are; found 24"),
        (ARRAYS, 0, None, "found 0"),
        (ARRAYS, 5, (0, 2), "5 does not divide by 2 processes"),
    ],
)
def test_arrays_that_make_no_batches_are_refused(arrays, size, process, words):
    """In words."""
    with pytest.raises(ValueError, match=words):
        array_batches(KEY, arrays, size, process=process)


def test_a_stream_is_opened_where_it_is_read():
    """Once when read in order; anew where a run goes on, at that step; with the same batches."""
    opened = []

    def open_at(step):
        opened.append(step)
        return ({"x": np.full(2, i)} for i in itertools.count(step))

    get = stream_batches(open_at)
    assert [int(get(i)["x"][0]) for i in (0, 1, 2, 7, 8, 3)] == [0, 1, 2, 7, 8, 3]
    assert opened == [0, 7, 3]


def test_a_stream_that_ends_is_said():
    """The step that it has nothing for."""
    get = stream_batches(lambda step: iter([{"x": np.zeros(1)}] * (2 - step)))
    get(0), get(1)
    with pytest.raises(ValueError, match="no batch for step 2"):
        get(2)


def test_inner_batches_go_on_from_step_to_step():
    """Step i takes inner batches 2i and 2i + 1."""
    inner = array_batches(jax.random.key(1), ARRAYS, 3)
    outer, pair = with_inner(array_batches(KEY, ARRAYS, 5), inner, 2)(3)
    assert outer["x"].shape == (5, 2) and pair["x"].shape == (2, 3, 2)
    np.testing.assert_array_equal(pair["label"], [inner(6)["label"], inner(7)["label"]])
