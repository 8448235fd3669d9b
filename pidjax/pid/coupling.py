"""The coupling of two sources with the least information about a target: an interior-point solver.

Over tables q >= 0 with q(x1, y) = p(x1, y) and q(x2, y) = p(x2, y),

    F(p) = min_q  Σ q(x1, x2, y) log q(y | x1, x2)  =  max_λ  Σ p(x1, y) λ1(x1, y) + Σ p(x2, y) λ2(x2, y)
                                                       subject to  log Σ_y exp(λ1 + λ2) <= 0  for every (x1, x2).

The two sides meet where q(y | x1, x2) = exp(λ1(x1, y) + λ2(x2, y)) and every cell (x1, x2) with slack in its
constraint is empty. So unknown are the λ, the mass r of each cell and its slack s > 0: q is r softmax(λ1 + λ2),
positive by construction, and r s -> 0 is all that is complementary. In q itself Newton's method stumbles over
every cell that empties.

Newton's equations for r, s and λ reduce to (n1 + n2) ny equations in λ (Mehrotra's predictor and corrector). Each
cell's r s is driven to µ p(x1) p(x2)-like weights instead of to one µ, because a cell that can hold 1e-12 would
else need a slack of µ 1e12. Any λ, shifted until it is feasible, bounds F from below; q, its marginals mended, from
above: the difference is the certificate.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from pidjax.math.factor import semidefinite_solver
from pidjax.pid.tables import log_or_0, marginals
from pidjax.typing import Array

STEPS = 60
"""Newton steps at most; 9 to 20 are usual."""
START = 0.1
"""Slack of the first iterate beyond what it has anyway, nats."""
RISE = 4.0
"""No λ1 + λ2 rises by more than this in a step: its exponential is followed linearly."""


class Coupling(NamedTuple):
    """The minimiser and its multipliers.

    Attributes
    ----------
    q : [n1, n2, ny]
    lambda1, lambda2 : [n1, ny], [n2, ny]
        Feasible; 0 where the marginal is 0. The gradient of F in p(x1, y) and p(x2, y).
    value : scalar
        Σ q log q(y | x1, x2), nats: not below F.
    bound : scalar
        What the multipliers say: not above F.
    """

    q: Array
    lambda1: Array
    lambda2: Array
    value: Array
    bound: Array


class _State(NamedTuple):
    """λ of all marginals in one vector, the mass and the slack of each cell; the best of them so far, and its error."""

    step: Array
    multipliers: Array
    mass: Array
    slack: Array
    best: tuple[Array, Array, Array]
    stalled: Array


def least_informative(p: Array) -> Coupling:
    """Solve for F. Not differentiable; float64 for more than three digits.

    Parameters
    ----------
    p : [n1, n2, ny]
        A table that sums to 1.
    """
    n1, n2, ny = p.shape
    eps = jnp.finfo(p.dtype).eps
    tolerance = 5e3 * eps  # of the gap; 1e-12 in float64
    p1, p2, py = marginals(p)
    support = (p1[:, None] > 0) & (p2[None] > 0)
    cell = support.any(-1)
    targets = jnp.concatenate([p1.ravel(), p2.ravel()])
    # one equation for each y follows from the others: that of its likeliest x2
    spare = jnp.arange(n2)[:, None] == p2.argmax(0)[None]
    held = (targets > 0) & ~jnp.concatenate([jnp.zeros(n1 * ny, bool), spare.ravel()])

    def sums(q: Array) -> Array:
        return jnp.concatenate([q.sum(1).ravel(), q.sum(0).ravel()])

    def spread(multipliers: Array) -> Array:
        return multipliers[: n1 * ny].reshape(n1, 1, ny) + multipliers[n1 * ny :].reshape(1, n2, ny)

    def softmax(multipliers: Array) -> tuple[Array, Array]:
        """q(y | x1, x2) and log Σ exp."""
        logits = jnp.where(support, spread(multipliers), -jnp.inf)
        top = jnp.where(cell, logits.max(-1), 0.0)
        weights = jnp.exp(logits - top[..., None])
        total = jnp.where(cell, weights.sum(-1), 1.0)
        return weights / total[..., None], jnp.where(cell, jnp.log(total) + top, 0.0)

    # sources independent given y: both sides are feasible, with slack −log q(x1, x2)
    first = jnp.concatenate([(log_or_0(p1) - START).ravel(), (log_or_0(p2) - log_or_0(py)[None]).ravel()])
    level = softmax(first)[1]
    weight = jnp.where(cell, jnp.exp(level + START), 0.0)

    def longest(x: Array, along: Array) -> Array:
        """How far x can go and stay positive."""
        falls = cell & (along < 0)
        return jnp.where(falls, -x / jnp.where(falls, along, 1.0), jnp.inf).min()

    def improve(state: _State) -> _State:
        _, multipliers, mass, slack, best, _ = state
        given, level = softmax(multipliers)
        q = mass[..., None] * given
        infeasible = jnp.where(cell, level + slack, 0.0)
        missing = jnp.where(held, targets - sums(q), 0.0)
        duality = (mass * jnp.where(cell, slack, 0.0)).sum()
        solve = semidefinite_solver(_newton_matrix(given, q, jnp.where(cell, mass * (1 / slack - 1), 0.0), held))

        def direction(product: Array) -> tuple[Array, Array, Array]:
            """Steps of λ, mass and slack towards mass · slack = product."""
            shift = jnp.where(cell, (product - mass * slack + mass * infeasible) / slack, 0.0)
            rise = jnp.where(held, solve(jnp.where(held, missing - sums(given * shift[..., None]), 0.0)), 0.0)
            mean = (given * spread(rise)).sum(-1)
            return rise, jnp.where(cell, shift + mass / slack * mean, 0.0), jnp.where(cell, -infeasible - mean, 0.0)

        _, mass_step, slack_step = direction(jnp.zeros_like(mass))
        to_mass, to_slack = jnp.minimum(1, longest(mass, mass_step)), jnp.minimum(1, longest(slack, slack_step))
        reached = jnp.where(cell, (mass + to_mass * mass_step) * (slack + to_slack * slack_step), 0.0).sum()
        # no lower than the marginals are wrong: else the path is left
        least = jnp.maximum(tolerance / 10, jnp.minimum(duality, 0.3 * jnp.abs(missing).sum()))
        centre = jnp.maximum(duality * jnp.clip((reached / duality) ** 3, 1e-3, 1), least)
        rise, mass_step, slack_step = direction(weight * centre - to_mass * to_slack * mass_step * slack_step)

        to_mass = jnp.minimum(1, 0.99 * longest(mass, mass_step))
        to_slack = jnp.minimum(1, 0.99 * longest(slack, slack_step))
        to_slack = jnp.minimum(to_slack, RISE / jnp.maximum(jnp.where(support, spread(rise), 0.0).max(), eps))
        sound = jnp.isfinite(rise).all() & jnp.isfinite(mass_step).all()
        to_mass, to_slack = jnp.where(sound, to_mass, 0.0), jnp.where(sound, to_slack, 0.0)

        error = jnp.maximum(jnp.maximum(duality, jnp.abs(missing).sum()), level.max())
        better = error < best[0]
        best = jax.tree.map(lambda a, b: jnp.where(better, a, b), (error, multipliers, mass), best)
        stalled = jnp.where(better | (duality > 10 * tolerance), 0, state.stalled + 1)
        return _State(
            state.step + 1,
            multipliers + to_slack * jnp.where(sound, rise, 0.0),
            mass + to_mass * jnp.where(sound, mass_step, 0.0),
            slack + to_slack * jnp.where(sound, slack_step, 0.0),
            best,
            jnp.where(sound, stalled, STEPS),
        )

    def unfinished(state: _State) -> Array:
        return (state.step < STEPS) & (state.best[0] > tolerance) & (state.stalled < 5)

    start = _State(
        jnp.asarray(0),
        first,
        weight,
        jnp.where(cell, -level, 1.0),
        (jnp.asarray(jnp.inf, p.dtype), first, weight),
        jnp.asarray(0),
    )
    _, multipliers, mass = jax.lax.while_loop(unfinished, improve, start).best
    given, level = softmax(multipliers)
    q = _mended(mass[..., None] * given, p1, p2)
    lambda1 = multipliers[: n1 * ny].reshape(n1, ny) - jnp.where(cell, level, -jnp.inf).max(1, initial=-1e30)[:, None]
    lambda1 = jnp.where(p1 > 0, lambda1, 0.0)
    lambda2 = jnp.where(p2 > 0, multipliers[n1 * ny :].reshape(n2, ny), 0.0)
    value = (q * (log_or_0(q) - log_or_0(q.sum(-1))[..., None])).sum()
    return Coupling(q, lambda1, lambda2, value, (p1 * lambda1).sum() + (p2 * lambda2).sum())


def _newton_matrix(given: Array, q: Array, stiffness: Array, held: Array) -> Array:
    """Σ over cells of diag(q) + stiffness q(y | cell) q(y' | cell), gathered by (x1, y) and (x2, y)."""
    n1, n2, ny = q.shape
    cross = (given * stiffness[..., None])[..., None] * given[..., None, :]  # [n1, n2, ny, ny]
    eye = jnp.eye(ny, dtype=q.dtype)

    def own(blocks: Array, totals: Array) -> Array:
        """Block-diagonal."""
        n = blocks.shape[0]
        blocks = blocks + totals[..., None] * eye[None]
        return (jnp.eye(n, dtype=q.dtype)[:, None, :, None] * blocks[:, :, None, :]).reshape(n * ny, n * ny)

    between = (cross + q[..., None] * eye[None, None]).transpose(0, 2, 1, 3).reshape(n1 * ny, n2 * ny)
    whole = jnp.block([[own(cross.sum(1), q.sum(1)), between], [between.T, own(cross.sum(0), q.sum(0))]])
    kept = held[:, None] & held[None]
    return jnp.where(kept, whole, jnp.eye(len(held), dtype=q.dtype))


def _mended(q: Array, p1: Array, p2: Array) -> Array:
    """q scaled to the marginals, of which it misses little (Sinkhorn)."""

    def ratio(a: Array, b: Array) -> Array:
        return jnp.where(b > 0, a / jnp.where(b > 0, b, 1.0), 0.0)

    def sweep(_, q: Array) -> Array:
        q = q * ratio(p1, q.sum(1))[:, None]
        return q * ratio(p2, q.sum(0))[None]

    return jax.lax.fori_loop(0, 20, sweep, q)
