"""experiments/figures.py: what a dot is and what is beside it."""

import numpy as np
import pytest

from experiments.figures import Score, score_of, score_panels


def test_scores():
    """The error is over seeds, of one seed that of its test rows, or none; what was published is read with its own."""
    seeds = [{"f1": 0.5}, {"f1": 0.7}]
    assert score_of(seeds, "f1", "61.48 ± 0.18") == pytest.approx((60, 10, 61.48, 0.18))
    assert score_of(seeds[:1], "f1") == Score(50.0)
    assert score_of([{"mse": 2e-4, "mse_se": 1e-4}], "mse", "1.3", 1e4) == pytest.approx((2, 1, 1.3, 0))


def test_dots_are_where_the_numbers_are():
    """A row a method in all panels; diamonds where something was published; a line with its band."""
    panels = {"a": {"x": Score(60, 1), "y": Score(70, 2, 65, 3)}, "b": {"y": Score(80)}}
    figure = score_panels(panels, "%", here="mean", lines={"b": (50, 1)}, line="chance")
    first, second = figure.axes
    here, published = first.containers
    np.testing.assert_allclose(here.lines[0].get_xdata(), [60, 70])
    np.testing.assert_allclose(published.lines[0].get_xdata(), [65])
    assert [bars[:, 0].tolist() for bars in here.lines[2][0].get_segments()] == [[59, 61], [68, 72]]
    assert [text.get_text() for text in first.get_yticklabels()] == ["x", "y"]
    np.testing.assert_array_equal(np.round(second.containers[0].lines[0].get_ydata()), [1])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mean", "published", "chance"]
