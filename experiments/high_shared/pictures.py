"""CIFAR-10 and MNIST as arrays, and files in their formats."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pidjax._checks import InputError

CIFAR = "cifar-10-batches-bin"
CIFAR_FILES = {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)}
CIFAR_SOURCE = (
    "unpack cifar-10-binary.tar.gz of www.cs.toronto.edu/~kriz/cifar.html in the folder that --data names, which makes "
    f"{CIFAR}/"
)
MNIST_FILES = {"train": "train", "test": "t10k"}
MNIST_SOURCE = (
    "put MNIST's train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte "
    "(yann.lecun.com/exdb/mnist or a mirror), with or without .gz, in the folder that --data names"
)
RECORD = 1 + 3 * 32 * 32
"""Bytes of a picture of CIFAR-10: its class, then red, green and blue row by row."""
VALIDATION = 0.1
"""Share of the training pictures, the last ones, that a probe's penalty is chosen on."""
Part = tuple[np.ndarray, np.ndarray]
"""Pictures uint8 [n, height, width, 3] and classes int [n]."""


def load_pictures(folder: Path, name: str) -> dict[str, Part]:
    """Train, validation and test of "cifar10" or "mnist", whose grey is on all three channels.

    Raises
    ------
    InputError
        A file that is absent, cut off, or of another kind.
    """
    read = {"cifar10": _cifar, "mnist": _mnist}[name]
    (x, y), test = read(folder, "train"), read(folder, "test")
    kept = round((1 - VALIDATION) * len(y))
    return {"train": (x[:kept], y[:kept]), "validation": (x[kept:], y[kept:]), "test": test}


def _cifar(folder: Path, part: str) -> Part:
    found = []
    for name in CIFAR_FILES[part]:
        path = folder / CIFAR / name
        content = np.frombuffer(_content(path, CIFAR_SOURCE), np.uint8)
        if len(content) == 0 or len(content) % RECORD:
            raise InputError(f"{path} must be pictures of {RECORD} bytes; found {len(content)} bytes: copy it again.")
        found.append(content.reshape(-1, RECORD))
    rows = np.concatenate(found)
    return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, 0].astype(np.int32)


def _mnist(folder: Path, part: str) -> Part:
    x, y = (
        _idx(folder / f"{MNIST_FILES[part]}-{what}-ubyte", axes)
        for what, axes in (("images-idx3", 3), ("labels-idx1", 1))
    )
    if len(x) != len(y):
        raise InputError(
            f"MNIST's {part} files in {folder} hold {len(x)} pictures and {len(y)} labels: copy them again."
        )
    return np.repeat(x[..., None], 3, -1), y.astype(np.int32)


def _idx(path: Path, axes: int) -> np.ndarray:
    """An idx file of bytes: 0, 0, 8, the number of axes, the length of each as big-endian int32, the bytes."""
    content = _content(path, MNIST_SOURCE)
    head = 4 + 4 * axes
    shape = np.frombuffer(content[4:head], ">i4") if len(content) >= head else np.zeros(0, int)
    if content[:4] != bytes([0, 0, 8, axes]) or len(content) != head + shape.prod():
        raise InputError(f"{path} is no whole idx file of bytes with {axes} axes: copy it again.")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)


def _content(path: Path, source: str) -> bytes:
    packed = path.with_name(path.name + ".gz")
    if path.exists():
        return path.read_bytes()
    if not packed.exists():
        raise InputError(f"there is no {path}: {source}.")
    try:
        return gzip.decompress(packed.read_bytes())
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{packed} is cut off ({error}): copy it again.") from None


def write_pictures(folder: Path, *, each: int = 40, seed: int = 0) -> Path:
    """Files in both formats, of noise whose brightness says a little of the class."""
    rng = np.random.default_rng(seed)
    (folder / CIFAR).mkdir(parents=True, exist_ok=True)

    def noise(shape: Sequence[int]) -> Part:
        y = np.arange(each, dtype=np.uint8) % 10
        bright = y.astype(int).reshape(-1, *[1] * len(shape))
        return (rng.integers(100, size=(each, *shape)) + 15 * bright).astype(np.uint8), y

    for names in CIFAR_FILES.values():
        for name in names:
            x, y = noise((3 * 32 * 32,))
            (folder / CIFAR / name).write_bytes(np.hstack([y[:, None], x]).tobytes())
    for name in MNIST_FILES.values():
        x, y = noise((28, 28))
        for what, array in (("images-idx3", x), ("labels-idx1", y)):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            (folder / f"{name}-{what}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes()))
    return folder
