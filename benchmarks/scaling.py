"""Throughput and memory of the FactorCL-SSL step against its batch, and against the number of devices.

    python -m benchmarks.scaling                  # 2 CPU cores, some 5 minutes
    python -m benchmarks.scaling --preset smoke   # seconds
    python -m benchmarks.scaling --preset gpu     # the GPUs there are, batches to 16,384

One hidden layer, the sizes of ``benchmarks/step.py``. Batches: encoded whole, rematerialised or in four pieces, on one
device. Devices: each engine on 1, 2 and 4, which on a CPU share its cores: more of them show what cutting a batch
costs. Each case has a process of its own. An interrupted run goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import functools
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import Any, Literal

import tyro
from tqdm import tqdm

from benchmarks.step import ENV, FACTORCL, TINY_FACTORCL
from benchmarks.store import kept, write
from benchmarks.worker import Built, Worker

VARIANTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "rematerialised": {"remat": True},
    "four pieces": {"accumulate": 4},
}


@dataclasses.dataclass(frozen=True)
class Preset:
    """Variants of a step on batches for one device; engines on one batch for several devices."""

    sizes: dict[str, Any]
    batches: tuple[int, ...]
    devices: tuple[int, ...]
    shared_batch: int
    variants: tuple[str, ...] = tuple(VARIANTS)
    engines: tuple[str, ...] = ("jit", "pmap", "shard_map")


PRESETS = {
    "full": Preset(FACTORCL, (64, 256, 1024, 2048), (1, 2, 4), 256),
    "smoke": Preset(TINY_FACTORCL | {"critic": [16, 16]}, (), (2,), 8, (), ("pmap",)),
    "gpu": Preset(FACTORCL, (256, 1024, 4096, 16384), (1, 2, 4, 8), 4096),
}


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of the table."""

    kind: Literal["batch", "devices"]
    n: int
    devices: int
    variant: str
    options: dict[str, Any]


def cases(preset: Preset, there: int | None) -> dict[str, Case]:
    """What a preset measures, by name; with ``there`` GPUs, no more devices than those."""
    found = {
        f"batch-{n}-{variant.replace(' ', '-')}": Case("batch", n, 1, variant, VARIANTS[variant])
        for n in preset.batches
        for variant in preset.variants
    }
    for devices in preset.devices:
        if there is None or devices <= there:
            for engine in preset.engines:
                case = Case("devices", preset.shared_batch, devices, engine, {"engine": engine})
                found[f"devices-{devices}-{engine}"] = case
    return found


def several(sizes: dict[str, Any], devices: int, options: dict[str, Any]) -> Built:
    """A step on the first so many devices."""
    import jax

    from benchmarks.step_methods import pidjax

    return pidjax("factorcl", sizes, devices=jax.devices()[:devices], **options)


def measure(case: Case, sizes: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Samples a second, memory and compilation of one case."""
    settings = {"sizes": sizes | {"n": case.n}, "devices": case.devices, "options": case.options}
    worker = Worker("benchmarks.scaling:several", settings, ENV["pidjax"] | {"JAX_NUM_CPU_DEVICES": str(case.devices)})
    try:
        seconds = statistics.median(worker.time() for _ in range(repeats))
    finally:
        worker.close()
    facts = worker.facts
    memory = facts.get("memory_mib", facts["resident_mib"])
    found = {"seconds": seconds, "samples_per_s": case.n / seconds, "memory_mib": memory}
    return {**dataclasses.asdict(case), **found, "compile_s": facts["compile_s"], "device": facts["device"]}


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, one row a case."""
    lines = ["| N | devices | how | step (s) | samples/s | memory (MiB) | first call (s) |", "|" + "---|" * 7]
    lines += [
        f"| {r['n']} | {r['devices']} | {r['variant']} | {r['seconds']:.3g} | {r['samples_per_s']:.3g} "
        f"| {r['memory_mib']:.3g} | {r['compile_s']:.2g} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def figure(rows: list[dict[str, Any]], path: Path) -> None:
    """Throughput and memory against the batch; throughput against devices."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    panels = (
        ("batch", "n", "batch N", "samples_per_s", "samples/s"),
        ("batch", "n", "batch N", "memory_mib", "memory of a step (MiB)"),
        ("devices", "devices", "devices", "samples_per_s", "samples/s"),
    )
    for axis, (kind, across, x_label, up, y_label) in zip(axes, panels, strict=True):
        chosen = [row for row in rows if row["kind"] == kind]
        for variant in dict.fromkeys(row["variant"] for row in chosen):
            points = [(row[across], row[up]) for row in chosen if row["variant"] == variant]
            axis.plot(*zip(*points, strict=True), "o-", label=variant)
        axis.set_xscale("log", base=2)
        axis.set_ylim(bottom=0)
        axis.set_xlabel(x_label)
        axis.set_ylabel(y_label)
        axis.grid(alpha=0.3)
        axis.legend()
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(
    preset: Literal["full", "smoke", "gpu"] = "full",
    out: Path = Path("runs/scaling"),
    repeats: int = 3,
    overwrite: bool = False,
) -> None:
    """Throughput and memory against batch and devices: a table, a figure and result.json.

    Args:
        preset: What to measure.
        out: Folder of the results; cases that it holds are not measured again.
        repeats: Times each case is timed; the median counts.
        overwrite: Measure everything again.
    """
    chosen, parts = PRESETS[preset], out / preset
    rows = [
        kept(parts / f"{name}.json", functools.partial(measure, case, chosen.sizes, repeats), overwrite=overwrite)
        for name, case in tqdm(cases(chosen, _gpus()).items(), desc="scaling")
    ]
    figure(rows, out / "scaling.png")
    write(out, table(rows), {"cases": rows})


def _gpus() -> int | None:
    """GPUs of this machine, None without the tool that counts them. JAX here would take memory of them."""
    if not shutil.which("nvidia-smi"):
        return None
    return len(subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout.splitlines()) or None


if __name__ == "__main__":
    tyro.cli(main)
