"""Post-norm transformer of sequences, written for few and narrow tokens: the encoder of MultiBench and FactorCL.

The numbers of the textbook's blocks, which PyTorch runs, for less work: the feed-forward layer is 2048 wide on tokens
of 40. Whole, its activations are written to memory and read again some ten times; a block of tokens at a time they stay
in cache, and computing them again is cheaper than keeping them.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.typing import Array, Encoder, Params

BLOCK = 400
"""Tokens of a feed-forward layer at a time, at the most."""


def post_norm_transformer(
    features: int, width: int, *, depth: int = 5, heads: int = 5, forward: int = 2048, bias: bool = False
) -> Encoder:
    """A linear map and blocks of Vaswani et al. 2017: [n, tokens, features] -> tokens [n, tokens, width].

    Self-attention and a feed-forward layer with relu, each added and then normalised; no positions, no dropout.
    ``mask`` [n, tokens] is true where a token is real: others are not attended to.

    Parameters
    ----------
    features, width : int
    depth, heads, forward : int
        Those of MultiBench (Liang et al. 2021) by default.
    bias : bool
        Of the first map.
    """
    if width % heads:
        raise InputError(f"width must be a multiple of heads; found width {width}, heads {heads}.")

    def init(key: Array) -> tuple[Params, Params]:
        into, *keys = jax.random.split(key, depth + 1)
        first = _linear_init(into, features, width)
        if not bias:
            del first["bias"]
        return {"into": first, "blocks": [_block_init(k, width, forward) for k in keys]}, {}

    def apply(params, state, x, key=None, *, train: bool = False, mask=None) -> tuple[Array, Params]:
        h = linear(params["into"], x)
        for block in params["blocks"]:
            h = _post_norm(block, h, heads, mask)
        return h, state

    return Encoder(init, apply)


def linear(params: Params, x: Array) -> Array:
    """x W, and + b where there is one, over the last axis."""
    y = x @ params["kernel"]
    return y + params["bias"].reshape(*[1] * (x.ndim - 1), -1) if "bias" in params else y


def _layer_norm(params: Params, x: Array) -> Array:
    x = x - x.mean(-1, keepdims=True)
    x = x * jax.lax.rsqrt((x**2).mean(-1, keepdims=True) + 1e-5)
    return x * params["scale"][None, None] + params["shift"][None, None]


def _linear_init(key: Array, n_in: int, n_out: int) -> Params:
    """As PyTorch's layers start."""
    kernel, bias = jax.random.split(key)
    bound = n_in**-0.5
    return {
        "kernel": jax.random.uniform(kernel, (n_in, n_out), minval=-bound, maxval=bound),
        "bias": jax.random.uniform(bias, (n_out,), minval=-bound, maxval=bound),
    }


def _block_init(key: Array, width: int, forward: int) -> Params:
    qkv, out, up, down = jax.random.split(key, 4)
    norms = {name: {"scale": jnp.ones(width), "shift": jnp.zeros(width)} for name in ("norm1", "norm2")}
    return norms | {
        "qkv": _linear_init(qkv, width, 3 * width),
        "out": _linear_init(out, width, width),
        "up": _linear_init(up, width, forward),
        "down": _linear_init(down, forward, width),
    }


def _post_norm(params: Params, h: Array, heads: int, mask: Array | None) -> Array:
    n, tokens, width = h.shape
    q, k, v = jnp.split(linear(params["qkv"], h).reshape(n, tokens, 3 * heads, -1), 3, axis=2)
    scores = jnp.einsum("nqhd,nkhd->nhqk", q, k) / q.shape[-1] ** 0.5
    if mask is not None:
        # finite, so that a sequence without any token is no NaN
        scores = jnp.where(mask[:, None, None, :], scores, -1e30)
    seen = jnp.einsum("nhqk,nkhd->nqhd", jax.nn.softmax(scores), v).reshape(h.shape)
    h = _layer_norm(params["norm1"], h + linear(params["out"], seen))
    added = feed_forward(params["up"], params["down"], h.reshape(-1, width)).reshape(h.shape)
    return _layer_norm(params["norm2"], h + added)


@jax.custom_vjp
def feed_forward(up: Params, down: Params, x: Array) -> Array:
    """relu(x W + b) W' + b', a block of rows at a time; the backward pass computes the hidden layer again."""
    return _forward(up, down, x)[0]


def _forward(up: Params, down: Params, x: Array):
    out = jax.lax.map(lambda rows: linear(down, jax.nn.relu(linear(up, rows))), _blocks(x))
    return out.reshape(x.shape), (up, down, x)


def _backward(saved, g: Array):
    up, down, x = saved

    def block(sums, given):
        rows, g_rows = given
        h = linear(up, rows)
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
