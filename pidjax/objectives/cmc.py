"""CMC: contrast of every pair of any number of modalities, the baseline of CoMM where there are more than two."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.critics.layers import linear_init
from pidjax.objectives.contrastive import ntxent_loss
from pidjax.objectives.pair import inputs, keys_of_views, several
from pidjax.typing import Array, Batch, Encoder, Objective, Params


def cmc(nets: Sequence[Encoder], *, width: int = 256, temperature: float = 0.1) -> Objective:
    r"""Contrastive multiview coding of n >= 2 modalities, over a linear head each, without augmentation.

    .. math:: L = \frac2{n (n-1)} \sum_{i<j} NTX(W_i e_i(x_i), W_j e_j(x_j))

    Batch: "x1", ..., "xn" [n, ...]. ``encode`` gives ``backbone1``, ... [n, d] and ``projection1``, ... [n, width].
    ``info``: ``cross12``, ... in nats (``bounds.ntxent``).

    Parameters
    ----------
    nets : sequence of Encoder
        Each gives a vector a sample.
    width : int
        Of the projections.
    temperature : float

    References
    ----------
    Tian et al. 2020; as in Dufumier et al. 2025, Table 3.
    """
    if len(nets) < 2:
        raise InputError(f"CMC compares modalities: it needs 2 encoders or more; found {len(nets)}.")
    sides = range(1, len(nets) + 1)

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        theta, state = {}, {}
        for i, net, k in zip(sides, nets, jax.random.split(key, len(nets)), strict=True):
            of_net, of_head = jax.random.split(k)
            theta[f"encoder{i}"], state[f"encoder{i}"] = net.init(of_net)
            x = inputs(batch, len(nets))[f"x{i}"]
            h = jax.eval_shape(lambda x, i=i, net=net: net.apply(theta[f"encoder{i}"], state[f"encoder{i}"], x)[0], x)
            theta[f"head{i}"] = linear_init(of_head, h.shape[-1], width)["kernel"]
        return {"theta": theta, "phi": {}}, state

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        theta, states = params["theta"], dict(state)
        z: dict[str, Array] = {}
        sample = inputs(batch, len(nets))
        for i, net in zip(sides, nets, strict=True):
            name = f"encoder{i}"
            h, states[name] = net.apply(
                theta[name],
                state[name],
                sample[f"x{i}"],
                keys_of_views(key, 1, i) if train and key is not None else None,
                train=train,
                mask=sample.get(f"mask{i}"),
            )
            if h.ndim != 2:
                raise InputError(f"encoder {i} must give a vector a sample; found shape {h.shape}: pool its tokens.")
            z |= {f"backbone{i}": h, f"projection{i}": h @ theta[f"head{i}"]}
        return z, states

    def loss(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        pairs = list(itertools.combinations(sides, 2))
        a, b = (jnp.stack([z[f"projection{pair[k]}"] for pair in pairs]) for k in (0, 1))
        terms = jax.vmap(lambda a, b: ntxent_loss(a, b, temperature, axis_name))(a, b)
        ceiling = jnp.log(2.0 * several(a.shape[1], axis_name) - 1)
        info = {f"cross{i}{j}": ceiling - term for (i, j), term in zip(pairs, terms, strict=True)}
        return terms.mean(), {"loss": terms.mean(), **info}

    return Objective(init, encode, loss)
