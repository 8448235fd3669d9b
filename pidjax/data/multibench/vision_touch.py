"""Vision & Touch (Lee et al. 2019) as MultiBench links to it: a robot's camera, forces and pose, fifty steps a file."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pidjax._checks import InputError, one_of

KEYS = {"image": "image", "force": "ee_forces_continuous", "proprio": "proprio"}
"""Modalities, and what the files call them."""
TASKS = ("contact", "end_effector")
SOURCE = (
    "downloads.cs.stanford.edu/juno/triangle_real_data.zip (MultiBench, github.com/pliang279/MultiBench, links to it)"
)
SIZE, FORCES, PROPRIO, POSE = 128, 32, 8, 4
"""Pixels of a side, readings of force and numbers of the pose that are kept; of the pose, those that are predicted."""
NEEDED = "image [steps, 128, 128, 3], ee_forces_continuous [steps, 32 or more, 6], proprio [steps, 8 or more]"
TESTED, VALIDATED = 0.2, 0.1
"""Shares of trajectories (files, as released)."""


@dataclasses.dataclass(frozen=True)
class Steps:
    """One modality at [n] steps of many files, read when asked for: only the rows of a batch.

    Rows are chosen by a number, a slice, a list or an array, as ``data.array_batches`` does; ``numpy.asarray`` reads
    all. Pictures are uint8 [n, 128, 128, 3], the middle of larger ones (``encoders.of_pixels`` normalises); forces
    tanh of the last readings, float32 [n, 32, 6]; the pose float32 [n, 8].

    Attributes
    ----------
    modality : "image" | "force" | "proprio"
    files : sequence of Path
    of, step : [n]
        File and step of every row.
    """

    modality: str
    files: tuple[Path, ...]
    of: np.ndarray
    step: np.ndarray

    def __len__(self) -> int:
        return len(self.of)

    @property
    def shape(self) -> tuple[int, ...]:
        each = {"image": (SIZE, SIZE, 3), "force": (FORCES, 6), "proprio": (PROPRIO,)}
        return len(self), *each[self.modality]

    def __getitem__(self, chosen: Any) -> np.ndarray:
        of, step = self.of[chosen], self.step[chosen]
        if np.ndim(of) == 0:
            return self[np.array([chosen])][0]
        found = np.empty((len(of), *self.shape[1:]), np.uint8 if self.modality == "image" else np.float32)
        for number in np.unique(of):
            rows = np.flatnonzero(of == number)
            steps, back = np.unique(step[rows], return_inverse=True)
            with _opened(self.files[number]) as stored:
                read = stored[KEYS[self.modality]][steps]
            if not np.isfinite(read).all():
                raise InputError(f"{self.files[number]} holds {self.modality} that is not finite: leave the file out.")
            found[rows] = PROCESSED[self.modality](read)[back]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("steps are read from files, which is a copy.")
        found = self[:]
        return found if dtype is None else found.astype(dtype, copy=False)


def trajectory_of(name: str) -> str:
    """The part of a file's name that its trajectory's files share.

    Known names are ``20190408_183047_triangle_0_journal_0_1_1000.h5``. Of the two running numbers before the last one
    the first is taken to be the trajectory's and the second the window's (150 trajectories of 1,000 steps, in windows
    of 50); no source says so.
    """
    return re.sub(r"_\d+_\d+$", "", Path(name).stem)


def vision_touch(
    folder: str | Path,
    task: str = "contact",
    modalities: Sequence[str] = ("image", "proprio"),
    *,
    trajectory: Callable[[str], str] = trajectory_of,
    released: bool = False,
) -> dict[str, dict[str, Any]]:
    """``{"train" | "validation" | "test": {"x1", "x2", ..., "y"}}`` of the folder ``triangle_real_data``.

    A row is a step of a file but for its last, whose next there is not. ``x`` are ``Steps``: only a batch is read.
    "contact": ``y`` [n] int, whether anything is touched in the next step; "end_effector": ``y`` [n, 4] float32, the
    first numbers of the next step's pose. All files of a trajectory are in one part, a fifth of the trajectories tested
    and a tenth for validation (shuffled by ``default_rng(42)``).

    Parameters
    ----------
    folder : str or Path
    task : "contact" | "end_effector"
    modalities : sequence of str
        x1, x2, ... of image, force, proprio. CoMM has image and proprio (and force) for "contact", image and force for
        "end_effector".
    trajectory : callable
        ``trajectory(file name)`` is the same for files of one trajectory.
    released : bool
        The published division: of files, so that neighbouring windows of one trajectory are trained on and tested, and
        validation and test are the same rows.

    Raises
    ------
    InputError
        An unknown task or modality; a folder that is absent or without such files; a file that cannot be opened, lacks
        an array, or has one of other dimensions or kind; fewer than three trajectories; what is not finite, of labels
        now, of the rest when it is read.

    References
    ----------
    Lee et al. 2019; Liang et al. 2021; Dufumier et al. 2025, App. C.
    """
    one_of("task", task, TASKS)
    for modality in modalities:
        one_of("modalities", modality, tuple(KEYS))
    folder = Path(folder)
    files = tuple(sorted(folder.glob("*.h5")))
    if not files:
        raise InputError(f"{folder} holds no .h5 file: unpack {SOURCE}, and give its folder.")
    labels = [_labels(file, task, modalities) for file in files]
    groups = [file.name if released else trajectory(file.name) for file in files]
    found = {}
    for part, numbers in _divided(groups, released).items():
        of = np.repeat(numbers, [len(labels[i]) for i in numbers])
        step = np.concatenate([np.arange(len(labels[i])) for i in numbers])
        views = {f"x{k}": Steps(modality, files, of, step) for k, modality in enumerate(modalities, 1)}
        found[part] = {**views, "y": np.concatenate([labels[i] for i in numbers])}
    return found


def _divided(groups: Sequence[str], released: bool) -> dict[str, np.ndarray]:
    """Files of each part; files of one group are in one."""
    names, of = np.unique(groups, return_inverse=True)
    if len(names) < 3:
        raise InputError(
            f"to train, validate and test takes 3 trajectories or more; found {len(names)} in {len(groups)} files: "
            "give trajectory(file name), the same for files of one trajectory."
        )
    order = np.arange(len(names))
    np.random.default_rng(42).shuffle(order)
    tested = max(1, int(TESTED * len(names)))
    rest, test = order[:-tested], order[-tested:]
    validated = max(1, round(VALIDATED * len(names)))
    chosen = (
        {"train": rest, "validation": test, "test": test}
        if released
        else {"train": rest[:-validated], "validation": rest[-validated:], "test": test}
    )
    return {part: np.flatnonzero(np.isin(of, numbers)) for part, numbers in chosen.items()}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path, "r") as stored:
            yield stored
    except OSError as error:
        raise InputError(f"{path} is cut off or no HDF5 file ({error}): copy it again.") from None


def _labels(path: Path, task: str, modalities: Sequence[str]) -> np.ndarray:
    """What the next step is, of all steps but the last; refuses a file whose arrays are not what they must be."""
    with _opened(path) as stored:
        asked = "contact" if task == "contact" else "proprio"
        keys = [*(KEYS[modality] for modality in modalities), asked]
        for key in keys:
            if not isinstance(stored.get(key), h5py.Dataset):
                raise InputError(f"{path} lacks {key!r}; it must hold {NEEDED}, and contact [steps, ...].")
            if stored[key].dtype.kind not in "biuf":
                raise InputError(f"{path}: {key} must hold numbers; found {stored[key].dtype}.")
        steps = stored[keys[0]].shape[0]
        for key in keys:
            if not _fits(key, stored[key].shape, steps):
                raise InputError(
                    f"{path}: {key} is {stored[key].shape}; there must be {NEEDED}, and contact [steps, ...], "
                    "of 2 steps or more."
                )
        following = stored[asked][1:]
        if "image" in modalities and stored[KEYS["image"]].dtype != np.uint8:
            raise InputError(f"{path}: pictures must be uint8; found {stored[KEYS['image']].dtype}.")
    if not np.isfinite(following).all():
        raise InputError(f"{path} holds {asked} that is not finite: leave the file out.")
    if task == "contact":
        return (following.reshape(len(following), -1).sum(1) > 0).astype(np.int32)
    return following[:, :POSE].astype(np.float32)


def _fits(key: str, shape: tuple[int, ...], steps: int) -> bool:
    if len(shape) < 1 or shape[0] != steps or steps < 2:
        return False
    if key == "image":
        sides = shape[1:3] if shape[-1] == 3 else shape[2:]
        return len(shape) == 4 and 3 in (shape[1], shape[3]) and min(sides) >= SIZE
    if key == "ee_forces_continuous":
        return len(shape) == 3 and shape[1] >= FORCES and shape[2] == 6
    return key == "contact" or (len(shape) == 2 and shape[1] >= PROPRIO)


def _image(x: np.ndarray) -> np.ndarray:
    if x.shape[1] == 3:
        x = x.transpose(0, 3, 2, 1)  # the files with colours first have columns second
    top, left = ((side - SIZE) // 2 for side in x.shape[1:3])
    return x[:, top : top + SIZE, left : left + SIZE]


def _force(x: np.ndarray) -> np.ndarray:
    return np.tanh(x[:, -FORCES:])


PROCESSED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "image": _image,
    "force": _force,
    "proprio": lambda x: x[:, :PROPRIO],
}
