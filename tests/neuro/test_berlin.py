"""pidjax/neuro/berlin.py: files written in both published layouts, read back; broken variants are refused."""

import mne
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from pidjax._checks import InputError
from pidjax.neuro.berlin import read_dataset, read_shin2017
from pidjax.neuro.clock import clock_of
from pidjax.neuro.job import prepare
from pidjax.neuro.settings import DecomposeSettings

RNG = np.random.default_rng(0)
EEG = ["F3", "F4", "Cz", "Pz", "VEOG", "HEOG"]
PAIRS = ["AF7Fp1", "AF3Fp1", "C5CP5"]


def names(labels):
    return np.array(labels, object)[None]


def markers(onset, classes=("MA", "BL"), codes=(16, 32)):
    y = np.eye(2)[np.arange(len(onset)) % 2].T
    return {
        "time": 1000 * onset[None],
        "y": y,
        "className": names(classes),
        "event": {"desc": (np.array(codes) @ y)[:, None]},
    }


def cells(runs):
    found = np.empty((1, len(runs)), object)
    for i, run in enumerate(runs):
        found[0, i] = run
    return found


def shin2017(folder, *, drift=0.0, lag=1.5, runs=6, codes=(1, 2), jump=0.0, spaced=12.0, trials=4):
    """Six runs; the fNIRS began ``lag`` s later and runs fast by ``drift``; its third marker ``jump`` s late."""
    onset = 8.0 + spaced * np.arange(trials) + RNG.uniform(0, 1, trials)
    last = onset[-1] + spaced
    eeg = {"cnt": [], "mrk": []}
    nirs = {"cnt": [], "mrk": []}
    labels = [f"{p}lowWL" for p in PAIRS] + [f"{p}highWL" for p in PAIRS]
    for _ in range(runs):
        x = RNG.normal(0, 20, (int(200 * last), 6))
        eeg["cnt"].append({"fs": 200.0, "x": x, "clab": names(EEG), "yUnit": "uV"})
        eeg["mrk"].append(markers(onset))
        x = 1 + 0.01 * RNG.normal(size=(int(10 * last), 6))
        nirs["cnt"].append({"fs": 10.0, "x": x, "clab": names(labels), "wavelengths": np.array([[760, 850]])})
        seen = (onset - lag) * (1 + drift) + jump * (np.arange(trials) == 2)
        nirs["mrk"].append(markers(seen, codes=codes))
    places = folder / "eeg", folder / "nirs"
    for place, content in zip(places, (eeg, nirs), strict=True):
        place.mkdir(parents=True, exist_ok=True)
        for name, value in content.items():
            savemat(place / f"{name}.mat", {name: cells(value)})
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
    shifted, _ = read_shin2017(*shin2017(tmp_path / "b", codes=(16, 32)), "imagery", task_offset=2.0)
    assert next(n["onset"] for n in shifted.annotations if n["description"] == "MA") > 10
    density = mne.preprocessing.nirs.optical_density(nirs, verbose="error")
    assert np.isfinite(mne.preprocessing.nirs.beer_lambert_law(density, ppf=6.0).get_data()).all()


def test_clocks_that_drift_are_tied_by_the_markers(tmp_path):
    """20 trials in ten minutes: 300 ppm are found in every run and taken off; a tenth of a per cent is refused."""
    eeg, nirs = read_shin2017(*shin2017(tmp_path, drift=3e-4, spaced=28.0, trials=20))
    clock = clock_of(eeg, nirs, "auto")
    onsets = [
        np.array([n["onset"] for n in raw.annotations if n["description"] in ("MA", "BL")]) for raw in (eeg, nirs)
    ]
    assert np.abs(clock.to_eeg(onsets[1]) - onsets[0]).max() < 0.02
    assert all(abs(run.drift) == pytest.approx(3e-4, abs=2e-5) for run in clock.runs)
    eeg, nirs = read_shin2017(*shin2017(tmp_path / "b", drift=1e-3, spaced=28.0, trials=20))
    with pytest.raises(InputError, match="ppm"):
        clock_of(eeg, nirs, "auto")


def shin2018(folder, lengths=True):
    """Three runs of four trials joined; between them the fNIRS paused less than the EEG."""
    sites = ["AF7", "AFF5h", "C3h"]
    onset = np.concatenate([start + 10 + 25.0 * np.arange(4) for start in (0, 200, 400)])
    seen = onset - np.repeat([1.0, 1.7, 2.5], 4)
    for part, sfreq, at in (("eeg", 200.0, onset), ("nirs", 10.0, seen)):
        (folder / part).mkdir(parents=True)
        n = int(600 * sfreq)
        if part == "eeg":
            cnt = {"fs": sfreq, "x": RNG.normal(0, 20, (n, 6)), "clab": names(EEG)}
        else:
            cnt = {
                kind: {"fs": sfreq, "x": RNG.normal(0, 3e-3, (n, 3)), "clab": names([f"{s}{kind}" for s in sites])}
                for kind in ("oxy", "deoxy")
            }
        if lengths:
            cnt["T"] = np.full((1, 3), n // 3)
        savemat(folder / part / "cnt_wg.mat", {"cnt_wg": cnt})
        savemat(folder / part / "mrk_wg.mat", {"mrk_wg": markers(at, ("WG", "BL"))})
    return folder / "eeg", folder / "nirs"


def test_shin2018(tmp_path):
    """Concentrations in M, HbO and HbR of a site beside each other; a clock a run, whether or not lengths are told."""
    for lengths in (True, False):
        folder = tmp_path / str(lengths)
        eeg, nirs = read_dataset("shin2018_wg", *shin2018(folder, lengths))
        stored = loadmat(folder / "nirs" / "cnt_wg.mat")["cnt_wg"]
        for i, kind in enumerate(("oxy", "deoxy")):
            np.testing.assert_allclose(nirs.get_data()[i::2], 1e-3 * stored[kind][0, 0]["x"][0, 0].T)
        assert nirs.get_channel_types() == ["hbo", "hbr"] * 3
        np.testing.assert_allclose(mne.preprocessing.nirs.source_detector_distances(nirs.info), 0.03, rtol=1e-5)
        trials = [n for n in nirs.annotations if n["description"] in ("WG", "BL")]
        assert len(trials) == 12 and trials[0]["duration"] == 10
        runs = clock_of(eeg, nirs, "auto").runs
        np.testing.assert_allclose([run.offset for run in runs], [-1.0, -1.7, -2.5], atol=0.02)


def test_a_subject_is_prepared_as_files_are(tmp_path):
    """Events of both modalities, their clocks tied over three runs, trials that cross no boundary of runs."""
    settings = DecomposeSettings(dataset="shin2017_arithmetic", folds=2, fnirs_epoch=(-2.0, 8.0))
    prepared = prepare(*shin2017(tmp_path, drift=1e-4), settings)
    assert set(prepared.pairs.metadata.trial_type) == {"MA", "BL"} and len(prepared.pairs) >= 6
    assert len(prepared.clock.runs) == 3 and "names both files share" in prepared.choices["events"]["events"]


def test_broken_copies_are_refused(tmp_path):
    """A run short, a marker that jumped, a field, a file, a label that is no place."""
    with pytest.raises(InputError, match="six runs; found 5"):
        read_shin2017(*shin2017(tmp_path / "a", runs=5))
    with pytest.raises(InputError, match=r"up to 0\.\d+ s apart"):
        read_shin2017(*shin2017(tmp_path / "b", jump=0.5))
    with pytest.raises(InputError, match=r"is 1\.01\d+ s of the fNIRS"):
        read_shin2017(*shin2017(tmp_path / "d", drift=0.015))
    with pytest.raises(InputError, match="dataset must be one of"):
        read_dataset("shin2017", tmp_path, tmp_path)
    with pytest.raises(InputError, match="task must be one of"):
        read_shin2017(tmp_path, tmp_path, "rest")
    eeg, nirs = shin2017(tmp_path / "c")

    def broken(message, name, change):
        content = loadmat(nirs / f"{name}.mat", squeeze_me=True, struct_as_record=False)[name]
        runs = [{key: getattr(run, key) for key in run._fieldnames} for run in content]
        kept = (nirs / f"{name}.mat").read_bytes()
        for run in runs:
            change(run)
            for key in ("clab", "className"):
                if key in run:
                    run[key] = names(run[key])
        savemat(nirs / f"{name}.mat", {name: cells(runs)})
        with pytest.raises(InputError, match=message):
            read_shin2017(eeg, nirs)
        (nirs / f"{name}.mat").write_bytes(kept)

    broken("lacks the field 'y'", "mrk", lambda run: run.pop("y"))
    broken("are of other classes", "mrk", lambda run: run.update(y=run["y"][::-1]))
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
    with pytest.raises(InputError, match=r"mrk\.mat is absent"):
        read_shin2017(eeg, nirs)
