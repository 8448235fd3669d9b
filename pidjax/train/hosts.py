"""What several processes must decide together; in a single one, what it decides."""

from __future__ import annotations

import jax
import numpy as np
from jax.experimental import multihost_utils


def all_agree(ok: bool) -> bool:
    """Whether ``ok`` holds in every process. Every process must ask."""
    return ok if jax.process_count() == 1 else bool(multihost_utils.process_allgather(np.int32(ok)).all())


def largest(value: int) -> int:
    """The largest value of any process. Every process must ask."""
    return value if jax.process_count() == 1 else int(multihost_utils.process_allgather(np.int32(value)).max())
