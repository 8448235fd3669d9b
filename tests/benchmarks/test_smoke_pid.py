"""benchmarks of PID: the smoke presets run as their commands and leave what they promise."""

import functools
import json
import sys

import numpy as np
import pytest
from smoke import run, twice

from pidjax.estimators import counted_pid
from pidjax.evaluate import audit


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
    assert (tmp_path / "pid_bias.png").stat().st_size > 10_000


def test_digits(tmp_path, request, monkeypatch):
    """Pictures know the written digit, sounds the spoken one, neither the other nor their sum modulo ten.

    The PID of all three, through what is read of the digits, is that of the measured confusion matrices within 0.05
    nats and 2 standard errors: digits are unique, their sum is synergy.
    """
    data = request.config.getoption("--data")
    if not (data / "multimodal/av_digits.npz").exists():
        pytest.skip(f"{data}/multimodal/av_digits.npz is absent: pass --data DIR with the recordings")
    few = functools.partial(counted_pid, bootstraps=20)  # each solves a table of a thousand cells
    monkeypatch.setattr(sys.modules[audit.__module__], "counted_pid", few)
    printed = run("digits", tmp_path, "--data", str(data))
    result, table = json.loads((tmp_path / "result.json").read_text()), (tmp_path / "table.md").read_text()
    assert table in printed and (tmp_path / "digits.png").stat().st_size > 10_000
    nats = np.array(result["nats"])
    share = nats / result["entropy"]
    assert share[0, 0] > 0.5 and share[1, 1] > 0.5, table
    assert (nats[[0, 1, 0, 1], [1, 0, 2, 2]] < 0.03).all(), table
    for name, found in result["pid"].items():
        error = np.subtract(found["atoms"], found["truth"])
        assert (np.abs(error) < 0.05 + 2 * np.array(found["std_error"])).all(), (name, table)
