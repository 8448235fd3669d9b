"""MOSI, MOSEI, UR-FUNNY and MUStARD as MultiBench stores them: sequences of video, sound and words, and a label."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pidjax._checks import InputError, one_of
from pidjax.data.multibench.unpickle import give_back, load_arrays

MODALITIES = ("vision", "audio", "text")
WIDTHS = {
    "mosi": (20, 5, 300),
    "mosi_raw": (35, 74, 300),
    "mosei": (35, 74, 300),
    "humor": (371, 81, 300),
    "sarcasm": (371, 81, 300),
}
"""Features of video, sound and words: mosi_data.pkl, mosi_raw.pkl, mosei_senti_data.pkl, humor.pkl, sarcasm.pkl."""
SOURCE = (
    "MultiBench (github.com/pliang279/MultiBench) links to mosi_data.pkl, mosi_raw.pkl, mosei_senti_data.pkl, "
    "humor.pkl and sarcasm.pkl"
)
SPLITS = {"train": "train", "valid": "validation", "val": "validation", "test": "test"}
PIECE = 512
"""Rows that are looked at at a time."""


@dataclasses.dataclass(frozen=True)
class Sequences:
    """Sequences [n, steps, features] that are read, moved to the front and made float32 when they are asked for.

    Rows are chosen by a number, a slice, a list or an array [m], so that ``data.array_batches`` reads only a batch;
    ``numpy.asarray`` reads all. What is not finite is 0.

    Attributes
    ----------
    stored : [N, steps, features]
        As on disk, padded with zeros in front.
    rows, first : [n]
        Which of them, and the step at which each begins.
    """

    stored: np.ndarray
    rows: np.ndarray
    first: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.rows), *self.stored.shape[1:]

    def __getitem__(self, chosen: Any) -> np.ndarray:
        rows, first = self.rows[chosen], self.first[chosen]
        if np.ndim(rows) == 0:
            return self[np.array([chosen])][0]
        at = first[:, None] + np.arange(self.stored.shape[1])
        inside = at < self.stored.shape[1]
        found = self.stored[rows[:, None], np.where(inside, at, 0)].astype(np.float32)
        give_back(self.stored)
        found[~inside] = 0
        found[~np.isfinite(found)] = 0
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("sequences are read from a file, which is a copy.")
        found = np.empty(self.shape, np.float32)
        for start in range(0, len(self), PIECE):
            found[start : start + PIECE] = self[np.arange(start, min(start + PIECE, len(self)))]
        return found if dtype is None else found.astype(dtype, copy=False)


def affect(
    path: str | Path, name: str | None = None, modalities: Sequence[str] = ("vision", "text"), *, released: bool = False
) -> dict[str, dict[str, Any]]:
    """``{"train" | "validation" | "test": {"x1", "mask1", "x2", "mask2", ..., "y", "value"}}`` of a MultiBench pickle.

    Rows without words are left out, those whose words are zeros or not finite too; a row stays whose other modalities
    are zeros, called real, since a face or a voice may be missing where something is said. Every modality of a row
    begins where its words begin, and what was padded in front is padded behind, with a mask of what is real. ``x`` are
    ``Sequences``: only a batch is read.
    ``y`` [n] int is whether the label is above 0 (CoMM's; sarcasm's are −1 and 1, humour's 0 and 1), ``value`` [n] the
    label itself.

    The files are those that MultiBench (Liang et al. 2021) links to, under the names of ``WIDTHS``.

    Parameters
    ----------
    path : str or Path
    name : str, optional
        A key of ``WIDTHS``: then widths are checked.
    modalities : sequence of str
        x1, x2, ...; FactorCL and CoMM use vision and text.
    released : bool
        FactorCL's labels of sentiment: whether it is 0 or more.

    Raises
    ------
    InputError
        A file that cannot be opened; a part, a modality or the labels missing; arrays of other widths or lengths;
        a part without a single word.
    """
    for modality in modalities:
        one_of("modalities", modality, MODALITIES)
    if name is not None:
        one_of("name", name, tuple(WIDTHS))
    path = Path(path)
    stored = load_arrays(path, SOURCE)
    if not isinstance(stored, dict):
        raise InputError(f"{path} must hold a dict of train, valid and test; found a {type(stored).__name__}.")
    found = {}
    for part, called in SPLITS.items():
        if part in stored:
            found[called] = _part(path, part, stored[part], name, modalities, released)
    missing = sorted(set(SPLITS.values()) - set(found))
    if missing:
        raise InputError(f"{path} lacks the part {missing[0]}; it holds {', '.join(map(str, stored)) or 'nothing'}.")
    return found


def _part(
    path: Path, part: str, stored: dict[str, Any], name: str | None, modalities: Sequence[str], released: bool
) -> dict[str, Any]:
    where = f"{path}, {part},"
    if not isinstance(stored, dict):
        raise InputError(f"{where} must be a dict of arrays; found a {type(stored).__name__}.")
    for key in ("text", "labels", *modalities):
        if key not in stored:
            raise InputError(f"{where} lacks {key!r}; it holds {', '.join(map(str, stored)) or 'nothing'}.")
    value = _numbers(stored["labels"], where)
    if released and not (value < 0).any():
        raise InputError(f"{where} labels are never below 0: released=True is for sentiment, from -3 to 3.")
    arrays = {key: np.asarray(stored[key]) for key in dict.fromkeys(("text", *modalities))}
    for key, x in arrays.items():
        if x.dtype.kind not in "biuf":
            raise InputError(f"{where} {key} must hold numbers; found {x.dtype}.")
        if x.ndim != 3 or x.shape[:2] != (len(value), arrays["text"].shape[1]):
            raise InputError(
                f"{where} {key} must be [{len(value)}, steps, features], of the steps of text; found {x.shape}."
            )
        expected = x.shape[2] if name is None else WIDTHS[name][MODALITIES.index(key)]
        if x.shape[2] != expected:
            raise InputError(f"{where} {key} of {name} has {expected} features; found {x.shape[2]}.")
    kept, first = _words(arrays["text"])
    if not len(kept):
        raise InputError(f"{where} text is zero or not finite everywhere: no row has a word.")
    steps = arrays["text"].shape[1]
    real = np.arange(steps) < (steps - first)[:, None]
    found: dict[str, Any] = {}
    for i, modality in enumerate(modalities, 1):
        found |= {f"x{i}": Sequences(arrays[modality], kept, first), f"mask{i}": real}
    value = value[kept]
    return found | {"y": (value >= 0 if released else value > 0).astype(np.int32), "value": value.astype(np.float32)}


def _numbers(labels: Any, where: str) -> np.ndarray:
    try:
        value = np.asarray(labels, np.float64)
        value = value.reshape(len(value), -1)[:, 0]
    except (TypeError, ValueError, IndexError):
        raise InputError(f"{where} labels must be numbers, one a row; found {labels!r:.60}.") from None
    if not np.isfinite(value).all():
        raise InputError(f"{where} labels must be finite; {int((~np.isfinite(value)).sum())} are not.")
    return value


def _words(text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose words, where finite, do not sum to 0, and the step of the first word of each."""
    kept, first = [], []
    for start, piece in _pieces(text):
        real = np.isfinite(piece)
        spoken = (real & (piece != 0)).any(2)
        some = piece.sum((1, 2), dtype=np.float64, where=real) != 0
        kept.append(start + np.flatnonzero(some))
        first.append(spoken.argmax(1)[some])
    return np.concatenate(kept), np.concatenate(first)


def _pieces(x: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(x), PIECE):
        yield start, x[start : start + PIECE]
        give_back(x)
