"""Augmentations of one picture [height, width, 3] in [0, 1]: ``aug(key, x, ...) -> x'``, unbatched, on device.

Each random one draws what a deterministic one of the same name without "random" takes. Those of colours take and give
planes [3, height, width]: with colours last, no loop over pixels is vectorised (four times the time on a CPU).
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.math.pictures import unit_range
from pidjax.typing import Array

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R 601-2)."""
TRIES = 10


def simclr(
    key: Array,
    x: Array,
    size: int,
    *,
    crop: tuple[float, float] | None = (0.08, 1.0),
    flip: float = 0.5,
    jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.1),
    jitter_rate: float = 0.8,
    grey_rate: float = 0.2,
    blur: tuple[float, float] = (0.1, 2.0),
    blur_rate: float = 0.5,
) -> Array:
    """One view of a picture, [size, size, 3] in [0, 1] (Chen et al. 2020); ``encoders.of_pixels`` normalises it.

    Crop and resize, colour jitter, grey, blur, flip, in that order. Grey and the change of hue act on colour, the crop
    on what is where: where a task asks for those, turn them off.

    Parameters
    ----------
    key : PRNG key
    x : [height, width, 3]
        uint8, or floating in [0, 1].
    size : int
    crop : (least, most), optional
        Share of the area that is kept; None keeps all.
    flip, jitter_rate, grey_rate, blur_rate : float
        Probabilities; 0 leaves the augmentation out.
    jitter : (brightness, contrast, saturation, hue)
    blur : (least, most)
        Standard deviation in pixels.
    """
    x = unit_range(x)
    for name, rate in {
        "flip": flip,
        "jitter_rate": jitter_rate,
        "grey_rate": grey_rate,
        "blur_rate": blur_rate,
    }.items():
        if not 0 <= rate <= 1:
            raise InputError(f"{name} is a probability, in [0, 1]; found {rate}.")
    cropping, jittering, greying, blurring, flipping = jax.random.split(key, 5)

    def sometimes(key: Array, rate: float, change, x: Array) -> Array:
        if rate == 0:
            return x
        toss, key = jax.random.split(key)
        return jnp.where(jax.random.bernoulli(toss, float(rate)), change(key, x), x)

    x = resize(x, size) if crop is None else random_resized_crop(cropping, x, size, crop)
    x = jnp.moveaxis(x, -1, 0)
    x = sometimes(jittering, jitter_rate, lambda k, v: colour_jitter(k, v, *jitter), x)
    x = sometimes(greying, grey_rate, lambda k, v: jnp.broadcast_to(grey(v), v.shape), x)
    x = jnp.moveaxis(x, 0, -1)
    x = sometimes(blurring, blur_rate, lambda k, v: random_blur(k, v, *blur), x)
    return sometimes(flipping, flip, lambda k, v: v[:, ::-1], x)


def resize(x: Array, size: int) -> Array:
    """The whole picture as [size, size, 3]; see ``resized_crop``."""
    height, width, _ = x.shape
    return resized_crop(x, 0, 0, height, width, size)


def resized_crop(
    x: Array, top: Array | int, left: Array | int, height: Array | int, width: Array | int, size: int
) -> Array:
    """Rows top..top + height, columns left..left + width, as [size, size, 3].

    Bilinear; where it shrinks, the triangle is as wide as a pixel of the result, so nothing is aliased (as Pillow's
    and torchvision's of a cropped picture). The box may be traced.
    """
    rows, columns = _triangles(x.shape[0], top, height, size), _triangles(x.shape[1], left, width, size)
    return jnp.einsum("oh,hwc,pw->opc", rows, x, columns)


def random_resized_crop(
    key: Array,
    x: Array,
    size: int,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Array:
    """A box of a share ``scale`` of the area, uniform, and an aspect ``ratio`` uniform in its logarithm.

    The first of ten draws that fits; else the largest central box of an allowed ratio.
    """
    H, W, _ = x.shape
    if not 0 < scale[0] <= scale[1] <= 1:
        raise InputError(f"a crop keeps a share (least, most) of the area, 0 < least <= most <= 1; found {scale}.")
    area_key, ratio_key, row_key, column_key = jax.random.split(key, 4)
    area = H * W * jax.random.uniform(area_key, (TRIES,), minval=scale[0], maxval=scale[1])
    log_ratio = jax.random.uniform(ratio_key, (TRIES,), minval=math.log(ratio[0]), maxval=math.log(ratio[1]))
    width = jnp.round(jnp.sqrt(area * jnp.exp(log_ratio))).astype(jnp.int32)
    height = jnp.round(jnp.sqrt(area * jnp.exp(-log_ratio))).astype(jnp.int32)
    fits = (width > 0) & (width <= W) & (height > 0) & (height <= H)
    some, first = fits.any(), jnp.argmax(fits)
    central = min(max(W / H, ratio[0]), ratio[1])
    height = jnp.where(some, height[first], min(H, round(W / central)))
    width = jnp.where(some, width[first], min(W, round(H * central)))
    top = jnp.where(some, jax.random.randint(row_key, (), 0, H - height + 1), (H - height) // 2)
    left = jnp.where(some, jax.random.randint(column_key, (), 0, W - width + 1), (W - width) // 2)
    return resized_crop(x, top, left, height, width, size)


def colour_jitter(key: Array, x: Array, brightness: float, contrast: float, saturation: float, hue: float) -> Array:
    """Brightness, contrast, saturation and hue of planes [3, height, width] changed in random order.

    The first three by factors uniform in [max(0, 1 − b), 1 + b], hue by a uniform shift in [−hue, hue] turns.
    """
    order_key, factor_key, hue_key = jax.random.split(key, 3)
    reach = jnp.array([brightness, contrast, saturation])
    factors = jax.random.uniform(factor_key, (3,), minval=jnp.maximum(0, 1 - reach), maxval=1 + reach)
    turn = jax.random.uniform(hue_key, (), minval=-hue, maxval=hue)

    def step(x: Array, which: Array):
        luma = grey(x)
        towards = jnp.where(which == 0, 0.0, jnp.where(which == 1, luma.mean(), luma))
        blended = blend(x, towards, factors[jnp.minimum(which, 2)])
        return jnp.where(which == 3, turn_hue(x, turn), blended), None

    return jax.lax.scan(step, x, jax.random.permutation(order_key, 4))[0]


def blend(x: Array, towards: Array, factor: Array) -> Array:
    """``factor`` x + (1 − ``factor``) ``towards``, clipped to [0, 1].

    ``towards`` 0 changes brightness, the mean of ``grey(x)`` contrast, ``grey(x)`` saturation.
    """
    return jnp.clip(factor * x + (1 - factor) * towards, 0, 1)


def grey(x: Array) -> Array:
    """Luminance [1, height, width] of planes [3, height, width]."""
    return sum(share * plane for share, plane in zip(LUMA, x, strict=True))[None]


def turn_hue(x: Array, turn: Array) -> Array:
    """Hue (in turns) of planes [3, height, width] plus ``turn``, in HSV."""
    r, g, b = x
    value = jnp.maximum(jnp.maximum(r, g), b)
    chroma = value - jnp.minimum(jnp.minimum(r, g), b)
    safe = jnp.where(chroma > 0, chroma, 1.0)
    sixth = jnp.where(value == r, (g - b) / safe, jnp.where(value == g, 2 + (b - r) / safe, 4 + (r - g) / safe))
    k = (sixth + 6 * turn)[None] + jnp.array([5.0, 3.0, 1.0]).reshape(3, 1, 1)
    k = k - 6 * jnp.floor(k / 6)  # a quarter of the time of k % 6
    return value[None] - chroma[None] * jnp.clip(jnp.minimum(k, 4 - k), 0, 1)


def blur(x: Array, sd: Array, radius: int) -> Array:
    """Gaussian of standard deviation ``sd`` pixels, cut off at ``radius``; the edges are held.

    The barriers keep XLA from making whatever came before anew for each tap: a third of the time of a CoMM step.
    """
    taps = jnp.arange(-radius, radius + 1)
    weights = jax.nn.softmax(-((taps / sd) ** 2) / 2)
    for axis in (0, 1):
        n = x.shape[axis]
        padded = jnp.pad(x, [(radius, radius) if a == axis else (0, 0) for a in range(3)], mode="edge")
        padded = jax.lax.optimization_barrier(padded)
        moved = (jax.lax.slice_in_dim(padded, k, k + n, axis=axis) for k in range(2 * radius + 1))
        x = sum(weights[k] * one for k, one in enumerate(moved))  # type: ignore[assignment]
    return jax.lax.optimization_barrier(x)


def random_blur(key: Array, x: Array, least: float, most: float) -> Array:
    """``blur`` of a standard deviation uniform in [least, most], cut off at 3 ``most``."""
    return blur(x, jax.random.uniform(key, (), minval=least, maxval=most), math.ceil(3 * most))


def _triangles(n: int, first: Array | int, length: Array | int, size: int) -> Array:
    """Weights [size, n] of the pixels first..first + length in each of ``size`` pixels over the same stretch."""
    scale = length / size
    centre = first + (jnp.arange(size) + 0.5) * scale
    j = jnp.arange(n)
    apart = jnp.abs(j[None, :] + 0.5 - centre[:, None]) / jnp.maximum(scale, 1.0)
    weight = jnp.where((j >= first)[None, :] & (j < first + length)[None, :], jnp.maximum(1 - apart, 0), 0)
    return weight / weight.sum(1, keepdims=True)
