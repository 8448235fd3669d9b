"""The front door to conditional information: three arrays in, I(X; Y | Z) with its error out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pidjax._checks import InputError, one_of
from pidjax.estimators.classical import copula_cmi, frenzel_pompe_cmi, gaussian_cmi
from pidjax.estimators.difference import conditional_infonce_cmi, difference_cmi, triple_scores
from pidjax.estimators.estimate import MARGIN, Estimate, estimate_mi, jitted
from pidjax.estimators.learned import METHODS
from pidjax.estimators.samples import FEW_VALUES, LEAST_ROWS, continuous_samples
from pidjax.math.gaussian import standardise
from pidjax.typing import Array

CONDITIONAL = ("auto", "conditional_infonce", *METHODS, "gaussian", "copula", "frenzel_pompe")
"""Methods of ``estimate_cmi`` by name."""

_DIRECTIONS = {
    "conditional_infonce": "lower bound of I(X; Y | Z) + I(Y'; Z), Y' what linear regression on z leaves of y",
    "gaussian": "none; exact for linear Gaussian data",
    "copula": "none; exact for Gaussian copulas",
    "frenzel_pompe": "none; towards 0 in more than about 4 dimensions",
}
_OF_GROUPS = {"conditional_infonce": "infonce", "frenzel_pompe": "ksg"}


def estimate_cmi(key: Array, x: Any, y: Any, z: Any, *, method: str = "auto", **settings: Any) -> Estimate:
    """Conditional mutual information I(X; Y | Z) of continuous x and y, in nats, with a standard error.

    Parameters
    ----------
    key : PRNG key
        Splits the rows, starts the networks and breaks ties.
    x, y : array-like [n] or [n, d], numpy or jax
        Rows belong together and are independent draws.
    z : array-like [n] or [n, d]
        The condition, continuous; or discrete, every column of it: then each group of rows with the same z is
        estimated by ``estimate_mi``, and the mean over rows is returned.
    method : str
        "auto": the chain-rule difference of partial residuals (``difference_cmi``), each term by the Gaussian copula in
        closed form plus a learned residual. "conditional_infonce": negatives from a fitted p(y | z), an affine Gaussian
        critic. The published critics, "infonce", "dv", "nwj", "js", "smile", "classifier" (CCMI), "club", "nce_club",
        "l1out": the same difference of two learned readings. "gaussian", "copula": closed forms. "frenzel_pompe":
        nearest neighbours.
    **settings
        Of ``anchored_mi`` for "auto", of ``learned_mi`` for the others that learn.

    Returns
    -------
    Estimate
        ``lower`` is 0: no method certifies a conditional information, for its negatives rest on a model of p(y | z).
        ``upper`` holds under ``info["upper_assumes"]``.

    Raises
    ------
    ValueError
        Unknown method; settings for a method without any; whatever ``continuous_samples`` finds in the data, a column
        of z that is one of x or y among it; groups of a discrete z that are too small.
    """
    one_of("method", method, CONDITIONAL)
    if settings and method in ("gaussian", "copula", "frenzel_pompe"):
        raise InputError(f'method "{method}" has no settings; found {", ".join(settings)}.')
    groups = _groups(z)
    if groups is not None:
        return _of_groups(key, x, y, groups, method, settings)
    x, y, z = continuous_samples({"x": x, "y": y, "z": z})
    found: Any
    if method == "gaussian":
        found = jitted(gaussian_cmi)(*(standardise(w) for w in (x, y, z)))
    else:
        ranked = triple_scores(key, x, y, z)
        if method in ("copula", "frenzel_pompe"):
            found = jitted(copula_cmi if method == "copula" else frenzel_pompe_cmi)(*ranked)
        else:
            if method == "conditional_infonce":
                of = jitted(conditional_infonce_cmi, **settings)
            else:
                of = jitted(difference_cmi, method=None if method == "auto" else method, **settings)
            found = of(key, *(standardise(w) for w in (x, y, z)), ranked)
    direction = _DIRECTIONS.get(method, "none: a difference of two readings")
    return _estimate(float(found.value), float(found.std_error), method, {"n": len(x), "direction": direction})


def _estimate(value: float, std_error: float, method: str, info: dict[str, Any]) -> Estimate:
    info = {"certified": False, "ceiling": math.log(info["n"]), "upper_assumes": f"{method} is unbiased here", **info}
    return Estimate(value, std_error, 0.0, max(value, 0.0) + MARGIN * std_error, method, info)


def _groups(z: Any) -> np.ndarray | None:
    """The number of each row's group where every column of z is discrete."""
    values = np.asarray(z)
    if np.ma.is_masked(z) or values.dtype.kind not in "fiub" or values.ndim not in (1, 2) or 0 in values.shape:
        return None  # refused in words with the other arrays
    values = values.reshape(len(values), -1)
    if not np.isfinite(values).all() or any(len(np.unique(c)) > FEW_VALUES for c in values.T):
        return None
    _, groups = np.unique(values, axis=0, return_inverse=True)
    return groups.reshape(-1)


def _of_groups(key: Array, x: Any, y: Any, groups: np.ndarray, method: str, settings: dict[str, Any]) -> Estimate:
    """Σ_g n_g/n I(X; Y | group g); its error also counts that the shares of the groups are drawn."""
    x, y = continuous_samples({"x": x, "y": y})
    if len(x) != len(groups):
        raise InputError(
            f"rows belong together, so all arrays must have as many: found {len(x)} of x, {len(y)} of y, "
            f"{len(groups)} of z."
        )
    sizes = np.bincount(groups)
    if sizes.min() < LEAST_ROWS:
        raise InputError(
            f"z is discrete, with {len(sizes)} different values, and {int((sizes < LEAST_ROWS).sum())} of them have "
            f"fewer than {LEAST_ROWS} rows (the rarest has {sizes.min()}): join rare values or drop their rows."
        )
    if len(sizes) == 1:
        raise InputError("z is constant: it conditions nothing; leave it out.")
    of = _OF_GROUPS.get(method, method)
    found = [estimate_mi(key, x[groups == g], y[groups == g], method=of, **settings) for g in range(len(sizes))]
    share = sizes / len(groups)
    values, errors = np.array([f.value for f in found]), np.array([f.std_error for f in found])
    value = float(share @ values)
    variance = (share**2 @ errors**2) + share @ (values - value) ** 2 / len(groups)
    info = {"n": len(groups), "direction": f"mean over {len(sizes)} groups of z; {found[0].info['direction']}"}
    return _estimate(value, float(np.sqrt(variance)), method, info)
