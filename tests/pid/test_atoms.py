"""pidjax/pid/atoms.py: sums, the textbook gates, and the transformations of JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.pid import PIDAtoms, atoms_mmi

LN2 = np.log(2)
INFORMATIONS = jnp.asarray(np.random.default_rng(0).uniform(0, 2, (3, 20)).astype(np.float32))


def test_atoms_sum_to_the_informations():
    """R + U1 = I1, R + U2 = I2, R + U1 + U2 + S = I, R − S = I1 + I2 − I."""
    mi1, mi2, total = INFORMATIONS
    atoms = atoms_mmi(mi1, mi2, total)
    for found, expected in ((atoms.mi1, mi1), (atoms.mi2, mi2), (atoms.total, total)):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(atoms.coinformation, mi1 + mi2 - total, atol=1e-6)


def test_one_unique_atom_is_zero():
    """R, U1 and U2 are not negative, and the weaker source holds nothing alone."""
    atoms = atoms_mmi(*INFORMATIONS)
    assert (jnp.stack(atoms[:3]) >= 0).all()
    np.testing.assert_array_equal(jnp.minimum(atoms.unique1, atoms.unique2), jnp.zeros(20))


@pytest.mark.parametrize(
    ("informations", "atoms"),
    [
        ((0, 0, LN2), (0, 0, 0, LN2)),
        ((LN2, LN2, LN2), (LN2, 0, 0, 0)),
        ((LN2, 0, LN2), (0, LN2, 0, 0)),
        ((0, LN2, LN2), (0, 0, LN2, 0)),
        ((1.0, 2.0, 1.5), (1.0, 0, 1.0, -0.5)),
    ],
    ids=["xor", "copies", "first", "second", "estimates that break the bound"],
)
def test_known_gates(informations, atoms):
    """XOR is synergy, copies are redundancy, a lone source is unique, a broken bound is shown as S < 0."""
    np.testing.assert_allclose(atoms_mmi(*map(jnp.float32, informations)), atoms, atol=1e-7)


def test_exchanging_the_sources_exchanges_the_unique_atoms():
    """R and S are symmetric."""
    mi1, mi2, total = INFORMATIONS
    a, b = atoms_mmi(mi1, mi2, total), atoms_mmi(mi2, mi1, total)
    for x, y in zip(a, PIDAtoms(b.redundancy, b.unique2, b.unique1, b.synergy), strict=True):
        np.testing.assert_array_equal(x, y)


def test_jit_and_vmap_change_nothing():
    """The same numbers compiled and mapped."""
    for a, b in zip(jax.jit(jax.vmap(atoms_mmi))(*INFORMATIONS), atoms_mmi(*INFORMATIONS), strict=True):
        np.testing.assert_array_equal(a, b)


def test_gradients_follow_the_weaker_source():
    """With I1 < I2 the Jacobian is dR = dI1, dU1 = 0, dU2 = dI2 − dI1, dS = dI − dI2."""
    jacobian = jnp.array(jax.jacrev(lambda x: jnp.stack(atoms_mmi(*x)))(jnp.array([0.5, 1.0, 2.0])))
    np.testing.assert_array_equal(jacobian, [[1, 0, 0], [0, 0, 0], [-1, 1, 0], [0, -1, 1]])
