"""The README tells the truth: its example runs, and the files and commands it names exist."""

from __future__ import annotations

import re

from conftest import ROOT

README = (ROOT / "README.md").read_text()


EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.S)


def run(example: str, capsys) -> str:
    """What an example prints; it is at most 20 lines of code."""
    code = [line for line in example.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(code) <= 20
    exec(compile(example, "README.md", "exec"), {})
    return capsys.readouterr().out


def test_every_example_is_run_here():
    """There are three."""
    assert len(EXAMPLES) == 3


def test_decomposition_example(capsys):
    """It prints a score and what was chosen."""
    out = run(EXAMPLES[0], capsys)
    assert 0 <= float(out.split()[0]) <= 1
    assert "reference" in out


def test_estimate_example(capsys, optimised):
    """The bracket holds -2 log 0.6 = 1.02 nats."""
    value, _, error, _, _, lower, upper = run(EXAMPLES[1], capsys).split()
    assert float(lower.strip("[,")) < 1.022 < float(upper.strip("]"))
    assert abs(float(value) - 1.022) < 4 * float(error)


def test_bounds_example(capsys, optimised):
    """The critic learns most of the 2.55 nats, and stays below the ceiling of log 1024."""
    assert 1.5 < float(run(EXAMPLES[2], capsys).split()[0]) < 6.93


def test_named_files_exist():
    """Every picture, link and make target that the README names is there."""
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link
    targets = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.M):
        assert re.search(rf"^{target}:", targets, re.M), target
