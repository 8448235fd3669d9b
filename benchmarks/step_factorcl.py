"""FactorCL-SSL as an objective of pidjax, for ``benchmarks/step.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from benchmarks.step_problem import Problem, drawn, mlp, mlp_shapes, shape
from pidjax import bounds, critics
from pidjax.typing import Array, Batch, Objective, Params

HEADS = "abcdg"
"""Heads of a modality: those of nce12, club12c, nce1 or nce2, club12 and nce12c."""
OF_BOTH_VIEWS = "bcg"
"""Those that see a sample and its augmentation, the others the sample alone."""


def factorcl(n: int, features: int, encoder: list[int], width: int, head: list[int], critic: list[int]) -> Problem:
    """FactorCL-SSL (Liang et al. 2023, Eqs. 97-100): six terms of six concat critics, one Adam for each player.

    ``batch["x1"]`` [n, 2, features] holds samples and their augmentations. Conditional terms score [h(x), h(x')].
    """
    of = critics.concat(critic)

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        one, two = (jax.eval_shape(of.init, key, shape(2, d), shape(2, d)) for d in (width, 2 * width))
        theta = {f"encoder{i}": mlp_shapes((features, *encoder, width)) for i in "12"}
        theta |= {f"{h}{i}": mlp_shapes((width, *head, width)) for h in HEADS for i in "12"}
        theta |= {"nce12": one, "nce1": one, "nce2": one, "nce12c": two}
        return drawn(key, {"theta": theta, "phi": {"club12": one, "club12c": two}}), {}

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        theta, z = params["theta"], {}
        for i in "12":
            x = batch[f"x{i}"]
            views = mlp(theta[f"encoder{i}"], x.reshape(-1, features))
            sample = views.reshape(*x.shape[:2], width)[:, 0]
            for h in HEADS:
                out = mlp(theta[f"{h}{i}"], views if h in OF_BOTH_VIEWS else sample)
                z[f"{h}{i}"] = out.reshape(x.shape[0], -1)  # of both views: [h(x), h(x')]
        return z, state

    def read(critic: Params, x: Array, y: Array, axis_name: str | None, bound: Callable, **options: Any) -> Array:
        return bound(of.stats(critic, x, y, axis_name=axis_name), axis_name=axis_name, **options)

    def loss(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        theta, phi = params["theta"], params["phi"]
        pairs = {
            "nce12": (z["a1"], z["a2"]),
            "nce1": (z["c1"][:, :width], z["c1"][:, width:]),
            "nce2": (z["c2"][:, :width], z["c2"][:, width:]),
            "nce12c": (z["g1"], z["g2"]),
        }
        terms = {name: read(theta[name], *pair, axis_name, bounds.infonce) for name, pair in pairs.items()}
        for name, h in (("club12", "d"), ("club12c", "b")):
            terms[name] = read(phi[name], z[f"{h}1"], z[f"{h}2"], axis_name, bounds.nce_club, all_pairs=True)
        value = sum(term if name in phi else -term for name, term in terms.items())
        return value, {"loss": value, **terms}

    def inner(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        phi = params["phi"]
        value = -read(phi["club12"], z["d1"], z["d2"], axis_name, bounds.infonce)
        value -= read(phi["club12c"], z["b1"], z["b2"], axis_name, bounds.infonce)
        return value, {"inner": value}

    rng = np.random.default_rng(0)
    shared = rng.normal(size=(n, 1, features))
    batch = {
        f"x{i}": (shared + rng.normal(size=(n, 1, features)) + 0.1 * rng.normal(size=(n, 2, features))).astype("f4")
        for i in "12"
    }
    return Problem(Objective(init, encode, loss, inner), {"theta": optax.adam(1e-4), "phi": optax.adam(1e-4)}, batch)
