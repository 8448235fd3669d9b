"""How an objective's ``encode`` is run: in pieces, rematerialised, in lower precision. Objective in, objective out."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.typing import Objective


def in_pieces(objective: Objective, count: int) -> Objective:
    """Encode ``count`` pieces of the batch one after the other, and score all embeddings at once.

    The exact gradient of the whole batch from the memory of one piece (GradCache, Gao et al. 2021): activations are
    not kept but computed anew in the backward pass, piece by piece, each pulled back by its own embeddings'
    cotangents. Costs one more forward pass. Embeddings must have the sample as first axis.

    Raises
    ------
    InputError
        If the batch does not divide by ``count``, or ``encode`` changes its state: batch normalisation would
        see pieces instead of the batch.
    """

    def encode(params, state, batch, key=None, *, train):
        if not train:
            return objective.encode(params, state, batch, key, train=False)
        n = key.shape[0]
        if n % count:
            raise InputError(f"a share of {n} samples does not divide into accumulate={count} pieces.")
        pieces = jax.tree.map(lambda x: x.reshape(count, n // count, *x.shape[1:]), (batch, key))
        first = jax.tree.map(lambda x: x[0], pieces)
        if _changes(lambda state: objective.encode(params, state, *first, train=True)[1], state):
            raise InputError(
                "accumulate > 1 and an encoder that changes its state (batch normalisation) do not go together: "
                "normalise the embeddings in the loss, or take accumulate=1."
            )
        # the backward pass of the scan recomputes one piece at a time
        again = jax.checkpoint(lambda piece: objective.encode(params, state, *piece, train=True)[0], prevent_cse=False)
        z = jax.lax.map(again, pieces)
        return jax.tree.map(lambda x: x.reshape(n, *x.shape[2:]), z), state

    return objective._replace(encode=encode)


def rematerialised(objective: Objective) -> Objective:
    """Keep no activations of ``encode``: the backward pass computes them anew (``jax.checkpoint``)."""

    def encode(params, state, batch, key=None, *, train):
        return jax.checkpoint(lambda *args: objective.encode(*args, train=train))(params, state, batch, key)

    return objective._replace(encode=encode)


def in_dtype(objective: Objective, dtype: Any) -> Objective:
    """Encode in ``dtype``: parameters and batch are cast on the way in, embeddings back to float32 on the way out.

    Parameters, state, the loss and the optimiser stay as they are (mixed precision of Micikevicius et al. 2018; with
    bfloat16 no scaling of the loss is needed).
    """

    def encode(params, state, batch, key=None, *, train):
        z, new_state = objective.encode(_cast(params, dtype), state, _cast(batch, dtype), key, train=train)
        return _cast(z, jnp.float32), new_state

    return objective._replace(encode=encode)


def _cast(tree: Any, dtype: Any) -> Any:
    def cast(x):
        return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x

    return jax.tree.map(cast, tree)


def _changes(f, state: Any) -> bool:
    """Whether ``f(state)`` is anything but ``state`` itself, leaf by leaf."""
    closed = jax.make_jaxpr(f)(state).jaxpr
    if len(closed.outvars) != len(closed.invars):
        return True
    return any(out is not given for out, given in zip(closed.outvars, closed.invars, strict=True))
