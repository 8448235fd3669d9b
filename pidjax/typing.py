"""Shapes and protocols: what the rooms of the house hand to one another.

A component is a NamedTuple of pure functions. Parameters and state are plain nested dicts of arrays, so
``jit``, ``grad``, ``vmap``, optax and orbax all see an ordinary pytree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax

Array: TypeAlias = jax.Array
Params: TypeAlias = Any
"""A nested dict of arrays."""
Batch: TypeAlias = dict[str, Array]
"""Named arrays whose first axis is the sample."""


class Encoder(NamedTuple):
    """Signals to vectors.

    ``init(key) -> (params, state)``

    ``apply(params, state, x, key=None, *, train=False, mask=None) -> (z, state)``
        ``key`` holds one typed PRNG key a sample, so that randomness does not depend on how many devices
        share the batch; ``mask`` is true where a token is real.
    """

    init: Callable[..., tuple[Params, Params]]
    apply: Callable[..., tuple[Array, Params]]


class Critic(NamedTuple):
    """Pairs to scores, f(x, y).

    ``init(key, x, y) -> params``; ``paired(params, x, y) -> [n]``; ``scores(params, x, y) -> [n, m]``

    ``stats(params, x, y, *, positive=None, log_weights=None, weight=None, over="y"|"x"|"both",
    transform="identity", axis_name=None) -> ScoreStats``
        ``over`` names the side that negatives are taken from; rows of the statistics are anchors, those of
        ``y`` where negatives come from ``x``, both in turn for "both". Row i of ``x`` belongs to row i of
        ``y``, unless ``positive`` names each anchor's candidate. ``log_weights[n, m]`` (anchor, candidate) is
        added to the scores of negatives (-inf removes one), ``weight[n]`` weighs anchors, ``transform`` is
        what the bound reads (see ``ScoreStats``). With ``axis_name`` the negatives of all devices are used, and
        ``positive`` and the columns of ``log_weights`` count in the batch of all devices.
        Equal to ``score_stats`` of the dense scores, which are not formed where that would take much memory.
    """

    init: Callable[..., Params]
    paired: Callable[..., Array]
    scores: Callable[..., Array]
    stats: Callable[..., Any]


class Objective(NamedTuple):
    """What is learned, split so that encoding and scoring can be done apart.

    ``init(key, batch) -> (params, state)``
        ``params`` is ``{"theta": ..., "phi": ...}``.
    ``encode(params, state, batch, key, *, train) -> (z, state)``
        ``key`` holds one typed PRNG key a sample (None when ``train`` is false).
    ``loss(params, z, batch, *, axis_name=None) -> (scalar, info)``
        Its gradient with respect to theta is used. ``info`` is a flat dict of named numbers.
    ``inner``
        None, or the same signature as ``loss``: its gradient with respect to phi is used, with ``z``
        stop-gradiented (FactorCL, Alg. 3).
    """

    init: Callable[..., tuple[Params, Params]]
    encode: Callable[..., tuple[Any, Params]]
    loss: Callable[..., tuple[Array, dict[str, Array]]]
    inner: Callable[..., tuple[Array, dict[str, Array]]] | None = None
