"""The training loop: progress in named nats, checkpoints, signals, a stop at the first NaN."""

from __future__ import annotations

import math
import shlex
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from pidjax._checks import InputError
from pidjax.train.checkpoint import CheckpointError, Checkpoints, CheckpointWarning
from pidjax.train.metrics import History
from pidjax.train.prefetch import Prefetch
from pidjax.train.signals import StopSignals
from pidjax.train.step import Step
from pidjax.train.update import TrainState


class TrainingError(FloatingPointError):
    """Training met a number that is not finite."""


def train(
    step: Step,
    train_state: TrainState,
    batches: Callable[[int], Any],
    steps: int,
    *,
    checkpoints: Checkpoints | None = None,
    every: int = 100,
    prefetch: int = 2,
    title: str = "training",
    progress: bool = True,
    resume: str | None = None,
) -> tuple[TrainState, History]:
    """Run ``step`` until ``steps`` steps are done, going on from the newest checkpoint where there is one.

    The numbers of a step are read while the next one runs. With ``checkpoints``, Ctrl-C (``KeyboardInterrupt``) and
    SIGTERM (exit with status 0, the command to go on printed) end after the step that runs, saved; with several
    processes, all after the same one of the next ten calls. A killed process loses at most ``every`` steps. A
    checkpoint that cannot be written is a warning: training goes on and tries again.

    Parameters
    ----------
    step : Step
        From ``make_step``. With ``donate``, the train state that is given cannot be read afterwards.
    train_state : TrainState
        Where to start without a checkpoint; the shape of what is restored with one.
    batches : callable
        ``batches(i)`` is the batch of step i, a function of i alone; this process' rows with several processes.
    steps : int
        Total number of steps.
    checkpoints : Checkpoints, optional
        Written in the background.
    every : int
        Steps that may be lost: a checkpoint is begun after every half of it (but not within a call of the step).
    prefetch : int
        Batches made and put on devices ahead, in a thread; 0 for none.
    title, progress
        Of the progress bar (steps/s, samples/s, nats, time left), which is silent when the output is not a terminal.
    resume : str, optional
        The command that goes on; the one of this process by default.

    Returns
    -------
    train_state, history
        One dict of named numbers a step.

    Raises
    ------
    TrainingError
        At the first loss or term that is not finite: names the step, the term and the last checkpoint.
    InputError
        Steps left that are not a multiple of those of a call.
    """
    history: History = []
    if checkpoints is not None and checkpoints.latest() is not None:
        train_state, history = checkpoints.restore(train_state)
    elif checkpoints is not None:
        _or_warn(checkpoints.start)
    first, per_call = int(train_state.step), step.steps
    if steps > first and (steps - first) % per_call:
        raise InputError(f"a call of this step does {per_call} steps: the {steps - first} left are no multiple of it.")
    # two an interval: while one is being written the one before it is whole, and less than an interval old
    interval = max(every // 2, 1)

    def make(i: int) -> tuple[int, Any]:
        made = [batches(i + k) for k in range(per_call)]
        rows = sum(jax.tree.leaves(one)[0].shape[0] for one in made) * jax.process_count()
        batch = made[0] if per_call == 1 else jax.tree.map(lambda *x: np.stack(x), *made)
        return rows, step.place(batch)

    def read(i: int, rows: int, info: dict[str, Any]) -> None:
        """Wait for the numbers of a call; stop if one is not finite, else log and show them."""
        values = {name: np.asarray(value).reshape(per_call).tolist() for name, value in info.items()}
        for k in range(per_call):
            line = {name: value[k] for name, value in values.items()}
            wrong = [name for name, value in line.items() if not math.isfinite(value)]
            if wrong:
                raise TrainingError(
                    f"{', '.join(wrong)} became {line[wrong[-1]]} at step {i + k}; {_last_good(checkpoints)}."
                )
            history.append(line)
            if checkpoints is not None:
                _or_warn(checkpoints.log, line)
        show.step(per_call, rows, line)

    batch = Prefetch(make, stride=per_call, last=steps, depth=prefetch)
    show = _Progress(steps, first, title, progress and jax.process_index() == 0)
    unread, wish, done = None, None, first
    try:
        with StopSignals(terminate=checkpoints is not None) as stop:
            for i in range(first, steps, per_call):
                rows, placed = batch(i)
                train_state, info = step.run(train_state, placed)
                if unread is not None:
                    read(*unread)
                unread, done = (i, rows, info), i + per_call
                wish = stop.wish()
                if wish is not None or (checkpoints is not None and done // interval > i // interval):
                    read(*unread)
                    unread = None
                    if wish is not None:
                        break
                    if checkpoints is not None:
                        _or_warn(checkpoints.save, train_state)
            if unread is not None:
                read(*unread)
            saved = checkpoints is not None and _or_warn(checkpoints.save, train_state, wait=True)
            wish = wish or stop.wish(last=True)
    finally:
        show.close()
        batch.close()
    if wish is signal.SIGTERM:
        _farewell(checkpoints, done, saved, resume or shlex.join(sys.orig_argv))
    if wish is signal.SIGINT:
        raise KeyboardInterrupt
    return train_state, history


def _or_warn(write: Callable[..., None], *args: Any, **options: Any) -> bool:
    """Whether it could be written; if not, a warning says why."""
    try:
        write(*args, **options)
    except CheckpointError as error:
        warnings.warn(str(error), CheckpointWarning, stacklevel=3)
        return False
    return True


def _last_good(checkpoints: Checkpoints | None) -> str:
    if checkpoints is not None:
        _or_warn(checkpoints.wait)
        if checkpoints.latest() is not None:
            return f"the last good checkpoint is step {checkpoints.latest()}, in {checkpoints.folder}"
    return "no checkpoint yet"


def _farewell(checkpoints: Checkpoints | None, done: int, saved: bool, command: str) -> None:
    """After SIGTERM: where things are, and how to go on."""
    assert checkpoints is not None
    if jax.process_index() == 0:
        if saved:
            print(f"terminated after step {done}, which is saved. To go on:\n    {command}", file=sys.stderr)
        else:
            print(
                f"terminated after step {done}, which could not be saved. {_last_good(checkpoints)}.", file=sys.stderr
            )
    sys.exit(0 if saved else 1)


class _Progress:
    """A line of steps/s, samples/s, named numbers and time left."""

    def __init__(self, steps: int, first: int, title: str, on: bool):
        self._bar = tqdm(total=steps, initial=first, desc=title, unit="step", disable=None if on else True, leave=False)
        self._samples = 0

    def step(self, steps: int, rows: int, line: dict[str, float]) -> None:
        self._bar.update(steps)
        self._samples += rows
        if not self._bar.disable:
            rate = self._samples / max(self._bar.format_dict["elapsed"], 1e-9)
            shown = {name: f"{value:.2f}" for name, value in line.items()}
            self._bar.set_postfix({"samples/s": f"{rate:.3g}"} | shown, refresh=False)

    def close(self) -> None:
        self._bar.close()
