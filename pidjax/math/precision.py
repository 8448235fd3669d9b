"""Double precision where single precision has too few digits, without asking the caller to switch it on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np

T = TypeVar("T")


def traced(*values: Any) -> bool:
    """Whether any of the values is being traced, so that its numbers are not known yet."""
    return any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(values))


def in_double(f: Callable[..., T], *arrays: Any, **static: Any) -> T:
    """``f(*arrays, **static)`` in 64 bit, as numpy arrays of float64; inside a trace, in the trace's own precision.

    A trace (``jit``, ``vmap``, ``grad``) has chosen: 64 bit under ``jax.enable_x64()`` or JAX_ENABLE_X64, else 32.
    The results are numpy arrays because JAX in 32 bit would round whatever is computed from them next.

    Parameters
    ----------
    f : function, jitted
    """
    if traced(*arrays):
        return f(*arrays, **static)
    with jax.enable_x64(True):
        return jax.device_get(f(*(np.asarray(a, np.float64) for a in arrays), **static))
