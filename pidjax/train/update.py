"""One alternating update (FactorCL, Alg. 3): theta once by the outer loss, then phi a few times by the inner one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from pidjax.math.collectives import global_rows, mean_over_devices
from pidjax.typing import Array, Batch, Objective, Params


class TrainState(NamedTuple):
    """All that a run needs to go on: saved whole, it resumes bit for bit."""

    step: Array
    key: Array
    params: Params
    state: Params
    opt_state: Params


Transformations = Mapping[str, optax.GradientTransformation]


def make_update(objective: Objective, txs: Transformations, inner_steps: int, fresh: bool) -> Callable[..., Any]:
    """``update(train_state, batch, axis_name=None) -> (train_state, info)``, not compiled.

    Convention: local loss, mean of gradients over devices; the loss gathers negatives itself through ``axis_name``.
    Each sample's key is a function of (run key, step, position in the global batch), so augmentations do not depend
    on the number of devices. ``info`` holds the objective's numbers, the loss and the norms of the gradients. With
    ``fresh``, ``batch`` is a pair: that of the outer loss, and those of the inner one with ``inner_steps`` as first
    axis; else all see the same samples under the same augmentation.
    """

    def update(train_state: TrainState, batch: Any, axis_name: str | None = None):
        step, key, params, state, opt_state = train_state
        params, opt_state = dict(params), dict(opt_state)
        step_key = jax.random.fold_in(key, step)
        outer, inner = batch if fresh else (batch, None)

        def keys(rows: Array) -> Array:
            return jax.vmap(lambda row: jax.random.fold_in(step_key, row))(rows)

        def move(name: str, gradient: Params) -> Array:
            """Update one group of parameters; the norm of its gradient."""
            mean = mean_over_devices(gradient, axis_name)
            updates, opt_state[name] = txs[name].update(mean, opt_state[name], params[name])
            params[name] = optax.apply_updates(params[name], updates)
            return optax.tree.norm(mean)

        outer_keys = keys(global_rows(_rows(outer), axis_name))

        def outer_loss(theta: Params):
            moved = {**params, "theta": theta}
            z, new_state = objective.encode(moved, state, outer, outer_keys, train=True)
            value, info = objective.loss(moved, z, outer, axis_name=axis_name)
            return value, (info, new_state)

        (value, (info, new_state)), gradient = jax.value_and_grad(outer_loss, has_aux=True)(params["theta"])
        # beside what the objective tells: a gradient may be NaN where no term is
        info = {"loss": value, **info, "gradient_norm": move("theta", gradient)}
        if objective.inner is not None:
            for k in range(inner_steps):
                if inner is not None:
                    one = jax.tree.map(lambda x, k=k: x[k], inner)
                    # positions go on where those of the outer batch and of earlier inner batches end
                    first = (_rows(outer) + k * _rows(one)) * _devices(axis_name)
                    z = _embed(objective, params, state, one, keys(first + global_rows(_rows(one), axis_name)))
                elif k == 0:  # theta rests: all inner steps see the same embeddings
                    one, z = outer, _embed(objective, params, state, outer, outer_keys)

                def inner_loss(phi: Params, z=z, one=one):
                    return objective.inner({**params, "phi": phi}, z, one, axis_name=axis_name)  # type: ignore[misc]

                gradient, inner_info = jax.grad(inner_loss, has_aux=True)(params["phi"])
                info = {**inner_info, **info, "inner_gradient_norm": move("phi", gradient)}

        # batch statistics inside an encoder are of a device's share; their mean keeps the copies equal
        new_state = jax.tree.map(lambda x: mean_over_devices(x, axis_name) if _real(x) else x, new_state)
        return TrainState(step + 1, key, params, new_state, opt_state), mean_over_devices(info, axis_name)

    return update


def _embed(objective: Objective, params: Params, state: Params, batch: Batch, keys: Array) -> Any:
    return jax.lax.stop_gradient(objective.encode(params, state, batch, keys, train=True)[0])


def _real(x: Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)


def _rows(batch: Batch) -> int:
    return jax.tree.leaves(batch)[0].shape[0]


def _devices(axis_name: str | None) -> int:
    return 1 if axis_name is None else jax.lax.axis_size(axis_name)
