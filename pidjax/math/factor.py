"""Matrix factorisations that can be vmapped on CPU.

jaxlib (0.10 at least) deals the matrices of a batched LAPACK call to the very threads that such calls run on, and
waits there. As many independent batched calls as there are threads, as in ``vmap`` of any function of two QR
factorisations on two cores, wait for each other for ever. A single matrix is factorised where it is. So here a
batch is a loop over matrices on CPU, and on other backends what it always is.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.custom_batching import sequential_vmap

from pidjax.typing import Array


def _one_by_one(f: Callable) -> Callable:
    looped = sequential_vmap(f)

    def call(*x: Array):
        with jax.default_matmul_precision("highest"):
            return looped(*x) if jax.default_backend() == "cpu" else f(*x)

    return call


_qr = _one_by_one(lambda x: tuple(jnp.linalg.qr(x)))
_svd = _one_by_one(lambda x: tuple(jnp.linalg.svd(x, full_matrices=False)))
_inverse = _one_by_one(
    lambda r: jax.scipy.linalg.solve_triangular(r, jnp.eye(r.shape[0], dtype=r.dtype))  # r is upper triangular
)
_eigh = _one_by_one(lambda x: tuple(jnp.linalg.eigh(x)))
_cholesky = _one_by_one(jnp.linalg.cholesky)
_backsolve = _one_by_one(lambda lower, b: jax.scipy.linalg.cho_solve((lower, True), b))


@jax.custom_jvp
def qr(x: Array) -> tuple[Array, Array]:
    """Orthonormal q [n, d] and upper triangular r [d, d] with x = q r, for [n, d] with n >= d. Differentiable once."""
    return _qr(x)


@qr.defjvp
def _qr_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    q, r = qr(x)
    with jax.default_matmul_precision("highest"):
        dx_r = dx @ _inverse(r)  # as a product, because a batched solve is a LAPACK call again
        inner = q.T @ dx_r
        below = jnp.tril(inner, -1)
        turn = below - below.T
        return (q, r), (q @ (turn - inner) + dx_r, (inner - turn) @ r)


def svd(x: Array) -> tuple[Array, Array, Array]:
    """Left vectors, singular values (descending) and right vectors' rows. Not differentiable."""
    return _svd(x)


def triangular_inverse(r: Array) -> Array:
    """Inverse of an upper triangular matrix. Not differentiable."""
    return _inverse(r)


def eigh(x: Array) -> tuple[Array, Array]:
    """Eigenvalues, ascending, and eigenvectors, in columns, of a symmetric matrix. Not differentiable."""
    return _eigh(x)


SMALL = 16
"""Up to this many unknowns elimination in plain JAX beats one LAPACK call a matrix where thousands are vmapped."""


def semidefinite_solver(a: Array) -> Callable[[Array], Array]:
    """b to x with a x = b, for [m, m] symmetric a >= 0 whose scale varies widely. Not differentiable.

    Rows and columns are scaled to a diagonal of 1, and directions in which a is singular to round-off, where x is
    arbitrary, are kept from growing by adding 100 eps to it. Refinement takes off what that adds.

    Parameters
    ----------
    a : [m, m]
        With a positive diagonal.
    """
    scale = jax.lax.rsqrt(jnp.diagonal(a))
    eye = jnp.eye(a.shape[0], dtype=a.dtype)
    scaled = a * scale[:, None] * scale[None] + 100 * jnp.finfo(a.dtype).eps * eye
    if a.shape[0] <= SMALL:
        by, refinements = _eliminated(scaled, eye), 2  # an explicit inverse is less exact
        unscaled: Callable[[Array, Array], Array] = jnp.matmul
    else:
        by, unscaled, refinements = _cholesky(scaled), _backsolve, 1

    def solve(b: Array) -> Array:
        with jax.default_matmul_precision("highest"):
            x = scale * unscaled(by, scale * b)
            for _ in range(refinements):
                x = x + scale * unscaled(by, scale * (b - a @ x))
            return x

    return solve


def _eliminated(a: Array, b: Array) -> Array:
    """a⁻¹ b by Gauss–Jordan elimination, which needs no pivots for a > 0 of unit diagonal."""
    rows, m = jnp.concatenate([a, b], axis=1), a.shape[0]
    for k in range(m):  # unrolled: a row at a fixed place costs nothing to find in thousands of matrices
        row = rows[k] / jnp.maximum(rows[k, k], jnp.finfo(a.dtype).eps)
        rows = (rows - rows[:, k][:, None] * row[None]).at[k].set(row)
    return rows[:, m:]
