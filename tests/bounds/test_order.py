"""Which bound lies where: at the exact critic of correlated Gaussians, within four standard errors."""

import jax
import numpy as np
import pytest

from pidjax import bounds
from pidjax.bounds import score_stats

R2 = 1 - np.exp(-1.0)
"""Squared correlation of each of two pairs of coordinates: I = 1 nat."""
JEFFREYS = 2 * R2 / (1 - R2)
REPEATS, N = 4000, 8


@pytest.fixture(scope="module")
def exact():
    """One value a batch of every bound, scores log r."""
    rng, r = np.random.default_rng(0), np.sqrt(R2)
    x = rng.normal(size=(REPEATS, N, 2))
    y = r * x + np.sqrt(1 - R2) * rng.normal(size=x.shape)

    def log_ratio(x, y):
        x, y = x[:, :, None], y[:, None]
        return (y**2 / 2 - (y - r * x) ** 2 / (2 * (1 - R2)) - np.log(1 - R2) / 2).sum(-1).astype(np.float32)

    @jax.jit
    @jax.vmap
    def values(f, g):
        stats = score_stats(f)
        return {
            "infonce": bounds.infonce(stats),
            "ntxent": bounds.ntxent(stats, score_stats(g)),
            "dv": bounds.dv(stats),
            "nwj": bounds.nwj(stats),
            "js": bounds.js(score_stats(f, transform="softplus")),
            "plug_in": bounds.plug_in(stats),
            "l1out": bounds.l1out(stats),
            "nce_club": bounds.nce_club(stats),
            "all pairs": bounds.nce_club(stats, all_pairs=True),
        }

    return {name: np.asarray(value, float) for name, value in values(log_ratio(x, y), log_ratio(x, x)).items()}


def four_errors(x):
    """Four standard errors of the mean over batches."""
    return 4 * x.std() / np.sqrt(len(x))


@pytest.mark.parametrize("name", ["infonce", "ntxent"])
def test_line_ups_lie_below(name, exact):
    """InfoNCE and NT-Xent: positive, and at most I."""
    assert four_errors(exact[name]) < exact[name].mean() <= 1 + four_errors(exact[name])


def test_leave_one_out_lies_above(exact):
    """L1Out is at least I."""
    assert exact["l1out"].mean() >= 1 - four_errors(exact["l1out"])


def test_nwj_is_unbiased(exact):
    """I, at any batch size."""
    assert abs(exact["nwj"].mean() - 1) < four_errors(exact["nwj"])


def test_dv_of_a_batch_is_biased_upwards(exact):
    """The logarithm of an estimated partition function is below that of its mean, log 1."""
    log_partition = exact["plug_in"] - exact["dv"]
    assert log_partition.mean() < -four_errors(log_partition)


def test_plug_in_has_the_known_error(exact):
    """I, with the standard deviation √(Σ r²/n) of log r."""
    error = np.sqrt(2 * R2 / N)
    assert abs(exact["plug_in"].mean() - 1) < 4 * error / np.sqrt(REPEATS)
    # a sample's standard deviation errs by √((2 + excess kurtosis)/repeats)/2; log r of a pair has excess 6
    np.testing.assert_allclose(exact["plug_in"].std(), error, rtol=4 * np.sqrt((2 + 6 / (2 * N)) / REPEATS) / 2)


def test_js_is_no_information(exact):
    """Between −2 log 2 (independence) and 0."""
    assert -2 * np.log(2) + four_errors(exact["js"]) < exact["js"].mean() < 0


@pytest.mark.parametrize(("name", "factor"), [("nce_club", 1), ("all pairs", (N - 1) / N)], ids=["negatives", "all"])
def test_nce_club_is_the_jeffreys_divergence(name, factor, exact):
    """Σ r²/(1 − r²) = 3.437, more than twice I; over all pairs K/(K + 1) of it."""
    assert abs(exact[name].mean() - factor * JEFFREYS) < four_errors(exact[name])
