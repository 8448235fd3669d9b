"""The files that the sets are read from: what each holds, where that is from, and one in their format."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pidjax._checks import InputError


class File(NamedTuple):
    """Arrays that are read, each with its shape, and where they are from."""

    arrays: dict[str, str]
    source: str


FILES = {
    "mosi_utterance_features": File(
        {
            "text": "[n, 100]",
            "audio": "[n, 73]",
            "video": "[n, 100]",
            "label": "[n]",
            "split": "[n], train or test",
            "video_id": "[n]",
        },
        "CMU-MOSI's utterance features of github.com/declare-lab/multimodal-deep-learning",
    ),
    "physionet2012": File(
        {
            "timeseries": "[n, 48, 37], nan where not measured",
            "static": "[n, 5]",
            "outcomes": "[n, 5], death last",
            "set": "[n], a or b",
        },
        "sets a and b of physionet.org/content/challenge-2012, by the hour",
    ),
    "av_digits": File(
        {
            "image": "[10000, 28, 28]",
            "image_label": "[10000], 0 to 9",
            "audio_logmel": "[m, 48, 32]",
            "audio_label": "[m], 0 to 9",
            "take": "[m], 0 to 49",
        },
        "MNIST's test pictures (yann.lecun.com/exdb/mnist or a mirror) and log-mel spectra of "
        "github.com/Jakobovski/free-spoken-digit-dataset",
    ),
    "uci_mfeat": File(
        {
            "label": "[2000], 0 to 9",
            "fou": "[2000, 76]",
            "fac": "[2000, 216]",
            "kar": "[2000, 64]",
            "pix": "[2000, 240]",
            "zer": "[2000, 47]",
            "mor": "[2000, 6]",
        },
        "mfeat-fou, mfeat-fac, ... of archive.ics.uci.edu/dataset/72/multiple+features",
    ),
    "basic_motions": File(
        {
            "X_train": "[40, 6, 100]",
            "y_train": "[40]",
            "X_test": "[40, 6, 100]",
            "y_test": "[40]",
        },
        "BasicMotions of timeseriesclassification.com, in Python aeon.datasets.load_basic_motions",
    ),
}
"""By the name of the .npz file."""


def place_of(folder: Path, name: str) -> Path | None:
    """Where a file is, in ``folder`` or in its ``multimodal/``; None where it is in neither."""
    paths = (place / f"{name}.npz" for place in (folder / "multimodal", folder))
    return next((path for path in paths if path.exists()), None)


def read(folder: Path, name: str) -> dict[str, np.ndarray]:
    """Arrays of a file in ``folder`` or in its ``multimodal/``.

    Raises
    ------
    InputError
        A file that is absent, cut off, or without an array that it must have.
    """
    of = FILES[name]
    needed = ", ".join(f"{key} {shape}" for key, shape in of.arrays.items())
    path = place_of(folder, name)
    if path is None:
        raise InputError(
            f"there is no {name}.npz in {folder} nor in {folder / 'multimodal'}: save there, by numpy.savez, of "
            f"{of.source}, the arrays {needed}; or name its folder by --data, or other --sets."
        )
    try:
        with np.load(path) as stored:
            missing = [key for key in of.arrays if key not in stored.files]
            if not missing:
                return {key: stored[key] for key in of.arrays}
            found = ", ".join(stored.files)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise InputError(f"{path} is cut off, or no .npz of numbers and texts ({error}): save it again.") from None
    raise InputError(f"{path} must hold {needed}; found {found}, without {missing[0]}: save it again.")


def write_motions(folder: Path, *, seed: int = 0) -> Path:
    """``folder`` with a file of Basic Motions' format, of noise whose size says a little of the activity."""
    rng, arrays = np.random.default_rng(seed), {}
    activities = np.repeat(["Standing", "Running", "Walking", "Badminton"], 10)
    loud = np.repeat([0.5, 4.0, 1.0, 2.0], 10)[:, None, None]
    for part in ("train", "test"):
        x = loud * (1 + rng.standard_normal((40, 6, 100)))
        arrays |= {f"X_{part}": x.astype(np.float32), f"y_{part}": activities}
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "basic_motions.npz", **arrays)
    return folder
