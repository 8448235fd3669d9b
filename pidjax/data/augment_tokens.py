"""Augmentations of words: integer tokens [n], padded on the right, ``mask`` [n] true where a token is real.

Each keeps the length. Tokens named in ``special`` (of a start, an end) are neither masked nor deleted.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from pidjax._checks import InputError, check_share
from pidjax.data.augment_steps import pick
from pidjax.typing import Array


def mask_tokens(
    key: Array,
    x: Array,
    token: int,
    share: float = 0.15,
    *,
    special: Sequence[int] = (),
    mask: Array | None = None,
) -> Array:
    """Put ``token`` in the place of each word with probability ``share`` (word masking)."""
    check_share("share", share)
    hit = jax.random.bernoulli(key, share, x.shape)
    return jnp.where(hit & _words(x, special, mask), jnp.asarray(token, x.dtype), x)


def delete_tokens(
    key: Array,
    x: Array,
    share: float = 0.15,
    *,
    pad: int = 0,
    special: Sequence[int] = (),
    mask: Array | None = None,
) -> tuple[Array, Array]:
    """Take each word out with probability ``share``; the others close up and ``pad`` fills the end: (x', mask').

    A sequence that would lose all its tokens stays as it is.
    """
    check_share("share", share)
    real = _need(mask)
    gone = jax.random.bernoulli(key, share, x.shape) & _words(x, special, real)
    return _without(x, real, gone, pad)


def delete_one(
    key: Array, x: Array, *, pad: int = 0, special: Sequence[int] = (), mask: Array | None = None
) -> tuple[Array, Array]:
    """Take one word out, any as likely (the released code for IRFL); otherwise as ``delete_tokens``."""
    real = _need(mask)
    words = _words(x, special, real)
    return _without(x, real, pick(key, x.shape[0], jnp.minimum(1, words.sum()), words), pad)


def _without(x: Array, real: Array, gone: Array, pad: int) -> tuple[Array, Array]:
    kept = real & ~gone
    kept = jnp.where(kept.any(), kept, real)
    order = jnp.argsort(~kept)  # stable: those kept first, in their order
    left = jnp.arange(x.shape[0]) < kept.sum()
    return jnp.where(left, jnp.take(x, order), jnp.asarray(pad, x.dtype)), left


def _words(x: Array, special: Sequence[int], mask: Array | None) -> Array:
    words = jnp.ones(x.shape, bool) if mask is None else mask
    for token in special:
        words = words & (x != token)
    return words


def _need(mask: Array | None) -> Array:
    if mask is None:
        raise InputError("deletion moves the padding: the sample must say by mask1 or mask2 which tokens are real.")
    return mask
