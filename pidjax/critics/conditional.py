"""Critics that see a condition: contrastive conditional information, and what the published form of it is."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from pidjax import bounds
from pidjax._checks import InputError
from pidjax.bounds import ScoreStats, negative_stats
from pidjax.critics.all_pairs import condition
from pidjax.typing import Array, Critic, Params


def conditional_stats(
    critic: Critic,
    params: Params,
    x: Array,
    y: Array,
    z: Array,
    *,
    negatives: Array | None = None,
    groups: Array | None = None,
    log_weights: Array | None = None,
    **settings: Any,
) -> ScoreStats:
    """Statistics of f([x, z], y) whose negatives follow p(y | z): what a conditional bound reads.

    Exactly one of the three says where negatives come from; the estimand is I(X; Y | Z) in so far as they are draws
    of p(y | z), and larger by E KL(p(y | z) ‖ s(y | z)) where they follow s.

    Parameters
    ----------
    critic, params
    x, y, z : [n, dx], [n, dy], [n, dz]
    negatives : [n, K, dy], optional
        K draws for each row, from the law itself, a model of it, or further augmentations of the row.
    groups : [n] int, optional
        Rows of one group are negatives of one another: a discrete condition (z beside it may be its one-hot code).
    log_weights : [n, n], optional
        As of ``bounds.near``, ``bounds.nearest``, ``bounds.ridge``.
    **settings
        ``weight`` and ``transform`` of ``critic.stats``.

    Raises
    ------
    ValueError
        None of the three sources, or several; shapes that do not match; a row without a negative.
    """
    sources = {"negatives": negatives, "groups": groups, "log_weights": log_weights}
    given = [name for name, source in sources.items() if source is not None]
    if len(given) != 1:
        raise InputError(
            "say where negatives come from by one of negatives, groups and log_weights; "
            f"found {' and '.join(given) or 'none'}."
        )
    xz, y = condition(x, y, z, "x")
    if groups is not None:
        log_weights = bounds.same_group(groups)
    if negatives is None:
        return critic.stats(params, xz, y, log_weights=log_weights, **settings)
    negatives = jnp.asarray(negatives)
    if negatives.ndim != 3 or negatives.shape[0] != y.shape[0] or negatives.shape[2] != y.shape[1]:
        raise InputError(
            f"negatives must be [n, K, dy], K draws for each of {y.shape[0]} rows; found shape {negatives.shape}."
        )
    return drawn_stats(critic, params, xz, y, negatives, **settings)


def drawn_stats(critic: Critic, params: Params, x: Array, y: Array, negatives: Array, **settings: Any) -> ScoreStats:
    """Statistics of f(x, y) whose negatives are given, ``negatives`` [n, K, dy] of each row, one draw at a time."""
    scores = jax.lax.map(lambda drawn: critic.paired(params, x, drawn), negatives.swapaxes(0, 1))
    return negative_stats(critic.paired(params, x, y), scores.T, **settings)


def conditional_infonce(critic: Critic, params: Params, x: Array, y: Array, z: Array, **negatives: Any) -> Array:
    r"""InfoNCE with conditional negatives, in nats.

    .. math:: I(X; Y | Z) \ge E\Big[ f(x, y, z) - \log \Big( e^{f(x, y, z)} + \sum_{k=1}^K e^{f(x, y_k, z)} \Big) \Big]
              + \log(K + 1), \quad y_k \sim p(y | z)

    Direction: **lower** bound in expectation for any critic fitted on other data, if negatives follow p(y | z); at
    most log(K + 1), K the number of *conditional* negatives. Optimal critic: log p(y | x, z) − log p(y | z) + c(x, z).

    Source: Liang et al. 2023 (FactorCL), Eq. 13, with its expectation as written; Ma et al. 2021 (conditional
    contrastive learning).

    Parameters
    ----------
    critic, params, x, y, z, **negatives
        As for ``conditional_stats``.

    Returns
    -------
    scalar, nats
    """
    return bounds.infonce(conditional_stats(critic, params, x, y, z, **negatives))


def conditional_nce_club(critic: Critic, params: Params, x: Array, y: Array, z: Array, **negatives: Any) -> Array:
    r"""NCE-CLUB with conditional negatives, in nats.

    .. math:: E[f(x, y, z)] - E_{z, x} E_{y \sim p(y | z)} [f(x, y, z)]

    Direction: at the optimal critic the mean over Z of the **Jeffreys divergence** of p(x, y | z) and
    p(x | z) p(y | z), an **upper** bound of I(X; Y | Z) that is not tight (100 nats where the information is 2.3:
    Models I and II); for a trained critic **none**.

    Source: Liang et al. 2023 (FactorCL), Eq. 14, with its expectation as written.

    Parameters
    ----------
    critic, params, x, y, z, **negatives
        As for ``conditional_stats``.

    Returns
    -------
    scalar, nats
    """
    return bounds.nce_club(conditional_stats(critic, params, x, y, z, **negatives))


def joint_infonce(critic: Critic, params: Params, x: Array, y: Array, z: Array, **settings: Any) -> Array:
    r"""InfoNCE of f([x, z], y) with negatives from the batch, in nats: published as conditional, and it is not.

    Direction: **lower** bound of I(X, Z; Y) = I(X; Y | Z) + I(Z; Y), in expectation, for any critic fitted on other
    data; it may lie above I(X; Y | Z) by as much as I(Z; Y).

    Source: the released code of Liang et al. 2023 (FactorCL), which takes the negatives of Eqs. 13 and 14 from the
    batch.

    Parameters
    ----------
    critic, params, x, y, z
        As for ``conditional_stats``.
    **settings
        Of ``critic.stats``.

    Returns
    -------
    scalar, nats
    """
    return bounds.infonce(critic.stats(params, *condition(x, y, z, "x"), **settings))
