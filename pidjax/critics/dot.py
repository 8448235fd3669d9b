"""Critics that are inner products of what is made of x and of y: cosine, separable, bilinear."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.critics.all_pairs import Form, from_form
from pidjax.critics.layers import linear_init, mlp, mlp_init, positive_widths
from pidjax.math.pairwise import Tiling, dot_table
from pidjax.math.pairwise.dot import accumulator, project, same_width
from pidjax.math.vectors import unit
from pidjax.typing import Array, Critic, Params


def dot_form(project_x: Callable[..., Array], project_y: Callable[..., Array]) -> Form:
    """f(x, y) = a · c; its row sums are a · Σ c, so the mean over all pairs costs no pair."""

    def paired(params: Params, a: Array, c: Array) -> Array:
        same_width(a, c)
        dtype = accumulator(a, c)
        return (a.astype(dtype) * c.astype(dtype)).sum(1)

    def table(params: Params, a: Array, c: Array, pieces: Tiling) -> Array:
        return dot_table(a, c)

    def row_sums(params: Params, a: Array, c: Array, pieces: Tiling) -> Array:
        return a.astype(accumulator(a)) @ c.sum(0, dtype=accumulator(c))

    return Form(project_x, project_y, paired, table, row_sums)


LEAST_TEMPERATURE = 0.01
"""Of a temperature that is learned."""


def cosine(temperature: float = 0.1, *, learned: bool = False, tiling: Tiling | None = None) -> Critic:
    r"""Critic f(x, y) = cos(x, y) / temperature (SimCLR, Chen et al. 2020, Eq. 1), without parameters.

    Parameters
    ----------
    temperature : float
    learned : bool
        ``{"log_scale": scalar}`` is −log of the temperature, which starts as given and counts as one in [0.01, 1]
        (CLIP, Radford et al. 2021, Sec. 2.5), whose gradient it has beyond, so that it comes back.
    tiling : Tiling, optional
        Sizes of the pieces; those of the default backend when None.

    Raises
    ------
    ValueError
        If ``temperature`` is not positive, or learned and not in [0.01, 1]; or ``x`` and ``y`` differ in width.
    """
    if not temperature > 0:
        raise InputError(f"temperature must be positive; found {temperature}.")
    if learned and not LEAST_TEMPERATURE <= temperature <= 1:
        raise InputError(f"a learned temperature starts in [{LEAST_TEMPERATURE}, 1]; found {temperature}.")

    def init(key: Array, x: Array, y: Array) -> Params:
        return {"log_scale": -jnp.log(jnp.float32(temperature))} if learned else {}

    def project_x(params: Params, x: Array) -> Array:
        scale: Array | float = 1 / temperature
        if learned:
            scale = 1 / learned_temperature(params)
        return unit(x.astype(accumulator(x))) * scale

    def project_y(params: Params, y: Array) -> Array:
        return unit(y.astype(accumulator(y)))

    return from_form(init, dot_form(project_x, project_y), tiling)


def learned_temperature(params: Params) -> Array:
    """What ``cosine(learned=True)`` divides by."""
    free = params["log_scale"]
    inside = jnp.clip(free, 0, -math.log(LEAST_TEMPERATURE))
    return jnp.exp(-(free + jax.lax.stop_gradient(inside - free)))


def separable(hidden: Sequence[int] = (256,), n_dims: int = 32, *, tiling: Tiling | None = None) -> Critic:
    r"""Critic f(x, y) = g(x) · h(y) with two perceptrons: N + M network passes for N M scores.

    Parameters
    ----------
    hidden : sequence of int
        Widths of the hidden layers of g and of h; none makes both affine.
    n_dims : int
        Width of the inner product, the rank of the score table.
    tiling : Tiling, optional
        Sizes of the pieces; those of the default backend when None.

    Returns
    -------
    Critic
        Parameters ``{"g": [{kernel, bias}, ...], "h": [...]}``.

    Raises
    ------
    ValueError
        A width that is not a positive integer.

    References
    ----------
    van den Oord et al. 2018; Liang et al. 2023 (FactorCL), Sec. 3.2.
    """
    widths, (n_dims,) = positive_widths("hidden", hidden), positive_widths("n_dims", (n_dims,))

    def init(key: Array, x: Array, y: Array) -> Params:
        for_x, for_y = jax.random.split(key)
        return {
            "g": mlp_init(for_x, (x.shape[1], *widths, n_dims)),
            "h": mlp_init(for_y, (y.shape[1], *widths, n_dims)),
        }

    def project_x(params: Params, x: Array) -> Array:
        return mlp(params["g"], x)

    def project_y(params: Params, y: Array) -> Array:
        return mlp(params["h"], y)

    return from_form(init, dot_form(project_x, project_y), tiling)


def residual(
    n_frozen: int, hidden: Sequence[int] = (64, 64), n_dims: int = 16, *, tiling: Tiling | None = None
) -> Critic:
    r"""Critic f(x, y) = u · v + g(x') · h(y') + g_0(x') + h_0(y'): what a fixed critic u · v leaves unsaid.

    x = [x', u] and y = [y', v]: the last ``n_frozen`` columns are multiplied as they are, the others go through
    perceptrons. All of h and g_0 start at 0, so that a fit starts from the fixed critic.

    Parameters
    ----------
    n_frozen : int
        Columns of u and of v.
    hidden : sequence of int
        Widths of the hidden layers of g and of h.
    n_dims : int
        Width of the learned inner product.
    tiling : Tiling, optional
        Sizes of the pieces; those of the default backend when None.

    Returns
    -------
    Critic
        Parameters ``{"g": [{kernel, bias}, ...], "h": [...]}``; the last outputs are g_0 and h_0.

    Raises
    ------
    ValueError
        A width that is not a positive integer.
    """
    widths, (n_dims, n_frozen) = positive_widths("hidden", hidden), positive_widths("n_dims", (n_dims, n_frozen))

    def init(key: Array, x: Array, y: Array) -> Params:
        for_x, for_y = jax.random.split(key)
        g = mlp_init(for_x, (x.shape[1] - n_frozen, *widths, n_dims + 1))
        h = mlp_init(for_y, (y.shape[1] - n_frozen, *widths, n_dims + 1))
        g[-1] = jax.tree.map(lambda w: w.at[..., -1].set(0), g[-1])
        h[-1] = jax.tree.map(jnp.zeros_like, h[-1])
        return {"g": g, "h": h}

    def project_x(params: Params, x: Array) -> Array:
        g = mlp(params["g"], x[:, :-n_frozen])
        return jnp.concatenate([x[:, -n_frozen:], g, jnp.ones_like(g[:, :1])], axis=1)

    def project_y(params: Params, y: Array) -> Array:
        h = mlp(params["h"], y[:, :-n_frozen])
        return jnp.concatenate([y[:, -n_frozen:], h[:, :-1], jnp.ones_like(h[:, :1]), h[:, -1:]], axis=1)

    return from_form(init, dot_form(project_x, project_y), tiling)


def bilinear(*, tiling: Tiling | None = None) -> Critic:
    r"""Critic f(x, y) = xᵀ W y (CPC, van den Oord et al. 2018, Eq. 3). Parameters ``{"kernel": [dx, dy]}``."""

    def init(key: Array, x: Array, y: Array) -> Params:
        return {"kernel": linear_init(key, x.shape[1], y.shape[1])["kernel"]}

    def project_x(params: Params, x: Array) -> Array:
        return project(x, params["kernel"])

    def project_y(params: Params, y: Array) -> Array:
        return y

    return from_form(init, dot_form(project_x, project_y), tiling)
