"""The training loop: progress in named nats, checkpoints, a stop at the first NaN."""

from __future__ import annotations

import math
from collections.abc import Callable

from tqdm import tqdm

from pidjax.train.checkpoint import Checkpoints, History
from pidjax.train.update import TrainState
from pidjax.typing import Batch


class TrainingError(FloatingPointError):
    """Training met a number that is not finite."""


def train(
    step: Callable,
    train_state: TrainState,
    batches: Callable[[int], Batch],
    steps: int,
    *,
    checkpoints: Checkpoints | None = None,
    every: int = 100,
    title: str = "training",
    progress: bool = True,
) -> tuple[TrainState, History]:
    """Run ``step`` until ``steps`` steps are done, going on from the newest checkpoint where there is one.

    Parameters
    ----------
    step : callable
        From ``make_step``.
    train_state : TrainState
        Where to start without a checkpoint; the shape of what is restored with one.
    batches : callable
        ``batches(i)`` is the batch of step i, a function of i alone.
    steps : int
        Total number of steps.
    checkpoints : Checkpoints, optional
        Saved every ``every`` steps, at the end, and when interrupted (Ctrl-C).
    title, progress
        Of the progress bar, which is silent when the output is not a terminal.

    Returns
    -------
    train_state, history
        One dict of named numbers a step.

    Raises
    ------
    TrainingError
        At the first loss or term that is not finite: names the step, the term and the last checkpoint.
    """
    history: History = []
    if checkpoints is not None and checkpoints.latest() is not None:
        train_state, history = checkpoints.restore(train_state)
    bar = tqdm(total=steps, initial=len(history), desc=title, disable=None if progress else True, leave=False)
    try:
        for i in range(len(history), steps):
            new_state, info = step(train_state, batches(i))
            line = {name: float(value) for name, value in info.items()}
            wrong = [name for name, value in line.items() if not math.isfinite(value)]
            if wrong:
                last = None if checkpoints is None else checkpoints.latest()
                raise TrainingError(
                    f"{', '.join(wrong)} became {line[wrong[-1]]} at step {i}; "
                    + (f"the last good checkpoint is step {last}." if last is not None else "no checkpoint yet.")
                )
            history.append(line)  # first: a Ctrl-C in between leaves a line too many, which is not saved
            train_state = new_state
            bar.update()
            bar.set_postfix({name: f"{value:.2f}" for name, value in line.items()}, refresh=False)
            if checkpoints is not None and (i + 1) % every == 0:
                checkpoints.save(train_state, history)
    except KeyboardInterrupt:
        if checkpoints is not None:
            checkpoints.save(train_state, history)
        raise
    finally:
        bar.close()
    if checkpoints is not None:
        checkpoints.save(train_state, history)
    return train_state, history
