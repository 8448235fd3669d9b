"""Named numbers of every step: a file of JSON lines, TensorBoard events where a writer is installed."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

History = list[dict[str, float]]
"""One dict of named numbers a step."""
WRITERS = {"tensorboardX": "tensorboardX", "tensorboard": "torch.utils.tensorboard"}
"""Module with a ``SummaryWriter`` by the package that it needs, in the order in which they are tried."""


class HistoryFile:
    """The history of a run on disk, line i of step i; what a killed process left of a last line is dropped."""

    def __init__(self, path: Path, *, write: bool = True):
        self.path, self.lines = path, _read(path)
        self._write = write
        self._file: TextIO | None = None
        self._events: Any = None

    def append(self, line: Mapping[str, float]) -> None:
        """Add the numbers of the next step; in memory they are even where the disk is full."""
        step = len(self.lines)
        self.lines.append(dict(line))
        if self._write:
            if self._file is None:
                self.cut(step + 1)
            else:
                self._file.write(json.dumps(line) + "\n")
            if self._events is not None:
                for name, value in line.items():
                    self._events.add_scalar(name, value, step)

    def flush(self) -> None:
        """Return when every line is on the disk."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def cut(self, steps: int) -> History:
        """Forget what is beyond ``steps`` (lines that were lost count as empty); returns a copy of the rest."""
        del self.lines[steps:]
        self.lines += [{} for _ in range(steps - len(self.lines))]
        if self._write:
            self.close()
            partial = self.path.with_suffix(".partial")
            partial.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
            partial.replace(self.path)
            self._file = self.path.open("a")
            self._events = _event_writer(self.path.parent / "events", steps)
        return list(self.lines)

    def close(self) -> None:
        """Write what is buffered and let go of the files."""
        file, events = self._file, self._events
        self._file = self._events = None
        if events is not None:
            events.close()
        if file is not None:
            file.close()


def _read(path: Path) -> History:
    found: History = []
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return found


def _event_writer(folder: Path, steps: int) -> Any:
    """A TensorBoard writer whose events beyond ``steps`` replace those of a run that was cut; None without one."""
    for package, module in WRITERS.items():
        if importlib.util.find_spec(package):
            try:
                return importlib.import_module(module).SummaryWriter(str(folder), purge_step=steps)
            except ImportError:
                continue
    return None
