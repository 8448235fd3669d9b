"""benchmarks.load_memory: MultiBench's loader takes a small share of a set's size, opened and read by batches."""

import json

from smoke import run


def test_load_memory(tmp_path):
    """Python's unpickler takes all of it; what is mapped is given back; a second run writes and reads nothing."""
    printed = run("load_memory", tmp_path)
    found = json.loads((tmp_path / "result.json").read_text())
    share = {case: found[case]["resident_mib"] / found["set_mib"] for case in ("opened", "epoch", "unpickled")}
    assert share["unpickled"] > 0.95 and share["opened"] < 0.4 and share["epoch"] < 0.6
    assert found["opened"]["check"] == found["epoch"]["check"] == found["unpickled"]["check"] == 1610
    assert not list(tmp_path.rglob("*.pkl"))
    assert run("load_memory", tmp_path) == printed
