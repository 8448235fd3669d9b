"""Toy objectives for the tests of the engine, and an address for processes that train together."""

import functools
import socket

import jax
import jax.numpy as jnp
import numpy as np
import optax

from pidjax import critics
from pidjax.bounds import infonce, nce_club
from pidjax.math.collectives import batch_norm, mean_over_devices
from pidjax.math.pairwise import default_tiling
from pidjax.typing import Objective

SGD = optax.sgd(1.0, momentum=0.0)
"""The change of a parameter is its raw gradient, which the optimiser's state also keeps."""


def make_batch(n=8, seed=0):
    """Pairs of correlated vectors."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5))
    return {"x": x.astype(np.float32), "y": (x[:, :4] + rng.normal(size=(n, 4))).astype(np.float32)}


@functools.cache
def contrastive(noise: float = 0.0) -> Objective:
    """InfoNCE of two linear maps; the inputs get ``noise`` from each sample's key, which z holds."""
    critic = critics.cosine(0.5)

    def init(key, batch):
        kx, ky = jax.random.split(key)
        theta = {"x": jax.random.normal(kx, (5, 3)), "y": jax.random.normal(ky, (4, 3))}
        return {"theta": theta, "phi": {}}, {}

    def encode(params, state, batch, key=None, *, train):
        draws = jax.vmap(jax.random.normal)(key).astype(batch["x"].dtype)
        x = batch["x"] + noise * draws[:, None]
        z = {name: v @ params["theta"][name] for name, v in (("x", x), ("y", batch["y"]))}
        return z | {"draws": draws}, state

    def loss(params, z, batch, *, axis_name=None):
        value = -infonce(critic.stats({}, z["x"], z["y"], over="both", axis_name=axis_name))
        return value, {"loss": value}

    return Objective(init, encode, loss)


@functools.cache
def keeping_draws() -> Objective:
    """As ``contrastive``, the state keeps the noise of the samples."""
    base = contrastive(1.0)

    def encode(params, state, batch, key=None, *, train):
        z, _ = base.encode(params, state, batch, key, train=train)
        return z, {"draws": z["draws"]}

    return base._replace(
        init=lambda key, batch: (base.init(key, batch)[0], {"draws": jnp.zeros(batch["x"].shape[0])}), encode=encode
    )


@functools.cache
def alternating() -> Objective:
    """phi follows the mean of the embeddings (inner); theta pulls the embeddings to phi and keeps them apart."""
    base = contrastive(noise=0.3)

    def init(key, batch):
        params, state = base.init(key, batch)
        return params | {"phi": {"centre": jnp.array([1.0, -2.0, 3.0])}}, state

    def distance(params, z):
        return ((z["x"] - params["phi"]["centre"][None]) ** 2).sum(1).mean() / 2

    def inner(params, z, batch, *, axis_name=None):
        return distance(params, z), {"inner": mean_over_devices(distance(params, z), axis_name)}

    def loss(params, z, batch, *, axis_name=None):
        value = base.loss(params, z, batch, axis_name=axis_name)[0] + distance(params, z)
        return value, {"loss": value}

    return Objective(init, base.encode, loss, inner)


def factors() -> Objective:
    """One shared and one unique term of FactorCL: InfoNCE of one critic (theta) less NCE-CLUB of another (phi)."""
    tiling = default_tiling("cpu")._replace(chunk=2, back_chunk=4)  # what a fusion unrolls is most of what compiles
    base, critic = contrastive(noise=0.3), critics.concat((4,), tiling=tiling)

    def init(key, batch):
        keys = jax.random.split(key, 3)
        params, state = base.init(keys[0], batch)
        one = jnp.ones((2, 3))
        theta = params["theta"] | {"nce": critic.init(keys[1], one, one)}
        return {"theta": theta, "phi": {"club": critic.init(keys[2], one, one)}}, state

    def stats(params, z, axis_name):
        # no bound sees a shift of all scores: the last bias' gradient is rounding, which Adam would make a step of
        out = {"kernel": params["out"]["kernel"], "bias": jax.lax.stop_gradient(params["out"]["bias"])}
        return critic.stats(params | {"out": out}, z["x"], z["y"], axis_name=axis_name)

    def inner(params, z, batch, *, axis_name=None):
        value = -infonce(stats(params["phi"]["club"], z, axis_name))
        return value, {"club_critic": value}

    def loss(params, z, batch, *, axis_name=None):
        nce = infonce(stats(params["theta"]["nce"], z, axis_name))
        club = nce_club(stats(params["phi"]["club"], z, axis_name))
        return club - nce, {"nce": nce, "club": club}

    return Objective(init, base.encode, loss, inner)


def normalised() -> Objective:
    """A projection head as CoMM's, in the loss: linear, batch normalisation over all devices, relu, linear."""
    base = contrastive(noise=0.3)

    def init(key, batch):
        first, *keys = jax.random.split(key, 3)
        params, state = base.init(first, batch)
        # no bias before the normalisation: its gradient is zero but for rounding, which Adam would make a step of
        head = [jax.random.normal(k, shape) for k, shape in zip(keys, ((3, 6), (6, 3)), strict=True)]
        return {"theta": params["theta"] | {"head": head}, "phi": {}}, state

    def loss(params, z, batch, *, axis_name=None):
        up, down = params["theta"]["head"]

        def project(v):
            return jax.nn.relu(batch_norm(v @ up, axis_name)) @ down

        return base.loss(params, z | {name: project(z[name]) for name in "xy"}, batch, axis_name=axis_name)

    return Objective(init, base.encode, loss)


def free_address():
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


OBJECTIVES = {"InfoNCE": contrastive(0.3), "alternating": factors(), "batch norm": normalised()}
"""What must give the same numbers however it is run."""
