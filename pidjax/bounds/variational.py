"""Lower bounds that estimate the partition function: DV, TUBA, NWJ and their interpolation with InfoNCE."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.bounds.rows import log_row_mean_exp, need, row_mean
from pidjax.bounds.stats import ScoreStats
from pidjax.math.logspace import exp_linear
from pidjax.typing import Array


def dv(stats: ScoreStats, *, axis_name: str | None = None) -> Array:
    r"""Donsker–Varadhan bound (MINE), in nats.

    .. math:: I \ge E_p[f] - \log E_q[e^f] \approx \frac1n \sum_i f_{ii}
              - \log \frac1n \sum_i \frac1{K_i} \sum_{j \in neg(i)} e^{f_{ij}}

    Direction: **lower** bound for any critic in the population; the value of a finite batch is biased
    **upwards** (Jensen), by more the larger the information. The partition term has a standard deviation of
    about e^I / √(independent pairs): useless beyond I ≈ log n. Optimal critic: log r + const. Unchanged by
    adding a constant to the scores.

    Source: Donsker & Varadhan 1983; Belghazi et al. 2018 (MINE), Sec. 3.1.

    Parameters
    ----------
    stats : ScoreStats
        Statistics of n anchors, transform "identity".
    axis_name : str, optional
        Axis of devices. The bound couples rows through the logarithm, which is taken over all devices; the
        mean over devices of what is returned is the value of the whole batch.

    Returns
    -------
    scalar, nats

    Raises
    ------
    ValueError
        Statistics of another transform.
    """
    need(stats, "identity")
    positive = row_mean(stats.positive, stats.counted, axis_name)
    return positive - log_row_mean_exp(stats.neg_logmeanexp, stats.counted, axis_name)


def tuba(stats: ScoreStats, log_baseline: Array, *, axis_name: str | None = None) -> Array:
    r"""Tractable unnormalised Barber–Agakov bound with a baseline a(anchor), in nats.

    .. math:: I \ge 1 + \frac1n \sum_i (f_{ii} - a_i)
              - \frac1n \sum_i e^{-a_i} \frac1{K_i} \sum_{j \in neg(i)} e^{f_{ij}}

    Direction: **lower** bound in expectation, unbiased for its population value at any batch size, for any
    critic and any baseline that were fitted on other data (the baseline must not see this row's pairs). Best
    baseline: a = log E_q[e^f]; a = 0 is NWJ. Optimal critic: log r + a.

    Source: Poole et al. 2019, Sec. 2.2 (I_TUBA).

    Parameters
    ----------
    stats : ScoreStats
        Statistics of n anchors, transform "identity".
    log_baseline : [n] or scalar
        a, one number an anchor.
    axis_name : str, optional
        As for ``infonce``.

    Returns
    -------
    scalar, nats. From 60 nats above the baseline on, the exponential goes on as a straight line, so that value
    and gradient stay finite.

    Raises
    ------
    ValueError
        Statistics of another transform; a baseline of another shape.
    """
    need(stats, "identity")
    a = _baseline(stats, log_baseline)
    rows = 1 + stats.positive - a - exp_linear(stats.neg_logmeanexp - a)
    return row_mean(rows, stats.counted, axis_name)


def nwj(stats: ScoreStats, *, axis_name: str | None = None) -> Array:
    r"""Nguyen–Wainwright–Jordan bound (f-GAN KL, MINE-f), in nats: TUBA without a baseline.

    .. math:: I \ge 1 + \frac1n \sum_i f_{ii} - \frac1n \sum_i \frac1{K_i} \sum_{j \in neg(i)} e^{f_{ij}}

    Direction: **lower** bound in expectation, unbiased, for any critic fitted on other data; the variance is
    that of e^f and grows like e^{2I}: averages of small batches are heavy-tailed. Optimal critic: log r
    (the paper's f is 1 + this one). Unchanged by nothing: a constant added to the scores changes the value.
    Mean exponentials beyond e^60 go on as a straight line, as for ``tuba``.

    Source: Nguyen et al. 2010; Poole et al. 2019, Sec. 2.2 (I_NWJ).

    Parameters
    ----------
    stats, axis_name
        As for ``tuba``.

    Returns
    -------
    scalar, nats

    Raises
    ------
    ValueError
        Statistics of another transform.
    """
    return tuba(stats, jnp.zeros((), stats.positive.dtype), axis_name=axis_name)


def interpolated(
    stats: ScoreStats, log_baseline: Array, alpha: Array | float, *, axis_name: str | None = None
) -> Array:
    r"""The bound between TUBA (α = 0) and InfoNCE (α = 1): bias against variance, in nats.

    With :math:`m_i = \log\frac1{K+1}(e^{f_{ii}} + \sum_{neg} e^{f_{ij}})`,
    :math:`m_i^- = \log\frac1K\sum_{neg} e^{f_{ij}}` and
    :math:`b(m) = \log(\alpha e^{m} + (1 - \alpha) e^{a})`,

    .. math:: I \ge 1 + \frac1n \sum_i (f_{ii} - b_i(m_i)) - \frac1n \sum_i e^{m_i^- - b_i(m_i^-)}

    Direction: **lower** bound in expectation, for a critic and a baseline fitted on other data; strictly so
    for equally many candidates in both terms. Here these are K + 1 and K, a mismatch of O(1/K) for 0 < α < 1.
    Exponentials beyond e^60 go on as a straight line, as for ``tuba``.

    Source: Poole et al. 2019, Sec. 2.4 (I_α).

    Parameters
    ----------
    stats : ScoreStats
        Statistics of n anchors, transform "identity".
    log_baseline : [n] or scalar
        a, one number an anchor.
    alpha : scalar
        In [0, 1]; not checked where it is traced. The value is not differentiable in α at the two ends.
    axis_name : str, optional
        As for ``infonce``.

    Returns
    -------
    scalar, nats

    Raises
    ------
    ValueError
        Statistics of another transform; a baseline of another shape; α outside [0, 1].
    """
    need(stats, "identity")
    alpha = jnp.asarray(alpha, stats.positive.dtype)
    if alpha.shape != ():
        raise InputError(f"alpha must be one number; found shape {alpha.shape}.")
    if not isinstance(alpha, jax.core.Tracer) and not 0 <= alpha <= 1:
        raise InputError(f"alpha must lie in [0, 1]; found {alpha}.")
    a, p, without = _baseline(stats, log_baseline), stats.positive, stats.neg_logmeanexp
    with_positive = jnp.logaddexp(p, stats.neg_logsumexp) - jnp.log1p(stats.num_neg)

    def blend(m: Array) -> Array:
        return jnp.logaddexp(jnp.log(alpha) + m, jnp.log1p(-alpha) + a)

    rows = 1 + p - blend(with_positive) - exp_linear(without - blend(without))
    return row_mean(rows, stats.counted, axis_name)


def _baseline(stats: ScoreStats, log_baseline: Array) -> Array:
    a = jnp.asarray(log_baseline, stats.positive.dtype)
    if a.shape not in ((), stats.positive.shape):
        raise InputError(
            f"log_baseline must be one number an anchor, {tuple(stats.positive.shape)}, or one for all; "
            f"found shape {a.shape}."
        )
    return jnp.broadcast_to(a, stats.positive.shape)
