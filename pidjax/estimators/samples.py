"""What can be wrong with samples, in words, before any estimator sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pidjax._checks import InputError

LEAST_ROWS = 50
FEW_VALUES = 32
"""A column with this many different values or fewer is discrete."""
COMMON = 0.1
"""A value that this share of the rows have is an atom: the column is not continuous there."""


def continuous_samples(data: Mapping[str, Any]) -> list[np.ndarray]:
    """Matrices [n, d] of float64 whose rows belong together and whose columns are continuous.

    Parameters
    ----------
    data : mapping of name to array-like
        [n] or [n, d] each.

    Raises
    ------
    ValueError
        What is wrong, where, and what to do: not real numbers, wrong rank, lengths that differ, too few rows, NaN or
        inf, constant, discrete or duplicated columns, a column that is a linear combination of others.
    """
    found = {name: _matrix(name, value) for name, value in data.items()}
    lengths = {name: len(z) for name, z in found.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(
            "rows belong together, so all arrays must have as many: found "
            + ", ".join(f"{n} of {name}" for name, n in lengths.items())
            + "."
        )
    n, d = next(iter(lengths.values())), sum(z.shape[1] for z in found.values())
    if n < LEAST_ROWS or n <= 2 * d:
        raise InputError(
            f"{n} rows are too few for {d} columns in all: give at least {max(LEAST_ROWS, 2 * d + 1)} rows, "
            "or fewer columns."
        )
    for name, z in found.items():
        for j, column in enumerate(z.T):
            _check_column(f"{name}[:, {j}]", column)
    _check_independence(found)
    return list(found.values())


def _matrix(name: str, value: Any) -> np.ndarray:
    if np.ma.is_masked(value):
        raise InputError(f"{name} has masked entries: drop those rows from all arrays.")
    z = np.asarray(value)
    if z.dtype.kind not in "fiub" and str(z.dtype) != "bfloat16":
        raise InputError(f"{name} must hold real numbers; found {z.dtype}.")
    if z.ndim not in (1, 2) or 0 in z.shape:
        raise InputError(f"{name} must have shape [n] or [n, d] with a row and a column or more; found {z.shape}.")
    return z.reshape(len(z), -1).astype(np.float64)


def _check_column(name: str, column: np.ndarray) -> None:
    bad = np.count_nonzero(~np.isfinite(column))
    if bad:
        raise InputError(f"{name} holds {bad} values that are NaN or infinite: drop those rows from all arrays.")
    values, counts = np.unique(column, return_counts=True)
    n, most = len(column), counts.argmax()
    if len(values) == 1:
        raise InputError(f"{name} is constant ({values[0]:g}): it holds no information; leave it out.")
    if len(values) <= FEW_VALUES:
        raise InputError(
            f"{name} takes {len(values)} different values in {n} rows: it is discrete, "
            "and these estimators are for continuous data."
        )
    if counts[most] > COMMON * n:
        raise InputError(
            f"{name} is {values[most]:g} in {counts[most]} of {n} rows: it is not continuous there; "
            "drop those rows or treat that value as a variable of its own."
        )


def _check_independence(found: dict[str, np.ndarray]) -> None:
    """No column is a monotone copy of another, or a linear combination of others."""
    names = [f"{name}[:, {j}]" for name, z in found.items() for j in range(z.shape[1])]
    seen: dict[bytes, str] = {}
    whole = np.hstack(list(found.values()))
    for name, column in zip(names, whole.T, strict=True):
        order = np.unique(column, return_inverse=True)[1].astype(np.int32)
        for code in (order.tobytes(), (order.max() - order).tobytes()):
            if code in seen:
                raise InputError(
                    f"{name} rises or falls with {seen[code]} without exception: leave one of the two out "
                    "(between two arrays that shares infinite information)."
                )
        seen[order.tobytes()] = name
    dependent = _dependent(whole)
    if dependent is not None:
        # one row may dwarf the others; what is exact holds in the inner half as well
        far = np.abs(whole - np.median(whole, 0)) / np.maximum(np.median(np.abs(whole), 0), 1e-300)
        dependent = _dependent(whole[np.argsort(far.max(1))[: len(whole) // 2]])
    if dependent is not None:
        raise InputError(
            f"{names[dependent]} is a linear combination of columns before it: leave it out "
            "(between two arrays that shares infinite information)."
        )


def _dependent(z: np.ndarray) -> int | None:
    """A column that earlier ones determine to round-off, if any."""
    z = z - z.mean(0)
    largest = np.abs(z).max(0)
    z = z / np.where(largest > 0, largest, 1)
    norm = np.linalg.norm(z, axis=0)
    left = np.abs(np.diagonal(np.linalg.qr(z / np.where(norm > 0, norm, 1), mode="r")))
    return int(left.argmin()) if left.min() < 1e-9 else None
