"""benchmarks.simulate: the smoke preset runs as its command and leaves what it promises."""

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
