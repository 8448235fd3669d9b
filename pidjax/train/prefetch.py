"""Batches made and put on devices ahead of the step that reads them, in a thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Prefetch:
    """``get(i)`` for i = first, first + stride, ... below ``last``, each made up to ``depth`` calls before it is asked.

    What making a batch raises is raised where it is asked for. With ``depth`` 0 nothing is made ahead.
    """

    def __init__(self, make: Callable[[int], Any], *, stride: int, last: int, depth: int):
        self._make, self._stride, self._last, self._depth = make, stride, last, depth
        self._pool = ThreadPoolExecutor(1, "prefetch") if depth else None
        self._made: dict[int, Future] = {}

    def __call__(self, i: int) -> Any:
        if self._pool is None:
            return self._make(i)
        for j in range(i, min(i + self._stride * (self._depth + 1), self._last), self._stride):
            if j not in self._made:
                self._made[j] = self._pool.submit(self._make, j)
        return self._made.pop(i).result()

    def close(self) -> None:
        """Forget what was made and not asked for; nothing is being made afterwards."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
