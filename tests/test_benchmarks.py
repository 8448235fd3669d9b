"""benchmarks: the smoke presets run as their commands, leave what they promise, and go on where they stopped."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(module, out):
    """Output of ``python -m benchmarks.MODULE --preset smoke --out OUT``."""
    command = [sys.executable, "-m", f"benchmarks.{module}", "--preset", "smoke", "--out", out, "--repeats", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pairwise(tmp_path):
    """All methods agree on the value (the command checks it); a second call measures nothing anew."""
    printed = run("pairwise", tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    groups = result["groups"]
    assert set(groups) == {"infonce-32-32", "infonce-32-64", "infonce-32x32-32", "nce_club-32-64"}
    assert all("pidjax" in group["rows"] for group in groups.values())
    tiled = groups["infonce-32x32-32"]["rows"]["jax_tiled"]
    assert tiled["memory_ratio"] > 1 and tiled["seconds"] > 0
    table = (tmp_path / "table.md").read_text()
    assert table in printed and table.count("| pidjax |") == 4
    assert (tmp_path / "pairwise.png").stat().st_size > 10_000
    assert run("pairwise", tmp_path).splitlines()[:3] == printed.splitlines()[:3]
    assert json.loads((tmp_path / "result.json").read_text()) == result
