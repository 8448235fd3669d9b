"""Two views of one shared and two private Gaussian vectors: the synthetic factors of FactorCL, with their truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

from pidjax._checks import InputError, one_of
from pidjax.data.synthetic.task import at_least
from pidjax.typing import Array

VARIANCE = 0.5
"""Of every factor's coordinates, as released."""
FACTORS = ("ws", "w1", "w2")
CLASSES = 20
"""Of the planar-flow label."""


def _orthogonal(rng: np.random.Generator, rows: int, width: int) -> np.ndarray:
    """Rows at right angles, of the mean square of U(0, 1)."""
    return (width / 3) ** 0.5 * np.linalg.qr(rng.normal(size=(width, rows)))[0].T


MIXINGS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "uniform": lambda rng, rows, width: rng.uniform(size=(rows, width)),
    "orthogonal": _orthogonal,
}


class FactorTask(NamedTuple):
    """What ``factors`` returns: data to draw, and what is known of them.

    Attributes
    ----------
    sample : ``(key, n) -> {"x1", "x2" [n, width], "ws", "w1", "w2" [n, d]}``
        Pure; jits with ``n`` static.
    information : {"x1" | "x2" | "both": {"ws" | "w1" | "w2": nats}}
        I(X; w), exact: what a representation of X can hold of each factor. Infinite without noise.
    shared : float
        I(X1; X2), nats.
    explained : {"x1" | "x2" | "both": covariance}
        Cov(E[w | X]) of w = [ws, w1, w2], the prior's less the posterior's, for ``label_ceiling``.
    dims : (d_s, d_1, d_2)
    """

    sample: Callable[[Array, int], dict[str, Array]]
    information: Mapping[str, Mapping[str, float]]
    shared: float
    explained: Mapping[str, np.ndarray]
    dims: tuple[int, int, int]


def factors(
    dims: tuple[int, int, int] = (50, 50, 50),
    *,
    width: int = 100,
    noise: float = 0.5,
    mixing: str = "uniform",
    seed: int = 0,
) -> FactorTask:
    r"""X1 = [w_s, w_1] T_1 + σ ε_1 and X2 = [w_s, w_2] T_2 + σ ε_2, with fixed T_i of full rank.

    w_s, w_1, w_2 are independent, every coordinate N(0, ½). As released there is no noise: then X is a one-to-one
    image of its factors (where ``width`` is at least d_s + d_i), I(X1; X2) is **infinite** and so is every I(X; w),
    and a number published for them is the ceiling of its estimator. With σ > 0 all are closed forms,

    .. math:: I(X_1; w_1) = \tfrac12 \log \frac{|\Sigma_{X_1}|}{|\Sigma_{X_1 | w_1}|}.

    Parameters
    ----------
    dims : (d_s, d_1, d_2)
        (50, 50, 50) in the paper, (10, 6, 6) in the released notebook.
    width : int
        Of X1 and of X2; at least d_s + d_1 and d_s + d_2.
    noise : float
        σ; 0 is the released data.
    mixing : "uniform" | "orthogonal"
        T_i from U(0, 1), as released, whose rows have a mean in common: three quarters of the variance of X lie in its
        direction, and noise hides the others. Or rows at right angles, of the same mean square ⅓: every coordinate of
        the factors is seen as well as every other.
    seed : int
        Of T_1 and T_2.

    Returns
    -------
    FactorTask

    Raises
    ------
    InputError
        Sizes that are not positive, a negative noise, an unknown mixing.

    References
    ----------
    Liang et al. 2023 (FactorCL), Sec. 4.1.
    """
    for name, d in zip(("d_s", "d_1", "d_2", "width"), (*dims, width), strict=True):
        at_least(name, d, 1)
    if not noise >= 0:
        raise InputError(f"noise must be 0 or more; found {noise!r}.")
    if width < dims[0] + max(dims[1:]):
        raise InputError(f"width must be {dims[0] + max(dims[1:])} or more to hold the factors; found {width}.")
    one_of("mixing", mixing, tuple(MIXINGS))
    rng = np.random.default_rng(seed)
    maps = {x: MIXINGS[mixing](rng, dims[0] + d, width) for x, d in zip(("x1", "x2"), dims[1:], strict=True)}
    device_maps = {x: jnp.asarray(t, jnp.float32) for x, t in maps.items()}

    def sample(key: Array, n: int) -> dict[str, Array]:
        *keys, one, two = jax.random.split(key, 5)
        w = {name: VARIANCE**0.5 * jax.random.normal(k, (n, d)) for name, k, d in zip(FACTORS, keys, dims, strict=True)}
        x = {
            x: jnp.hstack([w["ws"], w[own]]) @ device_maps[x] + noise * jax.random.normal(k, (n, width))
            for x, own, k in (("x1", "w1", one), ("x2", "w2", two))
        }
        return {**x, **w}

    both, total = _mixing(maps, dims), sum(dims)
    ends = np.cumsum((0, *dims))
    of = {name: np.arange(a, b) for name, a, b in zip(FACTORS, ends, ends[1:], strict=False)}
    seen = {"x1": np.arange(width), "x2": width + np.arange(width), "both": np.arange(2 * width)}
    posterior = {x: _posterior(both[:, columns], noise) for x, columns in seen.items()}
    information = {x: {name: _information(posterior[x][np.ix_(rows, rows)]) for name, rows in of.items()} for x in seen}
    alone, other, together = (_information(posterior[x]) for x in seen)
    shared = alone + other - together if noise > 0 else np.inf  # X1 and X2 are independent given the factors
    explained = {x: VARIANCE * np.eye(total) - p for x, p in posterior.items()}
    return FactorTask(sample, information, float(shared), explained, dims)


def label_dims(dims: tuple[int, int, int], uniqueness: float) -> tuple[int, int, int]:
    """How many coordinates of w_s, w_1 and w_2 a label reads: d_s of them, a share ``uniqueness`` of them unique.

    Raises
    ------
    InputError
        A share outside [0, 1], or one that needs more unique coordinates than there are.
    """
    if not 0 <= uniqueness <= 1:
        raise InputError(f"uniqueness is a share between 0 and 1; found {uniqueness!r}.")
    own = min(round(uniqueness * dims[0] / 2), dims[0] // 2)
    if own > min(dims[1:]):
        raise InputError(f"a share of {uniqueness} unique needs {own} coordinates of w1 and of w2; found {dims[1:]}.")
    return dims[0] - 2 * own, own, own


def factor_label(w: Mapping[str, Array], of: tuple[int, int, int], *, kind: str = "sum", seed: int = 0) -> Array:
    r"""The label of the first ``of`` = (d_s, d_1, d_2) coordinates z of the factors, int [n].

    "sum": 1[Σ z ≥ 0] (the released "linear" and "nonlinear" labels, which are the same); "planar": argmax of
    (z + tanh(z W + b) U) H over 20 classes, all weights N(2, 1).

    Parameters
    ----------
    w : {"ws", "w1", "w2": [n, d]}
    of : (int, int, int)
    kind : "sum" | "planar"
    seed : int
        Of the planar flow.
    """
    one_of("kind", kind, ("sum", "planar"))
    for name, d in zip(FACTORS, of, strict=True):
        if d > w[name].shape[1]:
            raise InputError(f"the label reads {d} coordinates of {name}, which has {w[name].shape[1]}.")
    z = jnp.hstack([w[name][:, :d] for name, d in zip(FACTORS, of, strict=True)])
    if kind == "sum":
        return (z.sum(1) >= 0).astype(jnp.int32)
    rng, d = np.random.default_rng(seed), z.shape[1]
    up, shift, down, out = (rng.normal(2, 1, s).astype(np.float32) for s in ((d, d), (1, d), (d, d), (d, CLASSES)))
    return jnp.argmax((z + jnp.tanh(z @ up + shift) @ down) @ out, 1).astype(jnp.int32)


def label_ceiling(task: FactorTask, of: tuple[int, int, int], seen: str) -> tuple[float, float]:
    r"""The best accuracy of the "sum" label, and its information in nats, from "x1", "x2" or "both"; exact.

    With r the share of the variance of the sum that what is seen explains,

    .. math:: \tfrac12 + \arcsin(\sqrt r) / π, \quad
        \log 2 - E_{g \sim N(0, 1)} h\big(\Phi(g \sqrt{r / (1 - r)})\big).
    """
    chosen = np.concatenate([np.arange(d) < k for d, k in zip(task.dims, of, strict=True)]).astype(float)
    share = float(chosen @ task.explained[seen] @ chosen / (VARIANCE * chosen.sum()))
    return sum_ceiling(share)


def sum_ceiling(share: float) -> tuple[float, float]:
    """As ``label_ceiling``, of a share of the variance of the sum."""
    share = min(max(share, 0.0), 1.0)
    accuracy = 0.5 + np.arcsin(share**0.5) / np.pi
    if share > 1 - 1e-9:
        return 1.0, float(np.log(2))
    slope = (share / (1 - share)) ** 0.5

    def uncertain(g: float) -> float:
        p = norm.cdf(slope * g)
        return norm.pdf(g) * -sum(q * np.log(q) for q in (p, 1 - p) if q > 0)

    return float(accuracy), float(np.log(2) - 2 * quad(uncertain, 0, 12, points=(0.1, 1.0))[0])


def _mixing(maps: Mapping[str, np.ndarray], dims: tuple[int, int, int]) -> np.ndarray:
    """[x1, x2] = [ws, w1, w2] M + noise."""
    d_s, d_1, d_2 = dims
    width = maps["x1"].shape[1]
    top = np.hstack([maps["x1"][:d_s], maps["x2"][:d_s]])
    one = np.hstack([maps["x1"][d_s:], np.zeros((d_1, width))])
    two = np.hstack([np.zeros((d_2, width)), maps["x2"][d_s:]])
    return np.vstack([top, one, two])


def _posterior(mixing: np.ndarray, noise: float) -> np.ndarray:
    """Covariance of the factors given what is seen."""
    left, size, _ = np.linalg.svd(mixing, full_matrices=True)
    power = np.zeros(len(left))
    power[: len(size)] = np.where(size > 1e-9 * size[0], size, 0.0) ** 2
    kept = VARIANCE * noise**2 / (noise**2 + VARIANCE * power) if noise > 0 else np.where(power > 0, 0.0, VARIANCE)
    return (left * kept) @ left.T


def _information(posterior: np.ndarray) -> float:
    """½ log |prior| / |posterior|, nats."""
    left = np.linalg.eigvalsh(posterior / VARIANCE)
    return float(-np.log(left).sum() / 2) if left[0] > 1e-9 else float("inf")
