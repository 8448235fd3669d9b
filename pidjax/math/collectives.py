"""Seeing the whole batch from one device: gathers and global sample positions that also work on one."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax.typing import Array


def gather(x: Array, axis_name: str | None) -> Array:
    """Rows of all devices along ``axis_name``, concatenated along axis 0; ``x`` itself without one.

    With a local loss and the mean of gradients over devices the gradient through it is exact, under
    ``pmap`` and under ``shard_map(check_vma=False)``.
    """
    return x if axis_name is None else jax.lax.all_gather(x, axis_name, tiled=True)


def global_rows(n: int, axis_name: str | None) -> Array:
    """Positions in the global batch of the ``n`` rows that this device holds, int32 [n]."""
    first = 0 if axis_name is None else jax.lax.axis_index(axis_name) * n
    return first + jnp.arange(n)


def mean_over_devices(tree, axis_name: str | None):
    """Mean of every leaf over devices; the tree itself without an axis."""
    return tree if axis_name is None else jax.lax.pmean(tree, axis_name)


def batch_norm(x: Array, axis_name: str | None = None, *, eps: float = 1e-5) -> Array:
    """Columns of ``x`` [n, d] less their mean, over their standard deviation, in the batch of all devices.

    Batch normalisation (Ioffe & Szegedy 2015) without its affine map; the variance is biased, as there. Called in a
    loss it sees every embedding, however the batch was cut to encode it.
    """
    mean = mean_over_devices(x.mean(0, keepdims=True), axis_name)
    variance = mean_over_devices(((x - mean) ** 2).mean(0, keepdims=True), axis_name)
    return (x - mean) / jnp.sqrt(variance + eps)
