"""Augmentations along the first axis, whatever it is: coordinates of a vector [d], steps of a sequence [times, ...].

``aug(key, x, ..., mask=None) -> x'``, unbatched, of the shape of ``x``. ``mask`` [n] is true where a step is real; the
real ones come first. Shares are of the real steps, rounded down, and padding stays where it is.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax._checks import check_share
from pidjax.typing import Array


def real_length(x: Array, mask: Array | None) -> Array:
    """Number of real steps."""
    return jnp.asarray(x.shape[0]) if mask is None else mask.sum()


def part(share: Array | float, length: Array) -> Array:
    """``share`` of ``length``, rounded down but for rounding of the product itself."""
    return jnp.floor(share * length + 1e-4).astype(jnp.int32)


def window(key: Array, n: int, width: Array | int, length: Array | int) -> Array:
    """``width`` neighbouring positions of the first ``length`` of ``n``, each start as likely: bool [n]."""
    start = jax.random.randint(key, (), 0, length - width + 1)
    position = jnp.arange(n)
    return (position >= start) & (position < start + width)


def pick(key: Array, n: int, count: Array, mask: Array | None) -> Array:
    """``count`` of the ``n`` positions that ``mask`` allows, each set as likely: bool [n].

    Those below the largest number that no more than ``count`` draws are below, found bit by bit: sorting [n] for every
    sample costs ten times as much on a CPU. Equal draws, of which n² / 2³² are expected, pick fewer.
    """
    draws = jax.random.bits(key, (n,), jnp.uint32) >> 1
    if mask is not None:
        draws = jnp.where(mask, draws, jnp.uint32(2**31))

    def bit(i: Array, limit: Array) -> Array:
        higher = limit | (jnp.uint32(2**31) >> i.astype(jnp.uint32))
        return jnp.where((draws < higher).sum() <= count, higher, limit)

    return draws < jax.lax.fori_loop(0, 32, bit, jnp.uint32(0))


def zeroed(x: Array, steps: Array) -> Array:
    """``x`` with zeros in the ``steps`` [n]."""
    return jnp.where(steps.reshape(-1, *[1] * (x.ndim - 1)), jnp.zeros((), x.dtype), x)


def identity(key: Array, x: Array) -> Array:
    """``x``, as it is."""
    return x


def zero(key: Array, x: Array, share: float = 0.1, *, mask: Array | None = None) -> Array:
    """Zero ``share`` of the steps, anywhere."""
    check_share("share", share)
    return zeroed(x, pick(key, x.shape[0], part(share, real_length(x, mask)), mask))


def drop(key: Array, x: Array, most: float = 0.8, *, mask: Array | None = None) -> Array:
    """Zero a share of the steps that is uniform in [0, ``most``]."""
    check_share("most", most)
    size, place = jax.random.split(key)
    share = most * jax.random.uniform(size)
    return zeroed(x, pick(place, x.shape[0], part(share, real_length(x, mask)), mask))


def crop(key: Array, x: Array, least: float = 0.2, *, mask: Array | None = None) -> Array:
    """Zero all but one stretch, of a share of the steps that is uniform in [``least``, 1] and of one step or more."""
    check_share("least", least)
    size, place = jax.random.split(key)
    length = real_length(x, mask)
    width = part(jax.random.uniform(size, minval=least), length)
    kept = window(place, x.shape[0], jnp.clip(width, jnp.minimum(1, length), length), length)
    return zeroed(x, ~kept & (jnp.arange(x.shape[0]) < length))


def swap(key: Array, x: Array, *, mask: Array | None = None) -> Array:
    """The second half of the steps before the first."""
    length, position = real_length(x, mask), jnp.arange(x.shape[0])
    moved = (position + length // 2) % jnp.maximum(length, 1)
    return jnp.take(x, jnp.where(position < length, moved, position), axis=0)


def permute(key: Array, x: Array, *, mask: Array | None = None) -> Array:
    """The steps in a random order."""
    lots = jax.random.uniform(key, (x.shape[0],))
    # padding after all others, in its order
    return jnp.take(x, jnp.argsort(lots if mask is None else jnp.where(mask, lots, jnp.inf)), axis=0)
