"""pidjax/pid/broja.py and coupling.py: gates, certificates, derivatives, transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gates import BATCH, GATES, NINE_DIGITS, RANDOM, TABLES, TRUTHS, draw, padded, rdnunqxor

from pidjax.pid import broja, certified_broja, informations

BIT = np.log(2)
_jacobian = jax.jit(jax.jacrev(lambda p: jnp.stack(broja(p))))


def jacobian(p):
    """[4, n1, n2, ny] in 64 bit."""
    with jax.enable_x64(True):
        return np.asarray(_jacobian(jnp.asarray(p)))


def test_gates():
    """Every gate of the literature to 1e-8 bits, one of them known to nine digits only, with a gap as small."""
    found = certified_broja(TABLES)
    error = np.abs(np.stack(found.atoms, -1) - TRUTHS).max(-1) / BIT
    for name, off in zip(GATES, error, strict=True):
        assert off < (1.5e-9 if name in NINE_DIGITS else 1e-9), (name, off)
    assert found.gap.shape == (BATCH,) and found.gap.max() < 1e-9
    assert min(a.min() for a in found.atoms) >= -1e-10


def test_one_bit_of_every_atom():
    """RDNUNQXOR, 8 x 8 x 16."""
    np.testing.assert_allclose(broja(rdnunqxor()), np.full(4, BIT), atol=1e-8 * BIT)


def test_random_tables_up_to_5x5x5_are_certified():
    """The certificate needs no reference: no table with the same pairs says less than q, up to the gap."""
    for p in (draw(1, (5, 5, 5), kept=1, concentration=1), draw(2, (5, 5, 5), kept=0.5, concentration=0.2)):
        found = certified_broja(p)
        assert found.gap.max() < 1e-8 * BIT
        # a proof needs a feasible table: to the rounding of sums
        np.testing.assert_allclose(found.q.sum(1), p.sum(1), atol=1e-15)
        np.testing.assert_allclose(found.q.sum(2), p.sum(2), atol=1e-15)
        assert found.q.min() >= 0 and min(a.min() for a in found.atoms) >= -1e-10
        mi1, mi2, total = informations(p)
        for a, b in ((found.atoms.mi1, mi1), (found.atoms.mi2, mi2), (found.atoms.total, total)):
            np.testing.assert_allclose(a, b, atol=1e-10)
        said = informations(found.q)[2]
        np.testing.assert_allclose(said, mi1 + mi2 - found.atoms.redundancy, atol=1e-8)


def test_no_other_coupling_says_less():
    """A walk over the tables with the same pairs, one cycle at a time, finds no smaller information."""
    found = certified_broja(padded(RANDOM))
    rng, best = np.random.default_rng(0), found.q
    walks = []
    for _ in range(BATCH):
        q = best.copy()
        for _ in range(20):
            (i, k), (j, l), y = rng.choice(3, 2, False), rng.choice(3, 2, False), rng.integers(3)
            step = rng.uniform(0, min(q[i, l, y], q[k, j, y]))
            q[i, j, y] += step
            q[k, l, y] += step
            q[i, l, y] -= step
            q[k, j, y] -= step
        walks.append(np.maximum(q, 0))
    assert informations(np.stack(walks))[2].min() >= informations(best)[2] - 1e-9


def test_large_table():
    """12 x 9 x 4, one of whose sides has symbols that hardly occur, is certified all the same."""
    rare = np.random.default_rng(3).dirichlet(np.ones(12 * 9 * 4)).reshape(12, 9, 4)
    rare *= np.logspace(-9, 0, 12)[:, None, None]
    found = certified_broja(rare / rare.sum())
    assert found.gap < 1e-10 and min(found.atoms) >= -1e-10


def test_gradient_is_that_of_finite_differences():
    """Envelope theorem, in random directions within the simplex."""
    p = padded(RANDOM)
    rng = np.random.default_rng(1)
    along = padded(rng.normal(size=(4, 3, 3, 3)) * RANDOM)
    along -= p * along.sum((1, 2, 3), keepdims=True)
    step = 1e-4
    several = np.concatenate([p + step * along, p - step * along, np.repeat(p[None], BATCH - 8, 0)])
    values = np.stack(broja(several), -1)
    expected = (values[:4] - values[4:8]) / (2 * step)
    slopes = jacobian(p)
    np.testing.assert_allclose(np.einsum("aijy,kijy->ka", slopes, along), expected, atol=1e-6)
    assert np.isfinite(slopes).all()


def test_32_bit_is_what_it_says():
    """Inside a trace in 32 bit: 1e-3 nats, and sums to float32; the call outside is float64 all the same."""
    p = draw(4)
    inside = jax.vmap(lambda p: jnp.stack(broja(p)))(jnp.asarray(p, jnp.float32))
    assert inside.dtype == jnp.float32
    outside = np.stack(broja(p), -1)
    assert outside.dtype == np.float64
    np.testing.assert_allclose(inside, outside, atol=1e-3)
    np.testing.assert_allclose(inside.sum(-1), outside.sum(-1), atol=1e-5)


def test_one_table_is_a_batch_of_one():
    """Leading axes are kept, in any number."""
    together = broja(TABLES.reshape(1, BATCH, 4, 4, 4))
    assert together.redundancy.shape == (1, BATCH)
    for i in (0, 3, BATCH - 1):
        np.testing.assert_allclose([a[0, i] for a in together], broja(TABLES[i]), atol=1e-9)


@pytest.mark.parametrize("axis", [0, 1, 2], ids=["x1 constant", "x2 constant", "y constant"])
def test_a_constant_says_nothing(axis):
    """One source constant: R = S = 0 and its unique atom too; y constant: nothing at all. No NaN, nor in gradients."""
    p = padded(RANDOM.sum(axis, keepdims=True))
    atoms = broja(p)
    mi1, mi2, _ = informations(p)
    np.testing.assert_allclose(atoms, [0, mi1, mi2, 0], atol=1e-10)
    assert (mi1 > 0.01) == (axis == 1) and (mi2 > 0.01) == (axis == 0)
    assert np.isfinite(jacobian(p)).all()
