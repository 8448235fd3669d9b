"""One training step of a problem as pidjax runs it, ready to be timed: the case of ``step.py`` and ``scaling.py``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax

from benchmarks.step_comm import comm
from benchmarks.step_factorcl import factorcl
from benchmarks.step_problem import Problem
from benchmarks.worker import Built
from pidjax.train import TrainState, make_init, make_step

PROBLEMS = {"factorcl": factorcl, "comm": comm}
COMPARED = 3
"""Steps whose losses must agree: the first loss is of the start, the others also of gradients and optimisers."""


def start(problem: Problem) -> TrainState:
    """The state before the first step, the same on every machine."""
    return make_init(problem.objective, problem.txs)(jax.random.key(0), problem.batch)


def pidjax(problem: str, sizes: dict[str, Any], **options: Any) -> Built:
    """``train.make_step`` with ``options``, the batch already in place."""
    made = PROBLEMS[problem](**sizes)
    step = make_step(made.objective, made.txs, donate=True, **options)
    held, batch, device = [start(made)], step.place(made.batch), jax.devices()[0]

    def run() -> float:
        held[0], info = jax.block_until_ready(step.run(held[0], batch))
        return float(info["loss"])

    def memory() -> float:
        used = device.memory_stats()
        return (used["peak_bytes_in_use"] - used["bytes_in_use"]) / 2**20

    facts = {"device": device.device_kind} | ({"memory_mib": memory} if device.memory_stats() else {})
    return stepped(run, facts)


def stepped(run: Callable[[], float], facts: dict[str, Any]) -> Built:
    """``run()`` does a step and returns its loss. Two are done here, so that what is compiled or allocated once is."""
    losses: list[float] = []

    def step() -> float:
        losses.append(run())
        return losses[-1]

    times = []
    for _ in range(COMPARED - 1):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return Built(step, {"compile_s": times[0] - times[1], "losses": lambda: losses[:COMPARED], **facts})
