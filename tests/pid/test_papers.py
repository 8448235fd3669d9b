"""Statements of FactorCL and CoMM about PID, on tables where every information is a finite sum.

Representations are functions of a source's symbols, so that each is a merged table.
"""

import numpy as np
import pytest
from gates import BATCH, GATES, draw

from pidjax.pid import broja, cmi_decomposition, informations

BIT = np.log(2)


def entropy(p, *axes):
    """H of the named axes of a joint table, nats."""
    p = p.sum(tuple(set(range(p.ndim)) - set(axes)))
    return -(p[p > 0] * np.log(p[p > 0])).sum()


def mi(p, a, b, given=()):
    """I(a; b | given), each a tuple of axes of a joint table."""
    return entropy(p, *a, *given) + entropy(p, *b, *given) - entropy(p, *a, *b, *given) - entropy(p, *given)


def factors(rule, noise=0.0):
    """p[c, u1, u2, y] of independent fair bits c, u1, u2; y = rule(c, u1, u2) in 0..7, replaced by chance ``noise``."""
    p = np.full((2, 2, 2, 8), noise / 64)
    for c, u1, u2 in np.ndindex(2, 2, 2):
        p[c, u1, u2, rule(c, u1, u2)] += (1 - noise) / 8
    return p


C, U1, U2, Y = (0,), (1,), (2,), (3,)
X1, X2 = C + U1, C + U2  # both modalities see c

SYNERGY_FREE = [
    factors(lambda c, u, v: 4 * c + 2 * u + v),
    factors(lambda c, u, v: 4 * c),
    factors(lambda c, u, v: 2 * u),
]
XOR = factors(lambda c, u, v: u ^ v)


def interaction(p, a, b, y):
    """I(a; b; y) = I(a; b) − I(a; b | y)."""
    return mi(p, a, b) - mi(p, a, b, y)


@pytest.mark.parametrize("p", SYNERGY_FREE, ids=["all three", "shared", "unique"])
def test_factorcl_theorem_1(p):
    """Eq. 3: Z1 = Z2 = c reaches I(Z1; X2) = I(X1; X2), and knows I(X1; X2) − I(X1; X2 | Y), without the uniques."""
    assert mi(p, C, X2) == pytest.approx(mi(p, X1, X2)) and abs(mi(p, C, Y, X2)) < 1e-12
    known, whole = mi(p, C, Y), mi(p, X1 + U2, Y)
    assert known == pytest.approx(whole - mi(p, X1, Y, X2) - mi(p, X2, Y, X1), abs=1e-12)
    assert known == pytest.approx(interaction(p, X1, X2, Y), abs=1e-12)


def test_factorcl_theorem_1_needs_no_synergy():
    """With Y = u1 xor u2 the same optimal, minimal Z know 0 nats, not I(X1; X2; Y) = −1 bit.

    Its proof takes I(Z1; X2 | Y) for I(X1; X2 | Y), which I(Z1; X2) = I(X1; X2) does not imply.
    """
    assert mi(XOR, C, X2) == pytest.approx(mi(XOR, X1, X2)) and abs(mi(XOR, C, Y, X2)) < 1e-12
    assert mi(XOR, C, Y) == pytest.approx(0, abs=1e-12)
    assert interaction(XOR, X1, X2, Y) == pytest.approx(-BIT)
    # what is missing: I(Z1, Z2; Y) = I(X1; X2; Y) + I(X1; X2 | Z, Y)
    for p in (XOR, *SYNERGY_FREE, factors(lambda c, u, v: c + u + v, 0.3)):
        assert mi(p, C, Y) == pytest.approx(interaction(p, X1, X2, Y) + mi(p, X1, X2, C + Y), abs=1e-12)


@pytest.mark.parametrize("noise", [0.0, 0.2, 0.9])
def test_factorcl_bayes_error(noise):
    """Eqs. 4 and 5: Pe(Z1, Z2) <= 1 − exp(I(X1; X2; Y) − H(Y)) of Theorem 1's representations, nats.

    They hold with synergy too, where Eq. 3 does not: I(X1; X2; Y) is then less than what Z knows.
    """
    for rule in (
        lambda c, u, v: c,
        lambda c, u, v: 2 * c + u,
        lambda c, u, v: u ^ v,
        lambda c, u, v: 4 * c + 2 * u + v,
    ):
        p = factors(rule, noise)
        of_z = p.sum((1, 2))
        error = 1 - of_z.max(1).sum()
        assert error <= 1 - np.exp(mi(p, C, Y) - entropy(p, *Y)) + 1e-12
        assert error <= 1 - np.exp(interaction(p, X1, X2, Y) - entropy(p, *Y)) + 1e-12


def test_bayes_error_of_any_table():
    """Eq. 41, on which it rests: −log(1 − Pe) <= H(Y | X1, X2), on random tables."""
    p = draw(11)
    error = 1 - p.max(-1).sum((1, 2))
    left = np.array([entropy(t, 2) for t in p]) - informations(p)[2]
    assert (-np.log(1 - error) <= left + 1e-12).all()


@pytest.mark.parametrize("p", SYNERGY_FREE, ids=["all three", "shared", "unique"])
def test_factorcl_theorem_3(p):
    """ZS = c and ZU = u: I(X1, X2; Y) = I(ZS1; ZS2; Y) + I(ZU1; Y | ZS2) + I(ZU2; Y | ZS1)."""
    shared = mi(p, C, Y)  # I(c; c; y)
    assert shared + mi(p, U1, Y, C) + mi(p, U2, Y, C) == pytest.approx(mi(p, X1 + U2, Y), abs=1e-12)


def test_factorcl_theorem_3_needs_no_synergy():
    """Of Y = u1 xor u2 its three terms say nothing, of one bit; conditioned on all of X2 and X1 they say too much."""
    assert mi(XOR, C, Y) + mi(XOR, U1, Y, C) + mi(XOR, U2, Y, C) == pytest.approx(0, abs=1e-12)
    assert mi(XOR, X1 + U2, Y) == pytest.approx(BIT)
    shared, unique1, unique2 = cmi_decomposition(*informations(GATES["XOR"][0]))
    np.testing.assert_allclose([shared, unique1, unique2], [-BIT, BIT, BIT], atol=1e-12)


def test_comm_lemma_1():
    """I(X1; Y | X2) + I(X2; Y | X1) = U1 + U2 + 2 S: where it is at most 2 ε, all but 2 ε of I(X1, X2; Y) is R."""
    p = draw(12)
    atoms = broja(p)
    form = cmi_decomposition(*informations(p))
    excess = form.unique1 + form.unique2
    np.testing.assert_allclose(excess, atoms.unique1 + atoms.unique2 + 2 * atoms.synergy, atol=1e-9)
    assert (atoms.total - atoms.redundancy <= excess + 1e-9).all()


def test_comm_lemma_2():
    """I(Zθ; Zθ') <= I(X; Zθ') <= I(X; X') for any encoder of views, with equality where it is one-to-one."""
    local = np.random.default_rng(13)
    views = local.dirichlet(np.full(36, 0.3)).reshape(6, 6)  # p(x, x')
    views = (views + views.T) / 2

    def between(f, g):
        merged = np.zeros((6, 6))
        np.add.at(merged, (f[:, None], g[None]), views)
        return mi(merged, (0,), (1,))

    same = np.arange(6)
    most = between(same, same)
    for _ in range(BATCH):
        f = local.integers(0, 6, 6)
        assert between(f, f) <= between(same, f) + 1e-12 <= most + 2e-12
        turned = local.permutation(6)
        assert between(turned, turned) == pytest.approx(most)


def test_comm_lemma_3():
    """For T = {t_i} the optimum of I(Zθ; Zθ') keeps I(Zi; Y) = I(Xi; Y) = R + Ui; merging symbols loses of both."""
    p = draw(14, kept=1.0)
    atoms = broja(p)
    encoded = p[:, [2, 0, 1, 3]]  # one-to-one
    merged = p.copy()
    merged[:, 0] += merged[:, 1]
    merged[:, 1] = 0
    np.testing.assert_allclose(informations(encoded)[0], atoms.redundancy + atoms.unique1, atol=1e-10)
    for table, less in zip(p, merged, strict=True):
        # the objective is I(X1; X) = H(Z1) here: strictly less, and no more is known of Y
        assert entropy(less, 0) < entropy(table, 0)
    assert (informations(merged)[0] <= atoms.mi1 + 1e-12).all()
