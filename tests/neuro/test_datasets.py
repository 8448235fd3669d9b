"""pidjax/neuro/datasets.py and joined.py: releases found by folder, subjects joined, all that is missing named."""

import dataclasses
import shutil

import numpy as np
import pytest

from experiments.berlin import written
from pidjax._checks import InputError
from pidjax.cli import main
from pidjax.neuro.datasets import find_subjects, sources
from pidjax.neuro.job import _folds, _tested, prepare
from pidjax.neuro.joined import join
from pidjax.neuro.settings import DecomposeSettings, check_settings

SHORT = {"folds": 2, "fnirs_epoch": (-2.0, 8.0), "epoch": (-1.0, 4.0)}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """Subjects 1, 2 and 5, each with both tasks."""
    return written.release2017(tmp_path_factory.mktemp("release"), np.random.default_rng(0), (1, 2, 5))


@pytest.fixture(scope="module")
def one(release):
    """Subject 1 by its two folders."""
    return prepare(*find_subjects("shin2017", release)[1], DecomposeSettings(dataset="shin2017_arithmetic", **SHORT))


def test_one_subject_is_prepared_as_files_are(one):
    """Events of both modalities, their clocks tied over three runs, trials that cross no boundary of runs."""
    assert set(one.pairs.metadata.trial_type) == {"MA", "BL"} and len(one.pairs) >= 6
    assert len(one.pairs.log["clock"]["runs"]) == 3
    assert "names both files share" in one.choices["events"]["events"]


def test_chosen_subjects_are_joined(release, one):
    """A subject's trials equal those it has alone; folds test every subject and lose no trial to another's onsets."""
    found = sources("shin2017", release, subjects=(5, 1))
    assert [(s.subject, s.session) for s in found] == [(n, t) for n in "15" for t in ("imagery", "arithmetic")]
    settings = DecomposeSettings(dataset="shin2017_arithmetic", subjects=(5, 1), batch_size=15, **SHORT)
    prepared = prepare(release, None, settings)
    trials = prepared.pairs.metadata
    assert list(trials.subject.unique()) == ["1", "5"] and set(trials.session) == {"arithmetic"}
    here = prepared.pairs.split("subject")["1"]
    for kind, x in one.pairs.to_arrays().items():
        order = [one.pairs.epochs[kind].ch_names.index(name) for name in here.epochs[kind].ch_names]
        np.testing.assert_array_equal(here.to_arrays()[kind], x[:, order])
    for fold, alone in zip(prepared.folds, one.folds, strict=True):
        assert (trials.subject[fold.train] == "1").sum() == len(alone.train)
        assert set(trials.subject[fold.test]) == {"1", "5"}
    left_out = _folds(prepared.pairs, dataclasses.replace(settings, leave_out="subject"), 10.0)
    assert [set(trials.subject[fold.test]) for fold in left_out] == [{"1"}, {"5"}]
    assert [set(trials.subject[fold.train]) for fold in left_out] == [{"5"}, {"1"}]
    recording_and_block = trials[["session", "block"]].astype(str).agg(" ".join, axis=1)
    for fold in left_out:
        assert len(fold.stretches) == recording_and_block[fold.test].nunique() > 1
        assert all(recording_and_block[part].nunique() == 1 for part in fold.stretches)
    few = prepared.pairs[np.r_[:4, len(trials) - 4 : len(trials)]]
    assert len(_folds(few, dataclasses.replace(settings, leave_out="subject", folds=5), 0.0)) == 2
    assert "warning: folds" in _tested(one.pairs, dataclasses.replace(settings, leave_out="subject"))
    assert prepared.choices["all recordings"]["batch"].startswith("16 trials instead of")
    assert next(iter(prepared.quality)) == "Quality control: subject 1, arithmetic" and len(prepared.quality) == 3


def test_a_channel_lost_by_one_subject_is_interpolated(one):
    """The nearest pair of fNIRS in its place, EEG by its neighbours; a changed layout is refused."""
    whole, less = one.pairs, one.pairs[:]
    less.epochs["fnirs"].drop_channels(["S2_D1 hbo", "S2_D1 hbr"])
    for kind in ("eeg", "erp"):
        less.epochs[kind].drop_channels(["Cz"])
    both = join({"a": less, "b": whole})
    assert both.log["interpolated"] == {"a": ["Cz", "S2_D1 hbo", "S2_D1 hbr"]}
    x, n = both.epochs["fnirs"].get_data(copy=False), len(whole)
    at = both.epochs["fnirs"].ch_names.index
    for kind in ("hbo", "hbr"):
        np.testing.assert_allclose(x[:n, at(f"S2_D1 {kind}")], x[:n, at(f"S1_D1 {kind}")])
        assert not np.allclose(x[n:, at(f"S2_D1 {kind}")], x[n:, at(f"S1_D1 {kind}")])
    eeg = both.epochs["eeg"]
    made = eeg.get_data(picks=["Cz"], copy=False)[:n]
    assert np.isfinite(made).all() and made.std() > 1e-7 and eeg.get_montage() is not None
    assert both.log["trials"] == {key: 2 * whole.log["trials"][key] for key in ("found", "kept")}
    moved = whole[:]
    moved.epochs["eeg"].info["chs"][0]["loc"][0] += 0.01
    with pytest.raises(InputError, match="in another place"):
        join({"a": whole, "b": moved})
    less.epochs["fnirs"].crop(tmax=5)
    with pytest.raises(InputError, match="other rates or windows"):
        join({"a": whole, "b": less})


def test_what_is_missing_is_said(release, tmp_path, capsys):
    """Subjects that are not there, half there, twice there or broken; names, folders and options that do not fit."""
    refused = pytest.raises(InputError, match=r"not of 3, 4; found EEG of 1, 2, 5 and fNIRS of 1, 2, 5")
    with refused:
        sources("shin2017", release, subjects=(1, 3, 4))
    copy = shutil.copytree(release, tmp_path / "copy")
    broken = copy / "NIRS" / "subject 02"
    (broken / "mrk.mat").write_bytes(b"nothing")
    status = main(
        ["decompose", str(copy), "--dataset", "shin2017_imagery", "--subjects", "2", "5", "--out", str(copy / "out")]
    )
    assert status == 2 and not (copy / "out").exists()
    error = capsys.readouterr().err
    assert "subject 2, imagery: " in error and "no MATLAB file" in error and "Without it: --subjects 5." in error
    (broken / "cnt.mat").unlink()
    with pytest.raises(
        InputError, match=r"does not of 2; found EEG of 1, 2, 5 and fNIRS of 1, 5: unpack the rest of .*/hBCI"
    ):
        sources("shin2017", copy)
    shutil.copytree(copy / "NIRS" / "subject 05", copy / "more" / "Subject 05")
    with pytest.raises(InputError, match="two fNIRS folders of subject 5"):
        sources("shin2017", copy)
    with pytest.raises(
        InputError, match=r"VPNNN-EEG/cnt_wg\.mat and .* of every subject; found EEG of none.*_EEG_NIRS"
    ):
        sources("shin2018_cognitive", release)
    with pytest.raises(InputError, match=r"is no folder: .* as unpacked from .*/hBCI"):
        sources("shin2017", tmp_path / "no")
    with pytest.raises(InputError, match="give that folder alone"):
        sources("shin2017", release, release, (1,))
    with pytest.raises(InputError, match="dataset must be one of"):
        sources("shin2016", release)
    with pytest.raises(InputError, match="--leave-out must be one of 'block', 'subject'; found 'subjects'"):
        check_settings(DecomposeSettings(leave_out="subjects"))
    for settings in (DecomposeSettings(), DecomposeSettings(subjects=(1,))):
        with pytest.raises(InputError, match="needs its fNIRS file"):
            prepare("a.edf", None, settings)


def test_the_cognitive_release_is_found(tmp_path):
    """Folders of a subject side by side, archives unpacked in trees of their own."""
    for k in (1, 12):
        written.shin2018(tmp_path / "a" / f"VP{k:03d}-EEG", tmp_path / f"VP{k:03d}-NIRS", np.random.default_rng(k))
    assert list(find_subjects("shin2018_cognitive", tmp_path)) == [1, 12]
    (one,) = sources("shin2018_cognitive", tmp_path, subjects=(12,))
    eeg, _ = one.read()
    assert (one.subject, one.session) == ("12", "wg") and "WG" in eeg.annotations.description
    with pytest.raises(InputError, match=r"VPNNN-EEG/cnt_nback\.mat and .* found EEG of none"):
        sources("shin2018_nback", tmp_path)
    written.release2018(tmp_path, np.random.default_rng(0), (3,), task="nback")
    (one,) = sources("shin2018_nback", tmp_path, task_offset=2.0)
    assert (one.subject, one.session) == ("3", "nback") and "2-back" in one.read()[1].annotations.description
    assert [raw.annotations.onset[0] for raw in one.read()] == [12.0, 11.0]
