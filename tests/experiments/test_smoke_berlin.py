"""experiments.berlin: short recordings run to its tables; folds are those of the protocols; chance is exact."""

import dataclasses
import json
from typing import ClassVar

import numpy as np
import pytest

from experiments.berlin import __main__ as experiment
from experiments.berlin import written
from experiments.berlin.tables import least_above_chance, sign_flip
from pidjax._checks import InputError
from pidjax.neuro.berlin import _sites, _two_sites
from pidjax.objectives import HEADS

SMALL = dataclasses.replace(experiment.PRESETS["smoke"], eeg_window=(-1.0, 4.0), fnirs_window=(-2.0, 8.0))


class Noise(experiment.EEGfNIRSDecomposer):
    """In the decomposer's place, which takes long to compile and has its own tests: heads that know nothing."""

    seen: ClassVar[list] = []

    def fit(self, pairs, *, checkpoints, title):
        self.seen.append((title.split(",")[0].removeprefix("subject "), pairs.metadata, self.batch_size))
        return self

    def transform(self, pairs):
        rng = np.random.default_rng(len(self.seen))
        return {head: rng.normal(size=(len(pairs), 4)) for head in HEADS}


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """What was written into the signals is decoded by both protocols; a second run decodes nothing."""
    monkeypatch.setattr(experiment, "EEGfNIRSDecomposer", Noise)
    data = written.release2017(tmp_path / "recordings", np.random.default_rng(0), effect=1.0)
    given = {"data": data, "out": tmp_path, "sets": ("shin2017_arithmetic",)}
    experiment.main("smoke", **given, config=SMALL)
    result = json.loads((tmp_path / "smoke" / "result.json").read_text())
    by = {name.split(", ")[1]: of for name, of in result["accuracy"].items()}
    for of in by.values():
        # what the writer puts into the signals is read; guessing gets 10 of 12 in 2 % of cases
        assert set(of) == {"1", "2"} and all(one["trials"] == 12 for one in of.values())
        assert all(one["scores"][name] >= 10 / 12 for one in of.values() for name in ("EEG", "both"))
        assert set(of["1"]["scores"]) == {"EEG", "fNIRS", "both", *HEADS, "all heads"}
    for subject, train, batch in Noise.seen[:6]:  # three runs of each subject: two of them to train on
        assert set(train.subject) == {subject} and train.run.nunique() == 2 and len(train) == batch == 8
    assert len({(subject, *train.run.unique()) for subject, train, _ in Noise.seen[:6]}) == 6
    assert [(subject, set(train.subject)) for subject, train, _ in Noise.seen[6:]] == [("1", {"2"}), ("2", {"1"})]
    text = (tmp_path / "smoke" / "table.md").read_text()
    assert "STA-Net 2025 (published, both; accuracy) | 85.14" in text and "No published number" in text
    assert text.count("82.30 and 87.24 %") == 1  # of the protocol it is of
    assert "from 83.3 of 12 trials on" in text and (tmp_path / "smoke" / "subjects.png").stat().st_size > 5_000
    assert {claim["holds"] for claim in result["claims"]} == {None}
    monkeypatch.setattr(experiment, "raw_features", None)
    experiment.main("smoke", **given, config=SMALL)
    one = dataclasses.replace(SMALL, subjects=(1,))
    with pytest.raises(InputError, match="takes two of shin2017_arithmetic or more; found 1: leave it out"):
        experiment.main("smoke", data, tmp_path / "b", ("subject",), config=one)


def test_all_channels_are_named_as_published():
    """30 electrodes and 2 of the eyes, 36 pairs whose ends are known; 28 and 2, 36 sites."""
    known = set(_sites()) | {name.lower() for name in written.EYES}
    assert [len(set(names)) for of in (written.ALL_2017, written.ALL_2018) for names in of] == [32, 36, 30, 36]
    for name in (*written.ALL_2017.eeg, *written.ALL_2018.eeg, *written.ALL_2018.nirs):
        assert name.lower() in known
    for pair in written.ALL_2017.nirs:
        _two_sites(pair, "here")


def test_chance():
    """Exact: the published bounds of 20 to 1740 trials; of five subjects above chance one of 32 flips is as high."""
    bounds = [round(100 * least_above_chance(n), 1) for n in (20, 40, 60, 180, 1740)]
    assert bounds == [75.0, 65.0, 61.7, 56.7, 52.0]
    assert sign_flip([0.1, 0.2, 0.1, 0.3, 0.2], "greater") == pytest.approx(1 / 32)
    assert sign_flip([0.1, -0.1]) == 1 and np.isnan(sign_flip([0.1]))


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    """Recordings, protocols and sets that there are not; with one release alone nothing is computed."""
    monkeypatch.setattr(experiment, "loaded", None)
    data = written.release2017(tmp_path / "recordings", np.random.default_rng(0))
    sets = ("shin2017_arithmetic", "shin2018_cognitive")
    with pytest.raises(InputError, match=r"^shin2018_cognitive: .*_EEG_NIRS.* Or leave it out of --sets\."):
        experiment.main("smoke", data, tmp_path, sets=sets, config=SMALL)
    with pytest.raises(InputError, match=r"--data is needed: .*simultaneous_EEG_NIRS"):
        experiment.main(out=tmp_path)
    with pytest.raises(InputError, match="protocol must be one of"):
        experiment.main("smoke", out=tmp_path, protocol=("trial",))
    with pytest.raises(InputError, match="sets must be one of"):
        experiment.main("smoke", out=tmp_path, sets=("shin2018_nback",))
