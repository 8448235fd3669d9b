"""Named numbers of every step: a file of JSON lines, TensorBoard events where a writer is installed."""

from __future__ import annotations

import contextlib
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
        self._shown = 0

    def append(self, line: Mapping[str, float]) -> None:
        """Add the numbers of the next step; in memory they are even where the disk is full."""
        self.lines.append(dict(line))
        if self._write:
            if self._file is None:
                self.cut(len(self.lines))
            else:
                with self._or_anew():
                    self._file.write(json.dumps(line) + "\n")

    def flush(self) -> None:
        """Return when every line is on the disk; then the events of these lines are written."""
        if self._write and self._file is None:
            self.cut(len(self.lines))
        if self._file is not None:
            with self._or_anew():
                self._file.flush()
                os.fsync(self._file.fileno())
            # only now: a writer whose disk is full hangs
            for step in range(self._shown, len(self.lines)) if self._events is not None else ():
                for name, value in self.lines[step].items():
                    self._events.add_scalar(name, value, step)
            self._shown = len(self.lines)

    def cut(self, steps: int) -> History:
        """Forget what is beyond ``steps`` (lines that were lost count as empty); returns a copy of the rest."""
        del self.lines[steps:]
        self.lines += [{} for _ in range(steps - len(self.lines))]
        if self._write:
            self.close()
            replace_whole(self.path, "".join(json.dumps(line) + "\n" for line in self.lines))
            self._file = self.path.open("a")
            self._events = _event_writer(self.path.parent / "events", steps)
            self._shown = min(self._shown, steps)
        return list(self.lines)

    def close(self) -> None:
        """Write what is buffered and let go of the files."""
        file, events = self._file, self._events
        self._file = self._events = None
        if events is not None:
            events.close()
        if file is not None:
            file.close()

    @contextlib.contextmanager
    def _or_anew(self):
        """What cannot be written is dropped by the buffers of files: the next time, all is written from memory."""
        try:
            yield
        except OSError:
            with contextlib.suppress(OSError):
                self.close()
            raise


def replace_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, also after a power cut."""
    partial = path.with_suffix(".partial")
    with partial.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _read(path: Path) -> History:
    found: History = []
    if path.exists():
        for line in path.read_text(errors="replace").splitlines():
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
