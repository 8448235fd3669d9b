"""One compiled training step: the same numbers by jit, pmap and shard_map, on one device, several, or many hosts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from pidjax._checks import InputError, one_of
from pidjax.train.devices import AXIS, data_mesh, gather_rows, replicate, share
from pidjax.train.encode import in_dtype, in_pieces, rematerialised
from pidjax.train.update import TrainState, Transformations, make_update
from pidjax.typing import Array, Batch, Objective

ENGINES = ("auto", "jit", "pmap", "shard_map")


class Step(NamedTuple):
    """A compiled step: ``step(train_state, batch) -> (train_state, info)``.

    ``place(batch)`` puts a batch where ``run(train_state, placed)`` wants it; placing ahead, in another thread, hides
    the transfer. A call does ``steps`` steps; with more than one, batches and info have them as first axis.
    """

    run: Callable[[TrainState, Any], tuple[TrainState, dict[str, Array]]]
    place: Callable[[Any], Any]
    steps: int = 1

    def __call__(self, train_state: TrainState, batch: Any) -> tuple[TrainState, dict[str, Array]]:
        return self.run(train_state, self.place(batch))


def make_init(objective: Objective, txs: Transformations) -> Callable[[Array, Batch], TrainState]:
    """Compile ``init(key, batch) -> train_state``, the state before the first step, as one program.

    ``batch`` is what ``objective.init`` measures scales on; each of several processes gives its share.
    """

    @jax.jit
    def init(key: Array, batch: Batch) -> TrainState:
        init_key, run_key = jax.random.split(key)
        params, state = objective.init(init_key, batch)
        opt_state = {name: tx.init(params[name]) for name, tx in txs.items()}
        return TrainState(jnp.int32(0), run_key, params, state, opt_state)

    return lambda key, batch: init(key, gather_rows(batch))


def make_step(
    objective: Objective,
    txs: Transformations,
    *,
    engine: str = "auto",
    devices: Sequence[jax.Device] | None = None,
    inner_steps: int = 1,
    inner_batch: str = "same",
    accumulate: int = 1,
    steps_per_call: int = 1,
    donate: bool = False,
    remat: bool = False,
    compute_dtype: Any = None,
) -> Step:
    """Compile a step: theta moves once by ``objective.loss``, then phi ``inner_steps`` times by ``objective.inner``.

    The gradient of the outer loss is taken with respect to theta alone, that of the inner loss with respect to phi
    alone, at stop-gradiented embeddings (FactorCL, Alg. 3). Negatives come from the batch of all devices.

    Parameters
    ----------
    objective : Objective
    txs : {"theta": optax transformation, "phi": optax transformation}
        "phi" may be left out when the objective has no inner loss.
    engine : "auto" | "jit" | "pmap" | "shard_map"
        "jit" sees the global batch and lets the compiler cut it; "pmap" and "shard_map" run one program a device that
        gathers embeddings. The numbers are the same. "auto": "jit" on one device, "pmap" on several of one
        process, "shard_map" with several processes.
    devices : sequence of jax.Device, optional
        All of all processes by default; ``devices[:1]`` is one device.
    inner_steps : int
        Updates of phi a step.
    inner_batch : "same" | "fresh"
        "same": phi sees the samples and augmentations of the outer loss. "fresh": a step takes a pair (batch, inner),
        where leaves of ``inner`` are [inner_steps, n', ...].
    accumulate : int
        Encode the share of a device in so many pieces: the memory of one, the exact gradient of all
        (``train.in_pieces``).
    steps_per_call : int
        Steps a dispatch, by ``lax.scan``; leaves of a batch are then [steps_per_call, n, ...].
    donate : bool
        Reuse the memory of the train state that goes in, which cannot be read afterwards.
    remat : bool
        Keep no activations of encoders (``jax.checkpoint``).
    compute_dtype : dtype, optional
        Of encoding, such as ``jnp.bfloat16``; parameters, losses and the optimiser stay in float32.

    Returns
    -------
    Step
        ``step(train_state, batch) -> (train_state, info)``. ``batch`` holds numpy or jax arrays [n, ...]: the whole
        batch, or with several processes the rows that this one holds, in order of processes.

    Raises
    ------
    InputError
        Unknown engine or ``inner_batch``; an inner objective without "phi" in ``txs``; a batch that does not divide by
        the devices or into pieces; an encoder with batch statistics and ``accumulate`` > 1.
    """
    one_of("engine", engine, ENGINES)
    one_of("inner_batch", inner_batch, ("same", "fresh"))
    for name, count in (("inner_steps", inner_steps), ("accumulate", accumulate), ("steps_per_call", steps_per_call)):
        if count < 1:
            raise InputError(f"{name} must be 1 or more; found {count}.")
    if objective.inner is not None and "phi" not in txs:
        raise InputError('this objective has an inner loss: give make_step a transformation for "phi".')
    fresh = inner_batch == "fresh"
    if fresh and objective.inner is None:
        raise InputError('inner_batch="fresh" is for objectives with an inner loss; this one has none.')
    mesh = data_mesh(devices)
    if engine == "auto":
        engine = "jit" if mesh.size == 1 else "pmap" if jax.process_count() == 1 else "shard_map"

    if compute_dtype is not None:
        objective = in_dtype(objective, compute_dtype)
    if accumulate > 1:
        objective = in_pieces(objective, accumulate)
    elif remat:  # pieces are rematerialised already
        objective = rematerialised(objective)
    update = make_update(objective, txs, inner_steps, fresh)

    def several(train_state: TrainState, batch: Any, axis_name: str | None = None):
        if steps_per_call == 1:
            return update(train_state, batch, axis_name)
        return jax.lax.scan(lambda carry, one: update(carry, one, axis_name), train_state, batch)

    donated = (0,) if donate else ()
    first = int(steps_per_call > 1)  # the axis of the samples
    put = functools.partial(share, stacked=engine == "pmap")

    def place(batch: Any) -> Any:
        if not fresh:
            return put(batch, mesh, first)
        outer, inner = batch
        return put(outer, mesh, first), put(inner, mesh, first + 1)

    local = functools.partial(several, axis_name=AXIS)
    if engine == "jit":
        everywhere = NamedSharding(mesh, PartitionSpec())
        compiled = jax.jit(several, donate_argnums=donated, out_shardings=everywhere)
    elif engine == "shard_map":
        rows = PartitionSpec(*[None] * first, AXIS)
        specs = (rows, PartitionSpec(*[None] * (first + 1), AXIS)) if fresh else rows
        cut = jax.shard_map(
            local, mesh=mesh, in_specs=(PartitionSpec(), specs), out_specs=PartitionSpec(), check_vma=False
        )
        compiled = jax.jit(cut, donate_argnums=donated)
    else:
        compiled = jax.pmap(local, AXIS, in_axes=(None, 0), out_axes=None, donate_argnums=donated, devices=devices)

    def run(train_state: TrainState, placed: Any):
        # already where a step leaves it, so that the second step is not compiled anew
        return compiled(replicate(train_state, mesh), placed)

    return Step(run, place, steps_per_call)
