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

    def call(x: Array):
        with jax.default_matmul_precision("highest"):
            return looped(x) if jax.default_backend() == "cpu" else f(x)

    return call


_qr = _one_by_one(lambda x: tuple(jnp.linalg.qr(x)))
_svd = _one_by_one(lambda x: tuple(jnp.linalg.svd(x, full_matrices=False)))
_inverse = _one_by_one(
    lambda r: jax.scipy.linalg.solve_triangular(r, jnp.eye(r.shape[0], dtype=r.dtype))  # r is upper triangular
)


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
