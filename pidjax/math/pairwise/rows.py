"""A table a block of rows at a time, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def blocks_of(rows: Any, block: int, pad: str = "constant") -> Any:
    """Leading axes n as [count, size]: equal blocks of at most ``block`` rows.

    The last is padded with zeros ("constant") or with copies of the last row ("edge").
    """
    n = jax.tree.leaves(rows)[0].shape[0]
    count = -(-n // block)
    size = -(-n // count)

    def cut(x):
        x = jnp.pad(x, [(0, count * size - n)] + [(0, 0)] * (x.ndim - 1), mode=pad)
        return x.reshape(count, size, *x.shape[1:])

    return jax.tree.map(cut, rows)


def joined(blocks: Any, n: int) -> Any:
    """The first ``n`` rows of [count, size, ...], as [n, ...]."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:n], blocks)


def map_rows(f: Callable, rows: Any, block: int) -> Any:
    """``f(rows)`` computed for ``block`` rows at a time.

    Memory is that of one block in both passes: the backward pass computes each block anew instead of keeping
    what the forward pass saw.

    Parameters
    ----------
    f : callable
        Maps a pytree of arrays [b, ...] to a pytree of arrays [b, ...], row by row.
    rows : pytree of arrays [n, ...]
    block : int
        With ``block >= n`` this is ``f(rows)``.
    """
    n = jax.tree.leaves(rows)[0].shape[0]
    if block >= n:
        return f(rows)
    # padding that f has to cope with anyway: an infinity at zeros would make the gradient 0 · inf
    blocks = blocks_of(rows, block, pad="edge")
    return joined(jax.lax.map(jax.checkpoint(f, prevent_cse=False), blocks), n)
