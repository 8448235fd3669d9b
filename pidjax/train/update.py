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

        def moved(name: str, gradient: Params, of: Params, moments: Params) -> tuple[Params, Params, Array]:
            """One group of parameters after an update, its optimiser's state, the norm of its gradient."""
            mean = mean_over_devices(gradient, axis_name)
            updates, moments = txs[name].update(mean, moments, of)
            return optax.apply_updates(of, updates), moments, optax.tree.norm(mean)

        outer_keys = keys(global_rows(_rows(outer), axis_name))

        def outer_loss(theta: Params):
            at = {**params, "theta": theta}
            z, new_state = objective.encode(at, state, outer, outer_keys, train=True)
            value, info = objective.loss(at, z, outer, axis_name=axis_name)
            return value, (info, new_state)

        (value, (info, new_state)), gradient = jax.value_and_grad(outer_loss, has_aux=True)(params["theta"])
        params["theta"], opt_state["theta"], norm = moved("theta", gradient, params["theta"], opt_state["theta"])
        # beside what the objective tells: a gradient may be NaN where no term is
        info = {"loss": value, **info, "gradient_norm": norm}
        if objective.inner is not None:
            # theta rests: all inner steps on the outer batch see the same embeddings
            z = None if fresh else _embed(objective, params, state, outer, outer_keys)

            def inner_step(carry: tuple[Params, Params], given: tuple[Array, Any]):
                (phi, moments), (k, one) = carry, given
                if fresh:
                    # positions go on where those of the outer batch and of earlier inner batches end
                    first = (_rows(outer) + k * _rows(one)) * _devices(axis_name)
                    rows = first + global_rows(_rows(one), axis_name)
                    seen = one, _embed(objective, {**params, "phi": phi}, state, one, keys(rows))
                else:
                    seen = outer, z

                def inner_loss(phi: Params):
                    batch, z = seen
                    return objective.inner({**params, "phi": phi}, z, batch, axis_name=axis_name)  # type: ignore[misc]

                gradient, inner_info = jax.grad(inner_loss, has_aux=True)(phi)
                phi, moments, norm = moved("phi", gradient, phi, moments)
                return (phi, moments), (inner_info, norm)

            # many inner steps compile like one
            start = params["phi"], opt_state["phi"]
            (params["phi"], opt_state["phi"]), (inner_info, norms) = jax.lax.scan(
                inner_step, start, (jnp.arange(inner_steps), inner), length=inner_steps, unroll=inner_steps == 1
            )
            info = {**jax.tree.map(lambda x: x[0], inner_info), **info, "inner_gradient_norm": norms[-1]}

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
