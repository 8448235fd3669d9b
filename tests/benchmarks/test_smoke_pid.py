"""benchmarks.pid and pid_bias: the smoke presets run as their commands and leave what they promise."""

import json

import numpy as np
from smoke import run, twice


def test_pid(tmp_path):
    """Gates and random tables are certified, a batch is timed, copies of a Gaussian are right; no dit is needed."""
    result = twice("pid", tmp_path)
    rows = result["tables"]
    assert set(rows) == {"XOR", "AND", "random 2x2x2 1", "random 2x2x2 2"}
    assert max(max(row["gap"], row["pidjax"]["error"]) for row in rows.values()) < 1e-8
    assert all(row["pidjax"]["seconds"] > 0 and "dit" not in row for row in rows.values())
    assert result["batches"]["2x2x2"]["tables"] == 300
    assert max(row["gap"] for row in result["large"].values()) < 1e-6
    assert result["copies"]["error"] < 1e-7 and np.isfinite(result["gaussians"]["2"]["seconds"])


def test_pid_bias(tmp_path):
    """A row a channel; informations without bias where nothing is unique by chance."""
    printed = run("pid_bias", tmp_path)
    rows = json.loads((tmp_path / "result.json").read_text())["rows"]
    assert len(rows) == 14 and (tmp_path / "table.md").read_text() in printed
    np.testing.assert_allclose(rows["equal"]["truth"], [1, 0, 0, np.log2(3) - 1], atol=1e-9)
