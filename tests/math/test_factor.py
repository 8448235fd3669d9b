"""Factorisations under vmap, where jaxlib's own may wait for ever."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.math.factor import eigh, qr, semidefinite_solver, svd, triangular_inverse


def batch(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


def test_many_batched_factorisations_at_once_come_to_an_end():
    """Six independent ones, each of enough work to be dealt to threads: jaxlib's own hang on two cores."""
    x = batch(200, 200, 10)

    @jax.jit
    @jax.vmap
    def factors(x):
        return [qr(x[:, i:]) for i in range(4)], svd(x[:, :6]), svd(x[:, 4:])

    for _ in range(10):
        found = jax.block_until_ready(factors(x))
    q, r = found[0][0]
    np.testing.assert_allclose(q @ r, x, atol=1e-5)
    left, values, right = found[1]
    np.testing.assert_allclose((left * values[:, None, :]) @ right, x[:, :, :6], atol=1e-5)


def test_derivative_is_that_of_jax():
    x, along = batch(2, 9, 3)
    found, expected = (jax.jit(lambda f=f: jax.jvp(f, (x,), (along,))[1])() for f in (qr, jnp.linalg.qr))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    several = jnp.stack([x, along])
    slopes = jax.jit(jax.vmap(jax.grad(lambda x: qr(x)[1][0, 1])))(several)
    np.testing.assert_allclose(slopes[0], jax.jit(jax.grad(lambda x: jnp.linalg.qr(x)[1][0, 1]))(x), atol=1e-5)


def test_inverse_of_a_triangle():
    r = jnp.triu(batch(4, 4)) + 3 * jnp.eye(4)
    np.testing.assert_allclose(r @ triangular_inverse(r), np.eye(4), atol=1e-6)


@pytest.mark.parametrize("size", [6, 40])
def test_semidefinite_systems_of_any_scale(size):
    """Rows of 1e-6 to 1e6, one direction missing: what is solvable is solved, by elimination and by LAPACK."""
    rng = np.random.default_rng(1)
    scale = np.logspace(-6, 6, size)
    half = rng.normal(size=(3, size, size)) * scale[:, None]
    half[:, :, -1] = 0
    a = half @ half.swapaxes(1, 2)
    b = np.einsum("nij,nj->ni", a, rng.normal(size=(3, size)) / scale)
    with jax.enable_x64(True):
        x = jax.jit(jax.vmap(lambda a, b: semidefinite_solver(a)(b)))(jnp.asarray(a), jnp.asarray(b))
    np.testing.assert_allclose(np.einsum("nij,nj->ni", a, x) / scale, b / scale, atol=1e-9 * size)


def test_eigenvectors_under_vmap():
    x = batch(3, 5, 5)
    x = x + x.swapaxes(1, 2)
    values, vectors = jax.jit(jax.vmap(eigh))(x)
    np.testing.assert_allclose(vectors * values[:, None] @ vectors.swapaxes(1, 2), x, atol=1e-5)
