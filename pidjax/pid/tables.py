"""Tables p[x1, x2, y]: what is a table, the three informations in it, and the redundancies with a closed form."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from pidjax._checks import InputError
from pidjax.math.precision import in_double, traced
from pidjax.pid.atoms import PIDAtoms, atoms_mmi
from pidjax.typing import Array

T = TypeVar("T")


def of_table(f: Callable[[Array], T], p: Any) -> T:
    """f of every table in p, in double precision where p is not traced; refuses what is no table.

    Parameters
    ----------
    f : function
        Jitted, of one table [n1, n2, ny], to a pytree of arrays.
    p : [..., n1, n2, ny]
        Not negative; sums to 1, to 1e-6 (what is left of float32), and is divided by its sum.
    """
    shape = np.shape(p)
    if len(shape) < 3 or 0 in shape:
        raise InputError(
            f"a table must have the axes x1, x2 and y, or more before them (a batch); found shape {shape}."
        )
    if not traced(p):
        _check_values(np.asarray(p))
    return in_double(functools.partial(_batched, f), p)


def _batched(f: Callable[[Array], T], p: Array) -> T:
    if p.ndim == 3:
        return f(p)
    found = _mapped(f, p.reshape(-1, *p.shape[-3:]))
    return jax.tree.map(lambda a: a.reshape(*p.shape[:-3], *a.shape[1:]), found)


@functools.partial(jax.jit, static_argnums=0)
def _mapped(f: Callable[[Array], T], p: Array) -> T:
    # a few at a time: they stay in the cache, and a hard one keeps few others waiting
    return jax.lax.map(f, p, batch_size=max(1, min(256, 2**13 // p[0].size)))


def _check_values(p: np.ndarray) -> None:
    if not (np.issubdtype(p.dtype, np.floating) or np.issubdtype(p.dtype, np.integer)):
        raise InputError(f"a table must hold real numbers; found {p.dtype}.")
    if not np.isfinite(p).all():
        raise InputError("a table must hold finite probabilities; found NaN or infinity: remove them first.")
    if p.min() < 0:
        raise InputError(f"probabilities must not be negative; found {p.min():.3g}: clip them, or check what p is.")
    sums = p.sum(axis=(-3, -2, -1), dtype=np.float64)
    worst = float(np.ravel(sums)[np.abs(sums - 1).argmax()])
    if abs(worst - 1) > 1e-6:
        raise InputError(f"a table must sum to 1; found {worst:.6g}: divide it by its sum.")


def marginals(p: Array) -> tuple[Array, Array, Array]:
    """p(x1, y), p(x2, y) and p(y)."""
    return p.sum(1), p.sum(0), p.sum((0, 1))


def log_or_0(x: Array) -> Array:
    """Logarithm, and 0 (with gradient 0) where x is 0: what carries no probability carries no information."""
    return jnp.log(jnp.where(x > 0, x, 1.0))


def entropy(p: Array) -> Array:
    """−Σ p log p, nats."""
    return -(p * log_or_0(p)).sum()


def _informations(p: Array) -> tuple[Array, Array, Array]:
    p = p / p.sum()
    p1, p2, py = marginals(p)
    h_y, p12 = entropy(py), p.sum(2)
    mi1 = h_y + entropy(p12.sum(1)) - entropy(p1)
    mi2 = h_y + entropy(p12.sum(0)) - entropy(p2)
    return mi1, mi2, h_y + entropy(p12) - entropy(p)


table_informations = jax.jit(_informations)


def informations(p: Array) -> tuple[Array, Array, Array]:
    """I(X1; Y), I(X2; Y) and I(X1, X2; Y) of a table, nats.

    Parameters
    ----------
    p : [..., n1, n2, ny]
        Probabilities p[x1, x2, y]; leading axes are a batch.

    Returns
    -------
    Three arrays of the batch's shape: numpy float64 outside a trace.

    Raises
    ------
    ValueError
        p has fewer than three axes, is negative somewhere, or does not sum to 1.
    """
    return of_table(table_informations, p)


@jax.jit
def _mmi(p: Array) -> PIDAtoms:
    return atoms_mmi(*_informations(p))


def mmi(p: Array) -> PIDAtoms:
    """Atoms of a table by minimum mutual information, R = min(I(X1; Y), I(X2; Y)) (Barrett 2015), nats.

    Equal to ``broja`` where one of its unique atoms is 0; else R is too large by the smaller of them: of two
    independent bits copied into Y it says one bit redundant and one synergistic.

    Parameters, results and errors as for ``informations``.
    """
    return of_table(_mmi, p)


@jax.jit
def _williams_beer(p: Array) -> PIDAtoms:
    p = p / p.sum()
    mi1, mi2, total = _informations(p)
    p1, p2, py = marginals(p)

    def specific(joint: Array) -> Array:
        """p(y) times what the source says of each y, [ny]."""
        return (joint * (log_or_0(joint) - log_or_0(joint.sum(1))[:, None] - log_or_0(py)[None])).sum(0)

    redundancy = jnp.minimum(specific(p1), specific(p2)).sum()
    return PIDAtoms(redundancy, mi1 - redundancy, mi2 - redundancy, total - mi1 - mi2 + redundancy)


def williams_beer(p: Array) -> PIDAtoms:
    r"""Atoms of a table by the first redundancy proposed, the expected minimum of specific informations, nats.

    .. math:: R = \sum_y p(y) \min_i \sum_{x_i} p(x_i | y) \log \frac{p(y | x_i)}{p(y)}

    It counts sources as redundant that say equally much about y, though not the same: of two independent bits
    copied into Y it says one bit redundant. Never below ``broja``'s R.

    Source: Williams & Beer 2010. Parameters, results and errors as for ``informations``.
    """
    return of_table(_williams_beer, p)
