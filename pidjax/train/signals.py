"""SIGTERM and Ctrl-C become a wish to stop after the step that runs, so that nothing is lost."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

import jax
from jax.experimental import multihost_utils


class StopSignals:
    """Inside ``with``, the first Ctrl-C or SIGTERM is only noted; another Ctrl-C interrupts at once.

    With several processes a SIGTERM to any of them stops all after the same step (JAX's preemption service).
    Outside the main thread signals cannot be caught: there they do what they did before.
    """

    def __init__(self, *, terminate: bool):
        self._signals = [signal.SIGINT]
        if terminate and jax.process_count() == 1:
            self._signals.append(signal.SIGTERM)
        self._shared = terminate and jax.process_count() > 1
        self._before: dict[int, Any] = {}
        self._received: signal.Signals | None = None

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in self._signals}
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wish(self, step: int) -> signal.Signals | None:
        """The signal that asks to stop after ``step`` steps, if any; asked after every call of the step."""
        if self._shared and multihost_utils.reached_preemption_sync_point(step):
            return signal.SIGTERM
        return self._received

    def _note(self, number: int, _frame: Any) -> None:
        if number == signal.SIGINT:
            if self._received is not None:
                raise KeyboardInterrupt
            print("\nstopping after this step; Ctrl-C again stops at once.", file=sys.stderr)
        self._received = signal.Signals(number)
