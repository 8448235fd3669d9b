"""How much of a vector-valued factor a representation holds: held-out Gaussian regression, in nats."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from pidjax._checks import InputError
from pidjax.evaluate.folds import Fold
from pidjax.evaluate.whitened import whitened
from pidjax.fit import fit
from pidjax.typing import Array

HIDDEN = 256
"""Width of the perceptron that refines ridge regression."""
WATCHED = 0.15
"""Share of a fold's training rows on which ridge, perceptron, coordinates and the residuals' covariance are chosen."""


def vector_information(
    key: Array, z: np.ndarray, w: np.ndarray, folds: Sequence[Fold], *, steps: int = 1500
) -> tuple[np.ndarray, np.ndarray]:
    r"""Held-out log-density ratio of every tested row, in nats, and the rows' indices.

    .. math:: I(Z; W) \ge E[\log q(w | z)] + H(W), \quad q(w | z) = N(m(z), \Sigma), \quad
              H(W) \text{ of the Gaussian with W's covariance}

    m is ridge regression plus a perceptron on what that leaves, stopped early on watched rows, from which Σ is taken
    too; z is read standardised and whitened, and the reading that leaves less of the watched rows is kept. Direction:
    **lower** bound in expectation where W is Gaussian; where it is not, H(W) is taken too large, by the divergence of
    W from a Gaussian of its covariance.

    Parameters
    ----------
    key : PRNG key
    z : [n, d]
    w : [n, k]
    folds : sequence of Fold
    steps : int
        Of the perceptron's fit.

    Returns
    -------
    terms [tested]
        Their mean is the information.

    References
    ----------
    Barber & Agakov 2003.
    """
    z, w, terms, rows = np.asarray(z), np.asarray(w), [], []
    for i, fold in enumerate(folds):
        cut = round(len(fold.train) * (1 - WATCHED))
        if len(fold.train) - cut <= w.shape[1] + 1:
            raise InputError(
                f"a factor of {w.shape[1]} columns needs more than {round((w.shape[1] + 2) / WATCHED)} rows to train "
                f"on; found {len(fold.train)}."
            )
        order = np.random.default_rng(i).permutation(fold.train)
        parts = tuple(np.asarray(order[a:b]) for a, b in ((0, cut), (cut, len(order))))
        of_z, of_w = ([v[r] for r in (*parts, fold.test)] for v in (z, w))
        readings = []
        for seen in (of_z, whitened(*of_z)):
            sets = [(a.astype(np.float32), b.astype(np.float32)) for a, b in zip(seen, of_w, strict=True)]
            readings.append(_terms(jax.random.fold_in(key, i), *sets, steps=steps))
        terms.append(np.asarray(min(readings, key=lambda reading: float(reading[1]))[0]))
        rows.append(fold.test)
    return np.concatenate(terms), np.concatenate(rows)


@functools.partial(jax.jit, static_argnames="steps")
def _terms(key: Array, trained: tuple, watched: tuple, tested: tuple, *, steps: int) -> tuple[Array, Array]:
    """Log-density ratio of tested rows; and what is left of watched rows, as half a log-determinant."""
    (z, w), n = trained, trained[0].shape[0]
    centre, scale = z.mean(0, keepdims=True), z.std(0, keepdims=True)
    scale = jnp.where(scale > 1e-6, scale, jnp.inf)
    middle, spread = w.mean(0, keepdims=True), w.std(0, keepdims=True)

    def standard(part: tuple) -> tuple[Array, Array]:
        return (part[0] - centre) / scale, (part[1] - middle) / spread

    (z, w), watched, tested = standard(trained), standard(watched), standard(tested)
    # ridge regression at all penalties from one decomposition; the best on watched rows
    values, axes = jnp.linalg.eigh(z.T @ z / n)
    projected = axes.T @ (z.T @ w / n)
    penalties = jnp.logspace(-6, 1, 15)
    weights = jax.vmap(lambda p: axes @ (projected / (jnp.maximum(values, 0) + p)[:, None]))(penalties)
    errors = jax.vmap(lambda m: ((watched[1] - watched[0] @ m) ** 2).mean())(weights)
    linear = weights[errors.argmin()]

    a, b = jax.random.split(key)
    d, k = z.shape[1], w.shape[1]
    params = {
        "in": jax.random.normal(a, (d, HIDDEN)) / d**0.5,
        "bias": jnp.zeros((1, HIDDEN)),
        "out": jnp.zeros((HIDDEN, k)),
    }

    def mean(params: dict, z: Array) -> Array:
        return z @ linear + jax.nn.gelu(z @ params["in"] + params["bias"]) @ params["out"]

    def loss(params: dict, rows: tuple) -> Array:
        return ((rows[1] - mean(params, rows[0])) ** 2).mean()

    params = fit(b, loss, params, (z, w), watched, steps=steps, learning_rate=3e-3, weight_decay=1e-2).params
    residual = watched[1] - mean(params, watched[0])
    # both covariances from the same rows: what their estimation costs cancels
    terms = _log_density(tested[1] - mean(params, tested[0]), residual) - _log_density(tested[1], watched[1])
    return terms, jnp.linalg.slogdet(residual.T @ residual / residual.shape[0])[1] / 2


def _log_density(x: Array, like: Array) -> Array:
    """Of rows of x under the Gaussian of mean 0 with the covariance of ``like``, less what does not depend on it."""
    sigma = like.T @ like / like.shape[0] + 1e-9 * jnp.eye(like.shape[1])
    factor = jnp.linalg.cholesky(sigma)
    scaled = jax.scipy.linalg.solve_triangular(factor, x.T, lower=True)
    return -jnp.log(jnp.diagonal(factor)).sum() - (scaled**2).sum(0) / 2
