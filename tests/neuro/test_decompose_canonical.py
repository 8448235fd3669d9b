"""``pidjax decompose --preset canonical``: the same report by the closed form, truth beside it, bad input in words."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pidjax._checks import InputError
from pidjax.cli import main
from pidjax.evaluate import probe_class
from pidjax.neuro import job, summary, validate
from pidjax.neuro import report as html
from pidjax.neuro.settings import DecomposeSettings
from pidjax.neuro.simulate import CLEAR
from pidjax.neuro.simulate.belongs import belongs
from pidjax.objectives import HEADS

QUICK = ("--folds", "3", "--permutations", "9", "--epoch", "-1", "4", "--fnirs-epoch", "-2", "8")


def run(folder, out, *more: str) -> int:
    recordings = (str(folder / "eeg.edf"), str(folder / "fnirs.snirf"), "--events", str(folder / "events.tsv"))
    return main(["decompose", *recordings, "--out", str(out), "--preset", "canonical", *QUICK, *more])


@pytest.fixture(scope="module")
def folder(files, tmp_path_factory):
    """The session's files and where its factors belong, as ``pidjax simulate`` writes them."""
    out = tmp_path_factory.mktemp("canonical")
    for path in files.values():
        shutil.copy(path, out)
    (out / "belongs.json").write_text(json.dumps(belongs(CLEAR)))
    return out


def linear(z, y, folds, *, seed):
    return probe_class(z, y, folds, permutations=0).pointwise, None


@pytest.fixture(scope="module")
def learned():
    """What the run below learns: all that was prepared, and the models of folds."""
    return []


@pytest.fixture(scope="module")
def report(folder, learned, tmp_path_factory):
    """Without pictures and without perceptrons, which have tests of their own."""
    out = tmp_path_factory.mktemp("job") / "report"
    write, learn = html.write_report, job._learn

    def kept(prepared, *rest):
        model, models = learn(prepared, *rest)
        learned.extend([prepared, models])
        return model, models

    def tables(path, *, sections, **rest):
        kept = {name: [item for item in items if isinstance(item[1], str)] for name, items in sections.items()}
        write(path, sections=kept, **rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html, "write_report", tables)
        patch.setattr(summary.signals, "signal_section", lambda *_: [])
        patch.setattr(summary, "_projections", lambda *_: [])
        patch.setattr(validate, "label_information", linear)
        patch.setattr(job, "_learn", kept)
        assert run(folder, out) == 0
    assert [path.name for path in out.parent.iterdir()] == ["report"]
    return out


def test_the_same_door(report):
    """The files of any report: heads of all trials, the probes of each, what was learned and how."""
    metrics, config = (json.loads((report / name).read_text()) for name in ("metrics.json", "config.json"))
    with np.load(report / "embeddings.npz") as arrays:
        assert all(np.isfinite(arrays[head]).all() and len(arrays[head]) == 17 for head in HEADS)
    assert all(set(found) >= set(HEADS) for found in metrics["probes"].values())
    assert config["model"]["jitter"] == 0.0 and "negatives" not in config["choices"]["events"]
    assert len(metrics["training"]["canonical_correlations"]) == 2
    assert "of 17 it may find little" in config["choices"]["events"]["warning: decomposition"]


def test_claims_of_synergy(report, learned, monkeypatch):
    """Of the label whose classes have six trials or more: what each fold's model, and no other, knows of its trials."""
    monkeypatch.setattr(validate, "label_information", linear)
    prepared, models = learned
    pairs, folds = prepared.pairs, prepared.folds
    of = [model.measure(pairs) for model in models]
    label = pairs.metadata.trial_type.to_numpy(str)
    found = validate.synergy_claim(models, of, label, pairs.recording, folds, repairings=9)
    turned = validate.synergy_claim(models[::-1], of[::-1], label, pairs.recording, folds, repairings=9)
    claims = json.loads((report / "metrics.json").read_text())["synergy_claims"]
    assert claims == {"trial_type": pytest.approx(found._asdict())}
    assert found.eeg != turned.eeg and found.fnirs != turned.fnirs and found.eeg != found.fnirs
    text = (report / "report.html").read_text()
    assert "Claims of synergy" in text and "<td>cannot be shown</td>" in text


def test_truth_beside_finding(report):
    """Every factor that can be probed in 17 trials, with its head."""
    text = (report / "report.html").read_text()
    assert "Truth beside finding" in text and "<td>event</td><td>redundancy_eeg, redundancy_fnirs</td>" in text
    assert set(json.loads((report / "metrics.json").read_text())["hidden_factors"]) >= {"event", "mode"}


def test_too_few_trials(folder, tmp_path, capsys):
    """One line that says how many are needed; nothing stays behind."""
    few = tmp_path / "few"
    shutil.copytree(folder, few)
    for name in ("events.tsv", "factors.tsv"):
        pd.read_csv(few / name, sep="\t", keep_default_na=False).head(10).to_csv(few / name, sep="\t", index=False)
    assert run(few, tmp_path / "out", "--folds", "2") == 2
    error = capsys.readouterr().err
    assert "too few to tell which of 5 features are shared: 8 or more" in error and len(error.splitlines()) == 1
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("words", [("--jitter", "-1"), ("--jitter", "8", "--preset", "original")])
def test_onsets_that_vary_are_not_for_the_original_design(folder, tmp_path, capsys, words):
    assert run(folder, tmp_path / "out", *words) == 2
    assert "--jitter must be 0 s or more, and does not go with --preset original" in capsys.readouterr().err


def test_onsets_that_the_trained_preset_cannot_learn_are_refused(folder, tmp_path, capsys):
    """What was asked for is not left out: windows of 5 s hold no onsets that vary over 12."""
    assert run(folder, tmp_path / "out", "--preset", "default", "--jitter", "12") == 2
    error = capsys.readouterr().err
    assert "longer trials, or lower jitter" in error and len(error.splitlines()) == 1
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("resume", [False, True])
def test_input_that_fails_after_learning_leaves_nothing(tmp_path, monkeypatch, resume):
    """But what was there to be resumed."""

    def fails(*_, **__):
        raise InputError("no head can be probed.")

    found = job.Prepared(None, [], {}, {}, None)
    monkeypatch.setattr(job, "prepare", lambda *_: found)
    monkeypatch.setattr(job, "_learn", lambda *_: (SimpleNamespace(get_params=dict, transform=lambda _: {}), []))
    monkeypatch.setattr(job, "assess", fails)
    with pytest.raises(InputError, match="no head"):
        job.decompose("eeg.edf", "fnirs.snirf", tmp_path / "out", DecomposeSettings(preset="canonical"), resume=resume)
    assert (tmp_path / "out.partial").exists() == resume


def test_the_closed_form_takes_no_setting_of_training(folder, tmp_path, capsys):
    assert run(folder, tmp_path / "out", "--steps", "5000", "--encoder", "lstm", "--n-dims", "8") == 2
    assert "leave out --steps, --encoder, --n-dims, or take --preset default" in capsys.readouterr().err
