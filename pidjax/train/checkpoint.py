"""Checkpoints of a run: the whole train state by orbax, written in the background, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import tempfile
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from orbax.checkpoint import v1 as ocp

from pidjax._checks import InputError
from pidjax.train.devices import data_mesh, replicate
from pidjax.train.hosts import all_agree
from pidjax.train.metrics import History, HistoryFile, replace_whole
from pidjax.train.update import TrainState

# weights are noise to a compressor
_CONTEXT = ocp.Context()
_CONTEXT.array.saving.use_compression = False
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
        self._sweep()
        policies = ocp.training.preservation_policies
        preserve: Any = policies.LatestN(keep)
        if best is not None:
            of_best = policies.BestN(get_metric_fn=lambda m: m["score"], n=1, keep_checkpoints_without_metrics=False)
            preserve = policies.AnyPreservationPolicy([preserve, of_best])
        self._orbax = ocp.training.Checkpointer(
            self.folder / "states", context=_CONTEXT, preservation_policy=preserve, cleanup_tmp_directories=True
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
        """Forget the history of a run that left no checkpoint; refused where it left damaged ones only."""
        damaged = self.folder / "damaged"
        if damaged.exists():
            raise InputError(f"{self.folder} holds no checkpoint but damaged ones: remove {damaged} to start anew.")
        with _in_words(self.folder, "the history"):
            self._history.cut(0)

    def log(self, line: Mapping[str, float]) -> None:
        """Append the named numbers of a step to the history."""
        with _in_words(self.folder, "the history"):
            self._history.append(line)

    def save(self, train_state: TrainState, *, wait: bool = False) -> None:
        """Begin to write the state (after the one before is whole); with ``wait``, return when it is whole.

        That the one before could not be written is a warning.

        Raises
        ------
        CheckpointError
            This one could not be written.
        """
        step = int(train_state.step)
        if self._pending is not None and self._pending[0] != step:
            try:
                self.wait()
            except CheckpointError as error:
                warnings.warn(str(error), CheckpointWarning, stacklevel=2)
        if self._pending is None and self.latest() != step:
            self._begin(step, train_state)
        if wait:
            self.wait()

    def _begin(self, step: int, train_state: TrainState) -> None:
        what, failed = f"the checkpoint of step {step}", None
        try:
            with _in_words(self.folder, what):
                self._history.flush()
                if self._run is None:
                    self._write_run(train_state)
        except CheckpointError as error:
            failed = error
        # together: a process that went on alone would wait for the others in orbax
        if not all_agree(failed is None):
            raise failed or CheckpointError(f"{what} could not be written by another process.")
        previous = next((s for s in reversed(self.steps()) if s < step), 0)
        # every device holds all of it: one array of bytes, for orbax takes its time for every leaf
        packed = _pack(train_state)
        found = {"crc32": zlib.crc32(packed.data)}
        with _in_words(self.folder, what):
            response = self._orbax.save_async(
                step, {"bytes": packed}, metrics=self._score(previous, step), custom_metadata=found
            )
        self._pending = step, response

    def wait(self) -> None:
        """Return when nothing is being written; raises ``CheckpointError`` if it could not be."""
        if self._pending is not None:
            (step, response), self._pending = self._pending, None
            with _in_words(self.folder, f"the checkpoint of step {step}"):
                try:
                    response.result()
                except Exception:
                    with contextlib.suppress(Exception):
                        self._orbax.wait()  # else it would raise the same once more, at the next checkpoint
                    raise

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
            _same(self.folder, self._run["tree"], _tree(like))
        while True:
            step = self.best() if which == "best" else self.latest()
            if step is None:
                damaged = self.folder / "damaged"
                hint = f" that can be read; see {damaged}" if damaged.exists() else ""
                raise FileNotFoundError(f"{self.folder} holds no checkpoint{hint}.")
            train_state, error = self._load(step, like)
            if all_agree(error is None):
                break
            self._set_aside(step, error, which)
        return train_state, self._history.cut(step) if which == "latest" else self._history.lines[:step]

    def close(self) -> None:
        """Finish writing and let go of the folder; what could not be written is a warning."""
        try:
            self.wait()
            with _in_words(self.folder, "the history"):
                self._history.close()
        except CheckpointError as error:
            warnings.warn(str(error), CheckpointWarning, stacklevel=2)
        finally:
            self._orbax.close()

    def _load(self, step: int, like: TrainState) -> tuple[Any, Exception | None]:
        """The state, or what is wrong with its files."""
        try:
            size = sum(_numbers(leaf).nbytes for leaf in jax.tree.leaves(like))
            packed = np.asarray(self._orbax.load(step, {"bytes": np.empty(size, np.uint8)})["bytes"])
            if zlib.crc32(packed.data) != self._orbax.metadata(step).custom_metadata["crc32"]:
                raise _WrongChecksum("its checksum is wrong")
            return _unpack(packed, like), None
        except (MemoryError, PermissionError):
            raise
        except Exception as error:  # orbax has no common class for what a broken file may raise
            if "RESOURCE_EXHAUSTED" in str(error) or "Permission denied" in str(error):
                raise
            return None, error

    def _sweep(self) -> None:
        """Set aside checkpoints whose score cannot be read: orbax would open none of them."""
        for path in (self.folder / "states").glob("*/metrics/metrics") if self._lead else ():
            try:
                json.loads(path.read_text())
            except ValueError as error:
                self._move_aside(int(path.parts[-3]))
                self._warn(int(path.parts[-3]), error, "it is left out")
        all_agree(True)  # nobody looks before it is done

    def _score(self, previous: int, step: int) -> dict[str, float] | None:
        values = [line[self._best] for line in self._history.lines[previous:step] if self._best in line]
        return {"score": self._sign * float(np.mean(values))} if values else None

    def _set_aside(self, step: int, error: Exception | None, which: str) -> None:
        if self._lead:
            self._move_aside(step)
        all_agree(True)
        self._orbax.reload()
        other = self.best() if which == "best" else self.latest()
        instead = "there is no other" if other is None else f"instead that of step {other} is taken"
        self._warn(step, error or OSError("another process could not read it"), instead)

    def _move_aside(self, step: int) -> None:
        damaged = self.folder / "damaged"
        damaged.mkdir(exist_ok=True)
        names = (f"{step}" if i == 0 else f"{step}-{i}" for i in itertools.count())
        os.rename(self.folder / "states" / str(step), next(damaged / n for n in names if not (damaged / n).exists()))

    def _warn(self, step: int, error: Exception, instead: str) -> None:
        reason = str(error) if isinstance(error, _WrongChecksum) else f"incomplete or damaged: {type(error).__name__}"
        warnings.warn(
            f"the checkpoint of step {step} in {self.folder} cannot be read ({reason}); it was moved to "
            f"{self.folder / 'damaged'}; {instead}.",
            CheckpointWarning,
            stacklevel=4,
        )

    def _read_run(self) -> dict[str, Any] | None:
        path = self.folder / "run.json"
        if not path.exists():
            return None
        try:
            run = json.loads(path.read_text())
        except ValueError as error:
            raise InputError(
                f"{path}, which says what the checkpoints are of, cannot be read: give another folder."
            ) from error
        if run["format"] > FORMAT:
            raise InputError(
                f"{self.folder} was written by a newer pidjax (format {run['format']}, this one reads {FORMAT}): "
                "update pidjax, or give another folder."
            )
        _same(self.folder, run["config"], self._config)
        return run

    def _write_run(self, train_state: TrainState) -> None:
        import pidjax

        run = {"format": FORMAT, "pidjax": pidjax.__version__, "config": self._config, "tree": _tree(train_state)}
        if self._lead:
            replace_whole(self.folder / "run.json", json.dumps(run, indent=1))
        self._run = run


@contextlib.contextmanager
def _in_words(folder: Path, what: str) -> Iterator[None]:
    """Turn what writing may raise into a ``CheckpointError`` that says what was lost and what was not."""
    try:
        yield
    except Exception as error:
        text = str(error).strip().split("\n")[0][:200]
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
        why = "no space is left on the device" if full else text
        raise CheckpointError(
            f"{what} could not be written to {folder}: {why}. Checkpoints before it are whole."
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


def _numbers(leaf: jax.Array) -> jax.Array:
    """The leaf, a key as its numbers."""
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _pack(tree: Any) -> np.ndarray:
    """The bytes of all leaves in order, a copy on the host."""
    hosts = (np.asarray(_numbers(leaf).addressable_data(0)) for leaf in jax.tree.leaves(tree))
    return np.concatenate([np.ascontiguousarray(host).reshape(-1).view(np.uint8) for host in hosts])


def _unpack(packed: np.ndarray, like: TrainState) -> TrainState:
    """Leaves of the types, shapes and places of ``like``."""
    at = 0

    def one(leaf: jax.Array) -> jax.Array:
        nonlocal at
        data = _numbers(leaf)
        # a copy: a view may begin where no number of this type can
        value = packed[at : at + data.nbytes].copy().view(data.dtype).reshape(data.shape)
        at += data.nbytes
        if jax.process_count() > 1:
            placed = replicate(jnp.asarray(value), data_mesh())
        else:
            placed = jax.device_put(value, data.sharding)
        return jax.random.wrap_key_data(placed, impl=jax.random.key_impl(leaf)) if _is_key(leaf) else placed

    return jax.tree.map(one, like)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _tree(train_state: TrainState) -> dict[str, str]:
    """Path of every leaf: its type and shape."""
    leaves = jax.tree_util.tree_leaves_with_path(train_state)
    return {jax.tree_util.keystr(p, simple=True, separator="/"): f"{x.dtype}{list(x.shape)}" for p, x in leaves}


def _same(folder: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Raise unless two mappings are equal, naming what differs."""
    differ = [k for k in sorted({*theirs, *ours}) if theirs.get(k) != ours.get(k)]
    if differ:
        told = "; ".join(f"{k} is {theirs.get(k, 'absent')} there and {ours.get(k, 'absent')} here" for k in differ[:3])
        more = f" (and {len(differ) - 3} more)" if len(differ) > 3 else ""
        raise InputError(
            f"the checkpoints in {folder} are of another configuration: {told}{more}. Use those settings, or give "
            "another folder."
        )
