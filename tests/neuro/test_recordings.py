"""pidjax/neuro/recordings.py: real files of every format are read, and useless ones are refused in one line."""

import datetime

import mne
import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.neuro import preprocess_eeg, preprocess_fnirs, read_eeg, read_fnirs, recordings
from pidjax.neuro.recordings import pair_names

EEG_FILES = [
    "eeg/S001R01.edf",
    "eeg/S001R02.edf",
    "eeg/S001R03.edf",
    "eeg/eeglab_data.set",
    "eeg/hypyp_eyes-closed-1.edf",
    "eeg/mne_brainvision_test.vhdr",
    "simultaneous/athena/athena_onhead_eeg.edf",
]
FNIRS_FILES = [
    "fnirs/samples/snirf-samples_neuro_run01.snirf",
    "fnirs/samples/snirf-samples_Simple_Probe.snirf",
    "fnirs/samples/mne_nirsport2_2021-10-01_002.snirf",
    "fnirs/samples/mne_nirs_compliant_nirx_15_3.snirf",
    "fnirs/fingertapping_cortivision/sub-A_task-fingertapping_nirs.snirf",
    "fnirs/nirx_w_short",
    "simultaneous/athena/athena_onhead_nirs.snirf",
]
NAMES = ["Fz", "C3", "C4", "Pz", "O1", "O2", "F3", "F4", "T7", "T8", "P3", "P4"]


def refusal(read, path) -> str:
    """The one-line message of the InputError that ``read(path)`` raises."""
    with pytest.raises(InputError) as error:
        read(path)
    message = str(error.value)
    assert message and "\n" not in message
    return message


def eeg(data=None, names=NAMES, kind="eeg") -> mne.io.RawArray:
    """12 channels, 20 s at 100 Hz, of noise of 10 µV."""
    data = 1e-5 * np.random.default_rng(0).standard_normal((len(names), 2000)) if data is None else data
    return mne.io.RawArray(data, mne.create_info(list(names), 100.0, kind), verbose="error")


@pytest.fixture
def fif(tmp_path):
    """``fif(raw)`` is the path of ``raw`` on disk."""

    def save(raw):
        raw.save(tmp_path / "recording_raw.fif", overwrite=True, verbose="error")
        return tmp_path / "recording_raw.fif"

    return save


@pytest.fixture
def optical(session):
    """60 s of the simulated intensities, without annotations."""
    return session.raw_fnirs.copy().crop(0, 60).set_annotations(None)


@pytest.mark.parametrize("name", EEG_FILES)
def test_real_eeg_is_read_and_preprocessed(name, data):
    """Both branches are finite and no channel is flat."""
    raw = read_eeg(data(name))
    result = preprocess_eeg(raw)
    for branch in (result.raw, result.erp):
        x = branch.get_data("eeg")
        assert np.isfinite(x).all() and (np.ptp(x, axis=1) > 0).all()
        assert branch.info["sfreq"] == 100 and abs(branch.times[-1] - raw.times[-1]) < 0.02
        assert 1e-7 < np.median(x.std(axis=1)) < 1e-3  # volts


@pytest.mark.parametrize("name", FNIRS_FILES)
def test_real_fnirs_is_read_and_preprocessed(name, data):
    """HbO and HbR come in complete pairs, finite, and no channel is flat."""
    raw = read_fnirs(data(name))
    result = preprocess_fnirs(raw)
    x = result.raw.get_data()
    assert np.isfinite(x).all() and (np.ptp(x, axis=1) > 0).all()
    pairs = pair_names(result.raw)
    assert sorted(result.raw.ch_names) == sorted(f"{p} {h}" for p in pairs for h in ("hbo", "hbr"))
    assert set(pairs) <= set(pair_names(raw)) and result.raw.info["sfreq"] <= 10
    assert abs(result.raw.times[-1] - raw.times[-1]) < 0.2
    assert list(result.quality.pair) == pair_names(raw)


def test_physionet_names_are_cleaned_and_placed(data):
    """``Fc5.`` becomes ``Fc5`` and every channel has its 10-05 position."""
    raw = read_eeg(data("eeg/S001R01.edf"))
    assert {"Fc5", "Cz", "T10", "Iz"} <= set(raw.ch_names) and not any("." in name for name in raw.ch_names)
    place = np.array([ch["loc"][:3] for ch in raw.info["chs"]])
    assert np.isfinite(place).all() and (np.linalg.norm(place, axis=1) > 0.05).all()
    assert place[raw.ch_names.index("C3")][0] < 0 < place[raw.ch_names.index("C4")][0]


def test_physionet_events_survive_reading(data):
    """T0 15, T1 8, T2 7 times."""
    counts = read_eeg(data("eeg/S001R03.edf")).annotations.count()
    assert counts == {"T0": 15, "T1": 8, "T2": 7}


def test_eog_is_typed(data):
    """EEGLAB's EOG channels are no EEG."""
    raw = read_eeg(data("eeg/eeglab_data.set"))
    kinds = dict(zip(raw.ch_names, raw.get_channel_types(), strict=True))
    assert {n for n, k in kinds.items() if k == "eog"} == {n for n in kinds if "EOG" in n} != set()


@pytest.mark.parametrize(
    ("name", "kind"), [("HEOG", "eog"), ("VEO", "eog"), ("ECG1", "ecg"), ("EKG", "ecg"), ("EMG_chin", "emg")]
)
def test_other_electrodes_are_typed_by_name(name, kind, fif):
    """Names of eye, heart and muscle electrodes give the type."""
    raw = read_eeg(fif(eeg(names=[*NAMES[:11], name])))
    assert raw.get_channel_types(picks=[name]) == [kind]


@pytest.mark.parametrize(("name", "clean"), [("EEG C3-REF", "C3"), ("C3-LE", "C3"), ("C3..", "C3"), ("EEG C3", "C3")])
def test_prefixes_and_references_are_cut_off_names(name, clean, fif):
    """Names of common exports become 10-05 names."""
    assert read_eeg(fif(eeg(names=[name, *NAMES[2:]]))).ch_names[0] == clean


def test_names_stay_where_cleaning_would_confuse_them(fif):
    """``C3.`` and ``C3`` are two channels."""
    assert {"C3.", "C3"} <= set(read_eeg(fif(eeg(names=["C3.", *NAMES[1:]]))).ch_names)


def test_positions_of_the_file_are_kept(fif):
    """A montage in the file beats the template."""
    raw = eeg().set_montage("biosemi64")
    there, here = (r.get_montage().get_positions()["ch_pos"]["Fz"] for r in (read_eeg(fif(raw)), raw))
    np.testing.assert_allclose(there, here, rtol=1e-5)


def test_stimulus_and_other_channels_are_left_out(fif):
    """Only electrodes remain."""
    raw = eeg().set_channel_types({"P4": "misc", "P3": "stim"}, verbose="error", on_unit_change="ignore")
    assert set(read_eeg(fif(raw)).get_channel_types()) == {"eeg"}


def test_a_latin1_edf_is_read(tmp_path):
    """An EDF whose annotations are Latin-1 (é as one byte) is read all the same."""
    raw = eeg().set_meas_date(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    raw.set_annotations(mne.Annotations([5], [1], ["fermeQ"], orig_time=raw.info["meas_date"]))
    path = tmp_path / "latin.edf"
    mne.export.export_raw(path, raw, verbose="error")
    path.write_bytes(path.read_bytes().replace(b"fermeQ", b"ferm\xe9 "))
    with pytest.raises(Exception, match="latin1"):
        mne.io.read_raw(path, preload=True, verbose="error")
    assert [d.strip() for d in read_eeg(path).annotations.description] == ["fermé"]


def test_the_wrong_modality_is_refused(files):
    """EEG given as fNIRS and the reverse: the message says in which order to give them."""
    for read, name in ((read_fnirs, "eeg.edf"), (read_eeg, "fnirs.snirf")):
        assert "EEG file first" in refusal(read, files[name])


@pytest.mark.parametrize("read", [read_eeg, read_fnirs])
def test_unreadable_files_are_refused(read, tmp_path):
    """Missing, text named .edf or .snirf, empty, of unknown format, an empty folder: one line each."""
    assert "does not exist" in refusal(read, tmp_path / "absent.edf")
    for name in ("text.edf", "text.snirf", "text.vhdr", "text.set", "text_raw.fif", "text.xyz", "text.hdr", "noending"):
        for content in (b"", b"not a recording\nat all\n" * 40):
            (tmp_path / name).write_bytes(content)
            assert name in refusal(read, tmp_path / name)
    (tmp_path / "folder").mkdir()
    assert "folder" in refusal(read, tmp_path / "folder")


def test_a_truncated_file_is_refused_or_read_short(data, tmp_path):
    """Half an EDF: either one line, or the samples that are there."""
    whole = data("eeg/S001R01.edf").read_bytes()
    (tmp_path / "half.edf").write_bytes(whole[: len(whole) // 2])
    try:
        raw = read_eeg(tmp_path / "half.edf")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert 20 < raw.times[-1] < 35


def test_nan_in_every_channel_is_refused(fif, optical):
    """One NaN in each channel: nothing is usable."""
    x = eeg().get_data()
    x[:, 7] = np.nan
    assert "12 hold NaN" in refusal(read_eeg, fif(eeg(x)))
    y = optical.get_data()
    y[:, 7] = np.nan
    raw = mne.io.RawArray(y, optical.info, verbose="error")
    assert "32 hold NaN" in refusal(read_fnirs, fif(raw))


def test_flat_channels_everywhere_are_refused(fif, optical):
    """A constant recording holds nothing, also where a BAD segment moves."""
    x = np.full((12, 2000), 1e-5)
    x[:, 500:600] = eeg().get_data()[:, 500:600]
    assert "12 are flat" in refusal(read_eeg, fif(eeg(x).set_annotations(mne.Annotations([5], [1], ["BAD_touch"]))))
    raw = mne.io.RawArray(np.full((32, 600), 0.5), optical.info, verbose="error")
    assert "32 are flat" in refusal(read_fnirs, fif(raw))


def test_an_eeg_with_some_nan_and_flat_channels_is_usable(fif):
    """Channels with NaN or without change are marked bad and repaired; the others stay finite and untouched."""
    x = eeg().get_data()
    x[1, 50:60], x[4] = np.nan, 0.0
    raw = read_eeg(fif(eeg(x)))
    assert raw.info["bads"] == ["C3", "O1"]
    np.testing.assert_allclose(raw.get_data(["Fz", "P4"]), x[[0, 11]], rtol=1e-6)
    result = preprocess_eeg(raw)
    for branch in (result.raw, result.erp):
        assert np.isfinite(branch.get_data()).all()
    assert "C3" in result.choices["bad EEG channels"] and "O1" in result.choices["bad EEG channels"]


@pytest.mark.parametrize("fault", [np.nan, np.inf, "all NaN", 0.4, "zeros"])
def test_an_fnirs_with_a_bad_channel_is_usable(fault, fif, optical):
    """NaN, infinity, a constant or zeros in one channel cost that pair; every other pair is as without it."""
    clean = preprocess_fnirs(read_fnirs(fif(optical)))
    y = optical.get_data()
    if fault == "all NaN":
        y[2] = np.nan
    elif fault in (0.4, "zeros"):
        y[2] = 0.0 if fault == "zeros" else fault
    else:
        y[2, 100] = fault
    raw = read_fnirs(fif(mne.io.RawArray(y, optical.info, verbose="error")))
    pair = optical.ch_names[2].split(" ")[0]
    assert optical.ch_names[2] in raw.info["bads"]
    result = preprocess_fnirs(raw)
    assert list(result.quality.pair[result.quality.bad]) == [pair]
    rest = [name for name in clean.raw.ch_names if not name.startswith(pair + " ")]
    assert result.raw.ch_names == rest
    np.testing.assert_allclose(result.raw.get_data(), clean.raw.get_data(rest), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("kind", ["eeg", "fnirs"])
def test_a_recording_that_is_bad_throughout_is_refused(kind, fif, optical):
    """Every sample inside BAD annotations."""
    raw, read = (eeg(), read_eeg) if kind == "eeg" else (optical, read_fnirs)
    raw.set_annotations(mne.Annotations([0, 10], [10, raw.times[-1]], ["BAD_a", "bad b"]))
    assert "BAD" in refusal(read, fif(raw))


def test_channels_marked_bad_in_the_file_stay_bad(fif):
    """The file's own verdict counts, and a file that condemns all channels is refused."""
    raw = eeg()
    raw.info["bads"] = ["Pz"]
    assert read_eeg(fif(raw)).info["bads"] == ["Pz"]
    raw.info["bads"] = list(NAMES)
    assert "12 are marked bad" in refusal(read_eeg, fif(raw))


def test_one_wavelength_is_refused(fif, optical):
    """Without a second wavelength there are no concentrations."""
    assert "two wavelengths" in refusal(
        read_fnirs, fif(optical.pick([n for n in optical.ch_names if n.endswith("760")]))
    )


def test_incomplete_pairs_are_left_out(fif, optical):
    """A pair that lost one wavelength goes, the others stay."""
    first = optical.ch_names[0]
    assert pair_names(read_fnirs(fif(optical.drop_channels([first])))) == [
        p for p in pair_names(optical) if p != first.split(" ")[0]
    ]


@pytest.mark.parametrize("wavelength", [0.0, np.nan, 5000.0])
def test_unknown_wavelengths_are_refused(wavelength, optical, monkeypatch):
    """A wavelength of 0, NaN or 5000 nm is unknown."""
    with optical.info._unlock():
        for channel in optical.info["chs"]:
            channel["loc"][9] = wavelength
    monkeypatch.setattr(recordings, "_read", lambda path, kind: optical)
    assert "wavelength of 32 of 32" in refusal(read_fnirs, "x.snirf")


def test_concentrations_are_read_in_complete_pairs(fif, optical):
    """A file of HbO and HbR is read; a pair without its HbR is left out; HbO alone is refused."""
    hb = mne.preprocessing.nirs.beer_lambert_law(mne.preprocessing.nirs.optical_density(optical), ppf=6.0)
    assert read_fnirs(fif(hb)).ch_names == hb.ch_names
    assert "partner" in refusal(read_fnirs, fif(hb.copy().pick("hbo")))
    lost = hb.ch_names[1]
    raw = read_fnirs(fif(hb.copy().drop_channels([lost])))
    assert pair_names(raw) == [p for p in pair_names(hb) if p != lost.split(" ")[0]]


def test_nan_inside_a_bad_segment_spoils_no_channel(session, tmp_path):
    """An acquisition gap of NaN, marked BAD, is bridged; the channels stay good."""
    raw = session.raw_eeg.copy()
    start, stop = raw.time_as_index([30.0, 34.0])
    raw._data[:, start:stop] = np.nan
    raw.annotations.append(30.0 - 0.01, 4.02, "BAD_gap")
    raw.save(tmp_path / "gap_raw.fif", verbose="error")
    read = read_eeg(tmp_path / "gap_raw.fif")
    assert read.info["bads"] == []
    assert np.isfinite(read.get_data()).all()


def test_saturated_channels_are_left_out(data):
    """The two Athena pairs at the detector's limit, which the recording's notes name, are bad; the others stay."""
    result = preprocess_fnirs(read_fnirs(data("simultaneous/athena/athena_onhead_nirs.snirf")))
    assert set(result.quality.pair[result.quality.bad]) == {"S3_D3", "S4_D4"}
    assert "S3_D3, S4_D4" in result.choices["saturation"]
