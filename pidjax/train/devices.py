"""Where arrays live: a batch is cut into equal shares over devices, everything else is on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from pidjax._checks import InputError

AXIS = "data"
"""Name of the axis along which a batch is cut."""


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """The devices (all of all processes without an argument) in a row."""
    devices = jax.devices() if devices is None else devices
    # not make_mesh, which may put them in an order of its own: rows go by processes
    return Mesh(np.array(devices), (AXIS,), axis_types=(AxisType.Auto,))


def share(batch: Any, mesh: Mesh, axis: int = 0, *, stacked: bool = False) -> Any:
    """Put the rows (along ``axis``) that this process holds on its devices, as its part of the global batch.

    ``stacked`` puts the devices along a new first axis, as ``pmap`` takes them. Arrays that are placed so already come
    back as they are.

    Raises
    ------
    InputError
        If the rows do not divide by the devices of this process.
    """
    sharding = NamedSharding(mesh, PartitionSpec(AXIS) if stacked else PartitionSpec(*[None] * axis, AXIS))
    count = len(mesh.local_devices)

    def place(x: Any) -> jax.Array:
        if isinstance(x, jax.Array) and x.sharding == sharding:
            return x
        n = x.shape[axis]
        if n % count:
            raise InputError(
                f"a batch of {n} does not divide by {count} devices: take {n - n % count or count} rows, or other "
                "devices."
            )
        rows = np.asarray(x)
        return jax.make_array_from_process_local_data(
            sharding, np.stack(np.split(rows, count, axis)) if stacked else rows
        )

    return jax.tree.map(place, batch)


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Put every leaf on all devices of ``mesh``; each process must hold the same values."""
    sharding = NamedSharding(mesh, PartitionSpec())

    def place(x: Any) -> jax.Array:
        # most steps find every leaf in its place; device_put would take longer to find that out
        if isinstance(x, jax.Array) and x.sharding == sharding:
            return x
        if jax.process_count() == 1:
            return jax.device_put(x, sharding)
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(place(jax.random.key_data(x)), impl=jax.random.key_impl(x))
        if isinstance(x, jax.Array):  # any copy that this process holds
            x = x.addressable_data(0)
        return jax.make_array_from_process_local_data(sharding, np.asarray(x), x.shape)

    return jax.tree.map(place, tree)


def gather_rows(batch: Any) -> Any:
    """The rows of all processes, on each of them; ``batch`` itself in a single process."""
    return batch if jax.process_count() == 1 else multihost_utils.process_allgather(batch, tiled=True)
