"""pidjax/pid/gaussian.py: exact families, couplings searched by hand, singular covariances, samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from pidjax.pid import gaussian_broja, gaussian_informations, gaussian_mmi

BIT = np.log(2)
rng = np.random.default_rng(0)


def channel(h1, h2, noise=0.0):
    """Covariance of (x1, x2, y): y white, x_i = h_i y + n_i, unit noises with cross-covariance ``noise``."""
    h1, h2 = np.atleast_2d(h1).astype(float), np.atleast_2d(h2).astype(float)
    h, (d1, d2) = np.concatenate([h1, h2]), (len(h1), len(h2))
    cross = np.broadcast_to(noise, (d1, d2)) if np.ndim(noise) else noise * np.eye(d1, d2)
    n = np.block([[np.eye(d1), cross], [cross.T, np.eye(d2)]])
    return np.block([[h @ h.T + n, h], [h.T, np.eye(h.shape[1])]]), (d1, d2, h.shape[1])


def doubled(cov, dims, times):
    """That many independent copies, as one system."""
    parts = np.split(np.arange(sum(dims)), np.cumsum(dims)[:-1])
    copies = np.kron(np.eye(times), cov)
    order = np.concatenate([np.concatenate([part + k * sum(dims) for k in range(times)]) for part in parts])
    return copies[np.ix_(order, order)], tuple(times * d for d in dims)


@pytest.mark.parametrize("v", [1, 10, 100])
def test_chain(v):
    """X2 = X1 + noise holds nothing of its own: R = ½ log(1 + 1/(1 + v))."""
    cov = np.array([[2.0, 2, 1], [2, 2 + v, 1], [1, 1, 1]])
    r = np.log(1 + 1 / (1 + v)) / 2
    for pid in (gaussian_broja, gaussian_mmi):
        np.testing.assert_allclose(pid(cov, (1, 1, 1)), [r, BIT / 2 - r, 0, 0], atol=1e-12)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6, 0.9])
def test_scalar_sources(rho):
    """A second source of noise alone, and two equal ones: synergy is what the noises' correlation uncovers."""
    alone = np.log(1 + 1 / (1 - rho**2)) / 2 - BIT / 2
    np.testing.assert_allclose(gaussian_broja(*channel([1], [0], rho)), [0, BIT / 2, 0, alone], atol=1e-12)
    both = np.log(1 + 2 / (1 + rho)) / 2 - BIT / 2
    np.testing.assert_allclose(gaussian_broja(*channel([1], [1], rho)), [BIT / 2, 0, 0, both], atol=1e-12)


@pytest.mark.parametrize(
    ("gain", "bits"),
    [(0, (0.5, 0, 0.792481250, 0.207518750)), (2, (1.0, 0.660964047, 0.292481250, 0.339035953))],
)
def test_two_channels_and_their_copies(gain, bits):
    """Sums of scalar channels; MMI calls different directions redundant; 2 to 64 copies (d = 128) multiply all."""
    cov, dims = channel(np.diag([gain, 1]), np.diag([1, np.sqrt(2)]))
    atoms = gaussian_broja(cov, dims)
    np.testing.assert_allclose(atoms, np.array(bits) * BIT, atol=1e-9)
    excess = min(atoms.unique1, atoms.unique2)
    np.testing.assert_allclose(gaussian_mmi(cov, dims).redundancy, atoms.redundancy + excess, atol=1e-12)
    for times in (2, 64) if gain else (2,):
        many, sizes = doubled(cov, dims, times)
        turns = [np.linalg.qr(rng.normal(size=(d, d)))[0] for d in sizes]
        turn = np.zeros_like(many)
        for k, q in zip(np.cumsum((0, *sizes[:-1])), turns, strict=True):
            turn[k : k + len(q), k : k + len(q)] = q
        np.testing.assert_allclose(
            gaussian_broja(turn @ many @ turn.T, sizes), np.multiply(atoms, times), atol=1e-7 * BIT
        )


@pytest.mark.parametrize("dims", [(2, 2, 2), (3, 2, 2), (1, 2, 3)], ids=str)
def test_no_coupling_says_less(dims):
    """The closed form against a search over all noise correlations, by BFGS; both ways of writing it agree."""
    d1, d2, dy = dims
    h1, h2 = rng.normal(size=(d1, dy)), rng.normal(size=(d2, dy))
    h = np.concatenate([h1, h2])

    def said(free):
        left, values, right = np.linalg.svd(free.reshape(d1, d2), full_matrices=False)
        cross = (left * (values / np.sqrt(1 + values**2))) @ right
        noise = np.block([[np.eye(d1), cross], [cross.T, np.eye(d2)]])
        return np.linalg.slogdet(np.eye(dy) + h.T @ np.linalg.solve(noise, h))[1] / 2

    starts = [rng.normal(size=d1 * d2) / 3 for _ in range(2)]
    least = min(minimize(said, x, method="BFGS", options={"gtol": 1e-8}).fun for x in starts)
    atoms = gaussian_broja(*channel(h1, h2))
    np.testing.assert_allclose(atoms.redundancy + atoms.unique1 + atoms.unique2, least, atol=1e-7)
    np.testing.assert_allclose(atoms.mi2 + atoms.unique1, atoms.mi1 + atoms.unique2, atol=1e-12)


def test_units_and_copied_columns_do_not_matter():
    """Scales of 1e±6, columns twice, sums of columns, a constant column: the same atoms."""
    cov, dims = channel(rng.normal(size=(2, 2)), rng.normal(size=(2, 2)), 0.3)
    atoms = gaussian_broja(cov, dims)
    scale = np.array([1e6, 1, 1e-6, 1, 1e3, 1e-3])
    np.testing.assert_allclose(gaussian_broja(cov * scale * scale[:, None], dims), atoms, atol=1e-9)
    wide = np.zeros((9, 6))
    wide[[0, 1, 3, 4, 6, 7], range(6)] = 1
    wide[2, :2], wide[5, 2], wide[8, 4:] = 1, 1, (1, -2)
    np.testing.assert_allclose(gaussian_broja(wide @ cov @ wide.T, (3, 3, 3)), atoms, atol=1e-9)
    wide[5] = 0
    np.testing.assert_allclose(gaussian_broja(wide @ cov @ wide.T, (3, 3, 3)), atoms, atol=1e-9)


def test_degenerate_but_legal():
    """Constants and independence say nothing; copies of y say much, all of it redundant, and no NaN or infinity."""
    for cov in (np.zeros((3, 3)), np.eye(3), np.diag([1.0, 1, 0]), np.diag([0.0, 1, 1])):
        np.testing.assert_allclose(gaussian_broja(cov, (1, 1, 1)), np.zeros(4), atol=1e-12)
    copies = gaussian_broja(np.ones((3, 3)), (1, 1, 1))
    assert 14 < copies.redundancy < 17 and max(copies[1:]) < 1e-9
    nearly = np.ones((3, 3)) + 1e-9 * np.eye(3)
    assert np.isfinite(gaussian_broja(nearly, (1, 1, 1))).all()


def test_exchange_of_sources():
    """R and S stay, U1 and U2 change places."""
    h1, h2 = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    a, b = gaussian_broja(*channel(h1, h2)), gaussian_broja(*channel(h2, h1))
    np.testing.assert_allclose(a, [b.redundancy, b.unique2, b.unique1, b.synergy], atol=1e-12)


def test_gradient_is_that_of_finite_differences():
    """Though eigenvalues coincide, here all of them of one source and of the target."""
    cov, dims = channel(np.diag([2.0, 2]), rng.normal(size=(2, 2)), 0.2)
    along = rng.normal(size=cov.shape)
    along, step = along + along.T, 1e-5
    ends = [np.array(gaussian_broja(cov + s * step * along, dims)) for s in (1, -1)]
    with jax.enable_x64(True):
        slopes = jax.jit(jax.jacrev(lambda c: jnp.stack(gaussian_broja(c, dims))))(jnp.asarray(cov))
    np.testing.assert_allclose((np.asarray(slopes) * along).sum((1, 2)), (ends[0] - ends[1]) / (2 * step), atol=1e-7)


@pytest.mark.parametrize("case", ["dense", "unrelated", "one source", "equal", "half of them equal"])
def test_bias_of_a_thousand_rows(case):
    """d = 10 each, n = 1,000: R and S are within 0.05 bits (and 4 standard errors of the mean of 15 samples)."""
    d, n, runs = 10, 1000, 15
    local = np.random.default_rng(7)
    h1, h2 = {
        "dense": (0.3 * local.normal(size=(d, d)), 0.3 * local.normal(size=(d, d))),
        "unrelated": (np.zeros((d, d)), np.zeros((d, d))),
        "one source": (np.eye(d), np.zeros((d, d))),
        "equal": (np.eye(d), np.eye(d)),
        "half of them equal": (np.eye(d), np.diag(np.arange(d) < d / 2).astype(float)),
    }[case]
    cov, dims = channel(h1, h2)
    truth, half = gaussian_broja(cov, dims), np.linalg.cholesky(cov)
    samples = [np.cov(half @ local.normal(size=(3 * d, n))) for _ in range(runs)]
    plain, corrected = (np.array([gaussian_broja(s, dims, m) for s in samples]) for m in (None, n))
    error = corrected.std(0) / np.sqrt(runs)
    for atom in (0, 3):
        off = corrected[:, atom].mean() - truth[atom]
        assert abs(off) < 0.05 * BIT + 4 * error[atom]
    total = corrected.sum(1).mean() - truth.total
    assert abs(total) < 4 * np.sqrt(corrected.sum(1).var() / runs) < plain.sum(1).mean() - truth.total


def test_informations_are_those_of_determinants():
    """½ log |cov x| |cov y| / |cov xy|, and the bias of n rows is taken off."""
    cov, dims = channel(rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), 0.1)
    x1, x2, y = np.split(np.arange(8), [2, 5])

    def volume(*parts):
        index = np.concatenate(parts)
        return np.linalg.slogdet(cov[np.ix_(index, index)])[1] / 2

    expected = [volume(x) + volume(y) - volume(x, y) for x in (x1, x2, np.concatenate([x1, x2]))]
    np.testing.assert_allclose(gaussian_informations(cov, dims), expected, atol=1e-12)
    less = np.subtract(gaussian_informations(cov, dims), gaussian_informations(cov, dims, 500))
    np.testing.assert_allclose(less, np.array([2 * 3, 3 * 3, 5 * 3]) / 1000, rtol=0.02)


def test_bad_input():
    """Each is refused in a sentence."""
    cov, dims = channel([1], [1])
    for bad, said in [
        ((cov[:2], dims), "square"),
        ((cov, (1, 1)), "dims"),
        ((cov, (1, 1, 2)), "3 in all"),
        ((cov, (0, 2, 1)), "at least 1"),
        ((cov, dims, 4), "more than 4 rows"),
        ((cov + np.triu(cov, 1), dims), "symmetric"),
        ((np.array([[1, 2, 0], [2, 1, 0], [0, 0, 1.0]]), dims), "eigenvalue of -1"),
        ((cov * np.nan, dims), "NaN"),
    ]:
        for pid in (gaussian_broja, gaussian_mmi, gaussian_informations):
            with pytest.raises(ValueError, match=said):
                pid(*bad)
