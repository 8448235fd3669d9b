"""pidjax/neuro/preprocess.py: filters that fit, channels that are repaired, artefacts that stay where they are."""

import mne
import numpy as np
import pytest
from mne.preprocessing.nirs import beer_lambert_law, optical_density, source_detector_distances

from pidjax._checks import InputError
from pidjax.neuro import PreprocessConfig, preprocess_eeg, preprocess_fnirs
from pidjax.neuro.preprocess import safe_band
from pidjax.neuro.recordings import pair_names

FNIRS = ((0.01, 0.2), (0.005, 0.05))


@pytest.fixture
def eeg(session):
    """40 s of the simulated EEG, without annotations."""
    return session.raw_eeg.copy().crop(60, 100).set_annotations(None)


@pytest.fixture
def optical(session):
    """The simulated intensities, without annotations."""
    return session.raw_fnirs.copy().set_annotations(None)


def long_only(raw):
    """Without the short channels."""
    far = source_detector_distances(raw.info) > 0.01
    return raw.copy().pick([n for n, keep in zip(raw.ch_names, far, strict=True) if keep])


def outside(raw, start, stop):
    """Which samples lie outside start...stop (s)."""
    return (raw.times < start) | (raw.times > stop)


def difference(a, b):
    """Largest difference relative to the RMS of ``b``."""
    return np.abs(a - b).max() / np.sqrt(np.mean(b**2))


# --- filters


def test_safe_band_leaves_a_long_recording_alone():
    """An hour holds the 660 s filter of 0.01 Hz with a transition of 0.005 Hz."""
    assert safe_band(*FNIRS, 3600) == FNIRS


@pytest.mark.parametrize("seconds", [20, 40, 120, 271, 600, 661])
def test_safe_band_never_outlasts_the_recording(seconds):
    """The filter 3.3 / transition is no longer than the recording, and its stop band does not begin below 0 Hz."""
    (lo, hi), (lo_width, hi_width) = safe_band(*FNIRS, seconds)
    assert hi == 0.2 and 3.3 / min(lo_width, hi_width) <= seconds * (1 + 1e-9)
    assert lo is None or (lo >= 0.01 and lo - lo_width >= -1e-12 and lo <= hi / 2)


def test_safe_band_arithmetic():
    """120 s: 3.3 / 120 = 0.0275 Hz is transition and edge; 20 s: 0.165 Hz is past half of 0.2 Hz and given up."""
    (lo, hi), widths = safe_band(*FNIRS, 120)
    np.testing.assert_allclose([lo, hi, *widths], [0.0275, 0.2, 0.0275, 0.05])
    (lo, hi), widths = safe_band(*FNIRS, 20)
    assert lo is None and hi == 0.2
    np.testing.assert_allclose(widths, [0.165, 0.165])


@pytest.mark.parametrize(
    ("seconds", "words"), [(120, "0.0275–0.2 Hz instead of 0.01–0.2 Hz"), (20, "straight line removed")]
)
def test_choices_tell_of_a_shortened_fnirs_filter(seconds, words, optical):
    """The report says which band was used instead, and why."""
    text = preprocess_fnirs(optical.crop(0, seconds)).choices["fNIRS filter"]
    assert words in text and "660 s" in text and f"the recording {seconds} s" in text


def test_choices_tell_of_a_shortened_erp_filter(eeg):
    """8 s are too short for 0.1 Hz, 40 s are not."""
    assert "instead of 0.1–30 Hz" in preprocess_eeg(eeg.copy().crop(0, 8)).choices["ERP branch"]
    assert preprocess_eeg(eeg).choices["ERP branch"] == "zero-phase FIR 0.1–30 Hz; transitions 0.1 and 7.5 Hz"


def test_the_shortest_run_sets_the_filter(optical):
    """Joined files: no run is filtered by more than it can hold."""
    text = preprocess_fnirs(mne.concatenate_raws([optical.copy().crop(0, 90) for _ in range(2)])).choices[
        "fNIRS filter"
    ]
    assert "instead of 0.01–0.2 Hz" in text


def tones(eeg, *frequencies):
    """The EEG channels replaced by sines of 10 µV, one phase each."""
    phase = np.arange(len(eeg.ch_names))[:, None]
    x = sum(1e-5 * np.sin(2 * np.pi * f * eeg.times + phase) for f in frequencies)
    return mne.io.RawArray(x, eeg.info, verbose="error")


def power_at(raw, frequency):
    """Mean amplitude (V) of the sine of a frequency in the middle of the recording."""
    x, t = raw.get_data("eeg", tmin=10, tmax=30), raw.times[: round(20 * raw.info["sfreq"])]
    return np.abs(2 * (x[:, : t.size] * np.exp(-2j * np.pi * frequency * t)).mean(axis=1)).mean()


def test_pass_bands_of_the_two_branches(eeg):
    """0.2 Hz is in the ERP branch alone, 10 Hz in both, 40 Hz in the band branch alone."""
    result = preprocess_eeg(tones(eeg, 0.2, 10, 40), PreprocessConfig(reference="original"))
    found = [[power_at(branch, f) for f in (0.2, 10, 40)] for branch in (result.raw, result.erp)]
    np.testing.assert_allclose(found, [[0, 1e-5, 1e-5], [1e-5, 1e-5, 0]], atol=1e-6)


def test_resampling_follows_filtering(eeg):
    """70 Hz at 200 Hz would appear at 30 Hz after resampling to 100 Hz: it does not."""
    result = preprocess_eeg(tones(eeg, 10, 70), PreprocessConfig(reference="original"))
    assert result.raw.info["sfreq"] == result.erp.info["sfreq"] == 100
    assert power_at(result.raw, 30) < 1e-8 and power_at(result.raw, 10) > 9e-6
    assert "after filtering" in result.choices["EEG rate"]


def test_low_rates_are_kept(eeg, optical):
    """Recordings below the highest rates are not resampled."""
    low = eeg.resample(80, verbose="error")
    result = preprocess_eeg(low)
    assert result.raw.info["sfreq"] == 80 and "EEG rate" not in result.choices
    assert preprocess_fnirs(optical.resample(5, verbose="error")).raw.info["sfreq"] == 5


def test_the_mains_are_notched_only_in_a_wide_band(eeg):
    """Up to 45 Hz no notch is needed; up to 70 Hz the 50 Hz tone goes and 60 Hz stays."""
    assert "no notch" in preprocess_eeg(eeg).choices["line noise"]
    config = PreprocessConfig(eeg_band=(1, 70), eeg_sfreq=200, reference="original")
    result = preprocess_eeg(tones(eeg, 10, 50, 60), config)
    assert power_at(result.raw, 50) < 1e-7 and power_at(result.raw, 60) > 9e-6


# --- EEG channels


def test_average_reference(eeg):
    """The mean over channels is zero in both branches; "original" leaves it."""
    result = preprocess_eeg(eeg)
    for branch in (result.raw, result.erp):
        assert np.abs(branch.get_data("eeg").mean(axis=0)).max() < 1e-12
    assert "average" in result.choices["reference"]
    kept = preprocess_eeg(eeg, PreprocessConfig(reference="original"))
    assert kept.raw.get_data("eeg").mean(axis=0).std() > 1e-7 and kept.choices["reference"] == "as recorded"


def test_few_channels_keep_their_reference(eeg):
    """An average of four channels is no reference."""
    assert "8 channels" in preprocess_eeg(eeg.pick(["C3", "C4", "Pz", "O1"])).choices["reference"]


@pytest.mark.parametrize("fault", ["noise", "flat", "marked"])
def test_a_broken_channel_is_interpolated(fault, eeg):
    """Noise of 500 µV, a constant or a mark in the file: the channel is named and rebuilt from its neighbours."""
    clean = preprocess_eeg(eeg)
    k = eeg.ch_names.index("Cz")
    x = eeg.get_data()
    x[k] = 5e-4 * np.random.default_rng(0).standard_normal(x.shape[1]) if fault != "flat" else 1e-5
    broken = mne.io.RawArray(x, eeg.info, verbose="error")
    if fault == "marked":
        broken.info["bads"] = ["Cz"]
    result = preprocess_eeg(broken)
    assert "Cz" in result.choices["bad EEG channels"] and "interpolated" in result.choices["bad EEG channels"]
    assert result.raw.info["bads"] == [] and result.raw.ch_names == eeg.ch_names
    r = np.corrcoef(result.raw.get_data()[k], clean.raw.get_data()[k])[0, 1]
    assert r > 0.5  # what neighbours share, beside noise of its own


def test_a_clean_recording_loses_no_channel(eeg):
    """The simulated EEG has no outlier."""
    assert preprocess_eeg(eeg).choices["bad EEG channels"] == "none"


def test_bad_channels_without_positions_are_dropped(eeg):
    """Nothing to interpolate from."""
    eeg.set_montage(None)
    eeg.info["bads"] = ["Cz"]
    result = preprocess_eeg(eeg)
    assert "Cz" not in result.raw.ch_names and "dropped" in result.choices["bad EEG channels"]


def test_eeg_that_cannot_be_used_is_refused(eeg):
    """Too slow, all bad, or an unknown reference: one line."""
    with pytest.raises(InputError, match="at least 30 Hz"):
        preprocess_eeg(eeg.copy().resample(10, verbose="error"))
    with pytest.raises(InputError, match="mastoid"):
        PreprocessConfig(reference="mastoid")
    eeg.info["bads"] = list(eeg.ch_names)
    with pytest.raises(InputError, match="all 28 EEG channels"):
        preprocess_eeg(eeg)


def test_the_recordings_given_are_not_changed(eeg, optical):
    """Preprocessing works on copies."""
    optical = optical.crop(0, 60)
    before = eeg.get_data(), optical.get_data()
    preprocess_eeg(eeg), preprocess_fnirs(optical)
    np.testing.assert_array_equal(eeg.get_data(), before[0])
    np.testing.assert_array_equal(optical.get_data(), before[1])
    assert len(optical.annotations) == 0 and eeg.info["bads"] == []


# --- segments marked BAD


@pytest.mark.parametrize("band", [(1.0, 45.0), (1.0, 70.0)], ids=["no notch", "notch"])
def test_an_artefact_in_a_bad_eeg_segment_stays_there(band, eeg):
    """2 mV inside a BAD segment change nothing outside it."""
    config = PreprocessConfig(eeg_band=band, eeg_sfreq=200)
    shaken = eeg.copy()
    shaken._data[:, 3000:3600] += 2e-4 * np.random.default_rng(0).standard_normal((28, 600)).cumsum(axis=1)
    note = mne.Annotations([15], [3], ["BAD_cable"])
    clean, dirty = (preprocess_eeg(raw.set_annotations(note), config) for raw in (eeg, shaken))
    for a, b in ((dirty.raw, clean.raw), (dirty.erp, clean.erp)):
        good = outside(a, 14.99, 18.01)
        assert difference(a.get_data()[:, good], b.get_data()[:, good]) < 1e-3
        assert list(a.annotations.description) == ["BAD_cable"]


def test_marking_a_segment_bad_changes_only_its_surroundings(eeg):
    """The line drawn across a BAD segment is forgotten within the length of the filter (3.3 s)."""
    clean = preprocess_eeg(eeg).raw
    marked = preprocess_eeg(eeg.copy().set_annotations(mne.Annotations([15], [3], ["BAD_cable"]))).raw
    far = outside(clean, 11, 22)
    assert difference(marked.get_data()[:, far], clean.get_data()[:, far]) < 1e-2


def disturbed(optical, start=100.0, stop=104.0):
    """All intensities doubled and shaken for four seconds."""
    x = optical.get_data()
    here = ~outside(optical, start, stop)
    x[:, here] *= np.exp(np.random.default_rng(0).normal(0.7, 0.5, (len(x), here.sum())))
    return mne.io.RawArray(x, optical.info, verbose="error")


@pytest.mark.parametrize("montage", ["with short channels", "long channels only"])
def test_an_artefact_in_a_bad_fnirs_segment_stays_there(montage, optical):
    """A loose probe inside a BAD segment, which holds the mark of its motion too, changes nothing outside it.

    A mark that reached one sample further would draw the line across from another phase of the pulse.
    """
    if montage == "long channels only":
        optical = long_only(optical)
    note = mne.Annotations([99], [6], ["BAD_loose"])
    clean = preprocess_fnirs(optical.copy().set_annotations(note)).raw
    dirty = preprocess_fnirs(disturbed(optical).set_annotations(note)).raw
    assert dirty.ch_names == clean.ch_names
    good = outside(clean, 98, 106)
    assert "BAD_motion" in dirty.annotations.description
    assert difference(dirty.get_data()[:, good], clean.get_data()[:, good]) < 1e-3


@pytest.mark.parametrize("first_samp", [0, 700])
@pytest.mark.parametrize("dated", [True, False])
def test_motion_is_marked_where_it_is(first_samp, dated, optical):
    """A jump of the whole probe becomes BAD_motion around its time; a still recording has no mark."""
    assert not len(preprocess_fnirs(optical).raw.annotations)
    x = disturbed(optical, 100, 100.4).get_data()
    raw = mne.io.RawArray(x, optical.info, first_samp=first_samp, verbose="error")
    raw.set_meas_date(optical.info["meas_date"] if dated else None)
    result = preprocess_fnirs(raw)
    assert set(result.raw.annotations.description) == {"BAD_motion"} and "1 moments" in result.choices["motion"]
    marked = np.isnan(result.raw.get_data(picks=[0], reject_by_annotation="NaN", verbose="error")[0])
    times = result.raw.times[marked]
    assert 98.9 < times[0] < 100 and 100.3 < times[-1] < 102


# --- fNIRS channels


def test_intensities_give_pairs_of_long_channels(optical):
    """12 long pairs of HbO and HbR come out, the four short ones do not; the table knows all 16."""
    result = preprocess_fnirs(optical)
    assert len(pair_names(result.raw)) == 12 and sorted(set(result.raw.get_channel_types())) == ["hbo", "hbr"]
    assert len(result.raw.ch_names) == 24 and (source_detector_distances(result.raw.info) > 0.01).all()
    assert len(result.quality) == 16 and (result.quality.distance_mm < 10).sum() == 4
    assert not result.quality.bad.any() and (result.quality.sci > 0.5).all()
    assert result.raw.get_data().std() < 5e-6 and result.raw.info["sfreq"] == 10


def test_short_channels_take_the_systemic_wave_with_them(optical):
    """The wave all short channels share is what long channels lose by the regression."""
    hb = beer_lambert_law(optical_density(optical), ppf=6.0)
    short = hb.copy().pick([n for n in hb.ch_names if n not in long_only(hb).ch_names and n.endswith("hbo")])
    wave = short.filter(0.01, 0.2, verbose="error").get_data().mean(axis=0)
    found = {}
    for name, raw in (("with", optical), ("without", long_only(optical))):
        result = preprocess_fnirs(raw)
        found[name] = np.abs([np.corrcoef(x, wave)[0, 1] for x in result.raw.get_data("hbo")])
    assert "4 pairs under 10 mm" in preprocess_fnirs(optical).choices["short channels"]
    assert found["without"].mean() > 0.7 and found["with"].mean() < 0.35
    assert (found["with"] < found["without"]).all()


def test_each_wavelength_is_cleaned_by_its_own(optical):
    """Scalp waves that differ between 760 and 850 nm: a long channel needs the short channel of its wavelength."""
    rng = np.random.default_rng(0)
    waves = 0.01 * rng.standard_normal((2, optical.n_times)).cumsum(axis=1) / 10
    density = mne.io.RawArray(np.tile(waves, (16, 1)), optical.info, verbose="error")
    density.set_channel_types(dict.fromkeys(optical.ch_names, "fnirs_od"), verbose="error")
    scalp = preprocess_fnirs(long_only(density), PreprocessConfig(min_sci=-1)).raw.get_data().std(axis=1)
    left = preprocess_fnirs(density, PreprocessConfig(min_sci=-1)).raw.get_data().std(axis=1)
    assert (left < 0.01 * scalp).all()


def test_a_pair_without_pulse_is_bad(optical):
    """A detector that sees the room (independent noise) fails the scalp coupling index."""
    x = optical.get_data()
    x[0] = 0.5 * np.exp(0.01 * np.random.default_rng(0).standard_normal(x.shape[1]))
    result = preprocess_fnirs(mne.io.RawArray(x, optical.info, verbose="error"))
    assert list(result.quality.pair[result.quality.bad]) == [optical.ch_names[0].split(" ")[0]]
    assert "15 of 16 kept" in result.choices["fNIRS pairs"]


def test_a_recording_without_any_pulse_is_kept_with_a_warning(optical):
    """Where every pair fails, all are kept and the report warns."""
    x = 0.5 * np.exp(0.01 * np.random.default_rng(0).standard_normal((32, 1200)))
    result = preprocess_fnirs(mne.io.RawArray(x, optical.info, verbose="error"))
    assert "doubt" in result.choices["warning: coupling"] and len(result.raw.ch_names) == 24


def test_densities_are_taken_as_they_are(optical):
    """Optical densities give what their intensities give."""
    a, b = preprocess_fnirs(optical), preprocess_fnirs(optical_density(optical))
    np.testing.assert_allclose(a.raw.get_data(), b.raw.get_data(), rtol=1e-6, atol=1e-14)
    assert "optical density" not in b.choices


def test_concentrations_are_taken_as_they_are(optical):
    """HbO and HbR are only filtered, and their short channels left out."""
    hb = beer_lambert_law(optical_density(optical), ppf=6.0)
    result = preprocess_fnirs(hb)
    assert "Beer–Lambert" not in result.choices and result.raw.ch_names == long_only(hb).ch_names
    plain = long_only(hb).filter(0.01, 0.2, l_trans_bandwidth=0.01, h_trans_bandwidth=0.05, verbose="error")
    r = [np.corrcoef(x, y)[0, 1] for x, y in zip(result.raw.get_data(), plain.get_data(), strict=True)]
    assert min(r) > 0.95


def test_short_channels_of_concentrations_serve_too(optical):
    """Files that hold HbO and HbR have a scalp too: it is regressed out, or the report says that it remains."""
    hb = beer_lambert_law(optical_density(optical), ppf=6.0)
    assert "short channels" in preprocess_fnirs(hb).choices


def test_the_pathlength_factor_scales_concentrations(optical):
    """Twice the factor halves the concentrations."""
    a, b = (preprocess_fnirs(optical, PreprocessConfig(ppf=p)).raw.get_data() for p in (6.0, 12.0))
    np.testing.assert_allclose(a, 2 * b, rtol=1e-6, atol=1e-15)


def test_tddr_is_said(optical):
    """Repair is opt-in and named."""
    assert "opt-in" in preprocess_fnirs(optical).choices["motion repair"]
    assert "TDDR" in preprocess_fnirs(optical, PreprocessConfig(tddr=True)).choices["motion repair"]


def test_fnirs_filter_passes_its_band(optical):
    """The cardiac wave (1 Hz) is gone from the concentrations, the Mayer wave (0.09 Hz) is not."""
    raw = preprocess_fnirs(long_only(optical)).raw
    psd, f = mne.time_frequency.psd_array_welch(raw.get_data("hbo"), 10.0, n_fft=1024, verbose="error")
    power = psd.mean(axis=0)
    assert power[(f > 0.9) & (f < 1.2)].max() < 1e-4 * power[(f > 0.06) & (f < 0.12)].max()


def test_fnirs_that_cannot_be_used_is_refused(optical):
    """All pairs bad, or channels that mne cannot pair: one line."""
    raw = optical.copy()
    raw.info["bads"] = list(raw.ch_names)
    with pytest.raises(InputError, match="all 16 fNIRS pairs"):
        preprocess_fnirs(raw)
    for wrong in (optical.copy().pick(optical.ch_names[:3]), optical.copy().pick(optical.ch_names[::2])):
        with pytest.raises(InputError, match="concentrations") as error:
            preprocess_fnirs(wrong)
        assert "\n" not in str(error.value)
