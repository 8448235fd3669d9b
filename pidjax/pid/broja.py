"""The PID of Bertschinger, Rauh, Olbrich, Jost and Ay (2014), and of Griffith and Koch: solved, and certified."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from pidjax.pid.atoms import PIDAtoms
from pidjax.pid.coupling import least_informative
from pidjax.pid.tables import entropy, marginals, of_table, table_informations
from pidjax.typing import Array


class Certified(NamedTuple):
    """Atoms and how far they can be off.

    Attributes
    ----------
    atoms : PIDAtoms
    gap : scalar
        By how much, in nats, the union information that the atoms rest on can exceed the true one: what q reaches
        less what the multipliers of the dual problem prove. Every atom is within ``gap`` of its true value.
    q : [n1, n2, ny]
        The table with p's (x1, y) and (x2, y) marginals in which the sources say least about y.
    """

    atoms: PIDAtoms
    gap: Array
    q: Array


@jax.jit
def _certified(p: Array) -> Certified:
    p = p / p.sum()
    mi1, mi2, total = table_informations(p)
    p1, p2, py = marginals(p)
    found = jax.tree.map(jax.lax.stop_gradient, least_informative(jax.lax.stop_gradient(p)))
    # envelope theorem: the value moves as the multipliers say, whatever q does
    moved = (found.lambda1 * (p1 - jax.lax.stop_gradient(p1))).sum()
    moved += (found.lambda2 * (p2 - jax.lax.stop_gradient(p2))).sum()
    union = entropy(py) + found.value + moved
    # p itself, and sources independent given y, are feasible too: no atom is negative by an error of the solver
    within = jnp.clip(union, jnp.maximum(mi1, mi2), jnp.minimum(total, mi1 + mi2))
    union = union + jax.lax.stop_gradient(within - union)
    atoms = PIDAtoms(mi1 + mi2 - union, union - mi2, union - mi1, total - union)
    return Certified(atoms, jnp.maximum(found.value - found.bound, 0), found.q)


def certified_broja(p: Array) -> Certified:
    """``broja`` with its certificate and the minimising table.

    Parameters and errors as for ``broja``. ``gap`` and ``q`` have no gradient.
    """
    return of_table(_certified, p)


def broja(p: Array) -> PIDAtoms:
    r"""Redundant, unique and synergistic information of a table, nats.

    The union information is what two sources say about y when no more than their pairs with y is known: the least
    of all tables with those pairs,

    .. math:: I_\cup = \min_q I_q(X_1, X_2; Y) \quad \text{over } q(x_1, y) = p(x_1, y),\ q(x_2, y) = p(x_2, y)

    and R = I1 + I2 − I∪, U1 = I∪ − I2, U2 = I∪ − I1, S = I12 − I∪. So R + U1 = I(X1; Y) and so on hold by
    construction. U1 = 0 if and only if X1 is a noisy function of X2 as far as y is concerned (Blackwell).

    Outside a trace it works in 64 bit whatever JAX's setting, and the union information is usually certain to
    1e-11; where outcomes of 1e-9 and less are all that decides, to 1e-6 (``certified_broja`` says to how much).
    Inside ``jit``, ``vmap`` or ``grad`` the caller's setting decides: in 32 bit expect errors of 1e-3.
    Differentiable once, by the envelope theorem, among tables of the same support; where the multipliers are not
    unique it is one of several slopes.
    Many tables: put them in one array.

    Source: Bertschinger et al. 2014; Griffith & Koch 2014. Solved as ``pidjax.pid.coupling`` says.

    Parameters
    ----------
    p : [..., n1, n2, ny]
        Probabilities p[x1, x2, y], zeros allowed; leading axes are a batch. Time is that of 10 to 60
        factorisations of a matrix of (n1 + n2) ny rows; memory holds that matrix and n1 n2 ny² numbers.

    Returns
    -------
    PIDAtoms of the batch's shape: numpy float64 outside a trace.

    Raises
    ------
    ValueError
        p has fewer than three axes, is negative somewhere, or does not sum to 1.
    """
    return of_table(_certified, p).atoms
