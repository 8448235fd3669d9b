"""Read pickles of arrays without running anything they name, and without reading the arrays into memory."""

from __future__ import annotations

import mmap
import pickle
import re
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np

from pidjax._checks import InputError

LARGE = 1 << 16
"""Bytes of a stored object from which on it stays on disk."""
MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
NAMES = ("_reconstruct", "_frombuffer", "scalar", "dtype", "ndarray")
PLAIN = (str, bytes, int, float, complex, bool, type(None), np.generic, np.ndarray)


def load_arrays(path: str | Path, source: str = "give the path of the pickle") -> Any:
    """What a pickle of dicts, lists, tuples, numbers, text and numpy arrays holds; large arrays are views of the file.

    A pickle is a program that can call any function of any library. Here no name in it is looked up: the five that make
    up an array (of numbers, text, or Python objects of the kinds above) stand for functions of this module, what they
    made can be changed by nothing else, and all other names and instructions are refused. Pages of large arrays (of
    protocol 3 on) are read when they are used, so a file may be larger than memory, and stay with the process until
    ``give_back``; arrays are read-only, and the file must not be changed while they are in use.

    Parameters
    ----------
    path : str or Path
    source : str
        Where it is obtained, for the error that says that it is absent.

    Raises
    ------
    InputError
        A file that is absent, cut off or no pickle; one that names anything but numpy's arrays, with that name.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is absent: {source}.")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty: it was not copied whole.")
    with path.open("rb") as file:
        stored = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        return _opened(_Arrays(_Pages(stored)).load(), {})
    except InputError as error:
        raise InputError(f"{path} {error}") from None
    except Exception as error:  # whatever bytes that are no pickle make of the machine
        raise InputError(f"{path} is cut off or no pickle of arrays ({error}): copy it again.") from None


def give_back(stored: np.ndarray) -> None:
    """Let go of the memory that pages of the file of an array of ``load_arrays`` take; they are read again when used.

    Nothing of an array that is no view of a file, or where the system cannot (Windows).
    """
    base: Any = stored
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview) and isinstance(base.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.obj.madvise(mmap.MADV_DONTNEED)


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
        start, size = self.at, 64
        while True:
            piece = bytes(self.stored[start : start + size])
            end = piece.find(b"\n")
            if end >= 0 or len(piece) < size:
                self.at = start + (end + 1 if end >= 0 else len(piece))
                return piece[: self.at - start]
            size *= 2


class _Name:
    """What a name in the pickle stands for: calling it makes a part of an array, and nothing can be set on it."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __call__(self, *of: Any) -> Any:
        if self.name == "encode":
            text, encoding = of
            if encoding != "latin1":
                raise InputError(f"encodes text as {encoding!r}, which no array does: it is not opened.")
            return text.encode("latin1")
        if self.name == "dtype":
            return _Type(of[0])
        if self.name == "_reconstruct":
            return _Stored()
        if self.name == "_frombuffer":
            return _array(*of)
        if self.name == "scalar":
            return _array(of[1], of[0], (1,))[0]
        raise InputError("calls numpy.ndarray, which no pickled array does: it is not opened.")


class _Type:
    """The type of an array's entries: numbers, text or objects, without fields."""

    def __init__(self, text: Any):
        if not (isinstance(text, str) and re.fullmatch(r"[biufcSU]\d{1,9}|\?|O\d?", text)):
            raise InputError(f"holds an array of type {text!r}, neither numbers nor text: it is not opened.")
        self.text, self.order = text, "="

    def build(self, state: Any) -> None:
        _, order, subarray, names, fields, *_ = state
        if order not in ("<", ">", "=", "|") or (subarray, names, fields) != (None, None, None):
            raise InputError("holds an array of structured type: it is not opened.")
        self.order = order

    def made(self) -> np.dtype:
        return np.dtype(self.text).newbyteorder(self.order)  # type: ignore[arg-type]


class _Stored:
    """An array before its bytes are looked at."""

    value: np.ndarray | None = None

    def build(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        self.value = _array(data, dtype, shape, "F" if fortran else "C")


def _array(data: Any, dtype: Any, shape: Any, order: Any = "C") -> np.ndarray:
    if not isinstance(dtype, _Type) or not isinstance(shape, tuple) or order not in ("C", "F"):
        raise InputError("holds an array that is put together in an unknown way: it is not opened.")
    if dtype.text.startswith("O"):
        if not isinstance(data, list):
            raise InputError("holds Python objects as bytes: it is not opened.")
        found = np.empty(len(data), object)
        found[:] = [_opened(x, {}) for x in data]
        return found.reshape(shape, order=order)
    if isinstance(data, str):  # bytes of Python 2
        data = data.encode("latin1")
    return np.frombuffer(data, dtype.made()).reshape(shape, order=order)


_Python: Any = pickle._Unpickler
"""The unpickler written in Python, which leaves what it reads as it is."""


class _Arrays(_Python):
    """An unpickler of numpy arrays alone."""

    dispatch: ClassVar[dict] = dict(_Python.dispatch)

    def __init__(self, file: _Pages):
        super().__init__(file, encoding="latin1")

    def find_class(self, module: str, name: str) -> _Name:
        if (module in MODULES and name in NAMES) or (module, name) == ("_codecs", "encode"):
            return _Name(name)
        raise InputError(f"names {module}.{name}, which is no part of a numpy array: it is not opened.")

    def _decode_string(self, value: Any) -> Any:
        return value if isinstance(value, memoryview) else super()._decode_string(value)

    def load_bytearray8(self) -> None:
        self.append(self.read(int.from_bytes(self.read(8), "little")))

    def load_reduce(self) -> None:
        given = self.stack.pop()
        if not isinstance(self.stack[-1], _Name):
            raise InputError("calls what is no part of an array: it is not opened.")
        self.stack[-1] = self.stack[-1](*given)

    def load_build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Stored | _Type):
            raise InputError("changes what is no array: it is not opened.")
        self.stack[-1].build(state)

    def refuse(self) -> NoReturn:
        raise InputError("holds an instruction that no pickled array needs: it is not opened.")

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8
    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
    for _code in (
        *(pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.PERSID, pickle.BINPERSID),
        *(pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER),
    ):
        dispatch[_code[0]] = refuse


def _opened(found: Any, seen: dict[int, Any]) -> Any:
    """With arrays for what stands for them; every object once, though it is found often."""
    if isinstance(found, _Stored) and found.value is not None:
        return found.value
    if isinstance(found, memoryview):
        return bytes(found)
    if isinstance(found, PLAIN):
        return found
    if id(found) in seen:
        if seen[id(found)] is None:
            raise InputError("holds itself: it is not opened.")
        return seen[id(found)]
    seen[id(found)] = None
    made: Any
    if isinstance(found, dict):
        made = {_opened(k, seen): _opened(v, seen) for k, v in found.items()}
    elif isinstance(found, list | tuple | set):
        made = type(found)(_opened(x, seen) for x in found)
    else:
        raise InputError("holds something beside arrays, text and numbers: it is not opened.")
    seen[id(found)] = made
    return made
