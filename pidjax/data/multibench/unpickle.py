"""Read pickles of arrays without running anything they name, and without reading the arrays into memory."""

from __future__ import annotations

import mmap
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pidjax._checks import InputError

LARGE = 1 << 16
"""Bytes of a stored object from which on it stays on disk."""
MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")


def load_arrays(path: str | Path) -> Any:
    """What a pickle of dicts, lists, numbers, text and numpy arrays holds; large arrays are views of the file.

    Nothing else is loaded: a pickle can name any function of any library to be called, and this one refuses all but
    those that make up a numpy array. Pages of large arrays are read when they are used, so a file may be larger than
    memory; arrays are read-only.

    Raises
    ------
    InputError
        A file that is absent, cut off or no pickle; one that names anything but numpy's arrays, with that name.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is absent: see the loader for where it is obtained and what it must be called.")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty: it was not copied whole.")
    with path.open("rb") as file:
        stored = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        found = _Arrays(_Pages(stored)).load()
    except InputError as error:
        raise InputError(f"{path} {error}") from None
    except Exception as error:  # whatever bytes that are no pickle make of the machine
        raise InputError(f"{path} is cut off or no pickle ({error}): copy it again.") from None
    return _opened(found)


_Python: Any = pickle._Unpickler
"""The unpickler written in Python, which leaves what it reads as it is."""


class _Pages:
    """A file that hands out large objects as views of it."""

    def __init__(self, stored: memoryview):
        self.stored, self.at = stored, 0

    def read(self, n: int) -> Any:
        found = self.stored[self.at : self.at + n]
        if len(found) < n:
            raise EOFError(f"{n} bytes are missing at {self.at}")
        self.at += n
        return found if n >= LARGE else bytes(found)

    def readline(self) -> bytes:
        start = self.at
        while self.at < len(self.stored):
            self.at += 1
            if self.stored[self.at - 1] == 10:
                break
        return bytes(self.stored[start : self.at])


class _Arrays(_Python):
    """An unpickler of numpy arrays alone."""

    dispatch: ClassVar[dict] = dict(_Python.dispatch)

    def __init__(self, file: _Pages):
        super().__init__(file, encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        if module in MODULES and name in _NUMPY:
            return _NUMPY[name]
        if (module, name) == ("_codecs", "encode"):
            return _encoded
        raise InputError(f"names {module}.{name}, which is no part of a numpy array: it is not opened.")

    def load_bytearray8(self) -> None:
        size = int.from_bytes(self.read(8), "little")
        self.append(self.read(size))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


class _Stored:
    """An array before its bytes are looked at."""

    def __init__(self) -> None:
        self.value: Any = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, data = state
        self.value = _array(data, dtype, shape, "F" if fortran else "C")


def _array(data: Any, dtype: np.dtype, shape: tuple[int, ...], order: str = "C") -> np.ndarray:
    if isinstance(data, list):  # of objects, which were opened one by one
        found = np.empty(len(data), object)
        found[:] = [_opened(x) for x in data]
        return found.reshape(shape, order=order)  # type: ignore[call-overload]
    if isinstance(data, str):  # bytes of Python 2
        data = data.encode("latin1")
    return np.frombuffer(data, dtype).reshape(shape, order=order)  # type: ignore[call-overload]


def _scalar(dtype: np.dtype, data: Any) -> Any:
    return _array(data, dtype, (1,))[0]


def _encoded(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise InputError(f"encodes text as {encoding!r}, which no array does: it is not opened.")
    return text.encode("latin1")


_NUMPY: dict[str, Callable[..., Any]] = {
    "_reconstruct": lambda *of: _Stored(),
    "_frombuffer": _array,
    "scalar": _scalar,
    "dtype": np.dtype,
    "ndarray": object,
}
"""What the names in a pickled array mean here; ``ndarray`` is only handed to ``_reconstruct``."""


def _opened(found: Any) -> Any:
    if isinstance(found, _Stored):
        return found.value
    if isinstance(found, dict):
        return {_opened(k): _opened(v) for k, v in found.items()}
    if isinstance(found, list | tuple):
        return type(found)(_opened(x) for x in found)
    return found
