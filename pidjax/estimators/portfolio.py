"""``auto``: one configuration for every problem, an anchored critic beside estimators of what it may miss."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from pidjax.estimators.anchored import anchored_mi
from pidjax.estimators.classical.neighbours import ksg_terms, radial_terms
from pidjax.estimators.crossfit import mean_and_error
from pidjax.typing import Array

FEW_DIMENSIONS = 4
"""Up to how many dimensions in all nearest neighbours take part: beyond, their bias is larger than their use."""
DOF = (1, 2, 4, 8, math.inf)
"""Degrees of freedom of the margins under which lengths are compared."""
CLEAR = 2.5
"""Standard errors by which a member must exceed the anchored one."""
SHARED_LUCK = 1.4
"""How much too small standard errors of neighbour terms are, at most: neighbours share their terms' luck."""


class Auto(NamedTuple):
    """What the portfolio found.

    Attributes
    ----------
    value, std_error : scalars
        Of the chosen member, nats.
    infonce, l1out : [n]
        Terms of the anchored critic's InfoNCE and L1Out.
    chosen : scalar int
        Its place in ``members(dx, dy)``.
    values, std_errors : [members]
    gaussian : scalar
        The Gaussian copula's part of the anchored value.
    """

    value: Array
    std_error: Array
    infonce: Array
    l1out: Array
    chosen: Array
    values: Array
    std_errors: Array
    gaussian: Array


def members(dx: int, dy: int) -> tuple[str, ...]:
    """Names of the members, in the order of ``Auto.values``."""
    radial = tuple(f"radial ksg, {'normal' if math.isinf(dof) else f't({dof:g})'} margins" for dof in DOF)
    return ("anchored", *(("ksg",) if dx + dy <= FEW_DIMENSIONS else ()), *radial)


def auto_mi(key: Array, x: Array, y: Array) -> Auto:
    """Mutual information by the portfolio, in nats: ``anchored_mi`` unless another member clearly sees more.

    Members tend to miss information rather than to invent it: the anchored critic what it could not learn, neighbours
    what they blur in more than a few dimensions, lengths what is not in lengths. So the largest would be right, were
    it not for noise: a member is believed where it exceeds the anchored one by 2.5 standard errors of their
    difference, row by row (1.4 times as large as their terms say, for neighbours share their luck); of several such,
    the one whose excess less that margin is largest.

    Direction: **none**. All members are unchanged by strictly increasing maps of coordinates, so the value is.

    Parameters
    ----------
    key : PRNG key
    x, y : [n, dx], [n, dy]

    Returns
    -------
    Auto

    Raises
    ------
    ValueError
        As for ``anchored_mi``.
    """
    for_anchored, for_ties = jax.random.split(key)
    anchored = anchored_mi(for_anchored, x, y)
    few = x.shape[1] + y.shape[1] <= FEW_DIMENSIONS
    neighbours = [ksg_terms(x, y, key=for_ties)[None]] if few else []
    all_terms = jnp.concatenate([anchored.terms[None], *neighbours, radial_terms(x, y, dof=DOF, key=for_ties)])
    excess, noise = jax.vmap(mean_and_error)(all_terms - anchored.terms[None])
    chosen = (excess - CLEAR * SHARED_LUCK * noise).argmax()
    values, std_errors = jax.vmap(mean_and_error)(all_terms)
    picked = values[chosen], std_errors[chosen]
    return Auto(*picked, anchored.infonce, anchored.l1out, chosen, values, std_errors, anchored.gaussian)
