"""CoMM under every augmentation of sequences and every two of them, one after the other (CoMM, Fig. 6)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from experiments.multibench.tables import Scores
from experiments.results import matrix, mean_error

SINGLE = ("drop", "crop", "multi_drop", "multi_crop", "noise")
"""What is lost of one modality apart, of both at the same steps (multi), and noise."""
GRID = (*SINGLE, *map("+".join, itertools.combinations(SINGLE, 2)))
DEFAULT = "drop+noise"
OF_GRID = ("mimic", "mosi", "urfunny", "mustard")
SAID = """\
Fig. 6 has no numbers in words. CoMM's text says that noise with drop is best over sets and tasks, and that multi_drop
and multi_crop are better in some cases (mimic, mustard). Of mimic there is nothing under them here, since its table has
no steps to lose; the table is noisy under all others. The average is of the sets that have all.
"""


def row_of(method: str, augments: str) -> str:
    """The row of the tables that a method under one of ``GRID`` is."""
    return method if augments == DEFAULT else f"{method}, {augments}"


def augments_of(name: str) -> list[str]:
    """Augmentations that a set is trained under; of MIMIC those of one modality, of sets outside the figure none."""
    return [one for one in GRID if name in OF_GRID and not (name == "mimic" and "multi" in one)]


def matrices(found: Scores, sets: Sequence[str]) -> dict[str, np.ndarray]:
    """CoMM's balanced accuracy (%) by set: under one of ``SINGLE`` on the diagonal, two off it; NaN for none.

    The last is the average of the sets that have all, where there are two or more.
    """
    out = {}
    for name in (name for name in sets if name in OF_GRID):
        out[name] = np.full((len(SINGLE), len(SINGLE)), np.nan)
        for i, j in itertools.combinations_with_replacement(range(len(SINGLE)), 2):
            augments = SINGLE[i] if i == j else f"{SINGLE[i]}+{SINGLE[j]}"
            seeds = found.get(row_of("comm", augments), {}).get(name, [])
            if seeds:
                out[name][i, j] = out[name][j, i] = 100 * mean_error([one["balanced_accuracy"] for one in seeds])[0]
    whole = {name: cells for name, cells in out.items() if np.isfinite(cells).all()}
    if len(whole) > 1:
        out[f"average of {', '.join(whole)}"] = np.mean(list(whole.values()), axis=0)
    return out


def grid_table(by_set: Mapping[str, np.ndarray]) -> str:
    """The best augmentation of every matrix beside the default, and what the paper says."""
    rows, (first, second) = {}, map(SINGLE.index, DEFAULT.split("+"))
    for name, cells in by_set.items():
        i, j = np.unravel_index(np.nanargmax(cells), cells.shape)
        best = SINGLE[i] if i == j else f"{SINGLE[i]}+{SINGLE[j]}"
        rows[name] = [best, f"{cells[i, j]:.1f}", f"{cells[first, second]:.1f}"]
    title = "CoMM under other augmentations (balanced accuracy, %)\n\n"
    return title + matrix("", ["best augmentation", "its score", DEFAULT], rows) + "\n" + SAID


def grid_figure(by_set: Mapping[str, np.ndarray]) -> Figure:
    """A matrix a set, its numbers in their cells, coloured by how far they are from their mean."""
    above = {name: cells - np.nanmean(cells) for name, cells in by_set.items()}
    most = max(float(np.nanmax(np.abs(list(above.values())))), 1e-9)
    fig = Figure(figsize=(1.4 + 2.5 * len(by_set), 3.6), layout="constrained")
    axes = fig.subplots(1, len(by_set), sharey=True, squeeze=False)[0]
    for axis, (name, cells) in zip(axes, by_set.items(), strict=True):
        image = axis.imshow(above[name], cmap="RdBu_r", vmin=-most, vmax=most)
        for i, j in np.argwhere(np.isfinite(cells)):
            colour = "k" if abs(above[name][i, j]) < 0.6 * most else "w"
            axis.text(j, i, f"{cells[i, j]:.1f}", ha="center", va="center", fontsize=8, color=colour)
        axis.set_title(name, fontsize=9)
        axis.set_xticks(range(len(SINGLE)), SINGLE, fontsize=8, rotation=45, ha="right")
        axis.set_yticks(range(len(SINGLE)), SINGLE, fontsize=8)
    fig.suptitle("CoMM, balanced accuracy (%), under one augmentation (diagonal) or two", fontsize=10)
    bar = fig.colorbar(image, ax=axes)
    bar.set_label("less the mean of the set", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    return fig
