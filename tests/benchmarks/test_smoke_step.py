"""benchmarks.step and benchmarks.scaling: smoke presets run as their commands, and go on where they stopped."""

import importlib.util

import jax
import pytest
from smoke import twice


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The processes that measure read what this one and earlier runs compiled; PyTorch stays out."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", jax.config.jax_compilation_cache_dir or "")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "torch" else find(name, *a))


def test_step(tmp_path):
    """Both problems are stepped and learn; training runs with checkpoints and without."""
    result = twice("step", tmp_path, "--repeats", "1")
    assert set(result["groups"]) == {"factorcl-two", "comm"}
    for group in result["groups"].values():
        first, *_, last = group["rows"]["pidjax"]["losses"]
        assert last < first and group["rows"]["pidjax"]["seconds"] > 0
    assert {name: len(times) for name, times in result["checkpoints"]["seconds"].items()} == {"with": 1, "without": 1}


def test_scaling(tmp_path):
    """Two devices by pmap."""
    result = twice("scaling", tmp_path, "--repeats", "1")
    assert [(row["devices"], row["variant"]) for row in result["cases"]] == [(2, "pmap")]
    assert all(row["samples_per_s"] == pytest.approx(row["n"] / row["seconds"]) for row in result["cases"])
