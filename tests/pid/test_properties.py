"""What every table must satisfy, on random tables with random zeros."""

import numpy as np
from gates import BATCH, draw, padded
from hypothesis import given, settings
from hypothesis import strategies as st

from pidjax.pid import broja, certified_broja, informations, mmi, williams_beer

few = settings(max_examples=4, deadline=None, derandomize=True, database=None)
shapes = st.sampled_from([(2, 2, 2), (3, 3, 3), (2, 4, 3), (4, 2, 2), (4, 4, 4)])
tables = st.builds(draw, st.integers(0, 2**32 - 1), shapes, st.floats(0.3, 1), st.sampled_from([0.1, 0.5, 1.0, 5.0]))


@few
@given(tables)
def test_consistency(p):
    """R + U1 = I1, R + U2 = I2, the sum is I12; R <= min(I1, I2); no atom is negative; the gap says how well."""
    atoms, gap, _ = certified_broja(p)
    mi1, mi2, total = informations(p)
    for found, expected in ((atoms.mi1, mi1), (atoms.mi2, mi2), (atoms.total, total)):
        np.testing.assert_allclose(found, expected, atol=1e-10)
    assert (atoms.redundancy <= np.minimum(mi1, mi2) + 1e-10).all()
    assert min(a.min() for a in atoms) >= -1e-10
    assert gap.max() < 1e-8 * np.log(2)


@few
@given(tables)
def test_exchange_of_sources(p):
    """R and S stay, U1 and U2 change places, for every PID."""
    other = p.swapaxes(1, 2)
    for pid in (broja, mmi, williams_beer):
        a, b = pid(p), pid(other)
        np.testing.assert_allclose(a, [b.redundancy, b.unique2, b.unique1, b.synergy], atol=1e-8)


@few
@given(tables, st.permutations(range(4)), st.permutations(range(4)), st.permutations(range(4)))
def test_names_of_symbols_do_not_matter(p, first, second, target):
    """Permuting the symbols of x1, x2 and y changes no atom."""
    np.testing.assert_allclose(broja(p[:, first][:, :, second][..., target]), broja(p), atol=1e-8)


@few
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 1))
def test_independent_systems_add(seed, kept):
    """Atoms of two unrelated pairs of sources and targets, seen as one, are sums."""
    a, b = draw(seed, (2, 2, 2), kept), draw(seed + 1, (2, 2, 2), kept)
    both = np.einsum("nijy,nklz->nikjlyz", a[:, :2, :2, :2], b[:, :2, :2, :2]).reshape(BATCH, 4, 4, 4)
    np.testing.assert_allclose(broja(both), np.add(broja(a), broja(b)), atol=1e-8)


@few
@given(st.integers(0, 2**32 - 1))
def test_of_the_pair_itself_redundancy_is_their_information(seed):
    """Y = (X1, X2): R = I(X1; X2), U are the conditional entropies, S = 0."""
    pair = draw(seed, (2, 2, 1))[:, :2, :2, 0]
    p = np.zeros((BATCH, 4, 4, 4))
    for i, j in np.ndindex(2, 2):
        p[:, i, j, 2 * i + j] = pair[:, i, j]
    atoms = broja(p)
    shared = informations(padded(pair[:, :, None, :]))[0]  # I(X1; Y) with x2 in the place of y
    np.testing.assert_allclose(atoms.redundancy, shared, atol=1e-8)
    np.testing.assert_allclose(atoms.synergy, np.zeros(BATCH), atol=1e-8)


@few
@given(tables)
def test_continuity_at_the_boundary(p):
    """A table an ε away, all zeros filled, has atoms within a few ε log(1/ε)."""
    epsilon = 1e-8
    near = (1 - epsilon) * p + epsilon / p[0].size
    np.testing.assert_allclose(broja(near), broja(p), atol=20 * epsilon * np.log(1 / epsilon))


@few
@given(tables)
def test_processing_a_source_adds_nothing(p):
    """Merging two symbols of x1 lowers neither U2 nor raises R: what x2 alone holds can only grow."""
    merged = p.copy()
    merged[:, 0] += merged[:, 1]
    merged[:, 1] = 0
    a, b = broja(p), broja(merged)
    assert (b.redundancy <= a.redundancy + 1e-8).all() and (b.unique2 >= a.unique2 - 1e-8).all()
