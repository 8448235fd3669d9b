"""Train an objective and encode rows with what it learned."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from PIL import Image

from benchmarks.store import kept
from pidjax import train
from pidjax._checks import InputError
from pidjax.data.augment_compose import SampleAugmentation
from pidjax.evaluate import LinearResult, linear_probe
from pidjax.math.pictures import unit_range
from pidjax.objectives.pair import joined
from pidjax.train.metrics import History
from pidjax.typing import Batch, Objective

PIECE = 256
"""Rows that are encoded at a time."""


class Learned(NamedTuple):
    """``encode(rows) -> {head: [n, d]}`` after training, the trained state, and the numbers of every step."""

    encode: Callable[[Batch], dict[str, np.ndarray]]
    state: train.TrainState
    history: History


def learned(
    objective: Objective,
    batches: Callable[[int], Batch],
    steps: int,
    tx: optax.GradientTransformation,
    *,
    seed: int,
    folder: Path,
    title: str,
    every: int = 500,
    **settings: Any,
) -> Learned:
    """Train, going on from a checkpoint in ``folder``; ``settings`` are those of ``train.make_step``."""
    init, step, encode = _compiled(objective, tx, **settings)
    state = init(jax.random.key(seed), batches(0))
    checkpoints = train.Checkpoints(folder)
    state, history = train.train(step, state, batches, steps, checkpoints=checkpoints, every=every, title=title)
    checkpoints.close()

    def whole(rows: Batch) -> dict[str, np.ndarray]:
        n = len(rows["x1"])
        order = np.arange(-(-n // PIECE) * PIECE) % n  # the last piece is filled up, so that one program serves all
        pieces = [
            jax.device_get(
                encode(state.params, state.state, {name: x[order[i : i + PIECE]] for name, x in rows.items()})
            )
            for i in range(0, len(order), PIECE)
        ]
        return jax.tree.map(lambda *x: np.concatenate(x)[:n], *pieces)

    return Learned(whole, state, history)


def probed(
    encode: Callable[[Batch], dict[str, np.ndarray]],
    parts: Sequence[tuple[Batch, np.ndarray]],
    read: Mapping[str, Sequence[str]],
    task: str = "class",
) -> dict[str, dict[str, float]]:
    """Test scores of a linear probe by row of ``read``, which names the heads that it sees side by side.

    ``parts`` are rows and labels of training, validation and test. Classes weigh what they are, as in the papers.
    """
    return {row: found.scores for row, found in _probes(encode, parts, read, task).items()}


def _probes(
    encode: Callable[[Batch], dict[str, np.ndarray]],
    parts: Sequence[tuple[Batch, np.ndarray]],
    read: Mapping[str, Sequence[str]],
    task: str,
) -> dict[str, LinearResult]:
    encoded = [(encode(rows), y) for rows, y in parts]
    return {
        row: linear_probe(*((np.asarray(joined(z, heads)), y) for z, y in encoded), task=task, weighted=False)
        for row, heads in read.items()
    }


def probed_early(
    encoder: Callable[[int], Callable[[Batch], dict[str, np.ndarray]]],
    parts: Sequence[tuple[Batch, np.ndarray]],
    read: Mapping[str, Sequence[str]],
    steps: int,
    folder: Path,
    *,
    task: str = "class",
    by: str = "balanced_accuracy",
) -> dict[str, dict[str, float]]:
    """``probed`` of the training that ``encoder(steps done)`` encodes by, stopped early by validation rows.

    They choose by the score ``by`` of the one row of ``read``, or the least where it is "mse"; test rows are scored
    too, and choose nothing.
    """

    def look(upto: int) -> dict[str, Any]:
        found = _probes(encoder(upto), parts, read, task)
        (known,) = (of.validation[by] for of in found.values())
        return {
            "validation": -known if by == "mse" else known,
            "test": {row: of.scores for row, of in found.items()},
        }

    return stopped_early(look, steps, folder)["test"]


def stopped_early(
    look: Callable[[int], dict[str, Any]], steps: int, folder: Path, *, looks: int = 10, patience: int = 2
) -> dict[str, Any]:
    """What ``look(steps done)`` found of a training when its "validation", of which more is better, was highest.

    It is looked at ``looks`` times, and ends when ``patience`` looks in a row were no better. ``folder`` keeps what was
    found, so that an interrupted training ends as another does.
    """
    best, since = {"validation": -np.inf}, 0
    for upto in sorted({max(1, steps * i // looks) for i in range(1, looks + 1)}):
        found = kept(folder / f"after-{upto}.json", functools.partial(look, upto))
        best, since = (found, 0) if found["validation"] > best["validation"] else (best, since + 1)
        if since == patience:
            break
    return best


@functools.lru_cache(maxsize=4)
def _compiled(objective: Objective, tx: optax.GradientTransformation, **settings: Any):
    """Trainings of one objective by one optimiser share their start, their step and their encoding, compiled once."""
    txs = {"theta": tx, "phi": tx}
    encode = jax.jit(lambda params, state, rows: objective.encode(params, state, rows, train=False)[0])
    return train.make_init(objective, txs), train.make_step(objective, txs, donate=True, **settings), encode


def augmented(base: Objective, augment: SampleAugmentation) -> Objective:
    """``base`` of samples whose "x1" and "x2" are augmented when it trains."""

    def encode(params, state, batch, key=None, *, train: bool):
        if train:
            pair = {side: batch[side] for side in ("x1", "x2")}
            # 0 is no side's number, so that views do not share the randomness of encoders
            batch = batch | jax.vmap(lambda k, one: augment(jax.random.fold_in(k, 0), one))(key, pair)
        return base.encode(params, state, batch, key, train=train)

    return base._replace(encode=encode)


@functools.lru_cache(maxsize=4)
def optimiser(learning_rate: optax.ScalarOrSchedule, weight_decay: float) -> optax.GradientTransformation:
    """AdamW; what is no matrix does not decay, as CoMM's released code has it."""

    def matrices(params: Any) -> Any:
        return jax.tree.map(lambda x: x.ndim >= 2, params)

    return optax.adamw(learning_rate, weight_decay=weight_decay, mask=matrices)


@functools.lru_cache(maxsize=4)
def warm_cosine(height: float, warm: int, steps: int, least: float = 0.0) -> optax.Schedule:
    """``optax.warmup_cosine_decay_schedule``, one object for equal numbers: trainings share what was compiled."""
    return optax.warmup_cosine_decay_schedule(least, height, warm, steps, least)


def of_bytes(base: Objective, names: Sequence[str]) -> Objective:
    """``base`` of batches whose pictures ``names`` are bytes: they become numbers in [0, 1] on the device."""

    def numbers(batch: Batch) -> Batch:
        return batch | {name: unit_range(batch[name]) for name in names}

    def encode(params, state, batch, key=None, *, train: bool):
        return base.encode(params, state, numbers(batch), key, train=train)

    return base._replace(init=lambda key, batch: base.init(key, numbers(batch)), encode=encode)


def with_progress(batches: Callable[[int], Batch], steps: int) -> Callable[[int], Batch]:
    """Batches with "progress" [n], the share of the steps that is done, which InfMasking's covariance grows with."""

    def batch(step: int) -> Batch:
        found = batches(step)
        return {**found, "progress": np.full(len(found["x1"]), step / steps, np.float32)}

    return batch


def read_picture(path: Path) -> np.ndarray:
    """A file of any format as bytes [height, width, 3]."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise InputError(f"{path} is cut off, or no picture ({error}): unpack it again.") from None
