"""Several modalities of the same samples as one batch, after a look at what would train in silence to no end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pidjax._checks import InputError


def paired(arrays: Sequence[np.ndarray], masks: Sequence[np.ndarray | None] | None = None) -> dict[str, np.ndarray]:
    """``{"x1": ..., "x2": ..., "mask1": ...}`` of arrays [n, ...], and masks [n, tokens], true where a token is real.

    Raises
    ------
    InputError
        Fewer than two modalities; different numbers of samples; a modality that no sample has, or that some lack; a
        sequence that is all padding; numbers that are not finite where they are real; a modality that never varies.
    """
    if len(arrays) < 2:
        raise InputError(f"pairs need 2 modalities or more; found {len(arrays)}.")
    lengths = [len(x) for x in arrays]
    if len(set(lengths)) > 1 or lengths[0] == 0:
        raise InputError(f"modalities must have the same samples, 1 or more; found {lengths} rows.")
    batch = {}
    for i, (x, mask) in enumerate(zip(arrays, masks or [None] * len(arrays), strict=True), 1):
        x = np.asarray(x)
        if not (np.issubdtype(x.dtype, np.number) or x.dtype == bool):
            raise InputError(f"modality {i} must be an array of numbers; found {x.dtype}.")
        batch[f"x{i}"] = x
        if mask is not None:
            batch[f"mask{i}"] = _mask(i, x, np.asarray(mask))
            x = x[batch[f"mask{i}"]]
        _values(i, x, whole=mask is None)
    return batch


def _mask(i: int, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    if mask.dtype != bool or mask.shape != x.shape[:2]:
        raise InputError(
            f"the mask of modality {i} must be bool {x.shape[:2]}, true where a token is real; found {mask.dtype} "
            f"{mask.shape}."
        )
    empty = np.flatnonzero(~mask.any(axis=1))
    if len(empty) == len(mask):
        raise InputError(f"modality {i} is missing in all samples, its mask is nowhere true: leave the modality out.")
    if empty.size:
        raise InputError(
            f"modality {i} is all padding in sample {empty[0]} (and {empty.size - 1} more): leave such samples out."
        )
    return mask


def _values(i: int, x: np.ndarray, *, whole: bool) -> None:
    """Refuse what is not finite or never varies; ``whole`` if the first axis is the sample."""
    if np.issubdtype(x.dtype, np.inexact):
        wrong = ~np.isfinite(x.reshape(len(x), -1))
        if wrong.all():
            raise InputError(f"modality {i} is missing in all samples, it holds no finite number: leave it out.")
        if wrong.any():
            rows = np.flatnonzero(wrong.any(axis=1))
            where = f"sample {rows[0]} (and {rows.size - 1} more)" if whole else f"{wrong.sum()} numbers of real tokens"
            raise InputError(f"modality {i} is not finite in {where}: fill in or leave out.")
    if len(x) > 1 and (x == x[:1]).all():
        raise InputError(f"modality {i} is the same in all samples: it can tell nothing of any.")
