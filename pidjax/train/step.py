"""One compiled training step, the same numbers on one device and under pmap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from pidjax._checks import one_of
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


def make_init(objective: Objective, txs: Transformations) -> Callable[[Array, Batch], TrainState]:
    """Compile ``init(key, batch) -> train_state``, the state before the first step, as one program.

    ``batch`` is what ``objective.init`` measures scales on.
    """

    @jax.jit
    def init(key: Array, batch: Batch) -> TrainState:
        init_key, run_key = jax.random.split(key)
        params, state = objective.init(init_key, batch)
        opt_state = {name: tx.init(params[name]) for name, tx in txs.items()}
        return TrainState(jnp.int32(0), run_key, params, state, opt_state)

    return init


def make_step(
    objective: Objective, txs: Transformations, *, engine: str = "auto", inner_steps: int = 1
) -> Callable[[TrainState, Batch], tuple[TrainState, dict[str, Array]]]:
    """Compile ``step(train_state, batch) -> (train_state, info)``.

    A step updates phi ``inner_steps`` times with the gradient of ``objective.inner`` at stop-gradiented
    embeddings (where there is an inner objective), then theta once with the gradient of ``objective.loss``.
    Convention: local loss, mean of gradients; ``objective.loss`` gathers negatives itself through
    ``axis_name``. Each sample's key is a function of (run key, step, position in the global batch), so
    augmentations do not depend on the number of devices.

    Parameters
    ----------
    objective : Objective
    txs : {"theta": optax transformation, "phi": optax transformation}
        "phi" may be left out when the objective has no inner loss.
    engine : "auto" | "jit" | "pmap"
        "auto" takes pmap when there are several local devices. Under pmap the batch [n, ...] is cut into one
        equal share a device; parameters are replicated and returned once.
    inner_steps : int
        Updates of phi a step.

    Raises
    ------
    ValueError
        Unknown engine; an inner objective without "phi" in ``txs``; under pmap, a batch that does not
        divide by the number of devices.
    """
    one_of("engine", engine, ("auto", "jit", "pmap"))
    if objective.inner is not None and "phi" not in txs:
        raise ValueError('this objective has an inner loss: give make_step a transformation for "phi".')
    if engine == "auto":
        engine = "pmap" if jax.local_device_count() > 1 else "jit"

    def body(train_state: TrainState, batch: Batch, axis_name: str | None = None):
        step, key, params, state, opt_state = train_state
        rows = global_rows(jax.tree.leaves(batch)[0].shape[0], axis_name)
        step_key = jax.random.fold_in(key, step)
        keys = jax.vmap(lambda row: jax.random.fold_in(step_key, row))(rows)

        def update(name: str, gradient: Params) -> None:
            updates, opt_state[name] = txs[name].update(gradient, opt_state[name], params[name])
            params[name] = optax.apply_updates(params[name], updates)

        params, opt_state, inner_info = dict(params), dict(opt_state), {}
        if objective.inner is not None:
            z = jax.lax.stop_gradient(objective.encode(params, state, batch, keys, train=True)[0])

            def inner_loss(phi: Params):
                return objective.inner({**params, "phi": phi}, z, batch, axis_name=axis_name)  # type: ignore[misc]

            for _ in range(inner_steps):
                gradient, inner_info = jax.grad(inner_loss, has_aux=True)(params["phi"])
                update("phi", mean_over_devices(gradient, axis_name))

        def outer_loss(theta: Params):
            moved = {**params, "theta": theta}
            z, new_state = objective.encode(moved, state, batch, keys, train=True)
            value, info = objective.loss(moved, z, batch, axis_name=axis_name)
            return value, (info, new_state)

        gradient, (info, new_state) = jax.grad(outer_loss, has_aux=True)(params["theta"])
        update("theta", mean_over_devices(gradient, axis_name))
        info = mean_over_devices({**inner_info, **info}, axis_name)
        return TrainState(step + 1, key, params, new_state, opt_state), info

    if engine == "jit":
        return jax.jit(body)

    mapped = jax.pmap(
        lambda train_state, batch: body(train_state, batch, "data"),
        axis_name="data",
        in_axes=(None, 0),
        out_axes=None,
    )

    devices = jax.local_device_count()
    mesh = jax.make_mesh((devices,), ("data",), axis_types=(AxisType.Auto,), devices=jax.local_devices())
    replicated = NamedSharding(mesh, PartitionSpec())

    def step(train_state: TrainState, batch: Batch):
        n = jax.tree.leaves(batch)[0].shape[0]
        if n % devices:
            raise ValueError(f"a batch of {n} does not divide by {devices} devices: change the batch size.")
        # already where pmap leaves it, so that the second step is not compiled anew
        train_state = jax.device_put(train_state, replicated)
        return mapped(train_state, jax.tree.map(lambda x: x.reshape(devices, n // devices, *x.shape[1:]), batch))

    return step
