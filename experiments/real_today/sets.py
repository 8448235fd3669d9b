"""Five sets of recordings: two sides, a label, and rows to train on, to choose by and to score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.real_today.files import read

PARTS = ("train", "validation", "test")


class Recordings(NamedTuple):
    """One set.

    Attributes
    ----------
    x1, x2 : [n, d1], [n, d2] float32
        Standardised by the training rows.
    y : [n] int
        Classes 0, 1, ....
    rows : dict
        Positions of ``PARTS``.
    views : dict
        Names of the raw modalities, and which columns of [x1, x2] they are.
    score : "accuracy" | "auc"
    """

    x1: np.ndarray
    x2: np.ndarray
    y: np.ndarray
    rows: dict[str, np.ndarray]
    views: dict[str, slice]
    score: str = "accuracy"


def _made(
    sides: tuple[dict[str, np.ndarray], dict[str, np.ndarray]], y: np.ndarray, rows: dict[str, np.ndarray], **more
) -> Recordings:
    """Views of each side beside each other, standardised by training rows; what never varies there is 0."""
    x, views, start = [], {}, 0
    for side in sides:
        columns = []
        for name, view in side.items():
            flat = np.asarray(view, np.float64).reshape(len(y), -1)
            seen = flat[rows["train"]]
            spread = seen.std(0)
            columns.append(((flat - seen.mean(0)) / np.where(spread > 1e-8, spread, np.inf)).astype(np.float32))
            views[name] = slice(start, start := start + flat.shape[1])
        # what is far beyond anything else says that it is far, not how far
        x.append(np.clip(np.hstack(columns), -5, 5))
    return Recordings(x[0], x[1], np.unique(y, return_inverse=True)[1].astype(np.int32), rows, views, **more)


def _divided(train: np.ndarray, test: np.ndarray, group: np.ndarray | None = None, share: float = 0.2) -> dict:
    """A share of the training rows to choose by; whole groups where rows belong together."""
    rng = np.random.default_rng(0)
    of = train if group is None else group[train]
    names = rng.permutation(np.unique(of))
    chosen = np.isin(of, names[: max(1, round(share * len(names)))])
    return {"train": train[~chosen], "validation": train[chosen], "test": test}


def mosi(folder: Path) -> Recordings:
    """Words; sound and video of utterances, whether they are positive; no video is on both sides of a division."""
    d = read(folder, "mosi_utterance_features")
    train, test = (np.flatnonzero(d["split"] == part) for part in ("train", "test"))
    sides = {"text": d["text"]}, {"audio": d["audio"], "video": d["video"]}
    return _made(sides, d["label"], _divided(train, test, d["video_id"]))


def physionet(folder: Path) -> Recordings:
    """37 signals of the first 48 hours in intensive care; five numbers at admission; whether the patient died.

    A signal is told by its mean, least, largest, first and last value, its slope in time and how often it was measured;
    what was not measured is the training rows' mean, and that it was not is told.
    """
    d = read(folder, "physionet2012")
    x, n = d["timeseries"], len(d["timeseries"])
    seen = np.isfinite(x)
    count = seen.sum(1)
    hours = np.arange(x.shape[1], dtype=np.float32)[None, :, None]
    value = np.where(seen, x, 0)
    some = np.maximum(count, 1)
    mean = value.sum(1) / some
    middle = (seen * hours).sum(1) / some
    moved = np.where(seen, hours - middle[:, None], 0)
    slope = (moved * value).sum(1) / np.maximum((moved**2).sum(1), 1)
    first = np.take_along_axis(value, seen.argmax(1)[:, None], 1)[:, 0]
    last = np.take_along_axis(value, x.shape[1] - 1 - seen[:, ::-1].argmax(1)[:, None], 1)[:, 0]
    least, most = (f(np.where(seen, x, fill), 1) for f, fill in ((np.min, np.inf), (np.max, -np.inf)))
    told = np.stack([mean, least, most, first, last, slope], 2)
    train, test = (np.flatnonzero(d["set"] == part) for part in "ab")
    rows = _divided(train, test)
    known = count > 0
    told = np.where(known[..., None], told, np.nan)
    series = np.concatenate([_filled(told.reshape(n, -1), rows["train"]), np.log1p(count), known], 1)
    static = np.concatenate([_filled(d["static"], rows["train"]), np.isfinite(d["static"])], 1)
    return _made(({"series": series}, {"static": static}), d["outcomes"][:, 4], rows, score="auc")


def _filled(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Columns with their training rows' mean where nothing is known."""
    seen = np.isfinite(x[train])
    mean = np.where(seen, x[train], 0).sum(0) / np.maximum(seen.sum(0), 1)
    return np.where(np.isfinite(x), x, mean)


def digits(folder: Path) -> Recordings:
    """A written and a spoken digit of one value; no picture and no recording is in two parts."""
    d = read(folder, "av_digits")
    third = np.digitize(d["take"], [5, 10])  # takes 0 to 4 are tested, 5 to 9 are for validation
    pictures = dict(zip(PARTS, np.split(np.arange(10_000), [7_000, 8_000]), strict=True))
    rng, pairs, rows, start = np.random.default_rng(0), [], {}, 0
    for part, sounds, size in zip(PARTS, (2, 1, 0), (4_000, 1_000, 2_000), strict=True):
        chosen = rng.choice(pictures[part], size, replace=size > len(pictures[part]))
        heard = np.flatnonzero(third == sounds)
        of = {v: heard[d["audio_label"][heard] == v] for v in range(10)}
        pairs.append(np.stack([chosen, [rng.choice(of[v]) for v in d["image_label"][chosen]]], 1))
        rows[part], start = np.arange(start, start + size), start + size
    a, b = np.concatenate(pairs).T
    return _made(({"image": d["image"][a]}, {"audio": d["audio_logmel"][b]}), d["image_label"][a], rows)


def uci(folder: Path) -> Recordings:
    """Ten digits: Fourier, profile and Karhunen-Loève features; pixels, Zernike moments and shape."""
    d = read(folder, "uci_mfeat")
    order = np.random.default_rng(0).permutation(len(d["label"]))
    sides = tuple({name: d[name] for name in side} for side in (("fou", "fac", "kar"), ("pix", "zer", "mor")))
    return _made(sides, d["label"], _divided(order[:1_000], order[1_000:]))  # type: ignore[arg-type]


def motions(folder: Path) -> Recordings:
    """Four activities: ten seconds of an accelerometer; of a gyroscope."""
    d = read(folder, "basic_motions")
    x, y = np.concatenate([d["X_train"], d["X_test"]]), np.concatenate([d["y_train"], d["y_test"]])
    n = len(d["y_train"])
    taken = np.arange(n) % 4 == 0  # by class: the file is sorted
    rows = {"train": np.flatnonzero(~taken), "validation": np.flatnonzero(taken), "test": np.arange(n, len(y))}
    return _made(({"accelerometer": x[:, :3]}, {"gyroscope": x[:, 3:]}), y, rows)


SETS: dict[str, Callable[[Path], Recordings]] = {
    "mosi": mosi,
    "physionet": physionet,
    "digits": digits,
    "uci": uci,
    "motions": motions,
}
