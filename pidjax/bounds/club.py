"""Upper bounds, each of them only under a condition on the critic: leave-one-out, CLUB, NCE-CLUB."""

from __future__ import annotations

from pidjax.bounds.rows import need, row_mean
from pidjax.bounds.stats import ScoreStats
from pidjax.typing import Array


def l1out(stats: ScoreStats, *, axis_name: str | None = None) -> Array:
    r"""Leave-one-out bound, in nats.

    .. math:: I \lesssim \frac1n \sum_i \Big[ f_{ii} - \log \frac1{K_i} \sum_{j \in neg(i)} e^{f_{ij}} \Big]

    Direction: **upper** bound if the critic is log r + c(anchor), with a gap that closes as K grows; for any
    other critic **none** (with many negatives it is a lower bound, DV for each anchor). Unchanged by adding
    any function of the anchor alone to the scores. A conditional density, log q(y | x), is read with negatives
    ``over="x"``, so that log p(y) belongs to the anchor.

    Source: Poole et al. 2019, Sec. 2.5 (leave-one-out).

    Parameters
    ----------
    stats : ScoreStats
        Statistics of n anchors, transform "identity".
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
    need(stats, "identity")
    return row_mean(stats.positive - stats.neg_logmeanexp, stats.counted, axis_name)


def club(stats: ScoreStats, *, axis_name: str | None = None) -> Array:
    r"""Contrastive log-ratio upper bound, variational or sampled, in nats.

    .. math:: \frac1n \sum_i \Big[ f_{ii} - \frac1{K_i} \sum_{j \in neg(i)} f_{ij} \Big],
              \quad f(x, y) = \log q(y \mid x)

    Exactly I + KL(p(x) p(y) ‖ q(y|x) p(x)) − KL(p(x, y) ‖ q(y|x) p(x)) in expectation.

    Direction: **upper** bound if and only if the first divergence is at least the second, which holds for
    q = p(y|x) and is not implied by a good fit; otherwise **none**. Unchanged by adding u(x) + v(y).

    Statistics come from a critic that is a conditional density (``critics.gaussian``), negatives from p(y).
    All pairs are variational CLUB; one negative an anchor (``critics.sampled_stats``) is CLUBSample, of the
    same expectation and more variance.

    Source: Cheng et al. 2020, Sec. 3 (vCLUB, CLUBSample).

    Parameters
    ----------
    stats : ScoreStats
        Statistics of n anchors, transform "identity".
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
    need(stats, "identity")
    return row_mean(stats.positive - stats.neg_mean, stats.counted, axis_name)


def nce_club(stats: ScoreStats, *, all_pairs: bool = False, axis_name: str | None = None) -> Array:
    r"""NCE-CLUB, the Jeffreys score of a contrastive critic, in nats.

    .. math:: \frac1n \sum_i \Big[ f_{ii} - \frac1{K_i} \sum_{j \in neg(i)} f_{ij} \Big]

    The arithmetic of CLUB with a critic f in the place of log q. At the optimal critic, log r + u(x) + v(y), it
    is the **Jeffreys divergence** KL(p ‖ q) + KL(q ‖ p) = I + lautum information; for Gaussians with canonical
    correlations r that is Σ r²/(1 − r²), at least twice the mutual information.

    Direction: **upper** bound of I at the optimal critic only, where it is not tight; for a trained critic
    **none**, and 0 for one that does not look. A quantity to minimise (0 if and only if x and y are
    independent), not an estimate of I. Unchanged by adding u(x) + v(y).

    Source: Liang et al. 2023 (FactorCL), Eq. 11.

    Parameters
    ----------
    stats : ScoreStats
        Statistics of n anchors, transform "identity".
    all_pairs : bool
        The mean of the second term also over the positive, as released code takes it: K/(K + 1) times the value.
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
    need(stats, "identity")
    rows = stats.positive - stats.neg_mean
    if all_pairs:
        rows = rows * stats.num_neg / (stats.num_neg + 1)
    return row_mean(rows, stats.counted, axis_name)
