"""Running a benchmark's smoke preset as its command, in this process: programs that it compiled serve the next run."""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import sys

import pytest
from conftest import ROOT


def run(module, out, *more):
    """Output of ``python -m benchmarks.MODULE --preset smoke --out OUT``."""
    argv = [f"benchmarks.{module}", "--preset", "smoke", "--out", str(out), *more]
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.chdir(ROOT)
        patch.syspath_prepend(str(ROOT))
        patch.setattr(sys, "argv", argv)
        runpy.run_module(f"benchmarks.{module}", run_name="__main__", alter_sys=True)
    return printed.getvalue()


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
