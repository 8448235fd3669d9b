"""Pictures of scores: what came out beside what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from experiments.results import mean_error


class Score(NamedTuple):
    """A mean with its standard error, and what was published with its."""

    mean: float
    error: float = 0.0
    published: float | None = None
    published_error: float = 0.0


def score_of(seeds: Sequence[Mapping[str, float]], name: str, published: str = "", scale: float = 100) -> Score:
    """The score of that name times ``scale``; the error is over seeds, or of the test rows (``name_se``) of one.

    ``published`` is "61.48", "61.48 ± 0.18" or nothing.
    """
    mean, error = mean_error([scale * one[name] for one in seeds])
    if len(seeds) == 1:
        error = scale * seeds[0].get(f"{name}_se", 0.0)
    known = [float(number) for number in published.split(" ± ")] if published else [None]
    return Score(mean, error, *known)


def score_panels(
    panels: Mapping[str, Mapping[str, Score]],
    label: str,
    *,
    here: str = "here ± SE over seeds (of one: over test rows)",
    lines: Mapping[str, tuple[float, float]] | None = None,
    line: str = "",
) -> Figure:
    """A panel a title, a row a method: dots with their errors, open diamonds for what was published.

    ``here`` says what dots and their errors are. ``lines`` are dashed, by title where each is and its error, a band;
    ``line`` says what they are.
    """
    rows = list(dict.fromkeys(row for panel in panels.values() for row in panel))
    size = (1.8 + 2.3 * len(panels), 1.5 + 0.25 * len(rows))
    fig = Figure(figsize=size, layout="constrained")
    axes = fig.subplots(1, len(panels), sharey=True, squeeze=False)
    shown = {}
    for axis, (title, panel) in zip(axes[0], panels.items(), strict=True):
        at = np.array([rows.index(row) for row in panel])
        mean, error = (np.array([getattr(score, of) for score in panel.values()]) for of in ("mean", "error"))
        shown[here] = axis.errorbar(mean, at - 0.1, xerr=error, fmt="o", ms=5, color="C0")
        known = [(i, score) for i, score in zip(at, panel.values(), strict=True) if score.published is not None]
        if known:
            x, error = (np.array([getattr(s, of) for _, s in known]) for of in ("published", "published_error"))
            beside = np.array([i + 0.2 for i, _ in known])
            shown["published"] = axis.errorbar(
                x, beside, xerr=error, fmt="D", ms=4, mfc="none", color="C1", elinewidth=1
            )
        if lines and title in lines:
            value, error = lines[title]
            shown[line] = axis.axvline(value, color="k", lw=0.8, ls="--")
            axis.axvspan(value - error, value + error, color="k", alpha=0.1, lw=0)
        axis.set_title(title, fontsize=10)
        axis.grid(axis="y", color="0.9")
        axis.margins(x=0.12)
        axis.tick_params(axis="x", labelsize=8)
    axes[0][0].set_yticks(range(len(rows)), rows, fontsize=8)
    axes[0][0].set_ylim(len(rows) - 0.4, -0.6)
    fig.supxlabel(label, fontsize=9)
    fig.legend(
        shown.values(),
        shown.keys(),
        loc="outside upper right",
        ncols=len(shown) if len(panels) > 1 else 1,
        fontsize=8,
        frameon=False,
    )
    return fig
