"""Factorisations under vmap, where jaxlib's own may wait for ever."""

import jax
import jax.numpy as jnp
import numpy as np

from pidjax.math.factor import qr, svd, triangular_inverse


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
