"""benchmarks.pairwise: the smoke preset runs as its command, and goes on where it stopped."""

import json

from smoke import run


def test_pairwise(tmp_path, monkeypatch):
    """All methods agree on the value (the command checks it); a second call measures nothing anew."""
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "0")  # the processes that measure compile as a user's do
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    printed = run("pairwise", tmp_path, "--repeats", "1")
    result = json.loads((tmp_path / "result.json").read_text())
    groups = result["groups"]
    assert set(groups) == {"infonce-32x32-32", "nce_club-32-64"}
    assert all("pidjax" in group["rows"] for group in groups.values())
    tiled = groups["infonce-32x32-32"]["rows"]["jax_tiled"]
    assert tiled["memory_ratio"] > 1 and tiled["seconds"] > 0
    table = (tmp_path / "table.md").read_text()
    assert table in printed and table.count("| pidjax |") == 2
    assert (tmp_path / "pairwise.png").stat().st_size > 10_000
    assert run("pairwise", tmp_path, "--repeats", "1").splitlines()[:3] == printed.splitlines()[:3]
    assert json.loads((tmp_path / "result.json").read_text()) == result
