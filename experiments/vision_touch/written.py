"""Files in the layout of Vision & Touch: what the smoke preset and its test read."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np


def written(folder: Path, *, trajectories: int = 10, steps: int = 5) -> Path:
    """``folder`` with one file a trajectory, of noise: a hand that is low touches, and a touch is felt."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(trajectories):
        rng = np.random.default_rng(i)
        pose = rng.normal(size=(steps, 8))
        touches = (pose[:, 2] < 0).astype(float)
        content = {
            "image": rng.integers(0, 256, (steps, 128, 128, 3), np.uint8),
            "ee_forces_continuous": rng.normal(0, 0.3, (steps, 50, 6)) + touches[:, None, None],
            "proprio": pose,
            "contact": touches[:, None] * np.eye(1, 50),
        }
        with h5py.File(folder / f"20190408_183047_triangle_0_journal_{i}_0_1000.h5", "w") as file:
            for name, x in content.items():
                file.create_dataset(name, data=x)
    return folder
