"""pidjax/neuro/berlin.py: files written in both published layouts, read back; broken variants are refused."""

import functools

import mne
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from experiments.berlin import written
from pidjax._checks import InputError
from pidjax.neuro.berlin import read_shin2017, read_shin2018
from pidjax.neuro.clock import clock_of

RNG = np.random.default_rng(0)


def shin2017(folder, **settings):
    places = folder / "eeg", folder / "nirs"
    written.shin2017(*places, RNG, **settings)
    return places


def test_shin2017(tmp_path):
    """The arrays of the plain reader in volts and pairs of wavelengths, marker by marker; codes 1/2 or 16/32 alike."""
    eeg, nirs = read_shin2017(*shin2017(tmp_path), "arithmetic")
    stored = [loadmat(tmp_path / part / "cnt.mat")["cnt"] for part in ("eeg", "nirs")]
    expected = np.concatenate([stored[0][0, i]["x"][0, 0] for i in (1, 3, 5)]).T
    np.testing.assert_allclose(eeg.get_data(), 1e-6 * expected)
    assert eeg.get_channel_types() == ["eeg"] * 4 + ["eog"] * 2 and eeg.info["sfreq"] == 200
    x = np.concatenate([stored[1][0, i]["x"][0, 0] for i in (1, 3, 5)]).T
    np.testing.assert_allclose(nirs.get_data(), x[[0, 3, 1, 4, 2, 5]])
    assert nirs.ch_names == [f"{p} {w}" for p in ("S1_D1", "S2_D1", "S3_D2") for w in (760, 850)]
    distance = mne.preprocessing.nirs.source_detector_distances(nirs.info)
    assert ((distance > 0.015) & (distance < 0.06)).all()
    first_of = loadmat(tmp_path / "eeg" / "mrk.mat")["mrk"][0, 1]["time"][0, 0][0, 0] / 1000
    for raw, first in ((eeg, first_of), (nirs, first_of - 1.5)):
        trials = [note for note in raw.annotations if note["description"] in ("MA", "BL")]
        assert [t["description"] for t in trials] == ["MA", "BL"] * 6 and trials[0]["duration"] == 10
        assert trials[0]["onset"] == pytest.approx(first)
    # one frame for both: an optode and an electrode of one name stand in one place
    at_fp1 = mne.create_info(["Fp1"], 1.0, "eeg").set_montage("colin27_1005")["chs"][0]["loc"][:3]
    np.testing.assert_allclose(nirs.info["chs"][0]["loc"][6:9], at_fp1)
    imagined, _ = read_shin2017(*shin2017(tmp_path / "b", codes=(16, 32)), "imagery")
    assert next(n["description"] for n in imagined.annotations) == "LMI"
    density = mne.preprocessing.nirs.optical_density(nirs, verbose="error")
    assert np.isfinite(mne.preprocessing.nirs.beer_lambert_law(density, ppf=6.0).get_data()).all()


@pytest.mark.parametrize(
    ("write", "read", "names"),
    [(written.shin2017, read_shin2017, ("MA", "BL")), (written.shin2018, read_shin2018, ("WG", "BL"))],
)
def test_clocks_that_drift_are_tied_by_the_markers(tmp_path, write, read, names):
    """20 trials in ten minutes: 300 ppm are found in every run and taken off; a tenth of a per cent is refused."""
    places = tmp_path / "eeg", tmp_path / "nirs"
    write(*places, RNG, drift=3e-4, spaced=28.0, trials=20)
    raws = read(*places)
    clock = clock_of(*raws, "auto")
    onsets = [np.array([n["onset"] for n in raw.annotations if n["description"] in names]) for raw in raws]
    assert len(onsets[0]) == 60 and np.abs(clock.to_eeg(onsets[1]) - onsets[0]).max() < 0.02
    assert [run.drift for run in clock.runs] == pytest.approx([3e-4] * 3, abs=2e-5)
    write(*places, RNG, drift=1e-3, spaced=28.0, trials=20)
    with pytest.raises(InputError, match="ppm"):
        clock_of(*read(*places), "auto")


@pytest.mark.parametrize(
    ("write", "read", "name"), [(written.shin2017, read_shin2017, "mnt"), (written.shin2018, read_shin2018, "mnt_wg")]
)
def test_markers_at_the_instruction_and_montages_beside(tmp_path, write, read, name):
    """Trials begin later by the offset, runs where they did; a file of the montage changes nothing."""
    places = tmp_path / "eeg", tmp_path / "nirs"
    write(*places, RNG)
    before = read(*places)
    for folder in places:
        savemat(folder / f"{name}.mat", {name: {"clab": written.names(["Fp1"]), "pos_3d": np.zeros((3, 1))}})
    for raw, late in zip(before, read(*places, task_offset=2.0), strict=True):
        np.testing.assert_array_equal(late.get_data(), raw.get_data())
        for channel, of in zip(late.info["chs"], raw.info["chs"], strict=True):
            np.testing.assert_array_equal(channel["loc"], of["loc"])
        boundary = np.array(["boundary" in name for name in raw.annotations.description])
        np.testing.assert_allclose(late.annotations.onset[boundary], raw.annotations.onset[boundary])
        np.testing.assert_allclose(late.annotations.onset[~boundary], raw.annotations.onset[~boundary] + 2)


def test_shin2018(tmp_path):
    """Concentrations in M, HbO and HbR of a site beside each other; a clock a run, however many lengths are told."""
    for lengths in (3, 1, 0):
        folder = tmp_path / str(lengths)
        written.shin2018(folder / "eeg", folder / "nirs", RNG, lengths=lengths)
        eeg, nirs = read_shin2018(folder / "eeg", folder / "nirs")
        stored = loadmat(folder / "nirs" / "cnt_wg.mat")["cnt_wg"]
        for i, kind in enumerate(("oxy", "deoxy")):
            np.testing.assert_allclose(nirs.get_data()[i::2], 1e-3 * stored[kind][0, 0]["x"][0, 0].T)
        assert nirs.get_channel_types() == ["hbo", "hbr"] * 3
        np.testing.assert_allclose(mne.preprocessing.nirs.source_detector_distances(nirs.info), 0.03, rtol=1e-5)
        trials = [n for n in nirs.annotations if n["description"] in ("WG", "BL")]
        assert len(trials) == 12 and trials[0]["duration"] == 10
        runs = clock_of(eeg, nirs, "auto").runs
        np.testing.assert_allclose([run.offset for run in runs], [-1.0, -1.7, -2.5], atol=0.02)


@pytest.mark.parametrize(
    ("task", "blocks", "lasts", "stimuli"),
    [
        ("nback", ["0-back", "2-back", "3-back"], 40, written.STIMULI["nback"]),
        ("dsr", ["series"], 0, {16: "O", 32: "X"}),
    ],
)
@pytest.mark.parametrize("lengths", [3, 0])
def test_blocks_of_2018_are_paired(tmp_path, task, blocks, lasts, stimuli, lengths):
    """By their rows, whatever codes and names, and tie the clocks; the EEG keeps its stimuli under their names."""
    places = tmp_path / "eeg", tmp_path / "nirs"
    written.shin2018(*places, RNG, task=task, lengths=lengths)
    raws = read_shin2018(*places, task)
    for raw, shift in zip(raws, (0.0, 1.0), strict=True):
        notes = [note for note in raw.annotations if note["description"] in blocks]
        assert [note["description"] for note in notes] == [blocks[k % len(blocks)] for k in range(12)]
        assert {note["duration"] for note in notes} == {lasts} and notes[1]["onset"] == 35 - shift
    others = [{*raw.annotations.description} - {*blocks, "BAD boundary", "EDGE boundary"} for raw in raws]
    assert others == [{*stimuli.values()}, set()]
    clock = clock_of(*raws, "auto")
    np.testing.assert_allclose([run.offset for run in clock.runs], [-1.0, -1.7, -2.5], atol=0.02)
    assert [len(run.eeg) for run in clock.runs] == [4, 4, 4]
    refused(
        lambda *folders: read_shin2018(*folders, task),
        *places,
        "run 1: the 4 markers of the EEG and 3 of the fNIRS" if lengths else "longest pauses leave 3, 4, 4",
        f"mrk_{task}",
        lambda mrk: mrk.update(time=mrk["time"][1:], y=mrk["y"][..., 1:]),
    )


@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("lengths", [3, 0])
def test_a_run_of_2018_that_is_missing_is_said(tmp_path, runs, lengths):
    """By the lengths where they are told, else by the markers that the longest pauses leave."""
    written.shin2018(tmp_path / "eeg", tmp_path / "nirs", RNG, runs=runs, lengths=lengths)
    said = (
        rf"the EEG must be 3 runs .* its {40_000 * runs} samples; found T of {', '.join(['40000'] * runs)}: a run is"
        if lengths
        else r"the EEG must be 3 runs of as many markers each; its longest pauses leave \d, \d, \d: a run is missing"
    )
    with pytest.raises(InputError, match=said):
        read_shin2018(tmp_path / "eeg", tmp_path / "nirs")


def plain(stored):
    """A struct of loadmat as a dict, fields that are structs too."""
    return {key: plain(value) if hasattr(value, "_fieldnames") else value for key, value in vars(stored).items()}


def matlab(run):
    """A dict with its lists of names as cells."""
    of = {"clab": written.names, "className": written.names}
    return {key: matlab(x) if isinstance(x, dict) else of.get(key, np.asarray)(x) for key, x in run.items()}


def refused(read, eeg, nirs, message, name, change):
    """In these words, where every run of a file of the fNIRS is changed."""
    path = nirs / f"{name}.mat"
    kept, content = path.read_bytes(), loadmat(path, squeeze_me=True, struct_as_record=False)[name]
    runs = [plain(run) for run in np.atleast_1d(content)]
    for run in runs:
        run.pop("_fieldnames")
        change(run)
    cells = [matlab(run) for run in runs]
    savemat(path, {name: written.cells(cells) if isinstance(content, np.ndarray) else cells[0]})
    with pytest.raises(InputError, match=message):
        read(eeg, nirs)
    path.write_bytes(kept)


def test_broken_copies_are_refused(tmp_path):
    """A run short, a marker that jumped, a field, a file, a label that is no place."""
    with pytest.raises(InputError, match="six runs; found 5"):
        read_shin2017(*shin2017(tmp_path / "a", runs=5))
    with pytest.raises(InputError, match=r"up to 0\.\d+ s apart"):
        read_shin2017(*shin2017(tmp_path / "b", jump=0.5))
    with pytest.raises(InputError, match=r"is 1\.01\d+ s of the fNIRS"):
        read_shin2017(*shin2017(tmp_path / "d", drift=0.015))
    with pytest.raises(InputError, match="task must be one of"):
        read_shin2017(tmp_path, tmp_path, "rest")
    eeg, nirs = shin2017(tmp_path / "c")
    broken = functools.partial(refused, read_shin2017, eeg, nirs)
    broken("lacks the field 'y'", "mrk", lambda run: run.pop("y"))
    broken(
        "the 4 markers of the EEG and 4 of the fNIRS differ in number or class",
        "mrk",
        lambda run: run.update(y=run["y"][::-1]),
    )
    broken(
        "does not join two sites",
        "cnt",
        lambda run: run.update(clab=["XYlowWL", *run["clab"][1:3], "XYhighWL", *run["clab"][4:]]),
    )
    broken("then the same at the high one", "cnt", lambda run: run.update(clab=run["clab"][[0, 2, 1, 3, 4, 5]]))
    broken("at two wavelengths", "cnt", lambda run: run.update(wavelengths=760))
    (nirs / "mrk.mat").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no MATLAB file"):
        read_shin2017(eeg, nirs)
    (nirs / "mrk.mat").unlink()
    with pytest.raises(InputError, match=r'mrk\.mat is absent: .*tu-berlin\.de/hBCI .*"subject 01"'):
        read_shin2017(eeg, nirs)


def test_broken_copies_of_2018_are_refused(tmp_path):
    """A field, a variable, a file, half a file; samples, channels or markers that are not as many as they must be."""
    eeg, nirs = tmp_path / "eeg", tmp_path / "nirs"
    written.shin2018(eeg, nirs, RNG)
    broken = functools.partial(refused, read_shin2018, eeg, nirs)
    broken("the fNIRS lacks the field 'deoxy'", "cnt_wg", lambda cnt: cnt.pop("deoxy"))
    broken("the fNIRS, oxy lacks the field 'x'", "cnt_wg", lambda cnt: cnt["oxy"].pop("x"))
    broken(
        r"the fNIRS, oxy must hold x of \[samples, 3 channels\]; found shape \(6000, 2\)",
        "cnt_wg",
        lambda cnt: cnt["oxy"].update(x=cnt["oxy"]["x"][:, :2]),
    )
    broken("oxy has 6000 samples, deoxy 5990", "cnt_wg", lambda cnt: cnt["deoxy"].update(x=cnt["deoxy"]["x"][10:]))
    broken("same channels in the same order", "cnt_wg", lambda cnt: cnt["oxy"].update(clab=cnt["oxy"]["clab"][::-1]))
    broken(
        "'XY' is no site",
        "cnt_wg",
        lambda cnt: [cnt[of].update(clab=[f"XY{of}", *cnt[of]["clab"][1:]]) for of in ("oxy", "deoxy")],
    )
    broken("for each of 11 markers; found shape", "mrk_wg", lambda mrk: mrk.update(time=mrk["time"][1:]))
    broken(
        "run 1: the 4 markers of the EEG and 3 of the fNIRS differ in number",
        "mrk_wg",
        lambda mrk: mrk.update(time=mrk["time"][1:], y=mrk["y"][:, 1:]),
    )
    broken(r"run 2: markers .* up to 0\.\d+ s apart", "mrk_wg", lambda mrk: mrk["time"].__setitem__(5, 233_700))
    broken(
        "fNIRS must .* its 6000 samples; found T of 2000, 2000, 1000",
        "cnt_wg",
        lambda cnt: cnt.update(T=[2000, 2000, 1000]),
    )
    with pytest.raises(InputError, match="task must be one of"):
        read_shin2018(eeg, nirs, "rest")
    path = nirs / "cnt_wg.mat"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cnt_wg\.mat is no MATLAB file that can be read"):
        read_shin2018(eeg, nirs)
    savemat(path, {"cnt": {"fs": 10.0}})
    with pytest.raises(InputError, match=r"cnt_wg\.mat must hold the variable cnt_wg"):
        read_shin2018(eeg, nirs)
    path.unlink()
    with pytest.raises(InputError, match=r'cnt_wg\.mat is absent: .*simultaneous_EEG_NIRS .*"VP001-NIRS"'):
        read_shin2018(eeg, nirs)
