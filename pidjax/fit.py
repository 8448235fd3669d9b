"""One compiled fit: a scan of optimiser steps, watched on held-out data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from pidjax._checks import InputError
from pidjax.typing import Array, Params

Loss = Callable[[Params, Any], Array]


class Fit(NamedTuple):
    """What a fit found.

    ``params``
        The start or the watched parameters of a round: those with the lowest ``held_out``.
    ``held_out`` [rounds + 1]
        Loss on the held-out data of the start and, after each round, of the watched parameters.
    ``best`` scalar int
        Where in ``held_out`` the returned parameters stand; 0 is the start.
    """

    params: Params
    held_out: Array
    best: Array


def fit(
    key: Array,
    loss: Loss,
    params: Params,
    data: Any,
    held_out: Any,
    *,
    steps: int = 1000,
    batch: int = 256,
    learning_rate: Array | float = 2e-3,
    weight_decay: Array | float = 0.0,
    average: float = 0.0,
    rounds: int = 20,
) -> Fit:
    r"""Minimise a loss by AdamW, keep the parameters that do best on data that were not fitted.

    The learning rate goes from ``learning_rate`` to 0 along a cosine. After each of ``rounds`` equal pieces the
    *watched* parameters are evaluated on ``held_out``, and those with the lowest loss are returned (early
    stopping, without the stop: a scan has a fixed length). Watched are the parameters themselves or, with
    ``average = β``, their bias-corrected exponential mean :math:`(1-\beta)\sum_s \beta^{t-s} θ_s / (1-β^t)`,
    which is smoother and generalises better on few samples.

    A pure function: ``jit`` it, and ``vmap`` it over keys, data sets, learning rates, whatever is an array.

    Parameters
    ----------
    key : PRNG key
        Which rows each step sees.
    loss : callable
        ``loss(params, rows) -> scalar``, with ``rows`` as ``data`` but of ``batch`` rows.
    params : pytree
        Where the fit starts.
    data, held_out : pytrees of arrays [n, ...], [m, ...]
        Rows to fit, and rows to be evaluated on, all at once.
    steps, batch : int
        Optimiser steps, and rows a step (all of them where there are fewer). The rows of a step differ.
    learning_rate, weight_decay : scalars
        Of AdamW; gradients are clipped at global norm 10.
    average : float
        β in [0, 1).
    rounds : int
        Evaluations on ``held_out``.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        Counts that are not positive, ``average`` outside [0, 1), no rows.

    References
    ----------
    Loshchilov & Hutter 2019 (AdamW).
    """
    data, held_out = jax.tree.map(jnp.asarray, (data, held_out))
    n = jax.tree.leaves(data)[0].shape[0]
    for name, count in {"steps": steps, "batch": batch, "rounds": rounds, "rows of data": n}.items():
        if count < 1:
            raise InputError(f"{name} must be at least 1; found {count}.")
    if not 0 <= average < 1:
        raise InputError(f"average must lie in [0, 1); found {average}.")
    rounds = min(rounds, steps)
    length = math.ceil(steps / rounds)
    batch = min(batch, n)
    optimiser = optax.chain(optax.clip_by_global_norm(10.0), optax.scale_by_adam())
    strides = jnp.asarray(_coprime(n), jnp.uint32)

    def rows_of(key: Array) -> Array:
        """``batch`` different rows, each of them equally likely: (first + stride i) mod n."""
        first, stride = jax.random.split(key)
        first = jax.random.randint(first, (), 0, n).astype(jnp.uint32)
        return (first + jax.random.choice(stride, strides) * jnp.arange(batch, dtype=jnp.uint32)) % n

    def step(carry, t):
        params, state, mean = carry
        rows = rows_of(jax.random.fold_in(key, t))
        slope = jax.grad(loss)(params, jax.tree.map(lambda x: x[rows], data))
        update, state = optimiser.update(slope, state, params)
        rate = learning_rate * (1 + jnp.cos(jnp.pi * t / (length * rounds))) / 2
        params = jax.tree.map(lambda p, u: p - rate * (u + weight_decay * p), params, update)
        mean = jax.tree.map(lambda m, p: average * m + (1 - average) * p, mean, params)
        return (params, state, mean), None

    def one_round(carry, i):
        walk, best, lowest, found = carry
        walk, _ = jax.lax.scan(step, walk, i * length + jnp.arange(length))
        seen = 1 - average ** ((i + 1) * length)
        watched = jax.tree.map(lambda m: m / seen, walk[2])  # with average 0 the parameters themselves
        value = loss(watched, held_out)
        better = value < lowest
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), watched, best)
        return (walk, best, jnp.where(better, value, lowest), jnp.where(better, i + 1, found)), value

    first = loss(params, held_out)
    walk = params, optimiser.init(params), jax.tree.map(jnp.zeros_like, params)
    (_, best, _, found), values = jax.lax.scan(one_round, (walk, params, first, jnp.int32(0)), jnp.arange(rounds))
    return Fit(best, jnp.concatenate([first[None], values]), found)


def _coprime(n: int) -> np.ndarray:
    """Up to 256 strides below n that share no factor with it, so that first + stride i visits n rows in turn."""
    strides = np.random.default_rng(0).permutation(np.arange(1, max(n, 2)))
    return strides[np.gcd(strides, n) == 1][:256]
