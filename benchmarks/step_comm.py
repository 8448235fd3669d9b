"""CoMM as an objective of pidjax, for ``benchmarks/step.py``."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.step_problem import Problem, drawn, linear, mlp_shapes, shape
from benchmarks.step_transformer import fuse, fusion_shapes, norm_shapes, post_norm, post_norm_shapes
from pidjax import bounds, critics
from pidjax.math.collectives import batch_norm
from pidjax.typing import Array, Batch, Objective, Params

VIEWS, MASKS = 2, 3


def comm(
    n: int,
    steps: int,
    features: list[int],
    width: int,
    depth: int,
    heads: int,
    forward: int,
    fusion_heads: int,
    head: list[int],
) -> Problem:
    """CoMM (Dufumier et al. 2025) on two sequences: a post-norm transformer each, one fusion block, NT-Xent at 0.1.

    ``batch["x1"]`` [n, 2, steps, features[0]] holds two augmentations of each sample. Embeddings are [n, view, mask,
    width] under the masks "only x1", "only x2" and "both". The projection head is in the loss: its batch
    normalisation is of all samples, for each view and mask. No dropout.
    """
    critic = critics.cosine(0.1)

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        theta: Params = {"fusion": fusion_shapes(width), "head": mlp_shapes((width, *head))}
        for i, d in enumerate(features, 1):
            theta[f"into{i}"] = shape(d, width)
            theta[f"encoder{i}"] = [post_norm_shapes(width, forward) for _ in range(depth)]
        for layer, d in zip(theta["head"], head[:-1], strict=False):
            layer |= norm_shapes(d)
        return drawn(key, {"theta": theta, "phi": {}}), {}

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        theta, tokens = params["theta"], []
        for i in (1, 2):
            x = batch[f"x{i}"]
            h = x.reshape(-1, *x.shape[2:]) @ theta[f"into{i}"]  # both views at once
            for layer in theta[f"encoder{i}"]:
                h = post_norm(layer, h, heads)
            tokens.append(h)
        return fuse(theta["fusion"], *tokens, fusion_heads).reshape(-1, VIEWS, MASKS, width), state

    def project(layers: list[Params], z: Array, axis_name: str | None) -> Array:
        for layer in layers[:-1]:
            h = linear(layer, z)
            # columns are of one view, mask and unit
            h = batch_norm(h.reshape(h.shape[0], -1), axis_name).reshape(h.shape)
            z = jax.nn.relu(h * layer["scale"][None, None, None] + layer["shift"][None, None, None])
        return linear(layers[-1], z)

    def ntxent(a: Array, b: Array, axis_name: str | None) -> Array:
        """The published loss of the anchors of both views."""

        def of(x: Array, y: Array) -> Array:
            cross, same = (critic.stats({}, x, other, axis_name=axis_name) for other in (y, x))
            ceiling = jnp.log1p(cross.num_neg[0] + same.num_neg[0])
            return ceiling - bounds.ntxent(cross, same, axis_name=axis_name)

        return (of(a, b) + of(b, a)) / 2

    def loss(params: Params, z: Array, batch: Batch, *, axis_name: str | None = None):
        p = project(params["theta"]["head"], z, axis_name)
        (one1, one2, one), (two1, two2, two) = (p[:, view].swapaxes(0, 1) for view in range(VIEWS))
        # each mask of a view against both modalities of the other view, in one call
        anchors, others = jnp.stack([one1, two1, one2, two2, one]), jnp.stack([two, one, two, one, two])
        first, first_, second, second_, both = jax.vmap(lambda a, b: ntxent(a, b, axis_name))(anchors, others)
        terms = {"only1": (first + first_) / 2, "only2": (second + second_) / 2, "both": both}
        value = (terms["only1"] + terms["only2"] + terms["both"]) / MASKS
        return value, {"loss": value, **terms}

    rng = np.random.default_rng(0)
    shared = rng.normal(size=(n, 1, steps, 1))
    batch = {
        f"x{i}": (shared + rng.normal(size=(n, 1, steps, d)) + 0.5 * rng.normal(size=(n, VIEWS, steps, d))).astype("f4")
        for i, d in enumerate(features, 1)
    }
    return Problem(Objective(init, encode, loss), {"theta": optax.adamw(1e-3, weight_decay=1e-2)}, batch)
