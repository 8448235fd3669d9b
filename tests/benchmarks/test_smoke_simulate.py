"""benchmarks.simulate and .single_trial: smoke presets run as their commands and leave what they promise."""

import json

from smoke import run


def test_simulate(tmp_path):
    """Times, atoms beside their truth, the design's values; a second run computes nothing anew."""
    printed = run("simulate", tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert (tmp_path / "table.md").read_text() in printed
    assert result["speed"]["study"]["subjects"] == 2 and result["speed"]["study"]["cpu"] > 0
    assert result["pid"]["cost_varying"]["from"] == "observers"
    assert len(result["values"]) == 18
    assert run("simulate", tmp_path) == printed


def test_single_trial(tmp_path):
    """Correlations of both sessions, with and without short channels; a second run computes nothing anew."""
    printed = run("single_trial", tmp_path)
    sessions = json.loads((tmp_path / "smoke" / "result.json").read_text())["correlations"]["0.8"]
    assert len(sessions) == 2 and all(-1 <= r <= 1 for one in sessions for r in [*one["with"], *one["without"]])
    assert run("single_trial", tmp_path) == printed
