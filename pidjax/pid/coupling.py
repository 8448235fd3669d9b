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
else need a slack of µ 1e12. Any λ, shifted until it is feasible, bounds F from below; q, rounded to
a table with exactly these marginals, from above: the difference is the certificate.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from pidjax.math.factor import semidefinite_solver
from pidjax.math.transport import rounded, sinkhorn
from pidjax.pid.tables import log_or_0, marginals
from pidjax.typing import Array

STEPS = 60
"""Newton steps at most; 9 to 20 are usual."""
START = 0.1
"""Slack of the first iterate beyond what it has anyway, nats."""
SWEEPS = 20
"""Of Sinkhorn's scaling of the solution, which misses the marginals by little."""
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


class _Problem(NamedTuple):
    """What does not change: marginals, which cells and entries can hold mass, which multipliers are unknown."""

    p1: Array
    p2: Array
    support: Array
    cell: Array
    held: Array
    weight: Array
    """[n1, n2]: mass times slack is driven to a multiple of it; sums to 1."""

    def spread(self, multipliers: Array) -> Array:
        """λ1(x1, y) + λ2(x2, y) of all multipliers in one vector, [n1, n2, ny]."""
        (n1, ny), n2 = self.p1.shape, self.p2.shape[0]
        return multipliers[: n1 * ny].reshape(n1, 1, ny) + multipliers[n1 * ny :].reshape(1, n2, ny)

    def softmax(self, multipliers: Array) -> tuple[Array, Array]:
        """q(y | x1, x2), and log Σ_y exp(λ1 + λ2), 0 where no mass can be."""
        logits = jnp.where(self.support, self.spread(multipliers), -jnp.inf)
        top = jnp.where(self.cell, logits.max(-1), 0.0)
        weights = jnp.exp(logits - top[..., None])
        total = jnp.where(self.cell, weights.sum(-1), 1.0)
        return weights / total[..., None], jnp.where(self.cell, jnp.log(total) + top, 0.0)

    def on_cells(self, x: Array) -> Array:
        """x, 0 where no mass can be."""
        return jnp.where(self.cell, x, 0.0)

    def longest(self, x: Array, along: Array) -> Array:
        """How far x can go and stay positive on all cells."""
        falls = self.cell & (along < 0)
        return jnp.where(falls, -x / jnp.where(falls, along, 1.0), jnp.inf).min()


class _Iterate(NamedTuple):
    """All multipliers in one vector; mass and slack of every cell. A step has the same form."""

    multipliers: Array
    mass: Array
    slack: Array


class _State(NamedTuple):
    """Where the iteration is, and the best iterate so far with its error."""

    step: Array
    now: _Iterate
    best: _Iterate
    error: Array
    stalled: Array


def least_informative(p: Array) -> Coupling:
    """Solve for F. Not differentiable; float64 for more than three digits.

    Parameters
    ----------
    p : [n1, n2, ny]
        A table that sums to 1.
    """
    tolerance = 5e3 * float(jnp.finfo(p.dtype).eps)  # of the gap; 1e-12 in float64
    problem, start = _posed(p)
    first = _State(jnp.asarray(0), start, start, jnp.asarray(jnp.inf, p.dtype), jnp.asarray(0))

    def unfinished(state: _State) -> Array:
        return (state.step < STEPS) & (state.error > tolerance) & (state.stalled < 5)

    found = jax.lax.while_loop(unfinished, lambda state: _improved(problem, state, tolerance), first).best
    given, level = problem.softmax(found.multipliers)
    q = sinkhorn(found.mass[..., None] * given, problem.p1, problem.p2, SWEEPS)
    q = rounded(q, problem.p1, problem.p2)  # for the value to be above F it must be feasible
    value = (q * (log_or_0(q) - log_or_0(q.sum(-1))[..., None])).sum()

    cut = problem.p1.size
    # lowered until feasible, each x1 by its own
    over = jnp.where(problem.cell, level, -jnp.inf).max(1)[:, None]
    lambda1 = jnp.where(problem.p1 > 0, found.multipliers[:cut].reshape(problem.p1.shape) - over, 0.0)
    lambda2 = jnp.where(problem.p2 > 0, found.multipliers[cut:].reshape(problem.p2.shape), 0.0)
    bound = (problem.p1 * lambda1).sum() + (problem.p2 * lambda2).sum()
    return Coupling(q, lambda1, lambda2, value, bound)


def _posed(p: Array) -> tuple[_Problem, _Iterate]:
    """The problem, and sources independent given y, where both sides are feasible with slack −log q(x1, x2)."""
    p1, p2, py = marginals(p)
    support = (p1[:, None] > 0) & (p2[None] > 0)
    cell = support.any(-1)
    # one equation for each y follows from the others: that of its likeliest x2
    spare = jnp.arange(p2.shape[0])[:, None] == p2.argmax(0)[None]
    held = jnp.concatenate([p1.ravel() > 0, ((p2 > 0) & ~spare).ravel()])
    multipliers = jnp.concatenate([(log_or_0(p1) - START).ravel(), (log_or_0(p2) - log_or_0(py)[None]).ravel()])
    problem = _Problem(p1, p2, support, cell, held, jnp.zeros_like(cell, p.dtype))
    level = problem.softmax(multipliers)[1]
    mass = problem.on_cells(jnp.exp(level + START))
    return problem._replace(weight=mass), _Iterate(multipliers, mass, jnp.where(cell, -level, 1.0))


def _improved(problem: _Problem, state: _State, tolerance: float) -> _State:
    """One predictor and corrector step."""
    now, (held, on_cells) = state.now, (problem.held, problem.on_cells)
    given, level = problem.softmax(now.multipliers)
    q = now.mass[..., None] * given
    infeasible = on_cells(level + now.slack)
    missing = jnp.where(held, jnp.concatenate([problem.p1.ravel(), problem.p2.ravel()]) - _sums(q), 0.0)
    duality = on_cells(now.mass * now.slack).sum()
    solve = semidefinite_solver(_newton_matrix(given, q, on_cells(now.mass * (1 / now.slack - 1)), held))

    def towards(product: Array) -> _Iterate:
        """The Newton step to mass · slack = product."""
        shift = on_cells((product - now.mass * now.slack + now.mass * infeasible) / now.slack)
        rise = jnp.where(held, solve(jnp.where(held, missing - _sums(given * shift[..., None]), 0.0)), 0.0)
        mean = (given * problem.spread(rise)).sum(-1)
        return _Iterate(rise, on_cells(shift + now.mass / now.slack * mean), on_cells(-infeasible - mean))

    def lengths(step: _Iterate, of: float) -> tuple[Array, Array]:
        """How far to go in mass and in slack: not beyond this part of the way to the boundary."""
        a, b = problem.longest(now.mass, step.mass), problem.longest(now.slack, step.slack)
        return jnp.minimum(1, of * a), jnp.minimum(1, of * b)

    plain = towards(jnp.zeros_like(now.mass))
    a, b = lengths(plain, 1.0)
    reached = on_cells((now.mass + a * plain.mass) * (now.slack + b * plain.slack)).sum()
    # no lower than the marginals are wrong: else the central path is left
    least = jnp.maximum(tolerance / 10, jnp.minimum(duality, 0.3 * jnp.abs(missing).sum()))
    centre = jnp.maximum(duality * jnp.clip((reached / duality) ** 3, 1e-3, 1), least)
    step = towards(problem.weight * centre - a * b * plain.mass * plain.slack)
    a, b = lengths(step, 0.99)
    rises = jnp.where(problem.support, problem.spread(step.multipliers), 0.0).max()
    b = jnp.minimum(b, RISE / jnp.maximum(rises, jnp.finfo(q.dtype).eps))
    sound = jnp.isfinite(step.multipliers).all() & jnp.isfinite(step.mass).all()
    moved = _Iterate(now.multipliers + b * step.multipliers, now.mass + a * step.mass, now.slack + b * step.slack)

    error = jnp.maximum(jnp.maximum(duality, jnp.abs(missing).sum()), level.max())
    better = error < state.error
    stalled = jnp.where(better | (duality > 10 * tolerance), 0, state.stalled + 1)
    return _State(
        state.step + 1,
        jax.tree.map(lambda new, old: jnp.where(sound, new, old), moved, now),
        jax.tree.map(lambda new, old: jnp.where(better, new, old), now, state.best),
        jnp.where(better, error, state.error),
        jnp.where(sound, stalled, STEPS),
    )


def _sums(q: Array) -> Array:
    """Both marginals in one vector."""
    return jnp.concatenate([q.sum(1).ravel(), q.sum(0).ravel()])


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
