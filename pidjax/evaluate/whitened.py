"""Coordinates of features in which no direction is small."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import StandardScaler

SMALLEST = 1e-13
"""Share of the largest variance below which a direction is rounding of 32-bit features of about zero mean."""


def whitened(train: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    r"""Principal components of standardised training rows, each of variance one.

    .. math:: z \mapsto \Lambda^{-1/2} V^\top D^{-1} (z - \mu), \quad D^{-1} \mathrm{Cov}(z) D^{-1} = V \Lambda V^\top

    Rows that are a linear map of others, by whatever invertible matrix, come out the same up to a rotation: penalties
    and solvers then read a direction whatever its size. FactorCL's heads, for one, have 99 % of their variance in four
    directions, and what they hold in the others.

    Parameters
    ----------
    train, *others : [n, d], [m, d], ...
        Mean, scale and directions are of ``train``; directions that are constant, or rounding, there are left out, but
        for the largest.

    Returns
    -------
    tuple of [n, k], [m, k], ...
        In 64 bits, in the order given.
    """
    scaler = StandardScaler().fit(np.asarray(train, float))
    rows = [scaler.transform(np.asarray(z, float)) for z in (train, *others)]
    # of the rows: a covariance squares their range of sizes, and rounding hides the small ones sooner
    _, sizes, axes = np.linalg.svd(np.linalg.qr(rows[0], mode="r"), full_matrices=False)
    values = sizes**2 / len(rows[0])
    kept = values > SMALLEST * max(values[0], 1)  # 1 is the variance of a feature that varies
    kept[0] = True
    return tuple(z @ (axes[kept].T / np.sqrt(np.maximum(values[kept], SMALLEST))) for z in rows)
