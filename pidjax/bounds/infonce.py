"""InfoNCE: how well each anchor picks its own partner out of a line-up, in nats; NT-Xent is one of its line-ups."""

from __future__ import annotations

import jax.numpy as jnp

from pidjax.bounds.rows import need, row_mean
from pidjax.bounds.stats import ScoreStats, join_negatives
from pidjax.typing import Array


def infonce(stats: ScoreStats, *, axis_name: str | None = None) -> Array:
    r"""InfoNCE bound of the mutual information, in nats.

    .. math:: I \ge \frac1n \sum_i \Big[ f_{ii} - \log\Big(e^{f_{ii}} + \sum_{j \in neg(i)} e^{f_{ij}}\Big)
              + \log(K_i + 1) \Big]

    Direction: **lower** bound in expectation, for any critic fitted on other data; never above the mean of
    log(K + 1). Optimal critic: log r + c(anchor), r = p(x, y) / p(x) p(y). Unchanged by adding any function of
    the anchor alone to the scores.

    Source: van den Oord et al. 2018, Eq. 5 (with log(K + 1) restored); Poole et al. 2019, Eq. 10.

    Parameters
    ----------
    stats : ScoreStats
        Statistics of n anchors, transform "identity".
    axis_name : str, optional
        Axis of devices; the mean over devices of what is returned is the value of the whole batch.

    Returns
    -------
    scalar, nats

    Raises
    ------
    ValueError
        Statistics of another transform.
    """
    need(stats, "identity")
    p = stats.positive
    rows = p - jnp.logaddexp(p, stats.neg_logsumexp) + jnp.log1p(stats.num_neg)
    return row_mean(rows, stats.counted, axis_name)


def ntxent(cross: ScoreStats, same: ScoreStats, *, axis_name: str | None = None) -> Array:
    r"""NT-Xent of SimCLR as a bound: InfoNCE whose line-up also holds the other samples of the anchor's own view.

    .. math:: \frac1n \sum_i \Big[ f_{ii} - \log\Big(\sum_j e^{f(x_i, y_j)} + \sum_{j \ne i} e^{f(x_i, x_j)}\Big)
              + \log(2 N - 1) \Big]

    The published loss is log(2N − 1) minus the mean of this over the anchors of both views.

    Direction: **none**, an objective. The own-view negatives x_j depend on the other-view ones y_j, so that the
    line-up is not exchangeable and the value can exceed the information, if by little (X = Y one fair bit,
    N = 6: 0.697 against log 2 = 0.693). Never above log(2N − 1).

    Source: Chen et al. 2020, Eq. 1.

    Parameters
    ----------
    cross : ScoreStats
        Anchors against the other view: ``critic.stats(params, x, y)``.
    same : ScoreStats
        The same anchors against their own view: ``critic.stats(params, x, x)``, which leaves out the anchor
        itself.
    axis_name : str, optional
        As for ``infonce``.

    Returns
    -------
    scalar, nats

    Raises
    ------
    ValueError
        Statistics of another transform, or of different anchors.
    """
    return infonce(join_negatives(cross, same), axis_name=axis_name)
