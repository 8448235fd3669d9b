"""InfoNCE: how well each anchor picks its own partner out of a line-up, in nats."""

from __future__ import annotations

import jax.numpy as jnp

from pidjax.bounds.stats import ScoreStats
from pidjax.typing import Array


def infonce(stats: ScoreStats) -> Array:
    r"""InfoNCE bound of the mutual information, in nats.

    .. math:: I \ge \frac1n \sum_i \Big[ f_{ii} - \log\Big(e^{f_{ii}} + \sum_{j \in neg(i)} e^{f_{ij}}\Big)
              + \log(K_i + 1) \Big]

    Direction: **lower** bound in expectation, for any critic fitted on other data; never above the mean of
    log(K + 1). Unchanged by adding any function of the anchor alone to the scores.

    Source: van den Oord et al. 2018, Eq. 5 (with log(K + 1) restored); Poole et al. 2019, Eq. 10.

    Parameters
    ----------
    stats : ScoreStats
        Statistics of n anchors.

    Returns
    -------
    scalar, nats
    """
    p = stats.positive
    rows = p - jnp.logaddexp(p, stats.neg_logsumexp) + jnp.log1p(stats.num_neg)
    return (stats.weight * rows).sum() / stats.weight.sum()
