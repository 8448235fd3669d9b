"""The Jensen–Shannon objective, and the two values that are read off a critic it has trained."""

from __future__ import annotations

import jax

from pidjax.bounds.rows import log_row_mean_exp, need, row_mean
from pidjax.bounds.stats import ScoreStats
from pidjax.typing import Array


def js(stats: ScoreStats, *, axis_name: str | None = None) -> Array:
    r"""Jensen–Shannon objective: logistic loss of telling pairs from negatives, with the sign turned.

    .. math:: -\frac1n \sum_i \log(1 + e^{-f_{ii}})
              - \frac1n \sum_i \frac1{K_i} \sum_{j \in neg(i)} \log(1 + e^{f_{ij}})

    Direction: a **lower** bound, for any critic, of 2 JSD(p, q) − 2 log 2, which lies in [−2 log 2, 0]. **Not a
    value of mutual information**: train with it, then read ``plug_in`` or ``smile``. Optimal critic: log r.

    Source: Nowozin et al. 2016; Hjelm et al. 2019 (Deep InfoMax), Eq. 4.

    Parameters
    ----------
    stats : ScoreStats
        Statistics of n anchors, transform **"softplus"**.
    axis_name : str, optional
        As for ``infonce``.

    Returns
    -------
    scalar, nats

    Raises
    ------
    ValueError
        Statistics of another transform.
    """
    need(stats, "softplus")
    return row_mean(-jax.nn.softplus(-stats.positive) - stats.neg_mean, stats.counted, axis_name)


def plug_in(stats: ScoreStats, *, axis_name: str | None = None) -> Array:
    r"""Mean score of true pairs, in nats: the information where the critic is log r.

    .. math:: \frac1n \sum_i f_{ii}

    Direction: **none**; unbiased if and only if f = log r. For critics trained by JS or NWJ; never for one
    trained by InfoNCE, whose scores carry an arbitrary function of the anchor. Its standard deviation at the
    exact critic is sd(log r)/√n. It is also the log-likelihood that fits a conditional Gaussian critic.

    Source: the definition I = E_p[log r]; Song & Ermon 2020, Sec. 3, for learned density ratios.

    Parameters
    ----------
    stats : ScoreStats
        Statistics of n anchors, of any transform (positives are never transformed). Rows without negatives count,
        since none are read.
    axis_name : str, optional
        As for ``infonce``.

    Returns
    -------
    scalar, nats
    """
    return row_mean(stats.positive, stats.weight, axis_name)


def smile(stats: ScoreStats, *, axis_name: str | None = None) -> Array:
    r"""SMILE: DV with the scores of negatives clipped to [−τ, τ], in nats.

    .. math:: \frac1n \sum_i f_{ii}
              - \log \frac1n \sum_i \frac1{K_i} \sum_{j \in neg(i)} e^{\mathrm{clip}(f_{ij}, -\tau, \tau)}

    Direction: **none**. τ → ∞ is DV. At the exact critic the clipping bias is upward and grows with the
    information (τ = 5, 20 dimensions: +0.03 at 2 nats, +2.1 at 10). For critics trained by JS.

    Source: Song & Ermon 2020, Sec. 4 (I_SMILE).

    Parameters
    ----------
    stats : ScoreStats
        Statistics of n anchors, transform **("clip", τ)**.
    axis_name : str, optional
        As for ``dv``.

    Returns
    -------
    scalar, nats

    Raises
    ------
    ValueError
        Statistics of another transform.
    """
    need(stats, "clip")
    positive = row_mean(stats.positive, stats.counted, axis_name)
    return positive - log_row_mean_exp(stats.neg_logmeanexp, stats.counted, axis_name)
