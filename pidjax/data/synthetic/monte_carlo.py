"""The mean of an exact log-ratio over fresh draws: I(X; Y) where no closed form exists."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax

from pidjax._checks import InputError
from pidjax.data.synthetic.task import Draw
from pidjax.typing import Array

ROUND = 1 << 16
MOST_ROUNDS = 64


def monte_carlo_mi(
    sample: Draw, log_ratio: Callable[[Array, Array], Array], error: float = 1e-3, seed: int = 0
) -> tuple[float, float]:
    """I(X; Y) = E log p(x,y)/(p(x)p(y)) by drawing, with its standard error.

    Rounds of 65,536 draws (what bounds the memory) until the standard error is at most ``error``, 64 rounds at
    most: enough for 1e-3 where the log-ratio has a standard deviation of up to 2 nats. The key is fixed, so a
    task has one truth.

    Parameters
    ----------
    sample : (key, n) -> (x, y)
    log_ratio : (x, y) -> [n]
    error : float
        Nats, > 0.
    seed : int

    Returns
    -------
    value, standard error : float
        Nats.
    """
    if not error > 0:
        raise InputError(f"error must be a positive number of nats; found {error!r}.")

    @jax.jit
    def moments(key: Array) -> tuple[Array, Array]:
        values = log_ratio(*sample(key, ROUND))
        mean = values.mean()
        return mean, ((values - mean) ** 2).sum()

    means: list[float] = []
    squares = 0.0
    while True:
        with jax.ensure_compile_time_eval():  # a number, also where the task is made inside a traced function
            mean, square = map(float, moments(jax.random.fold_in(jax.random.key(seed), len(means))))
        means.append(mean)
        squares += square
        spent = len(means) * ROUND
        value = sum(means) / len(means)
        between = ROUND * sum((m - value) ** 2 for m in means)
        standard_error = math.sqrt((squares + between) / (spent - 1) / spent)
        if standard_error <= error or len(means) == MOST_ROUNDS:
            return value, standard_error
