"""Encoders of pictures [n, height, width, 3]: convolutions give a map of features, ViT gives tokens."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from flax import nnx

from pidjax._checks import InputError, one_of
from pidjax.encoders.flax_glue import from_nnx
from pidjax.encoders.positions import positions_2d
from pidjax.encoders.sequence import Block
from pidjax.math.pictures import normalise, unit_range
from pidjax.typing import Array, Encoder


class AlexNet(nnx.Module):
    def __init__(self, width: int, stride: int, rngs: nnx.Rngs):
        widths = (3, width, 3 * width, 6 * width, 4 * width, 4 * width)
        shapes = ((11, stride, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))
        self.layers = nnx.List(
            [
                nnx.Conv(a, b, (kernel, kernel), strides=step, padding=pad, rngs=rngs)
                for a, b, (kernel, step, pad) in zip(widths[:-1], widths[1:], shapes, strict=True)
            ]
        )

    def __call__(self, x: Array) -> Array:
        _check(x)
        for i, layer in enumerate(self.layers):
            x = nnx.relu(layer(x))
            if i in (0, 1, 4):
                x = nnx.max_pool(x, (3, 3), (2, 2))
        return x


class Residual(nnx.Module):
    """Two 3 x 3 convolutions beside the identity, or beside a 1 x 1 convolution where the shape changes."""

    def __init__(self, n_in: int, n_out: int, stride: int, rngs: nnx.Rngs):
        self.first, self.second = Normed(n_in, n_out, 3, stride, rngs), Normed(n_out, n_out, 3, 1, rngs)
        self.beside = None if n_in == n_out and stride == 1 else Normed(n_in, n_out, 1, stride, rngs)

    def __call__(self, x: Array) -> Array:
        beside = x if self.beside is None else self.beside(x)
        return nnx.relu(beside + self.second(nnx.relu(self.first(x))))


class Normed(nnx.Module):
    """Convolution without bias, batch normalisation."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, rngs: nnx.Rngs):
        self.convolve = nnx.Conv(
            n_in,
            n_out,
            (kernel, kernel),
            strides=stride,
            padding=kernel // 2,
            use_bias=False,
            kernel_init=HE,
            rngs=rngs,
        )
        self.norm = nnx.BatchNorm(n_out, momentum=0.9, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.norm(self.convolve(x))


HE = nnx.initializers.variance_scaling(2.0, "fan_out", "truncated_normal")


class ConvNet(nnx.Module):
    def __init__(self, widths: Sequence[int], residual: int, rngs: nnx.Rngs):
        shapes = zip((3, *widths[:-1]), widths, strict=True)
        self.layers = nnx.List([Normed(a, b, 3 if i else 5, 2, rngs) for i, (a, b) in enumerate(shapes)])
        self.residual = nnx.List([Normed(widths[-1], widths[-1], 3, 1, rngs) for _ in range(residual)])

    def __call__(self, x: Array) -> Array:
        _check(x)
        for layer in self.layers:
            x = nnx.relu(layer(x))
        for layer in self.residual:
            x = nnx.relu(x + layer(x))
        return x


class ResNet(nnx.Module):
    def __init__(self, width: int, stem: str, rngs: nnx.Rngs):
        self.pool = stem == "large"
        self.stem = Normed(3, width, 7, 2, rngs) if self.pool else Normed(3, width, 3, 1, rngs)
        blocks, n_in = [], width
        for stage in range(4):
            n_out = width * 2**stage
            blocks += [Residual(n_in, n_out, 1 if stage == 0 else 2, rngs), Residual(n_out, n_out, 1, rngs)]
            n_in = n_out
        self.blocks = nnx.List(blocks)

    def __call__(self, x: Array) -> Array:
        _check(x)
        x = nnx.relu(self.stem(x))
        if self.pool:
            x = nnx.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for block in self.blocks:
            x = block(x)
        return x


class ViT(nnx.Module):
    def __init__(self, patch: int, width: int, depth: int, heads: int, rngs: nnx.Rngs):
        self.embed = nnx.Conv(3, width, (patch, patch), strides=patch, padding="VALID", rngs=rngs)
        self.blocks = nnx.List([Block(width, heads, 4 * width, "pre", "gelu", 0.0, rngs) for _ in range(depth)])
        self.norm = nnx.LayerNorm(width, rngs=rngs)
        self.patch = patch

    def __call__(self, x: Array) -> Array:
        _check(x)
        if x.shape[1] % self.patch or x.shape[2] % self.patch:
            raise InputError(f"pictures of {x.shape[1]} x {x.shape[2]} do not divide into patches of {self.patch}.")
        h = self.embed(x)
        n, rows, columns, width = h.shape
        h = h.reshape(n, rows * columns, width) + positions_2d(rows, columns, width)[None]
        for block in self.blocks:
            h = block(h, None, None)
        return self.norm(h)


def alexnet(*, width: int = 64, stride: int = 4) -> Encoder:
    """The convolutions of AlexNet: [n, h, w, 3] -> [n, h', w', 4 width]; 224 pixels become 6 x 6.

    ``width`` 64 and ``stride`` 4 (of the first layer) are the published ones; smaller pictures want a smaller stride.
    No state.

    References
    ----------
    Krizhevsky 2014, as in torchvision's ``alexnet().features``.
    """
    return from_nnx(lambda rngs: AlexNet(width, stride, rngs))


def convnet(widths: Sequence[int] = (16, 32, 64, 128), *, residual: int = 0) -> Encoder:
    """Convolutions that each halve the picture: [n, h, w, 3] -> [n, h', w', widths[-1]]; 64 pixels become 4 x 4.

    Each is followed by batch normalisation, whose ``state`` behaves as that of ``resnet18``, and rectified. For small
    pictures on a CPU: the first step and pool of AlexNet, eight pixels, miss fine textures.

    Parameters
    ----------
    widths : sequence of int
        Channels of each; the first sees 5 x 5 pixels, the others 3 x 3.
    residual : int
        Further 3 x 3 convolutions of stride 1: x becomes relu(x + norm(conv(x))), so that every place of the map sees
        more of the picture.

    Raises
    ------
    InputError
        No width, or one below 1; a negative ``residual``.
    """
    if not widths or min(widths) < 1:
        raise InputError(f"widths are the channels of each layer, 1 or more; found {tuple(widths)}.")
    if residual < 0:
        raise InputError(f"residual is a number of further convolutions, 0 or more; found {residual}.")
    return from_nnx(lambda rngs: ConvNet(tuple(widths), residual, rngs))


def resnet18(*, width: int = 64, stem: str = "large") -> Encoder:
    """The convolutions of ResNet-18: [n, h, w, 3] -> [n, h', w', 8 width], 32 times smaller.

    Its batch normalisation moves means and variances in ``state`` when training. Normalised are the samples of a
    device: the engine averages the states, and refuses to encode in pieces.

    Parameters
    ----------
    width : int
        Channels of the first stage; 64 as published.
    stem : "large" | "small"
        7 x 7 with stride 2 and a pool, or 3 x 3 with neither, for small pictures (8 times smaller instead of 32).

    References
    ----------
    He et al. 2016.
    """
    one_of("stem", stem, ("large", "small"))
    return from_nnx(lambda rngs: ResNet(width, stem, rngs))


def vit(*, patch: int = 16, width: int = 192, depth: int = 12, heads: int = 3) -> Encoder:
    """Vision transformer: [n, h, w, 3] -> tokens [n, h w / patch², width], with sin-cos positions and no [CLS].

    References
    ----------
    Dosovitskiy et al. 2021.
    """
    if width % heads or width % 4:
        raise InputError(f"width must be a multiple of heads and of 4; found width {width}, heads {heads}.")
    return from_nnx(lambda rngs: ViT(patch, width, depth, heads, rngs))


def of_pixels(encoder: Encoder) -> Encoder:
    """``encoder`` of pictures as they are stored and augmented, uint8 or in [0, 1]: normalised as of ImageNet."""

    def apply(params, state, x, key=None, *, train: bool = False, mask=None):
        return encoder.apply(params, state, normalise(unit_range(x)), key, train=train, mask=mask)

    return Encoder(encoder.init, apply)


def _check(x: Array) -> None:
    if x.ndim != 4 or x.shape[-1] != 3:
        raise InputError(f"pictures must be [n, height, width, 3], red, green and blue last; found shape {x.shape}.")
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise InputError(f"pictures must be floating, normalised; found {x.dtype}: wrap the encoder in of_pixels.")
