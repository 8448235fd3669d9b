r"""Unique augmentations: they leave of one modality what the other refers to (FactorCL, Sec. 3.2 and C.2, Table 5).

Independent augmentations are to keep what the task needs of each modality, and a unique one what it needs beyond the
other:

.. math:: I(X_1; X_1') = I(X_1; Y), \quad I(X_2; X_2'' | X_1) = I(X_2; Y | X_1) \quad (17, 18)

What that allows depends on the data; Table 5 has it as

=====================  ================================  ==========================================================
data                   independent augmentation of x₂    unique augmentation of x₂
=====================  ================================  ==========================================================
caption, image         crop, flip, colour                flip, colour: without any crop, which can cut out what the
                                                         caption names
signals, table         CutMix of all features            ``cut_mix(allowed=...)``: of those the signals cannot tell
                                                         (MIMIC: non-clinical ones)
words, video or audio  noise on any frame                ``noise_where_silent``: on frames without words
=====================  ================================  ==========================================================

``zero_where_silent`` is the conditional masking of App. C.4: only frames that the other modality does not speak of are
masked. Where nothing is contrasted or predicted but views are to agree, the opposite keeps what is unique:
``noise_where_spoken``, ``zero_where_spoken`` (``objectives.invariance``). An augmentation with an argument ``beside``
sees the other modality, (x, mask), as it was before it was augmented.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from pidjax._checks import InputError, check_share
from pidjax.data.augment import gaussian_noise
from pidjax.data.augment_steps import zero
from pidjax.typing import Array

Beside = tuple[Array, Array | None]
"""The other modality and its mask."""


def silent_steps(beside: Beside) -> Array:
    """Steps where a modality [times, ...] has nothing to say, all zeros or padding: bool [times]."""
    x, mask = beside
    silent = (x == 0).reshape(x.shape[0], -1).all(1)
    return silent if mask is None else silent | ~mask


def noise_where_silent(key: Array, x: Array, sd: float = 0.1, *, beside: Beside, mask: Array | None = None) -> Array:
    """Add white noise of standard deviation ``sd`` to the real steps at which the other modality is silent."""
    return gaussian_noise(key, x, sd, mask=_silent(x, beside, mask))


def noise_where_spoken(key: Array, x: Array, sd: float = 0.1, *, beside: Beside, mask: Array | None = None) -> Array:
    """Add white noise of standard deviation ``sd`` to the real steps of which the other modality speaks."""
    return gaussian_noise(key, x, sd, mask=_spoken(x, beside, mask))


def zero_where_silent(key: Array, x: Array, share: float = 0.5, *, beside: Beside, mask: Array | None = None) -> Array:
    """Zero ``share`` of the real steps at which the other modality is silent, rounded down."""
    return zero(key, x, share, mask=_silent(x, beside, mask))


def zero_where_spoken(key: Array, x: Array, share: float = 0.5, *, beside: Beside, mask: Array | None = None) -> Array:
    """Zero ``share`` of the real steps of which the other modality speaks, rounded down."""
    return zero(key, x, share, mask=_spoken(x, beside, mask))


def cut_mix(
    key: Array, x: Array, other: Array, share: float = 0.5, allowed: Array | Sequence[bool] | None = None
) -> Array:
    """Put the features of another sample in the place of each one with probability ``share``.

    ``other`` [m, ...] holds samples of the shape of ``x``, of which one is drawn; features are its last axis.
    ``allowed`` [features], bool, says which may be replaced; all by default.
    """
    check_share("share", share)
    other = jnp.asarray(other)
    if other.shape[1:] != x.shape or other.shape[0] == 0:
        raise InputError(f"other must hold one or more samples of shape {x.shape}; found an array {other.shape}.")
    row, place = jax.random.split(key)
    replaced = jax.random.bernoulli(place, share, x.shape[-1:])
    if allowed is not None:
        allowed = jnp.asarray(allowed)
        if allowed.shape != x.shape[-1:] or allowed.dtype != bool:
            raise InputError(f"allowed must be {x.shape[-1]} booleans, one a feature; found {allowed}.")
        replaced = replaced & allowed
    drawn = other[jax.random.randint(row, (), 0, other.shape[0])].astype(x.dtype)
    return jnp.where(replaced.reshape(*[1] * (x.ndim - 1), -1), drawn, x)


def _silent(x: Array, beside: Beside, mask: Array | None) -> Array:
    """Real steps at which the other modality is silent."""
    if beside[0].shape[0] != x.shape[0]:
        raise InputError(
            f"both modalities must be sequences of one length to be silent together; found {x.shape[0]} and "
            f"{beside[0].shape[0]} steps: align them."
        )
    silent = silent_steps(beside)
    return silent if mask is None else silent & mask


def _spoken(x: Array, beside: Beside, mask: Array | None) -> Array:
    """The other real steps."""
    spoken = ~_silent(x, beside, None)
    return spoken if mask is None else spoken & mask
