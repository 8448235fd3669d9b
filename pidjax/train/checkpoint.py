"""Checkpoints of a run: the whole train state by orbax, written in the background, whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from orbax.checkpoint import v1 as ocp

from pidjax._checks import InputError
from pidjax.train.devices import data_mesh, replicate
from pidjax.train.metrics import History, HistoryFile
from pidjax.train.update import TrainState

FORMAT = 1
"""Of what lies in the folder; a newer number is refused."""


class CheckpointError(OSError):
    """A checkpoint could not be written; those before it are whole."""


class CheckpointWarning(UserWarning):
    """A checkpoint could not be read or written, and what is done instead."""


class _WrongChecksum(ValueError):
    """What was read is not what was written."""


class Checkpoints:
    """The checkpoints of one run, in a folder of its own; with several processes, one that all of them see.

    ::

        states/STEP/        the whole train state, by orbax
        history.jsonl       one line of named numbers a step
        run.json            version, settings, and the shapes of the train state
        damaged/STEP/       what could not be read

    Parameters
    ----------
    folder : path
    keep : int
        The newest so many are kept.
    best : str, optional
        A name of ``info``: the checkpoint at the end of the interval where its mean was smallest is kept too.
    largest : bool
        Where it was largest instead.
    config : mapping, optional
        Settings of the run (anything JSON holds). A folder made with other settings is refused.

    Raises
    ------
    InputError
        A folder that cannot be written to, of another configuration, or of a newer version.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        keep: int = 2,
        best: str | None = None,
        largest: bool = False,
        config: Mapping[str, Any] | None = None,
    ):
        self.folder = Path(folder).absolute()
        self._best, self._sign = best, 1.0 if largest else -1.0
        self._config = json.loads(json.dumps(config or {}, sort_keys=True))
        self._lead = jax.process_index() == 0
        _writable(self.folder)
        self._run = self._read_run()
        policies = ocp.training.preservation_policies
        preserve: Any = policies.LatestN(keep)
        if best is not None:
            of_best = policies.BestN(get_metric_fn=lambda m: m["score"], n=1, keep_checkpoints_without_metrics=False)
            preserve = policies.AnyPreservationPolicy([preserve, of_best])
        self._orbax = ocp.training.Checkpointer(
            self.folder / "states", preservation_policy=preserve, cleanup_tmp_directories=True
        )
        self._history = HistoryFile(self.folder / "history.jsonl", write=self._lead)
        self._pending: tuple[int, Any] | None = None

    def steps(self) -> list[int]:
        """Steps of the whole checkpoints, oldest first."""
        return [found.step for found in self._orbax.checkpoints]

    def latest(self) -> int | None:
        """Step of the newest whole checkpoint, None without one."""
        return next(reversed(self.steps()), None)

    def best(self) -> int | None:
        """Step of the checkpoint that ``best`` asks for, None without one."""
        scored = [(c.metrics["score"], c.step) for c in self._orbax.checkpoints if c.metrics is not None]
        return max(scored)[1] if scored else None

    def start(self) -> None:
        """Forget the history of a run that left no checkpoint."""
        with _in_words(self.folder, "the history"):
            self._history.cut(0)

    def log(self, line: Mapping[str, float]) -> None:
        """Append the named numbers of a step to the history."""
        with _in_words(self.folder, "the history"):
            self._history.append(line)

    def save(self, train_state: TrainState, *, wait: bool = False) -> None:
        """Begin to write the state (after the one before is whole); with ``wait``, return when it is whole.

        Raises
        ------
        CheckpointError
            This one, or the one before, could not be written.
        """
        step = int(train_state.step)
        if self._pending is not None and self._pending[0] != step:
            self.wait()
        if self._pending is None and self.latest() != step:
            whole = replicate(train_state, data_mesh()) if jax.process_count() > 1 else train_state
            with _in_words(self.folder, f"the checkpoint of step {step}"):
                self._history.flush()
                if self._run is None:
                    self._write_run(train_state)
                previous = next((s for s in reversed(self.steps()) if s < step), 0)
                response = self._orbax.save_async(
                    step,
                    whole,
                    metrics=self._score(previous, step),
                    custom_metadata={"crc32": _crc32(whole)},
                )
            self._pending = step, response
        if wait:
            self.wait()

    def wait(self) -> None:
        """Return when nothing is being written; raises ``CheckpointError`` if it could not be."""
        if self._pending is not None:
            (step, response), self._pending = self._pending, None
            with _in_words(self.folder, f"the checkpoint of step {step}"):
                response.result()

    def restore(self, like: TrainState, which: str = "latest") -> tuple[TrainState, History]:
        """Newest state (or "best"), shaped and placed as ``like``, and the history up to it.

        A checkpoint that is damaged is set aside with a warning, and the one before is taken. The number of devices
        may differ from that of the run that wrote it.

        Raises
        ------
        FileNotFoundError
            No checkpoint that can be read.
        InputError
            A state of other shapes.
        """
        self.wait()
        if self._run is not None:
            _same_tree(self.folder, self._run["tree"], _tree(like))
        if jax.process_count() > 1:
            like = replicate(like, data_mesh())
        abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like)
        while True:
            step = self.best() if which == "best" else self.latest()
            if step is None:
                damaged = self.folder / "damaged"
                hint = f" that can be read; see {damaged}" if damaged.exists() else ""
                raise FileNotFoundError(f"{self.folder} holds no checkpoint{hint}.")
            try:
                train_state = self._orbax.load(step, abstract)
                if _crc32(train_state) != self._orbax.metadata(step).custom_metadata["crc32"]:
                    raise _WrongChecksum("its checksum is wrong")
                break
            except Exception as error:  # orbax has no common class for what a broken file may raise
                self._set_aside(step, error)
        return train_state, self._history.cut(step) if which == "latest" else self._history.lines[:step]

    def close(self) -> None:
        """Finish writing and let go of the folder."""
        try:
            self.wait()
        finally:
            self._history.close()
            self._orbax.close()

    def _score(self, previous: int, step: int) -> dict[str, float] | None:
        values = [line[self._best] for line in self._history.lines[previous:step] if self._best in line]
        return {"score": self._sign * float(np.mean(values))} if values else None

    def _set_aside(self, step: int, error: Exception) -> None:
        aside = self.folder / "damaged" / str(step)
        if self._lead:
            aside.parent.mkdir(exist_ok=True)
            os.rename(self.folder / "states" / str(step), aside)
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(f"damaged {step}")
        self._orbax.reload()
        reason = str(error) if isinstance(error, _WrongChecksum) else f"incomplete or damaged: {type(error).__name__}"
        before = self.latest()
        instead = "there is none before it" if before is None else f"the one before it is taken, step {before}"
        warnings.warn(
            f"the checkpoint of step {step} in {self.folder} cannot be read ({reason}); it was moved to {aside}, and "
            f"{instead}.",
            CheckpointWarning,
            stacklevel=3,
        )

    def _read_run(self) -> dict[str, Any] | None:
        path = self.folder / "run.json"
        if not path.exists():
            return None
        run = json.loads(path.read_text())
        if run["format"] > FORMAT:
            raise InputError(
                f"{self.folder} was written by a newer pidjax (format {run['format']}, this one reads {FORMAT}): "
                "update pidjax, or give another folder."
            )
        theirs = run["config"]
        differ = [k for k in sorted({*theirs, *self._config}) if theirs.get(k) != self._config.get(k)]
        if differ:
            told = "; ".join(f"{k} is {theirs.get(k)!r} there and {self._config.get(k)!r} here" for k in differ[:3])
            raise InputError(
                f"the checkpoints in {self.folder} are of another configuration: {told}. Use those settings, or give "
                "another folder."
            )
        return run

    def _write_run(self, train_state: TrainState) -> None:
        import pidjax

        self._run = {"format": FORMAT, "pidjax": pidjax.__version__, "config": self._config, "tree": _tree(train_state)}
        if self._lead:
            partial = self.folder / "run.json.partial"
            partial.write_text(json.dumps(self._run, indent=1))
            partial.replace(self.folder / "run.json")


class _in_words:
    """Turn what writing may raise into a ``CheckpointError`` that says what was lost and what was not."""

    def __init__(self, folder: Path, what: str):
        self.folder, self.what = folder, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            text = str(error)
            full = getattr(error, "errno", None) == 28 or "No space left" in text
            why = "no space is left on the device" if full else text.strip().split("\n")[0][:200]
            raise CheckpointError(
                f"{self.what} could not be written to {self.folder}: {why}. Checkpoints before it are whole."
            ) from error


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"checkpoints cannot be written to {folder}: {error.strerror}. Give another folder."
        ) from error


def _crc32(tree: Any) -> int:
    """Of the bytes of all leaves in order."""
    found = 0
    for leaf in jax.tree.leaves(tree):
        data = jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        host = np.asarray(data.addressable_data(0) if isinstance(data, jax.Array) else data)
        found = zlib.crc32(np.ascontiguousarray(host).view(np.uint8).reshape(-1).data, found)
    return found


def _tree(train_state: TrainState) -> dict[str, str]:
    """Path of every leaf: its type and shape."""
    leaves = jax.tree_util.tree_leaves_with_path(train_state)
    return {jax.tree_util.keystr(p, simple=True, separator="/"): f"{x.dtype}{list(x.shape)}" for p, x in leaves}


def _same_tree(folder: Path, theirs: dict[str, str], ours: dict[str, str]) -> None:
    differ = [p for p in sorted({*theirs, *ours}) if theirs.get(p) != ours.get(p)]
    if differ:
        told = "; ".join(f"{p} is {theirs.get(p, 'absent')} there, {ours.get(p, 'absent')} here" for p in differ[:3])
        more = f" (and {len(differ) - 3} more)" if len(differ) > 3 else ""
        raise InputError(
            f"the checkpoints in {folder} are of another configuration: {told}{more}. Use its settings, or give "
            "another folder."
        )
