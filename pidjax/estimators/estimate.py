"""The front door: two arrays in, mutual information with its error and bracket out."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import jax

from pidjax._checks import InputError, one_of
from pidjax.estimators.anchored import Anchored, anchored_mi
from pidjax.estimators.classical import copula_mi, gaussian_mi, ksg_mi
from pidjax.estimators.classical.gaussian import scores
from pidjax.estimators.classical.neighbours import radius
from pidjax.estimators.crossfit import FOLDS, LINE_UP, mean_and_error
from pidjax.estimators.learned import METHODS, Reading, learned_readings, sharing
from pidjax.estimators.portfolio import Auto, auto_mi, members
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
        "infonce", "dv", "nwj", "js", "smile", "classifier", "club", "nce_club", "l1out". Closed forms and neighbours:
        "gaussian", "copula", "ksg", "radial_ksg". All but "gaussian" and "radial_ksg" see ranks alone.
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
    return estimate_each(key, x, y, (method,), **settings)[method]


def estimate_each(key: Array, x: Any, y: Any, methods: tuple[str, ...], **settings: Any) -> dict[str, Estimate]:
    """``estimate_mi`` by several methods; those that read a critic fitted in the same way share its fit.

    Parameters
    ----------
    key, x, y, **settings
        As for ``estimate_mi``.
    methods : tuple of str
        Names of ``ESTIMATORS``.

    Returns
    -------
    dict of str to Estimate

    Raises
    ------
    ValueError
        As for ``estimate_mi``.
    """
    for method in methods:
        one_of("method", method, ESTIMATORS)
        if settings and (method in _CLASSICAL or method == "auto"):
            raise InputError(f'method "{method}" has no settings; found {", ".join(settings)}.')
    x, y = continuous_samples({"x": x, "y": y})
    n, folds = x.shape[0], settings.get("folds", FOLDS)
    if not 2 <= folds <= n // 8:
        raise InputError(f"folds must lie between 2 and n / 8 = {n // 8}; found {folds}.")
    line_up = n // folds
    line_up //= -(-line_up // LINE_UP)
    ties = jax.random.fold_in(key, 1)
    found = {m: _closed_form(m, *_on_device(m, x, y, ties), n) for m in methods if m in _CLASSICAL}
    if len(found) < len(methods):
        pairs = scores(x, y, ties)
        ceiling = {"n": n, "certified": True, "ceiling": math.log(line_up)}
        for group in sharing(tuple(m for m in methods if m in METHODS)):
            for m, reading in jitted(learned_readings, methods=group, **settings)(key, *pairs).items():
                found[m] = _bracketed(m, reading, ceiling | {"direction": METHODS[m].direction})
        if "anchored" in methods:
            anchored = jitted(anchored_mi, **settings)(key, *pairs)
            info = ceiling | {"copula": float(anchored.gaussian), "direction": "none"}
            found["anchored"] = _bracketed("anchored", anchored, info)
        if "auto" in methods:
            auto = jitted(auto_mi)(key, *pairs)
            found["auto"] = _bracketed("auto", auto, ceiling | _of_members(auto, members(x.shape[1], y.shape[1])))
    return {m: found[m] for m in methods}


def _closed_form(method: str, x: Array, y: Array, n: int) -> Estimate:
    """By a method without a critic: no certificate, no line-up."""
    value, std_error = (float(v) for v in jitted(_CLASSICAL[method][0])(x, y))
    info = {
        "n": n,
        "certified": False,
        "ceiling": math.log(n),
        "direction": _CLASSICAL[method][1],
        "upper_assumes": f"{method} is unbiased here",
    }
    return Estimate(value, std_error, 0.0, max(value, 0.0) + MARGIN * std_error, method, info)


def _of_members(found: Auto, names: tuple[str, ...]) -> dict[str, Any]:
    """What the portfolio chose from."""
    each = zip(names, found.values, found.std_errors, strict=True)
    return {
        "chosen": names[int(found.chosen)],
        "members": {name: (float(value), float(std_error)) for name, value, std_error in each},
        "copula": float(found.gaussian),
        "direction": "none",
    }


def _bracketed(method: str, found: Reading | Anchored | Auto, info: dict[str, Any]) -> Estimate:
    """With the bracket that the held-out InfoNCE and L1Out of a critic give."""
    info = info | {
        "upper_assumes": "the critic is the log density ratio up to a function of the anchor, the value unbiased"
    }
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
def jitted(function: Any, **settings: Any) -> Any:
    """The function compiled with its settings: one program for each, however often it is asked for."""
    return jax.jit(functools.partial(function, **settings))
