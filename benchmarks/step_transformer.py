"""Transformer blocks of CoMM, written for few and narrow tokens: post-norm encoders, a fusion that is read at [CLS].

Both give the numbers of the textbook's blocks, which PyTorch runs, for less work:

- The feed-forward layer is 2048 wide on tokens of 40. Whole, its activations are written to memory and read again
  some ten times; a block of tokens at a time they stay in cache, and computing them again is cheaper than keeping them.
- Of the fusion block only [CLS] is read, so no other token asks, and a mask is a softmax over some of its keys.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from benchmarks.step_problem import linear, linear_shapes, shape
from pidjax.typing import Array, Params

BLOCK = 400
"""Tokens of a feed-forward layer at a time, at the most."""


def norm_shapes(width: int) -> Params:
    """The affine map after a normalisation."""
    return {"scale": shape(width), "shift": shape(width)}


def layer_norm(params: Params, x: Array) -> Array:
    x = x - x.mean(-1, keepdims=True)
    x = x * jax.lax.rsqrt((x**2).mean(-1, keepdims=True) + 1e-5)
    return x * params["scale"][None, None] + params["shift"][None, None]


def post_norm_shapes(width: int, forward: int) -> Params:
    """Parameters of a block of Vaswani et al. 2017."""
    return {
        "qkv": linear_shapes(width, 3 * width),
        "out": linear_shapes(width, width),
        "norm1": norm_shapes(width),
        "up": linear_shapes(width, forward),
        "down": linear_shapes(forward, width),
        "norm2": norm_shapes(width),
    }


def post_norm(params: Params, h: Array, heads: int) -> Array:
    """Self-attention and a feed-forward layer with relu, each added and then normalised; h [n, tokens, width]."""
    n, tokens, width = h.shape
    q, k, v = jnp.split(linear(params["qkv"], h).reshape(n, tokens, 3 * heads, -1), 3, axis=2)
    scores = jnp.einsum("nqhd,nkhd->nhqk", q, k) / q.shape[-1] ** 0.5
    seen = jnp.einsum("nhqk,nkhd->nqhd", jax.nn.softmax(scores), v).reshape(h.shape)
    h = layer_norm(params["norm1"], h + linear(params["out"], seen))
    added = feed_forward(params["up"], params["down"], h.reshape(-1, width)).reshape(h.shape)
    return layer_norm(params["norm2"], h + added)


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


def fusion_shapes(width: int) -> Params:
    """Parameters of a pre-norm block, its [CLS] token and the normalisation of what comes out."""
    return {"cls": shape(width), "norm": norm_shapes(width), **post_norm_shapes(width, 4 * width)}


def fuse(params: Params, x1: Array, x2: Array, heads: int) -> Array:
    """[CLS] after a pre-norm block over its own token and those of x1, of x2, of both: [n, 3, width]."""
    (n, t1, width), t2 = x1.shape, x2.shape[1]
    cls = jnp.broadcast_to(params["cls"][None, None], (n, 1, width))
    tokens = layer_norm(params["norm1"], jnp.concatenate([cls, x1, x2], axis=1))
    q, k, v = (
        linear(part, rows) for part, rows in zip(_thirds(params["qkv"]), (tokens[:, :1], tokens, tokens), strict=True)
    )
    scores = jnp.einsum("nhd,nkhd->nhk", q.reshape(n, heads, -1), k.reshape(n, -1, heads, width // heads))
    of = jnp.concatenate([jnp.zeros(1), jnp.ones(t1), jnp.full(t2, 2.0)])[None]
    hidden = of == jnp.array([2.0, 1.0, 3.0])[:, None]  # the masked tokens of every mask
    scores = jnp.where(hidden[None, :, None], -jnp.inf, scores[:, None] / (width // heads) ** 0.5)
    seen = jnp.einsum("nmhk,nkhd->nmhd", jax.nn.softmax(scores), v.reshape(n, -1, heads, width // heads))
    z = cls + linear(params["out"], seen.reshape(n, 3, width))
    h = linear(params["up"], layer_norm(params["norm2"], z))
    return layer_norm(params["norm"], z + linear(params["down"], h * jax.nn.sigmoid(1.702 * h)))


def _thirds(params: Params) -> list[Params]:
    """Queries', keys' and values' part of a joint linear layer."""
    return [
        dict(zip(("kernel", "bias"), part, strict=True))
        for part in zip(jnp.split(params["kernel"], 3, 1), jnp.split(params["bias"], 3), strict=True)
    ]
