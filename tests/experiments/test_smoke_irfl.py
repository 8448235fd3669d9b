"""experiments.irfl: the smoke preset runs to its table; phrases stay on one side; what is absent is named."""

import json

import numpy as np
import pytest
from shallow import shallow_clip

from experiments.irfl import __main__ as experiment
from experiments.irfl.figures import Figures, divided, load_figures, write_figures
from pidjax._checks import InputError
from pidjax.encoders.clip import load_clip
from pidjax.train import metrics


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """CLIP as it is and one method; a second run trains nothing."""
    monkeypatch.setattr(metrics, "WRITERS", {})  # they import torch where there is one
    monkeypatch.setattr(experiment, "two_steps", lambda full: [])
    monkeypatch.setattr(experiment, "TINY", shallow_clip(tmp_path / "clip"))
    experiment.main("smoke", out=tmp_path, method=("frozen", "simclr"))
    found = json.loads((tmp_path / "smoke" / "result.json").read_text())["methods"]
    assert all(0 <= found[name][0]["accuracy"] <= 1 and found[name][0]["n"] == 12 for name in ("frozen", "simclr"))
    text = (tmp_path / "smoke" / "table.md").read_text()
    assert "| 91.6 ± 0.0 | 91.57 |" in text and "k/83" in text and "zero-shot" in text
    assert (tmp_path / "smoke" / "accuracy.png").stat().st_size > 5_000
    monkeypatch.setattr(experiment, "learned", None)
    experiment.main("smoke", out=tmp_path, method=("frozen", "simclr"))


def test_rows_are_what_the_files_say(tmp_path):
    """One row a line of each file, its picture the answer; a phrase is in one part; a missing file is named."""
    config, _ = load_clip(experiment.TINY)
    folder = write_figures(tmp_path, phrases=4)
    of = load_figures(folder, experiment.TINY, config)
    assert {name: x.shape for name, x in of.arrays.items()} == {
        "x1": (24, 20),
        "mask1": (24, 20),
        "x2": (24, 32, 32, 3),
        "y": (24,),
    }
    np.testing.assert_array_equal(of.arrays["y"], np.repeat([0, 1, 2], 8))
    np.testing.assert_array_equal(of.arrays["x2"].mean((1, 2)).argmax(1), of.arrays["y"])
    picture = folder / "images" / "simile-3-0.jpeg"
    picture.write_bytes(picture.read_bytes()[:100])
    with pytest.raises(InputError, match=r"simile-3-0.jpeg is cut off, or no picture"):
        load_figures(folder, experiment.TINY, config)
    picture.unlink()
    with pytest.raises(InputError, match=r"simile-3-0.jpeg: unpack IRFL_images.zip"):
        load_figures(folder, experiment.TINY, config)
    (folder / "idiom_detection_task.csv").unlink()
    with pytest.raises(InputError, match=r"no .*idiom_detection_task.csv: obtain lampent/IRFL"):
        load_figures(folder, experiment.TINY, config)


def test_files_that_cannot_be_used(tmp_path):
    """Without a row, without a column, with an answer that is no list of names."""
    config, _ = load_clip(experiment.TINY)
    path = write_figures(tmp_path, phrases=1) / "simile_detection_task.csv"
    for content, said in {
        "": r"simile_detection_task.csv holds no row: obtain lampent/IRFL",
        "phrase,answer\n": r"simile_detection_task.csv holds no row",
        "phrase,picture\na cat,b\n": r"must have columns phrase and answer; found phrase, picture",
        "phrase,answer\na cat\n": r"must be lists of names, such as \[\"a\"\]; found None",
        "phrase,answer\na cat,[]\n": r"must be lists of names, such as \[\"a\"\]; found '\[\]'",
        'phrase,answer\na cat,"[\'b"\n': r"must be lists of names, such as \[\"a\"\]; found \"\['b\"",
    }.items():
        path.write_text(content)
        with pytest.raises(InputError, match=said):
            load_figures(tmp_path, experiment.TINY, config)


@pytest.mark.parametrize("split", ["phrases", "rows"])
def test_parts(split):
    """Every row in one part, seven, one and two tenths of each class; phrases apart unless asked otherwise."""
    y = np.repeat([0, 1, 2], 40)
    of = Figures({"y": y}, np.array([f"{i // 4}" for i in range(120)]))
    parts = divided(of, split, seed=1)
    np.testing.assert_array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(120))
    assert [np.bincount(y[rows]).tolist() for rows in parts.values()] == [[28] * 3, [4] * 3, [8] * 3]
    phrases = [set(of.phrases[rows]) for rows in parts.values()]
    assert bool(phrases[0] & phrases[2]) == (split == "rows")
