"""pidjax/pid/tables.py and cmi.py: closed-form redundancies, and what is no table."""

import numpy as np
import pytest
from gates import GATES, RANDOM, TABLES, TRUTHS, draw

from pidjax.pid import broja, certified_broja, cmi_decomposition, informations, mmi, williams_beer

BIT = np.log(2)


def plain_information(p):
    """I between the first axis and the last, by its definition."""
    outer = p.sum(1, keepdims=True) * p.sum(0, keepdims=True)
    return (p[p > 0] * np.log(p[p > 0] / outer[p > 0])).sum()


def test_informations_by_definition():
    """Of the gates, zeros and all."""
    for p, found in zip(TABLES, np.stack(informations(TABLES), -1), strict=True):
        expected = [plain_information(x) for x in (p.sum(1), p.sum(0), p.reshape(16, 4))]
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_mmi_where_it_is_right_and_where_it_is_wrong():
    """R = R_BROJA + min(U1, U2): right on every gate but those with two unique atoms, where it is one bit off."""
    r, u1, u2, s = TRUTHS.T
    less = np.minimum(u1, u2)
    np.testing.assert_allclose(
        np.stack(mmi(TABLES), -1), np.stack([r + less, u1 - less, u2 - less, s + less], -1), atol=2e-9
    )
    assert less[list(GATES).index("UNQ")] == pytest.approx(BIT)


def test_williams_beer():
    """By definition on random tables; one bit too much where sources are unique; never below broja's R."""
    p = draw(7)
    found = williams_beer(p)
    for table, redundancy in zip(p, found.redundancy, strict=True):
        specific = []
        for joint in (table.sum(1), table.sum(0)):
            with np.errstate(all="ignore"):
                terms = joint * np.log(joint / joint.sum(1, keepdims=True) / joint.sum(0))
            specific.append(np.where(joint > 0, terms, 0).sum(0))
        np.testing.assert_allclose(redundancy, np.minimum(*specific).sum(), atol=1e-12)
    np.testing.assert_allclose(williams_beer(GATES["UNQ"][0]), [BIT, 0, 0, BIT], atol=1e-12)
    np.testing.assert_allclose(found.total, informations(p)[2], atol=1e-12)
    assert (found.redundancy >= broja(p).redundancy - 1e-9).all()


def test_factorcl_form():
    """shared = R − S, unique = U + S, whatever the PID; its sum is the whole; XOR is negative sharing."""
    atoms = broja(TABLES)
    form = cmi_decomposition(*informations(TABLES))
    np.testing.assert_allclose(form.shared, atoms.coinformation, atol=1e-10)
    np.testing.assert_allclose(form.unique1, atoms.unique1 + atoms.synergy, atol=1e-10)
    np.testing.assert_allclose(form.unique2, atoms.unique2 + atoms.synergy, atol=1e-10)
    np.testing.assert_allclose(form.total, atoms.total, atol=1e-10)
    np.testing.assert_allclose(cmi_decomposition(*informations(GATES["XOR"][0])), [-BIT, BIT, BIT], atol=1e-12)


@pytest.mark.parametrize("call", [broja, certified_broja, mmi, williams_beer, informations])
def test_what_is_no_table(call):
    """Each is refused in a sentence with what was found and what to do."""
    off = RANDOM.copy()
    off[0, 0, 0] = np.nan
    for p, said in [
        (RANDOM * 2, "sum to 1; found 2: divide"),
        (np.stack([RANDOM, RANDOM / 2]), "found 0.5"),
        (RANDOM - 0.05, "negative; found -0.05"),
        (RANDOM[0], r"x1, x2 and y.*\(3, 3\)"),
        (np.zeros((2, 0, 2)), "found shape"),
        (off, "NaN"),
        (RANDOM.astype(complex), "complex"),
    ]:
        with pytest.raises(ValueError, match=said):
            call(p)


def test_counts_are_refused_and_float32_is_not():
    """Integers that do not sum to 1 are counts; a table in float32 sums to 1 only roughly."""
    with pytest.raises(ValueError, match="found 8"):
        mmi(np.ones((2, 2, 2), int))
    np.testing.assert_allclose(mmi(RANDOM.astype(np.float32)), mmi(RANDOM), atol=1e-6)
