"""What every bound does with rows: check their transform, weigh their mean, also across devices."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.bounds.stats import ScoreStats
from pidjax.math.collectives import gather, mean_over_devices
from pidjax.typing import Array


def need(stats: ScoreStats, transform: str) -> None:
    """Raise unless the negatives of ``stats`` were transformed as this bound reads them."""
    if not isinstance(stats, ScoreStats):
        raise TypeError(f"a bound reads ScoreStats, of score_stats(scores) or critic.stats(...); found {type(stats)}.")
    found = stats.transform if isinstance(stats.transform, str) else stats.transform[0]
    if found != transform:
        wanted = repr(transform) if transform != "clip" else "('clip', τ)"
        raise InputError(
            f"this bound reads negatives under the transform {wanted}; found statistics of {stats.transform!r}: "
            f"make them with transform={wanted}."
        )


def row_mean(values: Array, weight: Array, axis_name: str | None) -> Array:
    """Weighted mean over rows; 0 when no row counts.

    With ``axis_name``, this device's part: the mean over devices of what is returned is the mean over all rows.
    """
    total = mean_over_devices(weight.sum(), axis_name)
    # the value does not depend on what a row of weight 0 holds, be it an infinity
    return (weight * jnp.where(weight > 0, values, 0.0)).sum() / jnp.where(total > 0, total, 1.0)


def log_row_mean_exp(log_values: Array, weight: Array, axis_name: str | None) -> Array:
    """log of the weighted mean over all rows of exp(log_values), the same on all devices; 0 when no row counts."""
    log_values, weight = gather(log_values, axis_name), gather(weight, axis_name)
    counts = weight > 0
    some = counts.any()
    log_w = jnp.where(counts, jnp.log(jnp.where(counts, weight, 1.0)), -jnp.inf)
    terms = jnp.where(counts, log_values + log_w, jnp.where(some, -jnp.inf, 0.0))
    return jnp.where(some, jax.nn.logsumexp(terms) - jnp.log(jnp.where(some, weight.sum(), 1.0)), 0.0)
