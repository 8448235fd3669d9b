"""The concat critic: a perceptron of [x, y], the critic of MINE, CLUB and FactorCL."""

from __future__ import annotations

from collections.abc import Sequence

import jax

from pidjax._checks import InputError, one_of
from pidjax.critics.all_pairs import Form, from_form
from pidjax.critics.layers import linear_init, mlp_init, positive_widths
from pidjax.math.pairwise import Tiling, deep_table, relu_row_sums, relu_table
from pidjax.math.pairwise.dot import project
from pidjax.typing import Array, Critic, Params


def concat(hidden: Sequence[int] = (512,), *, output: str = "linear", tiling: Tiling | None = None) -> Critic:
    r"""Critic f(x, y) = v · relu(… relu(W_x x + W_y y + b)) + b_out.

    The published formula tiles N x N copies of [x, y]; here the first layer is applied to rows, and pairs are
    formed inside the kernels of ``pidjax.math.pairwise``.

    Parameters
    ----------
    hidden : sequence of int
        Widths of the hidden layers, one or more.
    output : "linear" | "softplus"
        "softplus" keeps f ≥ 0, as the published Gaussian experiment does; it cuts off the large negative
        scores that make up half of the Jeffreys divergence.
    tiling : Tiling, optional
        Sizes of the kernels' pieces; those of the default backend when None.

    Returns
    -------
    Critic
        Parameters ``{"x": [dx, h], "y": [dy, h], "bias": [h], "hidden": [{kernel, bias}, ...],
        "out": {"kernel": [k, 1], "bias": [1]}}``.

    Raises
    ------
    ValueError
        No hidden layer, a width that is not a positive integer, an unknown output.

    References
    ----------
    Liang et al. 2023 (FactorCL), App. D.1; Belghazi et al. 2018; Cheng et al. 2020.
    """
    widths = positive_widths("hidden", hidden)
    if not widths:
        raise InputError("hidden must name the width of at least one layer; found none.")
    one_of("output", output, ("linear", "softplus"))

    def init(key: Array, x: Array, y: Array) -> Params:
        first, rest = jax.random.split(key)
        dx, dy = x.shape[1], y.shape[1]
        both = linear_init(first, dx + dy, widths[0])
        *layers, out = mlp_init(rest, (*widths, 1))
        kernel = both["kernel"]
        return {"x": kernel[:dx], "y": kernel[dx:], "bias": both["bias"], "hidden": layers, "out": out}

    def finish(params: Params, raw: Array) -> Array:
        raw = raw + params["out"]["bias"][0]
        return raw if output == "linear" else jax.nn.softplus(raw)

    def vector(params: Params) -> Array:
        return params["out"]["kernel"][:, 0]

    def hidden_layers(params: Params) -> list[tuple[Array, Array]]:
        if len(params["hidden"]) != len(widths) - 1:
            raise InputError(
                f"this critic has {len(widths)} hidden layers; found parameters of {len(params['hidden']) + 1}."
            )
        return [(layer["kernel"], layer["bias"]) for layer in params["hidden"]]

    def project_x(params: Params, x: Array) -> Array:
        return project(x, params["x"]) + params["bias"][None]

    def project_y(params: Params, y: Array) -> Array:
        return project(y, params["y"])

    def paired(params: Params, a: Array, c: Array) -> Array:
        h = jax.nn.relu(a + c)
        for kernel, bias in hidden_layers(params):
            h = jax.nn.relu(project(h, kernel) + bias[None])
        return finish(params, (h * vector(params)[None]).sum(1))

    def table(params: Params, a: Array, c: Array, pieces: Tiling) -> Array:
        layers = hidden_layers(params)
        if not layers:
            return finish(params, relu_table(a, c, vector(params), pieces.chunk, pieces.back_chunk))
        return finish(params, deep_table(a, c, layers, vector(params), pieces.activations))

    def row_sums(params: Params, a: Array, c: Array, pieces: Tiling) -> Array | None:
        pairs = a.shape[0] * c.shape[0]
        if len(widths) > 1 or output != "linear" or pieces.sort is None or pairs < pieces.sort:
            return None
        return relu_row_sums(a, c, vector(params)) + c.shape[0] * params["out"]["bias"][0]

    return from_form(init, Form(project_x, project_y, paired, table, row_sums), tiling)
