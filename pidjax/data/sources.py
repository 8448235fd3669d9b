"""Sources of batches, ``f(step) -> batch``: arrays in memory or on disk, streams, pairs of outer and inner batches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from pidjax._checks import InputError
from pidjax.typing import Array, Batch


def array_batches(
    key: Array,
    arrays: Mapping[str, np.ndarray],
    size: int,
    *,
    process: tuple[int, int] | None = None,
) -> Callable[[int], Batch]:
    """``f(step) -> batch`` over arrays in memory or on disk (``numpy.load(..., mmap_mode="r")``), shuffled by epoch.

    Every sample is seen once an epoch but for the rest that does not fill a batch; epoch e goes through the samples in
    the order permutation(fold_in(key, e), n). Only the rows of a batch are read.

    Parameters
    ----------
    key : PRNG key
    arrays : {name: array [n, ...]}
        Anything that numpy's indexing reads rows of.
    size : int
        Rows of the batch of all processes.
    process : (index, count), optional
        Rows [index · size / count, (index + 1) · size / count) of the batch are given; of this process by default.

    Raises
    ------
    InputError
        No arrays, arrays of different lengths, a batch larger than the data or not divisible by the processes.
    """
    lengths = {name: len(x) for name, x in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise InputError(f"arrays must be of one length, the number of samples; found {lengths}.")
    n = next(iter(lengths.values()))
    if not 0 < size <= n:
        raise InputError(f"a batch must hold 1 to {n} samples, as many as there are; found {size}.")
    share = _share(size, process)
    per_epoch = n // size

    @functools.lru_cache(maxsize=2)
    def order(epoch: int) -> np.ndarray:
        return np.asarray(jax.random.permutation(jax.random.fold_in(key, epoch), n))

    def batch(step: int) -> Batch:
        epoch, k = divmod(step, per_epoch)
        rows = order(epoch)[k * size :][share]
        # sorted reading is what a disk likes; the order within a batch is then put back
        ascending = np.argsort(rows)
        back = np.argsort(ascending)
        return {name: np.asarray(x[rows[ascending]])[back] for name, x in arrays.items()}  # type: ignore[misc]

    return batch


def stream_batches(open_at: Callable[[int], Iterator[Batch]]) -> Callable[[int], Batch]:
    """``f(step) -> batch`` over a stream that is read in order.

    ``open_at(step)`` returns an iterator over the batches from ``step`` on, the same ones whenever it is called: a
    resumed run opens it once, at the step where it goes on. Each of several processes opens its own share.

    Raises
    ------
    InputError
        By ``f``, where the stream ends.
    """
    position: dict[str, Any] = {"next": None, "stream": None}

    def batch(step: int) -> Batch:
        if position["next"] != step:
            position["stream"] = open_at(step)
        try:
            found = next(position["stream"])
        except StopIteration:
            position["next"] = None
            raise InputError(f"the stream holds no batch for step {step}: let it go on, or take fewer steps.") from None
        position["next"] = step + 1
        return found

    return batch


def with_inner(outer: Callable[[int], Batch], inner: Callable[[int], Batch], inner_steps: int) -> Callable[[int], Any]:
    """``f(step) -> (batch, inner batches [inner_steps, ...])`` for ``make_step(..., inner_batch="fresh")``.

    Step i takes the batches i · inner_steps, ... of ``inner``, which has a key of its own.
    """

    def batch(step: int) -> Any:
        fresh = [inner(step * inner_steps + k) for k in range(inner_steps)]
        return outer(step), jax.tree.map(lambda *x: np.stack(x), *fresh)

    return batch


def _share(size: int, process: tuple[int, int] | None) -> slice:
    index, count = process or (jax.process_index(), jax.process_count())
    if size % count:
        raise InputError(f"a batch of {size} does not divide by {count} processes: take a multiple of {count}.")
    return slice(index * (size // count), (index + 1) * (size // count))
