"""Running a benchmark's smoke preset as its command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(module, out, *more, optimise=False):
    """Output of ``python -m benchmarks.MODULE --preset smoke --out OUT``."""
    command = [sys.executable, "-m", f"benchmarks.{module}", "--preset", "smoke", "--out", out, *more]
    env = os.environ | ({"JAX_DISABLE_MOST_OPTIMIZATIONS": "0"} if optimise else {})
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def twice(module, out, *more):
    """``result.json`` of a run, which printed its table and drew a figure; a second run computes nothing anew."""
    printed = run(module, out, *more)
    result = json.loads((out / "result.json").read_text())
    assert (out / "table.md").read_text() in printed
    assert (out / f"{module}.png").stat().st_size > 10_000
    parts = {p: p.stat().st_mtime_ns for p in (out / "smoke").rglob("*.json")}
    assert run(module, out, *more).endswith(printed[-100:])
    assert {p: p.stat().st_mtime_ns for p in (out / "smoke").rglob("*.json")} == parts
    return result
