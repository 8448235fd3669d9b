"""The front door: two arrays in, mutual information with its error and bracket out."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import jax

from pidjax._checks import InputError, one_of
from pidjax.estimators.anchored import anchored_mi
from pidjax.estimators.classical import copula_mi, gaussian_mi, ksg_mi
from pidjax.estimators.classical.gaussian import scores
from pidjax.estimators.classical.neighbours import radius
from pidjax.estimators.crossfit import FOLDS, LINE_UP, mean_and_error
from pidjax.estimators.learned import METHODS, learned_mi
from pidjax.estimators.portfolio import auto_mi, members
from pidjax.estimators.samples import continuous_samples
from pidjax.math.gaussian import standardise
from pidjax.typing import Array

MARGIN = 2.33
"""Standard errors between a reading and an end of the bracket: more than the 1.65 of 95 %, for errors are estimated."""
ROUNDING = 1e-5
"""Nats that float32 may add to a reading: a critic that learned nothing reads 1e-7, not 0."""

_CLASSICAL: dict[str, tuple[Any, str]] = {
    "gaussian": (gaussian_mi, "none; exact for jointly Gaussian data"),
    "copula": (copula_mi, "none; exact for Gaussian copulas"),
    "ksg": (ksg_mi, "none; towards 0 in more than about 4 dimensions"),
    "radial_ksg": (functools.partial(ksg_mi, k=10), "lower bound in the limit: only lengths are compared"),
}
ESTIMATORS = ("auto", "anchored", *METHODS, *_CLASSICAL)
"""Methods of ``estimate_mi`` by name."""


class Estimate(NamedTuple):
    """Mutual information in nats.

    Attributes
    ----------
    value : float
        Not clipped: an unbiased estimate of 0 is negative half of the time.
    std_error : float
    lower : float
        Certificate at 95 %: the held-out InfoNCE of a cross-fitted critic less 2.33 standard errors, whatever the
        critic; at most the logarithm of the line-up. 0 for methods without a critic. Rows are ranked together before
        they are held out.
    upper : float
        Holds under ``info["upper_assumes"]``.
    method : str
    info : dict
        ``n``, ``direction`` of the value, ``upper_assumes``, ``certified``, ``ceiling`` (log of the line-up, or of
        n for methods without one: what no certificate can exceed); for "auto" also ``chosen`` and ``members``
        (value and standard error of each).
    """

    value: float
    std_error: float
    lower: float
    upper: float
    method: str
    info: dict[str, Any]

    @property
    def certified(self) -> bool:
        """Whether ``lower`` is a certificate: methods without a critic have none."""
        return bool(self.info["certified"])


def estimate_mi(key: Array, x: Any, y: Any, *, method: str = "auto", **settings: Any) -> Estimate:
    """Mutual information of continuous x and y, in nats, with a standard error and a bracket.

    Never a bound evaluated on its training pairs: critics are cross-fitted, five folds.

    Parameters
    ----------
    key : PRNG key
        Splits the rows, starts the networks and breaks ties: rounded data need no care.
    x, y : array-like [n] or [n, d], numpy or jax
        Rows belong together and are independent draws. Any offset and scale; give float64 where the offset is large.
    method : str
        "auto": a Gaussian copula in closed form plus a learned residual, or a nearest-neighbour estimate where it
        clearly sees more; one configuration for every problem. "anchored": its first part. The published critics:
        "infonce", "dv", "nwj", "js", "smile", "club", "nce_club", "l1out". Closed forms and neighbours: "gaussian",
        "copula", "ksg", "radial_ksg". All but "gaussian" and "radial_ksg" see ranks alone.
    **settings
        Of ``learned_mi`` or ``anchored_mi``, for their methods.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        Unknown method; settings for a method without any; whatever ``continuous_samples`` finds in the data.

    Examples
    --------
    >>> estimate_mi(jax.random.key(0), x, y)  # doctest: +SKIP
    """
    one_of("method", method, ESTIMATORS)
    x, y = continuous_samples({"x": x, "y": y})
    n = x.shape[0]
    critic = method not in _CLASSICAL
    if settings and (not critic or method == "auto"):
        raise InputError(f'method "{method}" has no settings; found {", ".join(settings)}.')
    folds = settings.get("folds", FOLDS)
    if not 2 <= folds <= n // 8:
        raise InputError(f"folds must lie between 2 and n / 8 = {n // 8}; found {folds}.")
    line_up = n // folds
    line_up //= -(-line_up // LINE_UP)
    info: dict[str, Any] = {"n": n, "certified": critic, "ceiling": math.log(line_up if critic else n)}
    x, y = _on_device(method, x, y, jax.random.fold_in(key, 1))
    if not critic:
        value, std_error = (float(v) for v in _jitted(_CLASSICAL[method][0])(x, y))
        info |= {"direction": _CLASSICAL[method][1], "upper_assumes": f"{method} is unbiased here"}
        return Estimate(value, std_error, 0.0, max(value, 0.0) + MARGIN * std_error, method, info)
    found: Any
    if method == "auto":
        found = _jitted(auto_mi)(key, x, y)
        names = members(x.shape[1], y.shape[1])
        info |= {
            "chosen": names[int(found.chosen)],
            "members": {
                name: (float(v), float(s)) for name, v, s in zip(names, found.values, found.std_errors, strict=True)
            },
            "copula": float(found.gaussian),
            "direction": "none",
        }
    elif method == "anchored":
        found = _jitted(anchored_mi, **settings)(key, x, y)
        info |= {"copula": float(found.gaussian), "direction": "none"}
    else:
        found = _jitted(learned_mi, method=method, **settings)(key, x, y)
        info |= {"direction": METHODS[method].direction}
    info["upper_assumes"] = "the critic is the log density ratio up to a function of the anchor, the value unbiased"
    value, std_error = float(found.value), float(found.std_error)
    (certified, certified_error), (above, above_error) = (
        map(float, mean_and_error(terms)) for terms in (found.infonce, found.l1out)
    )
    lower = certified - MARGIN * certified_error - ROUNDING
    of_value = value + MARGIN * std_error if method not in ("club", "nce_club") else -math.inf
    upper = max(above + MARGIN * above_error, of_value, lower)
    return Estimate(value, std_error, lower, upper, method, info)


def _on_device(method: str, x: Any, y: Any, key: Array) -> tuple[Array, Array]:
    """float32 without loss of digits: offsets, scales and order are seen to in float64."""
    if method == "gaussian":
        return standardise(x), standardise(y)
    if method == "radial_ksg":
        x, y = radius(x), radius(y)
    return scores(x, y, key)


@functools.lru_cache(32)
def _jitted(function: Any, **settings: Any) -> Any:
    return jax.jit(functools.partial(function, **settings))
