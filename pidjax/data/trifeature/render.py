"""One picture of Trifeature, drawn by a pure function that jits and vmaps."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pidjax._checks import InputError
from pidjax.data.trifeature.shapes import SIDE, templates
from pidjax.data.trifeature.textures import NOISE, RAIN, drops, textures
from pidjax.typing import Array

COLOURS = {
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
    "yellow": (1.0, 1.0, 0.0),
    "pink": (1.0, 0.4, 1.0),
    "cyan": (0.0, 1.0, 1.0),
    "purple": (0.3, 0.0, 0.5),
    "ocean": (0.1, 0.4, 0.5),
    "orange": (1.0, 0.6, 0.0),
    "white": (1.0, 1.0, 1.0),
}
"""Red, green and blue in [0, 1]."""
ANGLES = np.arange(-45, 45)
"""Degrees that shapes and textures are turned by."""


class Placement(NamedTuple):
    """What is random in a picture of ``size`` pixels.

    ``shape_angle``, ``texture_angle`` count from 0 in ``ANGLES``; ``row``, ``column`` are the corner of the turned
    shape's box; ``oy``, ``ox`` in 0..9 shift the texture; ``field`` [2 size, 2 size] uniform in [0, 1) makes noise and
    rain.
    """

    shape_angle: Array
    row: Array
    column: Array
    oy: Array
    ox: Array
    texture_angle: Array
    field: Array


def render(shape: Array, texture: Array, colour: Array, key: Array, *, size: int = 224) -> Array:
    """A picture [size, size, 3], uint8, of one coloured and textured shape on grey.

    floor(255 v), v = M T · colour + (1 − M T) / 2, with M the shape turned by −45 to 44 degrees at a uniform place
    and T the texture, turned likewise. At 224 the published renderer's picture for the same random numbers, but for
    rounding. At another size the shape takes the same share of the picture, and textures keep their pixels: they would
    vanish if they shrank.

    Parameters
    ----------
    shape, texture, colour : int
        Positions in ``SHAPES``, ``TEXTURES`` and ``COLOURS``.
    key : PRNG key
    size : int
        Static.

    References
    ----------
    Hermann & Lampinen 2020 (Trifeature); rendered as in the release of Dufumier et al. 2025.
    """
    return paint(shape, texture, colour, place(key, size), size=size)


def place(key: Array, size: int) -> Placement:
    """Draw where and how a shape lies in a picture of ``size`` pixels."""
    turn, row, column, oy, ox, turn_texture, field = jax.random.split(key, 7)
    angle = jax.random.randint(turn, (), 0, len(ANGLES))
    room = size - jnp.asarray(_turned(_side(size))[0])[angle]
    return Placement(
        angle,
        jax.random.randint(row, (), 0, room),
        jax.random.randint(column, (), 0, room),
        jax.random.randint(oy, (), 0, 10),
        jax.random.randint(ox, (), 0, 10),
        jax.random.randint(turn_texture, (), 0, len(ANGLES)),
        jax.random.uniform(field, (2 * size, 2 * size)),
    )


def paint(shape: Array, texture: Array, colour: Array, placement: Placement, *, size: int = 224) -> Array:
    """The picture of a placement, uint8 [size, size, 3]; see ``render``."""
    i, j = jnp.mgrid[:size, :size]
    on = _mask(shape, placement, i, j, _side(size)) * _texture(texture, placement, i, j, size)
    rgb = jnp.asarray(list(COLOURS.values()))[colour]
    v = on[..., None] * rgb[None, None] + (1 - on[..., None]) * 0.5
    # half a rounding error up, so that 1 stays 255 and 0.4 is 102
    return jnp.floor(255 * v + 1e-4).astype(jnp.uint8)


def _mask(shape: Array, placement: Placement, i: Array, j: Array, side: int) -> Array:
    """The turned shape over the picture, bilinear between the pixels of the template and 0 beyond them."""
    cos, sin, row0, column0 = jnp.asarray(_turned(side)[1])[placement.shape_angle]
    r, c = i - placement.row, j - placement.column
    u, v = cos * r + sin * c + row0, -sin * r + cos * c + column0
    last, slack = side - 1, 1e-3
    inside = (u > -slack) & (u < last + slack) & (v > -slack) & (v < last + slack)
    u, v = jnp.clip(u, 0, last), jnp.clip(v, 0, last)
    template = jnp.asarray(templates(side))[shape].reshape(-1)
    top, left = jnp.minimum(u.astype(jnp.int32), last - 1), jnp.minimum(v.astype(jnp.int32), last - 1)
    du, dv = u - top, v - left
    at = top * side + left
    upper = template[at] * (1 - dv) + template[at + 1] * dv
    lower = template[at + side] * (1 - dv) + template[at + side + 1] * dv
    return jnp.where(inside, upper * (1 - du) + lower * du, 0.0)


def _texture(texture: Array, placement: Placement, i: Array, j: Array, size: int) -> Array:
    """The turned texture over the picture, which is the middle of a sheet twice as wide: nearest pixel."""
    angle = jnp.asarray(np.deg2rad(ANGLES), jnp.float32)[placement.texture_angle]
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    middle = size - 0.5
    r, c = i + size // 2 - middle, j + size // 2 - middle
    at_row = jnp.floor(cos * r + sin * c + middle + 0.5).astype(jnp.int32)
    at_column = jnp.floor(-sin * r + cos * c + middle + 0.5).astype(jnp.int32)
    field = placement.field
    noise, rain = (sheet.reshape(-1)[at_row * 2 * size + at_column] for sheet in (field < NOISE, drops(field < RAIN)))
    return textures(at_row + placement.oy, at_column + placement.ox, noise, rain)[texture]


def _side(size: int) -> int:
    """Pixels of a shape in a picture of ``size``."""
    if size < 16:
        raise InputError(f"a picture of Trifeature must be 16 pixels wide or more; found {size}.")
    return round(SIDE * size / 224)


@functools.cache
def _turned(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Side of the box around a turned square of ``side``, and [cos, sin, row, column] of the map from the box to the
    square, u = cos r + sin c + row, v = −sin r + cos c + column; for every angle."""
    angle = np.deg2rad(ANGLES)
    cos, sin = np.cos(angle), np.sin(angle)
    box = (side * (cos + np.abs(sin)) + 0.5).astype(int)
    middle, centre = (box - 1) / 2, (side - 1) / 2
    row, column = centre - (cos + sin) * middle, centre - (cos - sin) * middle
    return box, np.stack([cos, sin, row, column], axis=1).astype(np.float32)
