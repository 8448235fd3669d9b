"""SIGTERM and Ctrl-C become a wish to stop after the step that runs, so that nothing is lost."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import jax

from pidjax.train.hosts import largest

AGREE = 10
"""Calls of the step between two agreements of several processes, each of which waits for all of them."""


class StopSignals:
    """Inside ``with``, the first Ctrl-C or SIGTERM is only noted; another Ctrl-C interrupts at once.

    With several processes a signal to any of them stops all after the same step. Outside the main thread signals
    cannot be caught: there they do what they did before.
    """

    def __init__(self, *, terminate: bool):
        self._signals = [signal.SIGINT, signal.SIGTERM] if terminate else [signal.SIGINT]
        self._before: dict[int, Any] = {}
        self._received = 0
        self._calls = 0

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in self._signals}
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._before.items():
            # None is a handler that is not Python's (JAX's, where processes are connected): it cannot be put back
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def wish(self, *, last: bool = False) -> signal.Signals | None:
        """The signal that asks to stop, if any; asked after every call of the step, and once more after the last."""
        self._calls += 1
        if jax.process_count() == 1:
            agreed = self._received
        else:
            agreed = largest(self._received) if last or self._calls % AGREE == 0 else 0
        return signal.Signals(agreed) if agreed else None

    def _note(self, number: int, _frame: Any) -> None:
        if number == signal.SIGINT:
            if self._received:
                raise KeyboardInterrupt
            # not print: the signal may have come in the middle of one
            os.write(2, b"\nstopping after this step; Ctrl-C again stops at once.\n")
        self._received = number
