"""benchmarks: the smoke presets run as their commands, leave what they promise, and go on where they stopped."""

import json
import math
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(module, out, *more):
    """Output of ``python -m benchmarks.MODULE --preset smoke --out OUT``."""
    command = [sys.executable, "-m", f"benchmarks.{module}", "--preset", "smoke", "--out", out, *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pairwise(tmp_path):
    """All methods agree on the value (the command checks it); a second call measures nothing anew."""
    printed = run("pairwise", tmp_path, "--repeats", "1")
    result = json.loads((tmp_path / "result.json").read_text())
    groups = result["groups"]
    assert set(groups) == {"infonce-32-32", "infonce-32-64", "infonce-32x32-32", "nce_club-32-64"}
    assert all("pidjax" in group["rows"] for group in groups.values())
    tiled = groups["infonce-32x32-32"]["rows"]["jax_tiled"]
    assert tiled["memory_ratio"] > 1 and tiled["seconds"] > 0
    table = (tmp_path / "table.md").read_text()
    assert table in printed and table.count("| pidjax |") == 4
    assert (tmp_path / "pairwise.png").stat().st_size > 10_000
    assert run("pairwise", tmp_path, "--repeats", "1").splitlines()[:3] == printed.splitlines()[:3]
    assert json.loads((tmp_path / "result.json").read_text()) == result


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


def test_figure3(tmp_path):
    """Every bound of every protocol; InfoNCE stays below its ceiling, Jeffreys is the closed form."""
    result = twice("figure3", tmp_path)
    assert {row["protocol"] for row in result["rows"]} == {"published", "variants", "fair"}
    assert all(max(row["mean"]) <= math.log(80) for row in result["rows"] if row["bound"] == "InfoNCE")
    expected = [5 * (math.exp(2 * mi / 5) - 1) for mi in (1, 2)]
    assert all(
        math.isclose(a, b, rel_tol=1e-6) for a, b in zip(result["exact"]["5"]["Jeffreys"], expected, strict=True)
    )


def test_bmi_and_bracket(tmp_path):
    """Classical methods on two tasks; the summary's bias is value less truth."""
    result = twice("bmi", tmp_path / "bmi", "--methods", "copula", "ksg", "--seeds", "2")
    row = result["tasks"]["Bivariate normal 1x1"]["copula"]
    assert row["seeds"] == 2 and math.isclose(row["bias"], row["value"] - row["truth"])
    assert row["solved"] == (abs(row["bias"]) <= 0.05)
    other = result["tasks"]["Uniform 1x1, additive noise 0.75"]
    assert not other["copula"]["solved"] and other["ksg"]["solved"]


def test_cost(tmp_path):
    """Both critics and every size are timed."""
    result = twice("cost", tmp_path)
    assert {name for name, row in result["fits"].items() if row["seconds_per_step"]["pidjax"] > 0} == {
        "separable",
        "concat",
    }
    assert set(result["estimates"]) == {"copula", "ksg"}
