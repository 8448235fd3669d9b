"""pidjax/math/transport.py: marginals are met, exactly after rounding, and nothing appears where nothing may be."""

import jax
import numpy as np

from pidjax.math.transport import rounded, sinkhorn

RNG = np.random.default_rng(0)
TABLE = RNG.dirichlet(np.ones(5 * 4 * 3)).reshape(5, 4, 3).astype(np.float32)
P1, P2 = TABLE.sum(1), TABLE.sum(0)
KERNEL = np.exp(3 * RNG.normal(size=(5, 4, 1))).astype(np.float32)
scaled = jax.jit(sinkhorn, static_argnames="sweeps")
near = jax.jit(rounded)


def test_scaling_meets_the_marginals():
    """Both, and the result is the kernel times factors: its cross-ratios are the kernel's."""
    q = np.asarray(scaled(KERNEL, P1, P2, 200))
    np.testing.assert_allclose(q.sum(1), P1, atol=1e-6)
    np.testing.assert_allclose(q.sum(0), P2, atol=1e-6)
    log = np.log(q) - np.log(KERNEL)
    np.testing.assert_allclose(log[1:, 1:] - log[:1, 1:] - log[1:, :1] + log[:1, :1], 0, atol=1e-4)
    many = np.broadcast_to(KERNEL, (5, 4, 3))
    np.testing.assert_allclose(scaled(many, P1, P2, 200), q, rtol=1e-4)


def test_rounding_meets_them_exactly():
    """Of any table, far or near; what has the marginals stays; rows without probability stay empty."""
    first = P1.copy()
    first[1] += first[0]
    first[0] = 0
    for q in (scaled(KERNEL, first, P2, 1), np.broadcast_to(KERNEL, (5, 4, 3)), np.zeros((5, 4, 3), np.float32)):
        found = np.asarray(near(q, first, P2))
        np.testing.assert_allclose(found.sum(1), first, atol=3e-7)
        np.testing.assert_allclose(found.sum(0), P2, atol=3e-7)
        assert found.min() >= 0 and (found[0] == 0).all()
    np.testing.assert_allclose(near(TABLE, P1, P2), TABLE, atol=1e-7)
