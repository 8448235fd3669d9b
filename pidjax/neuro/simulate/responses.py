"""Shapes of what an activation does: event-related potential, envelope of induced activity, double gamma."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, gammainc


def erp(t: np.ndarray) -> np.ndarray:
    """N180 and P350 with a peak of about 1, t in seconds from the onset."""
    return np.exp(-0.5 * ((t - 0.35) / 0.08) ** 2) - 0.4 * np.exp(-0.5 * ((t - 0.18) / 0.03) ** 2)


def envelope(t: np.ndarray, task: float) -> np.ndarray:
    """Logistic edges: 0.3 s after the onset within 0.1 s, at the end of the task within 0.3 s."""
    return expit((t - 0.3) / 0.1) * expit((task - t) / 0.3)


def double_gamma(t: np.ndarray, task: float, dispersion: np.ndarray | float = 1.0) -> np.ndarray:
    """SPM's response (6 s, undershoot 16 s, ratio 1/6) to a boxcar of ``task`` seconds, peak 1.

    Parameters
    ----------
    t : [..., n]
        Seconds from the onset.
    dispersion : [...]
        Of both gammas; the mean of each stays where it is.
    """
    spread = np.asarray(dispersion, float)[..., None]
    # the peak by a parabola through the three highest points of a grid
    grid = np.arange(0.0, task + 12.0, 0.1)
    curve = _boxcar(grid, task, spread)
    top = np.clip(curve.argmax(axis=-1), 1, grid.size - 2)[..., None]
    left, middle, right = (np.take_along_axis(curve, top + i, axis=-1) for i in (-1, 0, 1))
    peak = middle - (right - left) ** 2 / (8 * (right - 2 * middle + left))
    return _boxcar(t, task, spread) / peak


def _boxcar(t: np.ndarray, task: float, spread: np.ndarray) -> np.ndarray:
    return _integral(t, spread) - _integral(t - task, spread)


def _integral(t: np.ndarray, spread: np.ndarray) -> np.ndarray:
    late = np.maximum(t, 0) / spread
    return gammainc(6 / spread, late) - gammainc(16 / spread, late) / 6
