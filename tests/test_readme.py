"""The README tells the truth: its example runs, and the files and commands it names exist."""

from __future__ import annotations

import re

from conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_library_example_runs(capsys):
    """The example is at most 20 lines of code and prints what it says."""
    (example,) = re.findall(r"```python\n(.*?)```", README, re.S)
    code = [line for line in example.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(code) <= 20
    exec(compile(example, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert 0 <= float(out.split()[0]) <= 1
    assert "reference" in out


def test_named_files_exist():
    """Every picture, link and make target that the README names is there."""
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link
    targets = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.M):
        assert re.search(rf"^{target}:", targets, re.M), target
