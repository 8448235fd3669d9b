"""A law that can be sampled and whose mutual information is known, and what can be done to one."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.typing import Array

Draw = Callable[[Array, int], tuple[Array, Array]]


class Task(NamedTuple):
    """Pairs (X, Y) to draw, with what is known about them; truth travels with data.

    ``sample(key, n) -> (x [n, dx], y [n, dy])``
        float32, rows independent unless the task is ``standardised``; pure, so it jits (``n`` static) and vmaps
        over keys.
    ``truth``
        I(X; Y) in nats.
    ``truth_error``
        Standard error of ``truth`` in nats where it is a Monte Carlo mean; 0 where it is a closed form or a
        quadrature (good to 1e-8).
    ``jeffreys``
        KL(p(x,y) ‖ p(x)p(y)) + KL(p(x)p(y) ‖ p(x,y)) in nats where it is known exactly.
    ``log_ratio(x, y) -> [n]``
        log p(x, y) − log p(x) − log p(y) of each row, in nats, where densities are known: the ideal critic.
    """

    name: str
    sample: Draw
    truth: float
    truth_error: float = 0.0
    jeffreys: float | None = None
    log_ratio: Callable[[Array, Array], Array] | None = None


def checked(draw: Draw) -> Draw:
    """``draw`` that refuses n < 1 in words."""

    def sample(key: Array, n: int) -> tuple[Array, Array]:
        return draw(key, at_least("n", n, 1))

    return sample


def transformed(
    task: Task, name: str, of_x: Callable[[Array], Array], of_y: Callable[[Array], Array] | None = None
) -> Task:
    """(f(X), g(Y)) with both functions one to one, which leaves I and the Jeffreys divergence as they are.

    Parameters
    ----------
    task : Task
    name : str
    of_x, of_y : callable
        [n, d] to [n, d'], row by row and one to one (not checked); ``of_x`` serves both when ``of_y`` is None.

    Returns
    -------
    Task
        Without ``log_ratio``, which would need the inverses.
    """
    of_y = of_x if of_y is None else of_y

    def sample(key: Array, n: int) -> tuple[Array, Array]:
        x, y = task.sample(key, n)
        return of_x(x), of_y(y)

    return task._replace(name=name, sample=sample, log_ratio=None)


def standardised(task: Task) -> Task:
    """Each coordinate of a sample less its own mean, over its own standard deviation (1/n).

    What published numbers of the bmi benchmark are measured on: its estimators standardise what they are given.
    The affine map is estimated from the sample, so rows are no longer exactly independent (a tie of order
    1/sqrt(n)); where no standard deviation exists (t with 1 or 2 degrees of freedom) the scale is that of the
    sample's largest values, as it was there. I(X; Y) of the rows before the map is still the truth.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Task
        Whose ``sample`` refuses n < 2, and without ``log_ratio``.
    """

    def sample(key: Array, n: int) -> tuple[Array, Array]:
        x, y = task.sample(key, at_least("n of a standardised sample", n, 2))
        return _standardise(x), _standardise(y)

    return task._replace(sample=sample, log_ratio=None)


def _standardise(x: Array) -> Array:
    centred = x - x.mean(0, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(0, keepdims=True))


def at_least(name: str, value: int, least: int) -> int:
    """``value`` as an int, refused unless it is an integer >= ``least``."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise InputError(f"{name} must be an integer of at least {least}; found {value!r}.")
    return number


def inside(name: str, value: float, low: float, high: float) -> float:
    """``value`` as a float, refused unless low < value < high."""
    if not low < value < high:
        raise InputError(f"{name} must lie between {low:g} and {high:g} (neither included); found {value!r}.")
    return float(value)
