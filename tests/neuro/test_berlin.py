"""pidjax/neuro/berlin.py: files written in both published layouts, read back; broken variants are refused."""

import mne
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from pidjax._checks import InputError
from pidjax.neuro.berlin import read_shin2017, read_shin2018
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


def shin2017(folder, *, drift=0.0, lag=1.5, runs=6, codes=(1, 2), jump=0.0):
    """Six runs of four trials; the fNIRS began ``lag`` s later and runs fast by ``drift``."""
    onset = np.array([8.0, 20.0, 31.0, 45.0])
    eeg = {"cnt": [], "mrk": []}
    nirs = {"cnt": [], "mrk": []}
    for _ in range(runs):
        eeg["cnt"].append({"fs": 200.0, "x": RNG.normal(0, 20, (200 * 60, 6)), "clab": names(EEG), "yUnit": "uV"})
        eeg["mrk"].append(markers(onset))
        labels = [f"{p}lowWL" for p in PAIRS] + [f"{p}highWL" for p in PAIRS]
        x = 1 + 0.01 * RNG.normal(size=(600, 6))
        nirs["cnt"].append({"fs": 10.0, "x": x, "clab": names(labels), "wavelengths": np.array([[760, 850]])})
        seen = (onset - lag) * (1 + drift) + jump * (np.arange(4) == 2)
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
    for raw, first in ((eeg, 8.0), (nirs, 6.5)):
        trials = [note for note in raw.annotations if note["description"] in ("MA", "BL")]
        assert [t["description"] for t in trials] == ["MA", "BL"] * 6 and trials[0]["duration"] == 10
        assert trials[0]["onset"] == pytest.approx(first)
    shifted, _ = read_shin2017(*shin2017(tmp_path / "b", codes=(16, 32)), "imagery", task_offset=2.0)
    assert next(n["onset"] for n in shifted.annotations if n["description"] == "MA") == pytest.approx(10.0)
    density = mne.preprocessing.nirs.optical_density(nirs, verbose="error")
    assert np.isfinite(mne.preprocessing.nirs.beer_lambert_law(density, ppf=6.0).get_data()).all()


def test_clocks_that_drift_are_tied_by_the_markers(tmp_path):
    """A tenth of a per cent: every run's markers agree within 0.1 s after the fit."""
    eeg, nirs = read_shin2017(*shin2017(tmp_path, drift=1e-3))
    clock = clock_of(eeg, nirs, "auto")
    onsets = [
        np.array([n["onset"] for n in raw.annotations if n["description"] in ("MA", "BL")]) for raw in (eeg, nirs)
    ]
    assert np.abs(clock.to_eeg(onsets[1]) - onsets[0]).max() < 0.1


def shin2018(folder):
    onset = np.arange(6) * 30.0 + 31
    sites = ["AF7", "AFF5h", "C3h"]
    parts = {
        kind: {"fs": 10.0, "x": RNG.normal(0, 3e-3, (2200, 3)), "clab": names([f"{s}{kind}" for s in sites])}
        for kind in ("oxy", "deoxy")
    }
    (folder / "eeg").mkdir()
    (folder / "nirs").mkdir()
    eeg = {"fs": 200.0, "x": RNG.normal(0, 20, (200 * 220, 6)), "clab": names(EEG)}
    for part, content in (("eeg", eeg), ("nirs", parts)):
        savemat(folder / part / "cnt_wg.mat", {"cnt_wg": content})
        savemat(folder / part / "mrk_wg.mat", {"mrk_wg": markers(onset, ("WG", "BL"))})
    return folder / "eeg", folder / "nirs"


def test_shin2018(tmp_path):
    """Concentrations in M, HbO and HbR of a site beside each other."""
    eeg, nirs = read_shin2018(*shin2018(tmp_path))
    stored = loadmat(tmp_path / "nirs" / "cnt_wg.mat")["cnt_wg"]
    for i, kind in enumerate(("oxy", "deoxy")):
        np.testing.assert_allclose(nirs.get_data()[i::2], 1e-3 * stored[kind][0, 0]["x"][0, 0].T)
    assert nirs.get_channel_types() == ["hbo", "hbr"] * 3 and len(eeg.annotations) == len(nirs.annotations) == 6
    np.testing.assert_allclose(mne.preprocessing.nirs.source_detector_distances(nirs.info), 0.03)
    assert set(nirs.annotations.description) == {"WG", "BL"} and nirs.annotations.duration[0] == 10


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
