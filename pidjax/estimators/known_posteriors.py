"""PID from probabilities that are known rather than learned: those of an ideal observer."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from scipy.special import xlogy

from pidjax._checks import InputError
from pidjax.estimators.pid import bin_count, posterior_bins
from pidjax.pid import PIDAtoms, broja


def pid_of_posteriors(
    prior: np.ndarray, first: np.ndarray, second: np.ndarray, both: np.ndarray, *, groups: int = 10
) -> tuple[PIDAtoms, PIDAtoms]:
    """Atoms of y when p(y | x1), p(y | x2) and p(y | x1, x2) of n drawn pairs are known, in nats.

    Informations are means of KL(p(y | x) ‖ p(y)), which no draw of y makes noisy. What x says of y is its posterior,
    so R is that of the table of binned posteriors with y, p(i, y) = mean of p(y | x) over the rows in bin i, solved
    exactly (``pidjax.pid.broja``); U_i = I_i − R and S = I_12 − I_1 − I_2 + R.

    Parameters
    ----------
    prior : [classes]
    first, second, both : [n, classes]
    groups : int
        Of rows that the jackknife leaves out one at a time.

    Returns
    -------
    (PIDAtoms, PIDAtoms)
        Atoms and their standard errors.
    """
    n, classes = first.shape
    if not (second.shape == both.shape == first.shape) or classes != prior.size:
        raise InputError(
            f"posteriors must have one shape [n, classes]; found {first.shape}, {second.shape}, {both.shape} and a "
            f"prior of {prior.size}."
        )
    if n < 10 * groups:
        raise InputError(f"{n} rows are too few for a jackknife of {groups} groups: give {10 * groups} or more.")
    # a class that never happens tells nothing, and has no probability to divide by
    prior, first, second, both = (p[..., prior > 0] for p in (prior, first, second, both))
    classes = prior.size
    if classes == 1:
        return PIDAtoms(0.0, 0.0, 0.0, 0.0), PIDAtoms(0.0, 0.0, 0.0, 0.0)  # type: ignore[arg-type]
    # row 0: all; then each group left out
    keep = np.arange(n)[None] % groups != np.arange(-1, groups)[:, None]
    keep[0] = True
    weight = keep / keep.sum(axis=1, keepdims=True)
    count = bin_count(n, classes)
    tables = [_table(p, prior, weight, count) for p in (first, second)]
    product = np.einsum("biy,bjy->bijy", tables[0], tables[1] / prior)
    redundancy = broja(product / product.sum((1, 2, 3), keepdims=True)).redundancy
    mi1, mi2, total = (weight @ (xlogy(p, p) - xlogy(p, prior)).sum(axis=1) for p in (first, second, both))
    found: Any = PIDAtoms(redundancy, mi1 - redundancy, mi2 - redundancy, total - mi1 - mi2 + redundancy)
    value = jax.tree.map(lambda v: float(v[0]), found)
    return value, jax.tree.map(lambda v: float(np.std(v[1:]) * (groups - 1) ** 0.5), found)


def _table(p: np.ndarray, prior: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
    """Binned posterior with y for every row of weights [b, bins, classes], with the marginal ``prior``."""
    classes = prior.size
    with np.errstate(divide="ignore"):
        code = posterior_bins(np.log(p), count)
    size = count * (1 if classes == 2 else classes)
    inside = np.eye(size)[code]
    table = np.einsum("bn,ni,ny->biy", weight, inside, p, optimize=True)
    return table * (prior / table.sum(axis=1, keepdims=True))
