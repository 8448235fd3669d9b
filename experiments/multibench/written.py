"""Files in MultiBench's formats: what the smoke preset and its test read."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from pidjax.data.multibench import WIDTHS
from pidjax.data.multibench.affect import MODALITIES

STEPS = 50
ROWS = {"train": 32, "valid": 12, "test": 12}
LABELS = {
    "mosei_senti_data.pkl": ("mosei", (-1.5, 0.0, 1.5)),
    "mosi_data.pkl": ("mosi", (-1.5, 0.0, 1.5)),
    "humor.pkl": ("humor", (0.0, 1.0)),
    "sarcasm.pkl": ("sarcasm", (-1.0, 1.0)),
}
"""Of every file of sequences: its key among ``WIDTHS``, and what its labels are like."""


def written(folder: Path) -> Path:
    """``folder`` with all five files, of noise whose mean says a little of the label."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    (folder / "im.pk").write_bytes(pickle.dumps(admissions(rng, sum(ROWS.values()))))
    for name, (key, labels) in LABELS.items():
        parts = {part: spoken(rng, WIDTHS[key], np.resize(labels, n)) for part, n in ROWS.items()}
        (folder / name).write_bytes(pickle.dumps(parts))
    return folder


def admissions(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """MIMIC's arrays; a measurement is missing."""
    y = rng.integers(0, 2, (n, 20))
    series = rng.normal(size=(n, 24, 12)) + y[:, 7, None, None]
    series[0, 0, 0] = np.nan
    table = rng.normal(size=(n, 5)) + y[:, 7, None]
    return {"ep_tdata": series, "adm_features_all": table, "adm_labels_all": np.zeros((n, 6)), "y_icd9": y}


def spoken(rng: np.random.Generator, widths: tuple[int, ...], labels: np.ndarray) -> dict[str, np.ndarray]:
    """One part: padded in front, the second row without words, a sound of -inf."""
    n = len(labels)
    padded = np.arange(STEPS) < rng.integers(0, STEPS // 2, n)[:, None]
    arrays = {}
    for modality, width in zip(MODALITIES, widths, strict=True):
        x = rng.normal(size=(n, STEPS, width)) + 0.1 * labels[:, None, None]
        x[padded] = 0
        arrays[modality] = x.astype(np.float32)
    arrays["text"][1] = 0
    arrays["audio"][0, -1, 0] = -np.inf
    return arrays | {"labels": labels[:, None, None], "id": np.array([f"video_{i}" for i in range(n)])}
