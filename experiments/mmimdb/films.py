"""MM-IMDb's films as rows that are read when they are asked for, and files in its format."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from experiments.representation import read_picture
from pidjax._checks import InputError
from pidjax.data import array_batches
from pidjax.encoders.clip import ClipConfig, crop_pictures, load_tokenizer
from pidjax.typing import Array, Batch

GENRES = (
    *("Action", "Adventure", "Animation", "Biography", "Comedy", "Crime", "Documentary", "Drama", "Family", "Fantasy"),
    *("Film-Noir", "History", "Horror", "Music", "Musical", "Mystery", "Romance", "Sci-Fi", "Short", "Sport"),
    *("Thriller", "War", "Western"),
)
"""The 23 that are asked for; others that a film may have are passed over."""
PARTS = {"train": "train", "validation": "dev", "test": "test"}
"""Parts of the films, and their names in split.json."""
SOURCE = "unpack mmimdb.tar.gz (Arevalo et al. 2017, archive.org/details/mmimdb) so that split.json and dataset/ lie in"


class Rows:
    """``rows[positions]`` reads what is at those positions, as an array would that holds all of it."""

    def __init__(self, count: int, read: Callable[[np.ndarray], np.ndarray]):
        self.count, self.read = count, read

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, positions: np.ndarray) -> np.ndarray:
        return self.read(positions)


@dataclasses.dataclass(frozen=True)
class Plots:
    """What the text encoder reads, plot by plot: int [plots, tokens], or features [plots, tokens, width].

    ``of`` has the positions of every film's plots; tokens are real where ``mask`` is true.
    """

    tokens: np.ndarray
    mask: np.ndarray
    of: list[np.ndarray]


@dataclasses.dataclass(frozen=True)
class Films:
    """Posters, plots, genres ``y`` (0 and 1, [n, 23]) of all films, and the positions of those of every part."""

    posters: list[Path]
    plots: Plots
    y: np.ndarray
    parts: dict[str, np.ndarray]
    size: int

    def rows(self, part: str) -> Batch:
        """What an encoder reads of a part: every film's poster and first plot, when a row is asked for."""
        films = self.parts[part]
        first = np.array([self.plots.of[film][0] for film in films])
        found = {
            "x1": Rows(len(films), lambda at: self.pictures(films[at])),
            "x2": Rows(len(films), lambda at: _features(self.plots.tokens[first[at]])),
            "mask2": self.plots.mask[first],
        }
        return found  # type: ignore[return-value]

    def batches(self, key: Array, size: int, seed: int) -> Callable[[int], Batch]:
        """Training films, posters in [0, 1] as augmentations leave them, one of a film's plots at random; and "y"."""
        drawn = array_batches(key, {"film": self.parts["train"]}, size)

        def batch(step: int) -> Batch:
            films, rng = drawn(step)["film"], np.random.default_rng([seed, step])
            plots = np.array([rng.choice(self.plots.of[film]) for film in films])
            return {
                "x1": np.float32(self.pictures(films)) / 255,
                "x2": _features(self.plots.tokens[plots]),
                "mask2": self.plots.mask[plots],
                "y": self.y[films],
            }  # type: ignore[return-value]

        return batch

    def pictures(self, films: Sequence[int] | np.ndarray) -> np.ndarray:
        return crop_pictures([read_picture(self.posters[film]) for film in films], self.size)


def load_films(folder: Path, clip: Path, config: ClipConfig, text: Path | None = None) -> Films:
    """All films of split.json; their plots as CLIP's tokens, or as ``text`` holds them.

    Raises
    ------
    InputError
        A file that is absent, a film without plot or genres, tokens that do not fit.
    """
    split = _read(_need(folder / "split.json", folder), dict)
    missing = [name for name in PARTS.values() if name not in split]
    if missing:
        raise InputError(f"{folder / 'split.json'} must have train, dev and test; found {', '.join(split)}.")
    ids = [one for name in PARTS.values() for one in split[name]]
    twice = sorted({one for one in ids if ids.count(one) > 1}) if len(set(ids)) < len(ids) else []
    empty = [name for name in PARTS.values() if not split[name]]
    if twice or empty:
        what = f"film {twice[0]} twice" if twice else f"no film in {empty[0]}"
        raise InputError(f"{folder / 'split.json'} has {what}: every film is in one of train, dev and test.")
    ends = np.cumsum([len(split[name]) for name in PARTS.values()])[:-1]
    told = [_told(folder / "dataset" / f"{one}.json", folder) for one in ids]
    posters = [_need(folder / "dataset" / f"{one}.jpeg", folder) for one in ids]
    y = np.array([[genre in film["genres"] for genre in GENRES] for film in told], np.int32)
    if text is None:
        counts = [len(film["plot"]) for film in told]
        of = np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1])
        plots = Plots(*load_tokenizer(clip, config.tokens)([plot for film in told for plot in film["plot"]]), of)
    else:
        plots = load_plots(text, ids)
    return Films(posters, plots, y, dict(zip(PARTS, np.split(np.arange(len(ids)), ends), strict=True)), config.size)


def load_plots(folder: Path, ids: Sequence[str]) -> Plots:
    """Tokens that another encoder made of the plots of these films; they stay on disk.

    Those of the encoder that CoMM used, [plots, 128, 768], by sentence-transformers, in the folder of MM-IMDb::

        films = [(path.stem, json.loads(path.read_text())["plot"]) for path in sorted(Path("dataset").glob("*.json"))]
        plots = [(film, plot) for film, several in films for plot in several]
        model = SentenceTransformer("sentence-transformers/clip-ViT-B-32-multilingual-v1")
        shape = (len(plots), model.max_seq_length, 768)
        tokens, mask = np.lib.format.open_memmap("tokens.npy", "w+", np.float16, shape), np.zeros(shape[:2], bool)
        for i, (_, plot) in enumerate(plots):
            one = model.encode(plot, output_value="token_embeddings").cpu().numpy()
            tokens[i, : len(one)], mask[i, : len(one)] = one, True
        np.save("mask.npy", mask)
        Path("ids.json").write_text(json.dumps([film for film, _ in plots]))

    Raises
    ------
    InputError
        A file that is absent or cut off, arrays that do not fit, a film without a plot.
    """
    paths = [folder / name for name in ("tokens.npy", "mask.npy", "ids.json")]
    for path in paths:
        if not path.exists():
            raise InputError(
                f"there is no {path}: save there what a text encoder gives of every plot, tokens.npy [plots, tokens, "
                "width], mask.npy bool [plots, tokens] and ids.json, a list of the film of each plot."
            )
    try:
        tokens, mask = np.load(paths[0], mmap_mode="r"), np.load(paths[1])
    except (EOFError, OSError, ValueError) as error:
        raise InputError(f"{paths[0]} or {paths[1]} is cut off, or no array ({error}): save it again.") from None
    films = _read(paths[2], list)
    if tokens.ndim != 3 or mask.dtype != bool or mask.shape != tokens.shape[:2] or len(films) != len(tokens):
        raise InputError(
            f"{folder} must hold tokens [plots, tokens, width], a bool mask [plots, tokens] and as many ids; found "
            f"{tokens.shape}, {mask.dtype} {mask.shape} and {len(films)}."
        )
    places: dict[str, list[int]] = {}
    for at, film in enumerate(films):
        places.setdefault(film, []).append(at)
    absent = [one for one in ids if one not in places]
    if absent:
        raise InputError(f"{paths[2]} has no plot of film {absent[0]} and {len(absent) - 1} more: make their tokens.")
    return Plots(tokens, mask, [np.array(places[one]) for one in ids])


def write_films(folder: Path, *, films: int = 46, seed: int = 0) -> Path:
    """Files in MM-IMDb's format, of noise: two genres a film, and a colour that says a little of the first.

    In ``tokens`` is what another encoder might make of plots: four tokens of six numbers; of second plots, three.
    """
    rng = np.random.default_rng(seed)
    (folder / "dataset").mkdir(parents=True, exist_ok=True)
    ids, told = [f"{i:07d}" for i in range(films)], []
    for i, one in enumerate(ids):
        kind = i % len(GENRES)
        noise = rng.integers(180, size=(40, 24 + kind, 3), dtype=np.uint8)
        noise[..., kind % 3] += 70
        Image.fromarray(noise).save(folder / "dataset" / f"{one}.jpeg")
        said = {"plot": [f"the cat {kind}", f"dodo {kind}"][: 1 + i % 2], "genres": [GENRES[kind], GENRES[kind - 1]]}
        (folder / "dataset" / f"{one}.json").write_text(json.dumps(said))
        told += [one] * len(said["plot"])
    train, dev = round(0.7 * films), round(0.8 * films)
    split = {"train": ids[:train], "dev": ids[train:dev], "test": ids[dev:]}
    (folder / "split.json").write_text(json.dumps(split))
    _write_tokens(folder / "tokens", told, rng)
    return folder


def _write_tokens(folder: Path, films: Sequence[str], rng: np.random.Generator) -> None:
    mask = np.ones((len(films), 4), bool)
    mask[1:, 3] = np.array(films[1:]) != np.array(films[:-1])
    folder.mkdir(exist_ok=True)
    np.save(folder / "tokens.npy", rng.standard_normal((*mask.shape, 6)).astype(np.float16))
    np.save(folder / "mask.npy", mask)
    (folder / "ids.json").write_text(json.dumps(films))


def _need(path: Path, folder: Path) -> Path:
    if not path.exists():
        raise InputError(f"there is no {path}: {SOURCE} {folder}.")
    return path


def _read(path: Path, kind: type) -> Any:
    """A dict or a list of a file."""
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path} is cut off, or no JSON ({error}): obtain it again.") from None
    if not isinstance(found, kind):
        raise InputError(f"{path} must hold a {kind.__name__}; found a {type(found).__name__}: obtain it again.")
    return found


def _told(path: Path, folder: Path) -> dict[str, list[str]]:
    said = _read(_need(path, folder), dict)
    if not (said.get("plot") and isinstance(said["plot"], list) and isinstance(said.get("genres"), list)):
        raise InputError(f"{path} must hold lists plot, of one text or more, and genres; found {', '.join(said)}.")
    return said


def _features(tokens: np.ndarray) -> np.ndarray:
    """Numbers in the precision that is computed in; tokens by number stay what they are."""
    return tokens if np.issubdtype(tokens.dtype, np.integer) else np.float32(tokens)
