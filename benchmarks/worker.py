"""A process that builds one case and times it on request, so that methods can be timed in turn.

Each method lives in a process of its own: memory is its own, and no library's threads get in another's way.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

QUICK = 0.2
"""Seconds that one request for a time lasts at least: quick cases are run several times, the median counts."""


class Built(NamedTuple):
    """A case that is ready and has not run yet.

    ``run()`` blocks until its numbers are there and returns one that every method of a group must agree on;
    ``facts`` holds what building showed (compile seconds, temporary MiB where the compiler tells), or functions
    that tell after the first run.
    """

    run: Callable[[], float]
    facts: dict[str, Any]


class Worker:
    """One case in a process of its own; ``target`` is "module:function", called with the case's settings."""

    def __init__(self, target: str, settings: dict[str, Any], env: dict[str, str] | None = None):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", target, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | (env or {}),
        )
        self.facts = self._answer()

    def time(self) -> float:
        """Seconds of one run."""
        assert self._process.stdin is not None
        self._process.stdin.write("time\n")
        self._process.stdin.flush()
        return self._answer()["seconds"]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of this case ended with status {self._process.wait()}.")
        return json.loads(line)


def peak_mib() -> float:
    """Peak resident memory since the last reset."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def _reset_peak() -> None:
    """Forget what building used: freed memory goes back to the system, and the peak starts from what is left."""
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")


def _serve(target: str, settings: dict[str, Any]) -> None:
    answers = os.fdopen(os.dup(1), "w")  # whatever a library prints must not be read as an answer
    os.dup2(2, 1)
    module, function = target.split(":")
    built: Built = getattr(importlib.import_module(module), function)(**settings)
    _reset_peak()
    before = peak_mib()
    check = built.run()
    facts = {name: fact() if callable(fact) else fact for name, fact in built.facts.items()}
    facts = {"resident_mib": peak_mib() - before, "check": check, **facts}
    print(json.dumps(facts), file=answers, flush=True)
    for _ in sys.stdin:
        times: list[float] = []
        while sum(times) < QUICK:
            start = time.perf_counter()
            built.run()
            times.append(time.perf_counter() - start)
        print(json.dumps({"seconds": statistics.median(times)}), file=answers, flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1], json.loads(sys.argv[2]))
