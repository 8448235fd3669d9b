"""What methods cost: operations, parameters and seconds of a forward pass and of a training step (CoMM, Table 8).

python -m experiments.complexity                       # Table 8: CLIP (ViT-B/32, needs no weights) and CoMM on it
python -m experiments.complexity --preset trifeature   # a step too, at CoMM's sizes: 224 pixels, batches of 64
python -m experiments.complexity --preset small        # the same at the sizes for 2 CPU cores

Cross is Trifeature's CLIP. A forward pass encodes a batch as it is; a step is all of training: augmentations, losses,
gradients, optimisers, FactorCL's inner update too. Methods are timed in turn, and read best as ratios.
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

from experiments.command import command
from experiments.full_shapes import ROWS, SIZES, compile_in_haste, generated, start
from experiments.mmimdb.config import PRESETS as MMIMDB
from experiments.mmimdb.methods import full
from experiments.representation import optimiser
from experiments.results import check_names, finish, kept_part, matrix, opened
from experiments.trifeature.config import PRESETS, Config
from experiments.trifeature.methods import objective
from pidjax.train import make_init
from pidjax.train.update import make_update
from pidjax.typing import Objective

METHODS = ("cross", "cross_self", "factorcl", "comm")
PHASES = ("forward", "step")
CLIP_CONFIG = MMIMDB["full"]
ON_CLIP = {"clip": "frozen", "comm": "comm"}
"""Of Table 8, by their names in experiments.mmimdb."""
PUBLISHED = {
    "clip": (251.0, 126.0, 222.0, 488.0),
    "comm": (281.0, 140.0, 229.0, 493.0),
    "blip-2": (9220.0, 4610.0, 1170.0, 14_000.0),
    "comm on blip-2": (9480.0, 4740.0, 1170.0, 15_000.0),
}
"""Of CoMM's Table 8: GFLOP, GMAC, parameters (millions), latency of a forward pass (ms)."""
UNITS = ("operations (G)", "products with a sum, MACs (G)", "parameters (millions)", "forward (ms)")
NOTES = """Operations are those that XLA counts in the compiled program: multiplications and additions apart, loops once
(FactorCL's critics run some, at full size of small weight beside the encoders). The released CoMM at MOSI's sizes has
2,176,144 parameters and takes 1.11e9 operations a sample and step (forward and backward, products of matrices alone),
by our measurement of its code.
"""
CAVEATS = f"""Table 8 says neither the batch nor the machine, so that operations and latencies compare as ratios; here a
batch is {ROWS} posters and plots of {SIZES.tokens} tokens, MACs are half of the operations that XLA counts, and all
parameters count, also those that only training uses. Plots are read by CLIP's own text transformer: 222 million
parameters are ViT-B/32 with the multilingual text encoder of the paper (135 million), CLIP has 151. BLIP-2 is not made.
"""


class Program(NamedTuple):
    """A compiled function, what it is called with, and the operations of a call."""

    call: Callable[..., Any]
    given: Sequence[Any]
    flops: float


def main(
    preset: Literal["full", "trifeature", "small", "smoke"] = "full",
    out: Path = Path("runs/complexity"),
    method: tuple[str, ...] = (),
    repeats: int = 5,
    resume: bool = True,
) -> None:
    """Compile and time every method, and print what it costs beside Cross, or beside CLIP and what was published.

    Args:
        preset: CLIP of CoMM's Table 8, or the sizes of experiments.trifeature, of which trifeature is full.
        out: Folder of the results; what it holds is not measured again.
        method: Of cross, cross_self, factorcl, comm (full: clip, comm); all by default, of smoke the first and comm;
            the first always.
        repeats: Times that each program is run.
        resume: Keep what an earlier run left; otherwise measure everything again.
    """
    known = tuple(ON_CLIP) if preset == "full" else METHODS
    check_names(method, known)
    method = method or (("comm",) if preset == "smoke" else known)
    names = tuple(name for name in known if name in (known[0], *method))
    chosen = CLIP_CONFIG if preset == "full" else PRESETS["full" if preset == "trifeature" else preset]
    started, out = time.time(), out / preset
    opened(out, chosen, resume=resume)
    if preset == "smoke":
        compile_in_haste()

    def measure(_: Path) -> dict[str, dict[str, float]]:
        return measured_on_clip(names, repeats) if preset == "full" else measured(names, chosen, repeats)

    found = kept_part(out, f"{'-'.join(names)}-{repeats}", measure)
    sizes = {"clip": dataclasses.asdict(SIZES), "rows": ROWS} if preset == "full" else dataclasses.asdict(chosen)
    settings = {"sizes": sizes, "methods": found}
    tables = [published_table(found), CAVEATS] if preset == "full" else [table(found, chosen.batch), NOTES]
    finish(out, started, tables, [], settings)


def measured(names: Sequence[str], config: Config, repeats: int) -> dict[str, dict[str, float]]:
    """Parameters, operations and median seconds of every method."""
    rng = np.random.default_rng(0)
    shape = (config.batch, config.view, config.view, 3)
    batch = {side: rng.integers(256, size=shape, dtype=np.uint8) for side in ("x1", "x2")}
    found, programs, tx = {}, {}, optimiser(config.learning_rate, config.weight_decay)
    for name in names:
        found[name], programs[name] = compiled(objective(name, config), tx, batch)
    return timed(found, programs, repeats)


def measured_on_clip(names: Sequence[str], repeats: int) -> dict[str, dict[str, float]]:
    """Parameters, resting ones too, operations and median seconds of a forward pass of every method of Table 8."""
    found, programs = {}, {}
    for name in names:
        of = full(ON_CLIP[name], SIZES, CLIP_CONFIG)
        state, batch = jax.device_put((start(of), generated(of)))
        one = program(forward(of.objective), state.params, state.state, batch)
        found[name] = {"parameters": numbers((state.params, state.state)), "forward flops": one.flops}
        programs[name] = {"forward": one}
    return timed(found, programs, repeats)


def timed(
    found: dict[str, dict[str, float]], programs: dict[str, dict[str, Program]], repeats: int
) -> dict[str, dict[str, float]]:
    """``found`` with the median seconds of every program, run in turn; the first time does not count."""
    seconds: dict[tuple[str, str], list[float]] = {(name, phase): [] for name in programs for phase in programs[name]}
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
    programs = {
        "forward": program(forward(base), state.params, state.state, batch),
        "step": program(make_update(base, txs, 1, False), state, batch),
    }
    facts = {"parameters": numbers(state.params)}
    return facts | {f"{phase} flops": one.flops for phase, one in programs.items()}, programs


def forward(base: Objective) -> Callable[..., Any]:
    """Parameters, state and batch -> what ``base`` encodes as it is."""
    return lambda params, state, batch: base.encode(params, state, batch, train=False)[0]


def numbers(tree: Any) -> float:
    """How many a tree of arrays holds."""
    return float(sum(math.prod(x.shape) for x in jax.tree.leaves(tree)))


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


def published_table(found: dict[str, dict[str, float]]) -> str:
    """Every number of Table 8, here and as published, and CoMM's as multiples of its backbone's."""
    here = {
        name: (
            one["forward flops"] / 1e9,
            one["forward flops"] / 2e9,
            one["parameters"] / 1e6,
            1e3 * one["forward seconds"],
        )
        for name, one in found.items()
    }
    rows: dict[str, list[str]] = {}
    for backbone in ("clip", "blip-2"):
        pair = (backbone, "comm" if backbone == "clip" else f"comm on {backbone}")
        for of, values in (("here", here), ("published", PUBLISHED)):
            for name in pair:
                if name in values:
                    rows[f"{name}, {of}"] = [f"{float(f'{x:.4g}'):,g}" for x in values[name]]
            if pair[1] in values:
                ratios = zip(*(values[name] for name in reversed(pair)), strict=True)
                rows[f"{pair[1]} / {backbone}, {of}"] = [f"{more / less:.2f}" for more, less in ratios]
    title = "What a forward pass of posters and plots costs\n\n"
    return title + matrix("method", UNITS, rows)


if __name__ == "__main__":
    command(main)
