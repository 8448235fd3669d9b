"""The feed-forward layer of a transformer for few and narrow tokens: the textbook's numbers for less work.

MultiBench's is 2048 wide on tokens of 40. Whole, its activations are written to memory and read again some ten times; a
block of tokens at a time they stay in cache, and computing them again is cheaper than keeping them.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax.typing import Array, Params

BLOCK = 400
"""Tokens at a time, at the most."""


@jax.custom_vjp
def feed_forward(up: Params, down: Params, x: Array) -> Array:
    """relu(x W + b) W' + b', a block of rows at a time; the backward pass computes the hidden layer again."""
    return _forward(up, down, x)[0]


def _forward(up: Params, down: Params, x: Array):
    out = jax.lax.map(lambda rows: _linear(down, jax.nn.relu(_linear(up, rows))), _blocks(x))
    return out.reshape(x.shape), (up, down, x)


def _backward(saved, g: Array):
    up, down, x = saved

    def block(sums, given):
        rows, g_rows = given
        h = _linear(up, rows)
        back = jnp.where(h > 0, g_rows @ down["kernel"].T, 0)
        # the width of tokens first: the transposed product takes three times as long on CPU
        parts = rows.T @ back, back.sum(0), g_rows.T @ jax.nn.relu(h)
        return [total + part for total, part in zip(sums, parts, strict=True)], back @ up["kernel"].T

    zeros = [jnp.zeros_like(up["kernel"]), jnp.zeros_like(up["bias"]), jnp.zeros_like(down["kernel"].T)]
    (at_up, at_bias, at_down), at_x = jax.lax.scan(block, zeros, (_blocks(x), _blocks(g)))
    at_params = {"kernel": at_up, "bias": at_bias}, {"kernel": at_down.T, "bias": g.sum(0)}
    return *at_params, at_x.reshape(x.shape)


feed_forward.defvjp(_forward, _backward)


def _blocks(x: Array) -> Array:
    """Rows as [blocks, rows, width], the largest equal blocks that ``BLOCK`` allows."""
    n = x.shape[0]
    size = next(size for size in range(min(BLOCK, n), 0, -1) if n % size == 0)
    return x.reshape(-1, size, x.shape[1])


def _linear(params: Params, x: Array) -> Array:
    return x @ params["kernel"] + params["bias"][None]
