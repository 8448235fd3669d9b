"""Memory that MultiBench's loader takes for a set of MOSEI's size, as a share of the set.

    python -m benchmarks.load_memory                  # 23,000 rows of 50 steps, 1.9 GB on disk; two minutes
    python -m benchmarks.load_memory --preset smoke   # a tenth of it

The set is written once, in the layout that MultiBench links to. It is then opened, read in batches for an epoch, and
read whole by Python's unpickler, each in a process of its own. Peaks are of resident memory, pages of the file that are
mapped included, as Linux tells in /proc.
"""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import tyro

from benchmarks.store import kept, write
from benchmarks.worker import Built, Worker, peak_mib
from pidjax.data import array_batches
from pidjax.data.multibench import WIDTHS, affect
from pidjax.data.multibench.affect import MODALITIES

STEPS, PIECE = 50, 500
PRESETS = {"full": (23_000, 128), "smoke": (2_300, 16)}
"""Rows of the set, and of a batch."""
PARTS = {"train": 0.7, "valid": 0.1, "test": 0.2}
CASES = {
    "opened": "opened by pidjax",
    "epoch": "opened, and an epoch of batches",
    "unpickled": "pickle.load",
}


def write_set(path: Path, rows: int) -> float:
    """A pickle of ``rows`` rows of noise, padded in front; its MiB."""
    rng, content = np.random.default_rng(0), {}
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        for part, share in PARTS.items():
            n = round(share * rows)
            padded = np.arange(STEPS) < rng.integers(0, STEPS // 2, (n, 1))
            arrays: dict[str, Any] = {"labels": rng.uniform(-3, 3, (n, 1, 1))}
            for modality, width in zip(MODALITIES, WIDTHS["mosei"], strict=True):
                x = np.memmap(f"{scratch}/{part}-{modality}", np.float32, "w+", shape=(n, STEPS, width))
                for start in range(0, n, PIECE):
                    piece = slice(start, start + PIECE)
                    x[piece] = rng.standard_normal(x[piece].shape, np.float32) * ~padded[piece, :, None]
                arrays[modality] = x.view(np.ndarray)
            content[part] = arrays
        with path.open("wb") as file:
            pickle.dump(content, file, protocol=5)  # which copies no array
    return path.stat().st_size / 2**20


def read(case: str, path: str, size: int) -> Built:
    """One of ``CASES``, in a process of its own; its number is of rows."""
    array_batches(jax.random.key(0), {"x": np.zeros(2)}, 1)(0)  # what JAX takes to start is not the loader's

    def run() -> float:
        if case == "unpickled":
            with open(path, "rb") as file:
                return float(len(pickle.load(file)["train"]["labels"]))
        train = affect(path, "mosei", MODALITIES)["train"]
        n = len(train["y"])
        if case == "epoch":
            batches = array_batches(jax.random.key(0), train, size)
            assert all(batches(step)["x3"].any() for step in range(n // size))
        return float(n)

    return Built(run, {"peak_mib": peak_mib})


def measured(path: Path, rows: int, size: int) -> dict[str, Any]:
    """MiB of the set, and of every case what the process grew by and held at its peak."""
    found: dict[str, Any] = {"set_mib": write_set(path, rows)}
    for case in CASES:
        worker = Worker("benchmarks.load_memory:read", {"case": case, "path": str(path), "size": size})
        found[case] = worker.facts
        worker.close()
    path.unlink()
    return found


def table(found: dict[str, Any], rows: int, size: int) -> str:
    """Growth and peak of every case; in brackets as shares of the set."""
    whole = found["set_mib"]
    lines = [
        f"{rows:,} rows, {whole:,.0f} MiB on disk; batches of {size}; in brackets shares of the set.\n",
        "| how | process grew by (MiB) | held at its peak (MiB) |\n|---|---|---|",
    ]
    for case, title in CASES.items():
        cells = (f"{x:,.0f} ({x / whole:.2f})" for x in (found[case]["resident_mib"], found[case]["peak_mib"]))
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(preset: Literal["full", "smoke"] = "full", out: Path = Path("runs/load_memory")) -> None:
    """A table and result.json.

    Args:
        preset: A set of MOSEI's size, or a tenth of it.
        out: Folder of the results, and of the set while it is measured.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows, size = PRESETS[preset]
    found = kept(out / preset / "memory.json", lambda: measured(out / preset / "mosei_senti_data.pkl", rows, size))
    write(out, table(found, rows, size), found)


if __name__ == "__main__":
    tyro.cli(main)
