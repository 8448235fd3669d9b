"""IRFL's rows as arrays, and files in its format."""

from __future__ import annotations

import ast
import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
from PIL import Image

from experiments.representation import read_picture
from pidjax._checks import InputError, one_of
from pidjax.encoders.clip import ClipConfig, crop_pictures, load_tokenizer

CLASSES = ("idiom", "simile", "metaphor")
PARTS = ("train", "validation", "test")
SHARES = (0.7, 0.8)
"""Where, of 1, training ends, and where what is scored begins."""
SOURCE = "obtain lampent/IRFL of the Hugging Face hub, its CSV files under the names they have there"


@dataclasses.dataclass(frozen=True)
class Figures:
    """Texts and pictures, row by row.

    Attributes
    ----------
    arrays : {"x1": int [n, tokens], "mask1": bool [n, tokens], "x2": uint8 [n, size, size, 3], "y": int [n]}
        Tokens of phrases and which are real, the pictures that show what they mean, and ``CLASSES``.
    phrases : str [n]
    """

    arrays: dict[str, np.ndarray]
    phrases: np.ndarray


def load_figures(folder: Path, clip: Path, config: ClipConfig) -> Figures:
    """The rows of IRFL's three detection tasks: each phrase and the picture that is its answer.

    Raises
    ------
    InputError
        A file that is absent, empty, or without the columns it must have.
    """
    phrases, pictures, y = [], [], []
    for label, kind in enumerate(CLASSES):
        path = folder / f"{kind}_detection_task.csv"
        if not path.exists():
            raise InputError(f"there is no {path}: {SOURCE}.")
        before = len(phrases)
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if "phrase" not in row or "answer" not in row:
                    raise InputError(f"{path} must have columns phrase and answer; found {', '.join(row)}: {SOURCE}.")
                phrases.append(row["phrase"])
                pictures.append(_picture(folder / "images" / f"{_first(row['answer'], path)}.jpeg"))
                y.append(label)
        if len(phrases) == before:
            raise InputError(f"{path} holds no row: {SOURCE}.")
    tokens, mask = load_tokenizer(clip, config.tokens)(phrases)
    # a gigabyte: no list of pictures lies beside it
    squares = np.empty((len(pictures), config.size, config.size, 3), np.uint8)
    for square, path in zip(squares, pictures, strict=True):
        square[:] = crop_pictures([read_picture(path)], config.size)[0]
    return Figures({"x1": tokens, "mask1": mask, "x2": squares, "y": np.array(y)}, np.array(phrases))


def divided(of: Figures, split: str, seed: int) -> dict[str, np.ndarray]:
    """Rows of every part; a phrase is in one part alone, or, by "rows", wherever its rows fall. Classes alike."""
    one_of("split", split, ("phrases", "rows"))
    rng, parts = np.random.default_rng(seed), {name: [] for name in PARTS}  # type: ignore[var-annotated]
    # a phrase of two classes goes where the first of them puts it
    _, first, unit = np.unique(of.phrases, return_index=True, return_inverse=True)
    if split == "rows":
        first = unit = np.arange(len(of.phrases))
    for label in range(len(CLASSES)):
        shuffled = rng.permutation(np.flatnonzero(of.arrays["y"][first] == label))
        ends = [round(share * len(shuffled)) for share in SHARES]
        for name, some in zip(PARTS, np.split(shuffled, ends), strict=True):
            parts[name].append(np.flatnonzero(np.isin(unit, some)))
    return {name: np.concatenate(rows) for name, rows in parts.items()}


def write_figures(folder: Path, *, phrases: int = 10, seed: int = 0) -> Path:
    """Files in IRFL's format, two rows a phrase, of noise: the colour says a little of the class."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for label, kind in enumerate(CLASSES):
        rows = []
        for i in range(2 * phrases):
            names = [f"{kind}-{i}-{j}" for j in range(4)]
            for name in names:
                noise = rng.integers(200, size=(24 + i, 40, 3), dtype=np.uint8)
                noise[..., label] += 50
                Image.fromarray(noise).save(folder / "images" / f"{name}.jpeg")
            phrase = f"{kind} {chr(97 + i // 2)} cat"
            rows.append([phrase, json.dumps(names[1:]), json.dumps(names[:1]), kind, "Figurative"])
        with (folder / f"{kind}_detection_task.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["phrase", "distractors", "answer", "figurative_type", "type"], *rows])
    return folder


def _first(listed: str, path: Path) -> str:
    """Of a list of names, with either kind of quotes."""
    try:
        return str(ast.literal_eval(listed)[0])
    except (ValueError, SyntaxError, IndexError, TypeError):
        raise InputError(f'answers of {path} must be lists of names, such as ["a"]; found {listed!r}.') from None


def _picture(path: Path) -> Path:
    if not path.exists():
        raise InputError(f"there is no {path}: unpack IRFL_images.zip of lampent/IRFL so that its pictures lie there.")
    return path
