"""Pictures as arrays: their range, their channels, and the moments they are normalised by."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from pidjax._checks import InputError
from pidjax.typing import Array

MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the channels of ImageNet, in [0, 1]."""


def unit_range(x: Array) -> Array:
    """Pictures [..., height, width, 3] as float32 in [0, 1]: uint8 is divided by 255.

    Raises
    ------
    InputError
        Channels that do not come last, another type, or numbers outside [0, 1] (where they are not traced).
    """
    if x.ndim < 3 or x.shape[-1] != 3:
        swapped = x.ndim >= 3 and x.shape[-3] == 3
        hint = "move the channels to the end" if swapped else "give red, green and blue as last axis"
        raise InputError(f"pictures must be [..., height, width, 3]; found shape {x.shape}: {hint}.")
    if x.dtype == np.uint8:
        return jnp.asarray(x, jnp.float32) / 255
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise InputError(f"pictures must be uint8 in 0..255 or floating in [0, 1]; found {x.dtype}.")
    if not isinstance(x, jax.core.Tracer) and x.size and not (jnp.min(x) >= 0 and jnp.max(x) <= 1):
        raise InputError(
            f"floating pictures must lie in [0, 1]; found {jnp.min(x):g} to {jnp.max(x):g}: divide 0..255 by 255, and "
            "leave normalising to encoders.of_pixels."
        )
    return x


def normalise(x: Array, mean: tuple[float, ...] = MEAN, sd: tuple[float, ...] = SD) -> Array:
    """Channels less their mean, over their standard deviation; those of ImageNet by default."""
    lead = (1,) * (x.ndim - 1)
    return (x - jnp.array(mean).reshape(*lead, 3)) / jnp.array(sd).reshape(*lead, 3)
