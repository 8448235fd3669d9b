"""What methods cost: operations, parameters and seconds of a forward pass and of a training step (CoMM, Table 8).

python -m experiments.complexity                   # Trifeature at CoMM's sizes: 224 pixels, batches of 64
python -m experiments.complexity --preset small    # the sizes of experiments.trifeature for 2 CPU cores

Cross is CLIP. A forward pass encodes a batch as it is; a step is all of training: augmentations, losses, gradients,
optimisers, FactorCL's inner update too. Methods are timed in turn, and read best as ratios to Cross.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from benchmarks.store import kept
from experiments.command import command
from experiments.representation import optimiser
from experiments.results import check_names, finish, matrix, opened
from experiments.trifeature.config import PRESETS, Config
from experiments.trifeature.methods import objective
from pidjax.train import make_init
from pidjax.train.update import make_update
from pidjax.typing import Objective

METHODS = ("cross", "cross_self", "factorcl", "comm")
PHASES = ("forward", "step")
NOTES = """Operations are those that XLA counts in the compiled program: multiplications and additions apart, loops once
(FactorCL's critics run some, at full size of small weight beside the encoders). CoMM's Table 8 is not in our notes, so
that no published number stands beside; the released CoMM at MOSI's sizes has 2,176,144 parameters and takes 1.11e9
operations a sample and step (forward and backward, products of matrices alone), by our measurement of its code.
"""


class Program(NamedTuple):
    """A compiled function, what it is called with, and the operations of a call."""

    call: Callable[..., Any]
    given: Sequence[Any]
    flops: float


def main(
    preset: Literal["full", "small", "smoke"] = "full",
    out: Path = Path("runs/complexity"),
    method: tuple[str, ...] = METHODS,
    repeats: int = 5,
    resume: bool = True,
) -> None:
    """Compile and time every method, and print what it costs beside Cross.

    Args:
        preset: Sizes of experiments.trifeature.
        out: Folder of the results; what it holds is not measured again.
        method: Of cross, cross_self, factorcl, comm; cross is always there.
        repeats: Times that each program is run.
        resume: Keep what an earlier run left; otherwise measure everything again.
    """
    check_names(method, METHODS)
    chosen = PRESETS[preset]
    names = tuple(name for name in METHODS if name in ("cross", *method))
    started, out = time.time(), out / preset
    opened(out, chosen, resume=resume)
    found = kept(out / "parts" / f"{'-'.join(names)}-{repeats}.json", lambda: measured(names, chosen, repeats))
    settings = {"sizes": dataclasses.asdict(chosen), "methods": found}
    finish(out, started, [table(found, chosen.batch), NOTES], [], settings)


def measured(names: Sequence[str], config: Config, repeats: int) -> dict[str, dict[str, float]]:
    """Parameters, operations and median seconds of every method."""
    rng = np.random.default_rng(0)
    shape = (config.batch, config.size, config.size, 3)
    batch = {side: rng.integers(256, size=shape, dtype=np.uint8) for side in ("x1", "x2")}
    found, programs, tx = {}, {}, optimiser(config.learning_rate, config.weight_decay)
    for name in names:
        found[name], programs[name] = compiled(objective(name, config), tx, batch)
    seconds: dict[tuple[str, str], list[float]] = {(name, phase): [] for name in names for phase in PHASES}
    for _ in range(repeats + 1):
        for name, phase in seconds:
            program = programs[name][phase]
            begin = time.perf_counter()
            jax.block_until_ready(program.call(*program.given))
            seconds[name, phase].append(time.perf_counter() - begin)
    for (name, phase), times in seconds.items():
        found[name] |= {f"{phase} seconds": statistics.median(times[1:])}
    return found


def compiled(base: Objective, tx: Any, batch: dict[str, np.ndarray]) -> tuple[dict[str, float], dict[str, Program]]:
    """The facts of an objective, and its programs "forward" and "step"."""
    txs = {"theta": tx, "phi": tx}
    state = make_init(base, txs)(jax.random.key(0), batch)

    def forward(params: Any, state: Any, batch: Any) -> Any:
        return base.encode(params, state, batch, train=False)[0]

    programs = {
        "forward": program(forward, state.params, state.state, batch),
        "step": program(make_update(base, txs, 1, False), state, batch),
    }
    facts = {"parameters": float(sum(math.prod(x.shape) for x in jax.tree.leaves(state.params)))}
    return facts | {f"{phase} flops": one.flops for phase, one in programs.items()}, programs


def program(function: Callable[..., Any], *given: Any) -> Program:
    """``function`` compiled for what it is given, with XLA's count of its operations."""
    call = jax.jit(function).lower(*given).compile()
    costs = call.cost_analysis()
    return Program(call, given, float(costs["flops"]))


def table(found: dict[str, dict[str, float]], batch: int) -> str:
    """Every number, and its ratio to that of Cross."""
    units = {"parameters": (1e6, "parameters (millions)")}
    for phase in PHASES:
        units[f"{phase} flops"] = (1e9 * batch, f"{phase}: GFLOP a sample")
        units[f"{phase} seconds"] = (1e-3, f"{phase}: ms a batch of {batch}")
    rows = {
        name: [f"{one[key] / unit:.3g} ({one[key] / found['cross'][key]:.2f})" for key, (unit, _) in units.items()]
        for name, one in found.items()
    }
    title = "What methods cost, in brackets as a multiple of Cross\n\n"
    return title + matrix("method", [label for _, label in units.values()], rows)


if __name__ == "__main__":
    command(main)
