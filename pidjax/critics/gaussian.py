"""The conditional Gaussian critic: scores are log-densities, as variational CLUB and L1Out want them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from pidjax._checks import InputError, one_of
from pidjax.critics.all_pairs import Form, from_form
from pidjax.critics.layers import mlp, mlp_init, positive_widths
from pidjax.math.pairwise import Tiling
from pidjax.math.pairwise.dot import accumulator
from pidjax.typing import Array, Critic, Params


def gaussian(hidden: Sequence[int] = (), *, log_variance: str = "free", tiling: Tiling | None = None) -> Critic:
    r"""Critic f(x, y) = log q(y | x), with q a Gaussian of diagonal covariance.

    .. math:: f(x, y) = -\tfrac12 \sum_k \Big[ \frac{(y_k - \mu_k(x))^2}{\sigma_k^2(x)}
              + \log \sigma_k^2(x) + \log 2\pi \Big]

    Fit it by likelihood: maximise ``bounds.plug_in(stats)``, the mean of log q(y_i | x_i). Then read
    ``bounds.club``, or ``bounds.l1out`` of statistics ``over="x"``: log q is log r + log p(y), and only where y
    is the anchor is that a function of the anchor. The square expands into an inner product of (1/σ², μ/σ²) and
    (y², y), so a table is one matrix product, of y less its mean (which keeps the squares small). Its float32
    rounding is about 1e-7 Σ (y − ȳ)²/σ² nats: 0.01 for 200 coordinates whose σ is a tenth of their spread, 1 for
    a hundredth; there, compute in float64. ``paired`` and the positives of plain statistics do not suffer from it.

    Parameters
    ----------
    hidden : sequence of int
        Widths of the hidden layers of μ (and of log σ²); none makes them affine, which is the right model
        for jointly Gaussian data and far from under-fitting at high dimension.
    log_variance : "free" | "network"
        One log σ² a coordinate, or a second network of x.
    tiling : Tiling, optional
        Sizes of the pieces; those of the default backend when None.

    Returns
    -------
    Critic
        Parameters ``{"mean": [{kernel, bias}, ...], "log_variance": [dy] or [{kernel, bias}, ...]}``.

    Raises
    ------
    ValueError
        A width that is not a positive integer, an unknown ``log_variance``.

    References
    ----------
    Cheng et al. 2020 (CLUB), Sec. 3; Poole et al. 2019, Sec. 2.5.
    """
    widths = positive_widths("hidden", hidden)
    one_of("log_variance", log_variance, ("free", "network"))
    free = log_variance == "free"

    def init(key: Array, x: Array, y: Array) -> Params:
        for_mean, for_variance = jax.random.split(key)
        shape = (x.shape[1], *widths, y.shape[1])
        return {
            "mean": mlp_init(for_mean, shape),
            "log_variance": jnp.zeros(y.shape[1]) if free else mlp_init(for_variance, shape),
        }

    def project_x(params: Params, x: Array) -> dict[str, Array]:
        mean = mlp(params["mean"], x)
        v = params["log_variance"]
        return {"mean": mean, "log_variance": jnp.broadcast_to(v[None], mean.shape) if free else mlp(v, x)}

    def project_y(params: Params, y: Array) -> dict[str, Array]:
        return {"y": y.astype(accumulator(y))}

    def paired(params: Params, a, c) -> Array:
        q, y = _ordered(a, c)
        z = (y - q["mean"]) ** 2 * jnp.exp(-q["log_variance"]) + q["log_variance"] + math.log(2 * math.pi)
        return -z.sum(1) / 2

    def features(a, c) -> tuple[Array, Array]:
        """[n, 2 d + 1] and [m, 2 d + 1] whose inner product is the log-density; x's side first."""
        q, y = _ordered(a, c)
        # a NaN in one row, which the caller may have masked, must not reach the others
        centre = jax.lax.stop_gradient(jnp.where(jnp.isfinite(y), y, 0).mean(0, keepdims=True))
        y, mean = y - centre, q["mean"] - centre
        precision = jnp.exp(-q["log_variance"])
        constant = (mean**2 * precision + q["log_variance"] + math.log(2 * math.pi)).sum(1, keepdims=True)
        of_x = jnp.concatenate([precision, mean * precision, constant], axis=1)
        of_y = jnp.concatenate([-(y**2) / 2, y, jnp.full((y.shape[0], 1), -0.5, y.dtype)], axis=1)
        return of_x, of_y

    def table(params: Params, a, c, pieces: Tiling) -> Array:
        of_x, of_y = features(a, c)
        with jax.default_matmul_precision("highest"):  # nats are differences of large squares
            return of_x @ of_y.T if "mean" in a else of_y @ of_x.T

    def row_sums(params: Params, a, c, pieces: Tiling) -> Array:
        of_x, of_y = features(a, c)
        of_a, of_c = (of_x, of_y) if "mean" in a else (of_y, of_x)
        with jax.default_matmul_precision("highest"):
            return of_a @ of_c.sum(0)

    return from_form(init, Form(project_x, project_y, paired, table, row_sums), tiling)


def _ordered(a, c) -> tuple[dict[str, Array], Array]:
    """(the density given x, y), whichever of the two comes first."""
    q, y = (a, c["y"]) if "mean" in a else (c, a["y"])
    if q["mean"].shape[1] != y.shape[1]:
        raise InputError(f"the parameters are of {q['mean'].shape[1]} features of y; found rows of shape {y.shape}.")
    return q, y
