"""Stateless batches: which samples a step sees is a function of (key, step) and of nothing else."""

from __future__ import annotations

import jax

from pidjax.typing import Array


def batch_indices(key: Array, step: Array | int, n: int, size: int) -> Array:
    """``size`` different positions out of ``n``, int32 [size].

    Drawn without replacement, so no sample is its own negative; the same (key, step) always gives the same
    batch, which is what lets a resumed run continue bit for bit.

    Raises
    ------
    ValueError
        If ``size`` exceeds ``n``.
    """
    if size > n:
        raise ValueError(f"a batch of {size} cannot be drawn without replacement from {n} samples.")
    return jax.random.permutation(jax.random.fold_in(key, step), n)[:size]
