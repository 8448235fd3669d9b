"""The front door to PID: two sources and a target in, four atoms with errors and a null out."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pidjax._checks import InputError, one_of
from pidjax.estimators.neural_broja import neural_broja, of_many_rows
from pidjax.estimators.posteriors import Posteriors, class_posteriors, repair
from pidjax.estimators.samples import FEW_VALUES, continuous_samples
from pidjax.pid import PIDAtoms, broja, gaussian_broja, gaussian_informations, informations
from pidjax.typing import Array

LEAST_IN_CLASS = 16
"""Rows of a class: cross-fitting deals them into five parts, of which an eighth is watched."""
MANY_CLASSES = 6
"""With more, "auto" takes "neural": bins are few to a class. Measured with two classes and with ten, not between."""
ROWS_A_CELL = 5
"""A table is estimated by counting where so many rows fall on a cell of it."""


class PIDEstimate(NamedTuple):
    """Atoms of I(X1, X2; Y) in nats.

    Attributes
    ----------
    atoms : PIDAtoms
        Less their bootstrap bias; not clipped, so atoms that are 0 come out on both sides of it.
    std_error : PIDAtoms
        Bootstrap over rows (classifiers as they are). "neural": jackknife over blocks of rows, and beside it what the
        rate of the extrapolation to large blocks changes (``of_many_rows``).
    null : PIDAtoms
        The same estimate with x1 and x2 re-paired within classes ("gaussian": what y does not say of x2 re-paired):
        what synergy is without interaction. Two sources with independent noise have positive synergy; only what is
        above the null says that they interact. "table" with fewer than five rows a cell: that of the law
        p(y) p(x1 | y) p(x2 | y), and re-paired rows are what the estimate's bias is taken from.
    method : str
    info : dict
        ``n``, ``mi1``, ``mi2``, ``total``, and ``excess`` with ``excess_error``: synergy above the null; "neural": the
        ``residual`` of its marginals before they are made exact.
    """

    atoms: PIDAtoms
    std_error: PIDAtoms
    null: PIDAtoms
    method: str
    info: dict[str, Any]


class _Codes(NamedTuple):
    """Rows as numbers of bins: of each source alone, of both, of both re-paired [repairs, n], of the target."""

    first: np.ndarray
    second: np.ndarray
    both: np.ndarray
    repaired: np.ndarray
    y: np.ndarray
    size: int = 0
    """Bins that each source has at the most, where that is set."""


def estimate_pid(
    key: Array,
    x1: Any,
    x2: Any,
    y: Any,
    *,
    method: str = "auto",
    bootstraps: int = 100,
    repairs: int = 2,
    **settings: Any,
) -> PIDEstimate:
    r"""Redundant, unique and synergistic information about y in x1 and x2, from samples, in nats.

    The atoms are those of Bertschinger et al. 2014 (``pidjax.pid.broja``): R, U1 and U2 depend on p(x1, y) and
    p(x2, y) alone, and S = I(X1, X2; Y) − R − U1 − U2.

    Parameters
    ----------
    key : PRNG key
        Of splits, networks, re-pairings and bootstraps.
    x1, x2 : array-like [n] or [n, d]
        Continuous, or [n] with few values.
    y : array-like [n]
        Labels (integers, strings, or numbers with few values); [n] or [n, d] numbers for "gaussian".
    method : str
        "table": x1, x2 and y have few values, which are counted. "classifier": y has classes, x1 and x2 are anything:
        held-out probabilities p(y | x1), p(y | x2), p(y | x1, x2) are binned, which keeps what they say of y, and the
        bins are a table. "neural": the same probabilities; I1, I2 and I12 are what they say held out, and a network
        couples x1 with x2 to split them (``pidjax.estimators.neural_broja``). "gaussian": all are jointly Gaussian
        (``pidjax.pid.gaussian_broja``). "auto": by the data.
    bootstraps, repairs : int
        Draws of rows for bias and error; re-pairings for the null.
    **settings
        Of ``class_posteriors``, for "classifier" and "neural": ``steps``, ``hidden``.

    Returns
    -------
    PIDEstimate

    Raises
    ------
    ValueError
        Lengths that differ, a constant target or source, a class with too few rows, a method that does not fit the
        data; for continuous arrays whatever ``continuous_samples`` finds.
    """
    one_of("method", method, ("auto", "table", "classifier", "neural", "gaussian"))
    for name, count, least in (("bootstraps", bootstraps, 2), ("repairs", repairs, 1)):
        if count < least:
            raise InputError(f"{name} must be {least} or more; found {count}.")
    lengths = {name: np.shape(np.atleast_1d(v))[:1] for name, v in (("x1", x1), ("x2", x2), ("y", y))}
    if len(set(lengths.values())) > 1:
        raise InputError(f"rows belong together; found {', '.join(f'{v[0]} of {k}' for k, v in lengths.items())}.")
    codes = _few_values(y)
    if method == "auto":
        method = _method(x1, x2, y, codes)
    if settings and method not in ("classifier", "neural"):
        raise InputError(
            f'{", ".join(settings)}: settings of "classifier" and "neural"; the method here is "{method}".'
        )
    if method == "gaussian":
        return _gaussian(key, x1, x2, y, bootstraps, repairs)
    if codes is None:
        raise InputError(f'y takes more than {FEW_VALUES} values: "{method}" is for classes; method="gaussian" may do.')
    classes, counts = np.unique(codes, return_counts=True)
    if len(classes) < 2:
        raise InputError("y is constant: there is no information to decompose.")
    if method == "table":
        return counted_pid(key, _counted(x1, "x1"), _counted(x2, "x2"), codes, bootstraps, repairs)
    if counts.min() < LEAST_IN_CLASS:
        raise InputError(
            f"a class of y has {counts.min()} of {len(codes)} rows; cross-fitting needs {LEAST_IN_CLASS}: "
            "join or drop it."
        )
    a, b = (_standardised(x, name) for x, name in ((x1, "x1"), (x2, "x2")))
    for_fit, for_codes = jax.random.split(key)
    run = functools.partial(_posteriors, classes=len(classes), repairs=repairs, **settings)
    found = jax.device_get(run(for_fit, a, b, codes))
    if method == "neural":
        return _of_coupling(for_codes, found, codes)
    count = bin_count(len(codes), len(classes))
    bins = functools.partial(posterior_bins, count=count)
    repaired = np.stack([bins(p) for p in found.repaired])
    binned = _Codes(
        bins(found.first),
        bins(found.second),
        bins(found.both),
        repaired,
        codes,
        size=count * (1 if len(classes) == 2 else len(classes)),
    )
    return _of_codes(for_codes, binned, "classifier", bootstraps)


_coupled = jax.jit(neural_broja)
_posteriors = jax.jit(class_posteriors, static_argnames=("classes", "repairs", "steps", "hidden"))


def counted_pid(
    key: Array, x1: np.ndarray, x2: np.ndarray, y: np.ndarray, bootstraps: int = 100, repairs: int = 2
) -> PIDEstimate:
    """``estimate_pid`` by "table" of codes 0 ... k − 1. A source may be constant: then it has a part in no atom.

    Parameters
    ----------
    key : PRNG key
    x1, x2, y : int [n]
    bootstraps, repairs : int
        As in ``estimate_pid``.

    Raises
    ------
    InputError
        Fewer rows than cells of a source and y.
    """
    paired = _paired(key, x1, x2, y, repairs)
    cells = (max(x1.max(), x2.max()) + 1) * (y.max() + 1)
    if cells > len(y):
        raise InputError(f"{len(y)} rows cannot fill a table of a source and y with {cells} cells.")
    return _of_codes(key, paired, "table", bootstraps)


def _of_codes(key: Array, codes: _Codes, method: str, bootstraps: int) -> PIDEstimate:
    """Atoms of counts, their bootstrap bias and error, and those of the re-paired rows."""
    n = len(codes.y)
    rng = _generator(key)
    weights = np.concatenate([np.ones((1, n)), rng.multinomial(n, np.full(n, 1 / n), size=bootstraps)])
    y = codes.y.max() + 1
    # sizes that do not depend on the data: another data set finds the solver compiled
    p1, p2 = (_joint(c, codes.y, codes.size or c.max() + 1, y, weights) for c in (codes.first, codes.second))
    prior = p1.sum(1)
    # any table with these pairs has these R, U1 and U2; the one without interaction is as good as another
    product = np.einsum("biy,bjy->bijy", p1, p2 / np.where(prior > 0, prior, 1)[:, None])
    product /= product.sum((1, 2, 3), keepdims=True)
    alone = broja(product)
    union = alone.redundancy + alone.unique1 + alone.unique2

    def synergy(both: np.ndarray) -> Any:
        return informations(_joint(both, codes.y, both.max() + 1, y, weights)[:, :, None])[0] - union

    found: Any = alone._replace(synergy=synergy(codes.both))
    null: Any = alone._replace(synergy=np.mean([synergy(c) for c in codes.repaired], axis=0))
    if method == "table" and product[0].size * ROWS_A_CELL > n:
        # too few rows to count x1 with x2: re-paired rows, whose truth is the product's, have about the same bias
        exact = informations(product)[2] - union
        found, null = found._replace(synergy=found.synergy - null.synergy + exact), null._replace(synergy=exact)
    corrected, error = _bootstrap(found, n)
    without, _ = _bootstrap(null, n)
    excess, excess_error = _bootstrap(found.synergy - null.synergy, n)
    return PIDEstimate(corrected, error, without, method, _info(corrected, n, excess, excess_error))


def _of_coupling(key: Array, found: Posteriors, y: np.ndarray) -> PIDEstimate:
    """Held-out informations, split by a neural coupling; blocks of rows are as good as independent samples."""
    prior = np.bincount(y) / len(y)
    split = jax.device_get(_coupled(key, found.first, found.second))

    def held_out(log_p: Any) -> np.ndarray:
        """H(y) less the log-loss, of every block."""
        return (np.take_along_axis(log_p, y[:, None], 1)[:, 0] - np.log(prior)[y])[split.rows].mean(1)

    informations = np.stack([held_out(log_p) for log_p in (found.first, found.second, found.both)])
    alone = np.mean([held_out(log_p) for log_p in found.repaired], axis=0)

    def parts(keep: np.ndarray) -> np.ndarray:
        """R, U1, U2, S, synergy of the null, and S above it, of some blocks."""
        unique1, unique2 = of_many_rows(*(u[keep] for u in (split.whole, split.halves, split.quarters))).mean(0)
        (mi1, mi2, total), null = informations[:, keep].mean(1), alone[keep].mean()
        redundancy = (mi1 - unique1 + mi2 - unique2) / 2
        rest = redundancy - mi1 - mi2
        return np.array([redundancy, mi1 - redundancy, mi2 - redundancy, total + rest, null + rest, total - null])

    count = len(split.rows)
    value = parts(np.arange(count))
    without = np.stack([parts(np.delete(np.arange(count), i)) for i in range(count)])
    error = without.std(0) * (count - 1) ** 0.5
    # that uniques fall more slowly than as one over the rows is a model: what it changes is an error too
    steady = (2 * split.whole - split.halves - of_many_rows(split.whole, split.halves, split.quarters)).mean()
    error[:4] = np.hypot(error[:4], steady)
    atoms, null = PIDAtoms(*value[:4].tolist()), PIDAtoms(*value[[0, 1, 2, 4]].tolist())
    info = _info(atoms, len(y), value[5], error[5]) | {"residual": float(split.residual.max())}
    return PIDEstimate(atoms, PIDAtoms(*error[:4].tolist()), null, "neural", info)


def _bootstrap(values: Any, n: int) -> tuple[Any, Any]:
    """Twice the value less the mean of the draws, and their deviation; the first row of every leaf is the value.

    The deviation is at least 1 / (n √2), that of the counted information of two independent bits.
    """
    floor = 1 / (n * 2**0.5)
    corrected = jax.tree.map(lambda v: float(2 * v[0] - v[1:].mean()), values)
    return corrected, jax.tree.map(lambda v: max(float(v[1:].std(ddof=1)), floor), values)


def _joint(a: np.ndarray, b: np.ndarray, size_a: int, size_b: int, weights: np.ndarray) -> Any:
    """Relative weight of the cells of two codes, for every row of weights: [draws, size_a, size_b]."""
    cell, n = a * size_b + b, len(a)
    found = np.stack([np.bincount(cell, w, size_a * size_b) for w in weights])
    return found.reshape(len(weights), size_a, size_b) / n


def _paired(key: Array, a: np.ndarray, b: np.ndarray, y: np.ndarray, repairs: int) -> _Codes:
    """Codes of a discrete pair, and of its re-pairings within classes."""
    size = b.max() + 1
    again = [np.asarray(b[np.asarray(repair(k, jnp.asarray(y)))]) for k in jax.random.split(key, repairs)]
    return _Codes(a, b, a * size + b, np.stack([a * size + c for c in again]), y)


def posterior_bins(log_p: np.ndarray, count: int) -> np.ndarray:
    """Bins of probability vectors [n, classes]: the likeliest class, then equal steps of arcsin √p of it.

    In equal steps of arcsin √p, the Fisher metric, a step anywhere costs as much of what x says of y. With two classes
    p of one of them says all there is.
    """
    best = np.zeros(len(log_p), int) if log_p.shape[1] == 2 else log_p.argmax(1)
    found = np.zeros(len(best), int)
    for k in np.unique(best):
        rows = best == k
        angle = np.arcsin(np.exp(log_p[rows, k] / 2).clip(0, 1))
        edges = np.linspace(angle.min(), angle.max(), count + 1)[1:-1]
        found[rows] = k * count + np.searchsorted(edges, angle)
    return found


def bin_count(n: int, classes: int) -> int:
    """Fine enough to keep what probabilities say, coarse enough to be counted."""
    whole = min(max(round(n**0.5 / 3), 4), 24)
    return whole if classes == 2 else max(1, whole // classes)


def _few_values(x: Any) -> np.ndarray | None:
    """Codes 0 ... k - 1 of a column with few values; None of anything else."""
    z = np.asarray(x)
    if z.ndim == 2 and z.shape[1] == 1:
        z = z[:, 0]
    if z.ndim != 1 or len(z) == 0 or (z.dtype.kind == "f" and not np.isfinite(z).all()):
        return None
    values, codes = np.unique(z, return_inverse=True)
    return codes if len(values) <= FEW_VALUES else None


def _counted(x: Any, name: str) -> np.ndarray:
    codes = _few_values(x)
    if codes is None:
        raise InputError(f'{name} is no column of at most {FEW_VALUES} values: method="classifier" may do.')
    if codes.max() == 0:
        raise InputError(f"{name} is constant: it holds no information; leave it out.")
    return codes


def _method(x1: Any, x2: Any, target: Any, y: np.ndarray | None) -> str:
    if y is None:
        if np.asarray(target).dtype.kind != "f":
            raise InputError(
                f"y takes more than {FEW_VALUES} values and holds no real numbers: join classes, or give numbers as "
                'floats for method="gaussian".'
            )
        return "gaussian"
    a, b = _few_values(x1), _few_values(x2)
    continuous = "classifier" if y.max() < MANY_CLASSES else "neural"
    if a is None or b is None:
        return continuous
    cells = (a.max() + 1) * (b.max() + 1) * (y.max() + 1)
    return "table" if cells * ROWS_A_CELL <= len(y) else continuous


def _standardised(x: Any, name: str) -> np.ndarray:
    """Zero mean and unit variance; a column of few values as indicators of them."""
    codes = _few_values(x)
    if codes is not None:
        z = np.eye(codes.max() + 1)[codes]
    else:
        z = np.asarray(x, np.float64)
        z = z.reshape(len(z), -1)
    if not np.isfinite(z).all():
        raise InputError(f"{name} holds values that are NaN or infinite: drop those rows from all arrays.")
    varies = np.ptp(z, axis=0) > 0
    if not varies.any():
        raise InputError(f"{name} is constant: it holds no information; leave it out.")
    return ((z - z.mean(0)) / np.where(varies, z.std(0), 1)).astype(np.float32)


def _gaussian(key: Array, x1: Any, x2: Any, y: Any, bootstraps: int, repairs: int) -> PIDEstimate:
    """Atoms of the sample covariance; for the null, what y does not say of x2 is that of other rows."""
    matrices = continuous_samples({"x1": x1, "x2": x2, "y": y})
    dims, n = tuple(m.shape[1] for m in matrices), len(matrices[0])
    rows = np.hstack(matrices)
    d1, d12 = dims[0], dims[0] + dims[1]

    rng = _generator(key)

    def atoms(rows: np.ndarray) -> tuple[PIDAtoms, PIDAtoms]:
        found = gaussian_broja(_covariance(rows), dims, n)
        target = rows[:, d12:] - rows[:, d12:].mean(0)
        said = target @ np.linalg.lstsq(target, rows[:, d1:d12], rcond=None)[0]
        totals = []
        for _ in range(repairs):
            apart = np.hstack([rows[:, :d1], said + (rows[:, d1:d12] - said)[rng.permutation(n)], rows[:, d12:]])
            totals.append(gaussian_informations(_covariance(apart), dims, n)[2])
        union = found.redundancy + found.unique1 + found.unique2
        return found, found._replace(synergy=np.mean(totals) - union)

    draws = [atoms(rows[rng.integers(0, n, n)]) for _ in range(bootstraps)]
    found, null = (jax.tree.map(float, part) for part in atoms(rows))
    error = PIDAtoms(*np.std([f for f, _ in draws], axis=0, ddof=1).tolist())
    excess = np.array([f.synergy - without.synergy for f, without in draws])
    info = _info(found, n, found.synergy - null.synergy, excess.std(ddof=1))
    return PIDEstimate(found, error, null, "gaussian", info)


def _covariance(rows: np.ndarray) -> Any:
    return np.cov(rows.T)


def _generator(key: Array) -> np.random.Generator:
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())


def _info(atoms: PIDAtoms, n: int, excess: float, excess_error: float) -> dict[str, Any]:
    """What goes with an estimate."""
    return {
        "n": n,
        "mi1": float(atoms.mi1),
        "mi2": float(atoms.mi2),
        "total": float(atoms.total),
        "excess": float(excess),
        "excess_error": float(excess_error),
    }
