"""pidjax/evaluate/figures.py: the numbers that figures write are those of closed forms."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.evaluate import figures


def test_decoded_scatter_says_slope_r_and_error():
    """Half of the truth: slope 0.5, r = 1, RMSE half of the root mean square of the truth."""
    true = np.array([-3.0, -1, 1, 3])
    noisy = true + np.array([1, -1, -1, 1])  # errors orthogonal to 1 and the truth: slope 1, its SE √(4/2/20)
    figure = figures.decoded_scatter({"a": np.stack([true / 2, true], 1), "b": np.stack([noisy, true], 1)})
    first, second = (axes.get_title() for axes in figure.axes)
    assert first == f"a\nslope 0.50 ± 0.00, r = 1.00, RMSE {np.sqrt(5) / 2:.3g}"
    assert second == f"b\nslope 1.00 ± {np.sqrt(0.1):.2f}, r = {20 / np.sqrt(20 * 24):.2f}, RMSE 1"


def test_decoded_scatter_draws_what_an_ideal_observer_has():
    """Posterior means of correlation r lie on a line of slope r² through the mean; panels without one have none."""
    true = np.array([-1.0, 0, 4])
    pairs = np.stack([true / 3, true], 1)
    first, second = figures.decoded_scatter({"a": pairs, "b": pairs}, {"a": 0.5}).axes
    x, y = first.lines[-1].get_data()
    np.testing.assert_allclose(y, 1 + 0.25 * (x - 1))
    five = figures.decoded_scatter(dict.fromkeys("abcde", pairs)).axes  # two rows of four
    assert [axes.axison for axes in five] == [True] * 5 + [False] * 3
    assert "ideal observer (dotted): r = 0.50" in first.get_title() and len(second.lines) == len(first.lines) - 1


def test_projection_writes_the_silhouette_of_vectors():
    """Two tight clusters: near 1 by cluster, below 0 by what alternates within them, none of a single value."""
    rng = np.random.default_rng(0)
    cluster = np.repeat([0, 1], 10)
    z = 0.01 * rng.normal(size=(20, 3)) + cluster[:, None]
    figure = figures.projection({"z": z}, {"cluster": cluster, "parity": np.arange(20) % 2, "one": np.zeros(20)})
    said = [axes.get_xlabel() for axes in figure.axes]
    assert float(said[0].removeprefix("s = ")) > 0.95
    assert float(said[1].removeprefix("s = ")) < 0
    assert said[2] == ""


def test_a_head_of_one_dimension_is_a_histogram_of_every_kind():
    """Also one of zeros, beside one that is projected: every trial is in one bar."""
    z = np.random.default_rng(1).normal(size=(40, 3))
    heads = {"one": z[:, :1], "none": np.zeros((40, 1)), "three": z}
    kind = z[:, 0] > 0.5
    one, none, three = figures.projection(heads, {"kind": kind}).axes
    for axes in (one, none):
        assert [sum(bar.get_height() for bar in bars) for bars in axes.containers] == [(~kind).sum(), kind.sum()]
    assert max(bar.get_height() for bar in none.patches) == (~kind).sum()
    assert [len(dots.get_offsets()) for dots in three.collections] == [(~kind).sum(), kind.sum()]


def test_projection_by_umap_where_it_is(monkeypatch):
    """umap-learn flattens 30 trials or more; another method is refused."""

    class UMAP:
        def __init__(self, **settings):
            assert settings["random_state"] == 3

        def fit_transform(self, z):
            return z[:, :2]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=UMAP))
    z = np.random.default_rng(0).normal(size=(30, 4))
    figure = figures.projection({"z": z}, {"half": np.arange(30) // 15}, method="UMAP", seed=3)
    points = np.concatenate([dots.get_offsets() for dots in figure.axes[0].collections])
    np.testing.assert_allclose(points, ((z - z.mean(0)) / z.std(0))[:, :2])
    with pytest.raises(InputError, match="'t-SNE', 'UMAP'; found 'PCA'"):
        figures.projection({"z": z}, {"half": np.arange(30) // 15}, method="PCA")
