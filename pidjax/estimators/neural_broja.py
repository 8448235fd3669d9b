"""The coupling of Bertschinger's PID by a network, within mini-batches: for sources whose outcomes are not counted."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pidjax.critics.layers import mlp, mlp_init
from pidjax.fit import fit
from pidjax.math.transport import rounded, sinkhorn
from pidjax.typing import Array, Params

SWEEPS = 20
"""Of Sinkhorn's scaling, every one of which is differentiated, in a step of the fit."""
TIGHT = 2000
"""Of Sinkhorn's scaling when the fitted network is read."""
RANGE = 10.0
"""The kernel's logarithms lie between plus and minus this."""


FLOOR = -14.0
"""Of log probabilities."""


SLOWEST = 0.5
"""Least power of the number of rows with which uniques are taken to fall."""


class BatchUniques(NamedTuple):
    """What a fitted coupling says of disjoint blocks of rows, drawn at random.

    Attributes
    ----------
    whole, halves, quarters : [blocks, 2], nats
        I_q(X1, X2; Y) − I(X2; Y) and I_q(X1, X2; Y) − I(X1; Y) of blocks, and means of those of their halves and
        quarters: never below the least that is possible within the rows, nor below 0.
    residual : [blocks]
        Σ |q(x1, y) − p(x1, y)| before what Sinkhorn's scaling leaves of it is rounded away.
    rows : int [blocks, size]
    """

    whole: Array
    halves: Array
    quarters: Array
    residual: Array
    rows: Array


def of_many_rows(whole: np.ndarray, halves: np.ndarray, quarters: np.ndarray) -> np.ndarray:
    r"""U1 and U2 of blocks [blocks, 2], extrapolated to blocks of any size.

    .. math:: U(m) = U + c \, m^{-\alpha}, \quad 2^\alpha = \frac{\bar U(m/4) - \bar U(m/2)}{\bar U(m/2) - \bar U(m)}

    with α in [½, 1] of the means over blocks and both sources: posteriors of few classes fill their space quickly
    (α about 1 with two), those of many slowly.
    """
    first, last = (quarters - halves).mean(), (halves - whole).mean()
    ratio = np.clip(first / last, 2**SLOWEST, 2.0) if min(first, last) > 0 else 2.0  # noise has no rate
    return whole - (halves - whole) / (ratio - 1)


def neural_broja(
    key: Array, log_p1: Array, log_p2: Array, *, batch: int = 256, steps: int = 400, hidden: int = 32
) -> BatchUniques:
    r"""Minimise I_q(X1, X2; Y) over couplings that a network gives within mini-batches.

    In the manner of PID-Batch (Liang et al. 2023, "Quantifying & Modeling Multimodal Interactions"): a batch of m rows
    is a law of m outcomes of x1 and m of x2, whose marginals are those of unimodal classifiers,
    p(x1, y) = p(y | x1) / m; a network of both outcomes gives an unnormalised coupling, Sinkhorn's scaling its
    marginals, and the network is fitted to the least information that is left. Here the network gives one kernel
    r(x1, x2) = exp(g1(x1) · g2(x2)) for all y, because the minimum has the form

    .. math:: q(x_1, x_2, y) = r(x_1, x_2)\, e^{\lambda_1(x_1, y) + \lambda_2(x_2, y)}

    and the scaling finds the λ (``pidjax.pid.coupling``); it sees the probabilities, which are all that matters of a
    source; and what the scaling leaves is rounded away, so that every q is feasible and no I_q below what is possible
    among its rows. Rows are no population: posteriors without near neighbours among them cannot be matched, which adds
    to U1 and U2. So the fitted coupling is read from blocks of twice the batch, from their halves and their quarters
    (``of_many_rows``).

    Parameters
    ----------
    key : PRNG key
        Of the networks and batches.
    log_p1, log_p2 : [n, classes]
        log p(y | x1), log p(y | x2), of classifiers that did not see the row.
    batch, steps, hidden : int
        Rows of a batch (n / 8 at most), steps of AdamW, width of both hidden layers.

    Returns
    -------
    BatchUniques
    """
    n, classes = log_p1.shape
    batch = min(batch, n // 8)
    start, run, deal = jax.random.split(key, 3)
    # probabilities of 1e-30 say no more than those of 1e-6, but their logarithms' slopes overflow
    posteriors = tuple(jax.nn.log_softmax(jnp.maximum(p, FLOOR).astype(jnp.float32)) for p in (log_p1, log_p2))
    widths = (2 * classes, hidden, hidden, hidden // 2)
    params = tuple(mlp_init(k, widths) for k in jax.random.split(start))

    def loss(params: Params, rows: tuple[Array, Array]) -> Array:
        p1, p2 = _marginals(*rows)
        return _information(rounded(sinkhorn(_kernel(params, *rows), p1, p2, SWEEPS), p1, p2))

    watched = tuple(p[jax.random.permutation(run, n)[:batch]] for p in posteriors)
    params = fit(run, loss, params, posteriors, watched, steps=steps, batch=batch, learning_rate=1e-2).params

    def uniques(rows: Array) -> Array:
        """U1, U2 and the residual of a block, [3]."""
        a, b = (p[rows] for p in posteriors)
        p1, p2 = _marginals(a, b)
        q = sinkhorn(_kernel(params, a, b), p1, p2, TIGHT)
        union = _information(rounded(q, p1, p2))
        residual = jnp.abs(q.sum(1) - p1).sum()
        return jnp.stack([union - _information(p2[None]), union - _information(p1[:, None]), residual])

    blocks = n // (2 * batch)
    quarter = n // (4 * blocks)
    rows = jax.random.permutation(deal, n)[: blocks * 4 * quarter].reshape(blocks, 4 * quarter)
    whole, halves, quarters = (
        jax.lax.map(uniques, rows.reshape(parts * blocks, -1)).reshape(blocks, parts, 3).mean(1) for parts in (1, 2, 4)
    )
    return BatchUniques(whole[:, :2], halves[:, :2], quarters[:, :2], whole[:, 2], rows)


def _kernel(params: Params, log_p1: Array, log_p2: Array) -> Array:
    """exp(g1 · g2), [m, m, 1]."""
    first, second = (
        mlp(layers, jnp.concatenate([jnp.exp(p / 2), p / 4], 1))
        for layers, p in zip(params, (log_p1, log_p2), strict=True)
    )
    return jnp.exp(RANGE * jnp.tanh(first @ second.T / RANGE))[:, :, None]


def _marginals(log_p1: Array, log_p2: Array) -> tuple[Array, Array]:
    """p(x1, y) and p(x2, y) of a batch, [m, classes]; both classifiers have the mean of their two p(y)."""
    p1, p2 = (jnp.exp(p) / len(p) for p in (log_p1, log_p2))
    prior = (p1.sum(0) + p2.sum(0)) / 2
    return p1 * (prior / p1.sum(0))[None], p2 * (prior / p2.sum(0))[None]


def _information(q: Array) -> Array:
    """I(X1, X2; Y) of a table [m, m, classes] that sums to 1, nats."""
    tiny = jnp.finfo(q.dtype).tiny

    def log(x: Array) -> Array:
        return jnp.log(jnp.maximum(x, tiny))

    prior = q.sum((0, 1))
    return (q * (log(q) - log(q.sum(-1, keepdims=True)) - log(prior)[None, None])).sum()
