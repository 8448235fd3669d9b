"""The README tells the truth: its example runs, and the files and commands it names exist."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys

import numpy as np
from conftest import ROOT

from pidjax.train import make_step

README = (ROOT / "README.md").read_text()


EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.S)


def run(example: str, capsys) -> str:
    """What an example prints."""
    exec(compile(example, "README.md", "exec"), {})
    return capsys.readouterr().out


def test_every_example_is_short_and_run_here():
    """There are five, of at most 20 lines of code."""
    assert len(EXAMPLES) == 5
    for example in EXAMPLES:
        assert sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in example.splitlines()) <= 20


def test_decomposition_example(capsys):
    """It prints a score and what was chosen."""
    out = run(EXAMPLES[0], capsys)
    assert 0 <= float(out.split()[0]) <= 1
    assert "reference" in out


def test_estimate_example(capsys):
    """The bracket holds -2 log 0.6 = 1.02 nats."""
    value, _, error, _, _, lower, upper = run(EXAMPLES[1], capsys).split()
    assert float(lower.strip("[,")) < 1.022 < float(upper.strip("]"))
    assert abs(float(value) - 1.022) < 4 * float(error)


def test_bounds_example():
    """The critic learns most of the 2.55 nats, and stays below the ceiling of log 1024; as a program of its own.

    100 steps of a million pairs are quick only where XLA optimises.
    """
    env = {
        name: value for name, value in os.environ.items() if name not in ("XLA_FLAGS", "JAX_DISABLE_MOST_OPTIMIZATIONS")
    }
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLES[2]], env=env, cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert 1.5 < float(done.stdout.split()[0]) < 6.93


def test_representation_example(capsys):
    """Cross+Self leaves the trivial value of each of its terms, 0 nats of at most log 255."""
    out = run(EXAMPLES[3], capsys)
    assert out.startswith("('backbone1', 'backbone2') (128, 16)")
    numbers = {name: float(value) for name, value in re.findall(r"'(cross|self1|self2)': ([-\d.]+)", out)}
    assert set(numbers) == {"cross", "self1", "self2"}
    assert all(0.5 < value < 5.55 for value in numbers.values())


def test_training_script(tmp_path, devices_env):
    """The script of docs/training.md learns, and run again does nothing more; its table names settings of make_step."""
    text = (ROOT / "docs/training.md").read_text()
    (script,) = re.findall(r"```python\n(.*?)```", text, re.S)
    said, env = [], devices_env(1)
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert said[0] == said[1] and 1.0 < float(said[0].split()[0]) < 5.55
    assert len((tmp_path / "runs/example/history.jsonl").read_text().splitlines()) == 200
    settings = re.findall(r"^\| `(\w+)", text, re.M)
    assert settings and set(settings) <= set(inspect.signature(make_step).parameters)


def test_pid_example(capsys):
    """AND is exact, the Gaussian within sampling error, 0.03 nats, of its truth."""
    exact, estimated = (np.fromstring(line.strip("[]"), sep=" ") for line in run(EXAMPLES[4], capsys).splitlines())
    np.testing.assert_allclose(exact, [0.216, 0, 0, 0.347], atol=1e-9)
    np.testing.assert_allclose(estimated, [0.347, 0.347, 0, 0.203], atol=0.05)


def test_named_files_exist():
    """Every picture, link and make target that the README names is there."""
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link
    targets = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.M):
        assert re.search(rf"^{target}:", targets, re.M), target
