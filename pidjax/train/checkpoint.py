"""Checkpoints of a run: the whole train state by orbax, the history of named numbers beside it."""

from __future__ import annotations

import json
from pathlib import Path

import jax
from orbax.checkpoint import v1 as ocp

from pidjax.train.update import TrainState

History = list[dict[str, float]]


class Checkpoints:
    """The checkpoints of one run, in a folder of its own; the newest two are kept."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder).absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        keep = ocp.training.preservation_policies.LatestN(2)
        self._orbax = ocp.training.Checkpointer(self.folder / "states", preservation_policy=keep)
        self._history = self.folder / "history.jsonl"

    def save(self, train_state: TrainState, history: History) -> None:
        """Write the state and every line of ``history`` up to it that is not on disk yet."""
        step = int(train_state.step)
        if self.latest() == step:
            return
        done = len(self._history.read_text().splitlines()) if self._history.exists() else 0
        with self._history.open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in history[done:step])
        self._orbax.save_pytree(step, train_state)

    def latest(self) -> int | None:
        """Step of the newest whole checkpoint, None without one."""
        newest = self._orbax.latest
        return None if newest is None else newest.step

    def restore(self, like: TrainState) -> tuple[TrainState, History]:
        """Newest state, shaped and placed as ``like``, and the history up to it."""
        step = self.latest()
        if step is None:
            raise FileNotFoundError(f"{self.folder} holds no checkpoint.")
        abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like)
        train_state = self._orbax.load_pytree(step, abstract)
        history = [json.loads(line) for line in self._history.read_text().splitlines()][:step]
        self._history.write_text("".join(json.dumps(line) + "\n" for line in history))
        return train_state, history

    def close(self) -> None:
        self._orbax.close()
