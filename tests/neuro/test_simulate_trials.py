"""pidjax/neuro/simulate: noise as its formula says, trials as their factors say, refusals in words."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from pidjax._checks import InputError
from pidjax.neuro.simulate import TrialConfig, axes, draw_factors, montage, noise, simulate_trials, spectra
from pidjax.neuro.simulate.responses import double_gamma, erp
from pidjax.neuro.simulate.trials import eeg_clock, fnirs_bins, fnirs_clock

STILL = {"activation_sd": 0.0, "intensity_sd": 0.0, "cost_sd": 0.0, "delay_sd": 0.0, "dispersion_sd": 0.0}
QUIET = TrialConfig(event=0.0, eeg_sfreq=100.0, modes=("alpha",), band_rms=(0, 0, 0), fnirs_window=(-5.0, 15.0))


@pytest.fixture(scope="module")
def rest():
    """300 trials of nothing but noise."""
    return simulate_trials(QUIET, 300, seed=0)


@pytest.mark.parametrize("n", [20, 21])
def test_whittle_is_exact(n):
    """The log density of drawn noise differs from that of its circulant covariance by one constant."""
    at = noise.bins(n, 20.0)
    psd = 1 / (1 + at.f)
    x = noise.samples(noise.draw(np.random.default_rng(0), at, np.sqrt(psd), 5)[:, 0], n)
    lag = (np.arange(n)[:, None] - np.arange(n)) / 20.0
    # each bin is a cosine of variance S df, a real bin half as wide
    covariance = (at.weight * psd * 20 / n) @ np.cos(2 * np.pi * at.f[:, None] * lag.reshape(1, -1))
    covariance = covariance.reshape(n, n)
    basis = np.linalg.svd(np.eye(n) - 1 / n)[0][:, : n - 1]  # bin 0 is empty
    dense = multivariate_normal(cov=basis.T @ covariance @ basis).logpdf(x @ basis)
    ours = noise.log_density(np.abs(noise.spectra(x)) ** 2, psd, at)
    np.testing.assert_allclose(ours - dense, np.full(5, (ours - dense)[0]), atol=1e-8)


def test_likelihood_ratio_of_two_spectra_is_exact():
    """The constant that ``log_density`` leaves out depends on no spectrum: ratios agree with the dense density."""
    n, at = 16, noise.bins(16, 10.0)
    x = np.random.default_rng(1).standard_normal((3, n))
    x -= x.mean(1, keepdims=True)
    basis = np.linalg.svd(np.eye(n) - 1 / n)[0][:, : n - 1]
    lag = (np.arange(n)[:, None] - np.arange(n)) / 10.0
    dense, ours = [], []
    for psd in (1 / (1 + at.f), np.exp(-at.f)):
        wave = np.cos(2 * np.pi * at.f[:, None, None] * lag)
        covariance = np.einsum("k,kij->ij", at.weight * psd * 10.0 / n, wave)
        dense.append(multivariate_normal(cov=basis.T @ covariance @ basis).logpdf(x @ basis))
        ours.append(noise.log_density(np.abs(noise.spectra(x)) ** 2, psd, at))
    np.testing.assert_allclose(ours[0] - ours[1], dense[0] - dense[1], rtol=1e-8)


def test_eeg_noise_has_its_spectrum_and_covariance(rest):
    """Periodograms of 300 trials · 28 channels lie on the density; covariances over channels on their formula."""
    at = noise.bins(rest.eeg.shape[-1], 100.0)
    x = noise.spectra(rest.eeg)
    power = (np.abs(x) ** 2).mean(axis=0) / at.scale
    # channels are correlated: the error of their mean is that of Σ² over its square
    covariance = montage("C3").covariance
    error = np.sqrt((covariance**2).sum() / len(covariance) ** 2 / 300 / at.weight)
    z = (power.mean(axis=0) / spectra.background(at.f) - 1) / error
    assert np.abs(z).max() < 4.5 and np.abs((z**2).mean() - 1) < 0.5
    found = np.einsum("nck,ndk,k->cd", x, x.conj(), at.weight / spectra.background(at.f)).real
    found /= 300 * at.weight.sum() * at.scale
    terms = 300 * at.weight.sum()
    np.testing.assert_allclose(found, covariance, atol=4.5 * np.sqrt(2 / terms))


@noise.one_thread
def test_fnirs_noise_has_its_cross_spectrum(rest):
    """Averages of Y Yᴴ whitened by the formula's matrix are the identity within their error, at every bin."""
    at = fnirs_bins(QUIET)
    formula = at.scale * spectra.haemoglobin(at.f, QUIET, montage("C3"), rest.scalp)
    root = np.linalg.inv(np.linalg.cholesky(formula))
    y = root @ noise.spectra(rest.fnirs).transpose(2, 1, 0)
    found = y @ y.conj().transpose(0, 2, 1) / 300
    error = (found - np.eye(32)) * np.sqrt(300)
    assert np.abs(error).max() < 7 and abs((np.abs(error) ** 2).mean() - 1) < 0.03


def test_hbr_has_its_own_systemic_part():
    """Coherence of HbO and HbR of a pair at 0.1 Hz is below 1, with the phase of the lag; nothing cancels both."""
    f = np.array([0.1])
    c = spectra.haemoglobin(f, QUIET, montage("C3"), np.ones(16))[0]
    coherence = np.abs(c[0, 1]) ** 2 / (c[0, 0] * c[1, 1]).real
    assert 0.4 < coherence < 0.52
    np.testing.assert_allclose(np.angle(c[1, 0]), -2 * np.pi * 0.1 * 0.5, atol=1e-4)
    assert np.linalg.eigvalsh(c[:2, :2])[0] > 0.3 * c[1, 1].real


def test_sizes(rest):
    """9 µV of EEG; HbO of 0.6 µM at a scalp gain of 1, HbR smaller; the mean of every trial is 0."""
    at = noise.bins(200, 100.0)
    assert 8.5e-6 < np.sqrt((spectra.background(at.f) * 0.5).sum()) < 9.8e-6
    hbo, hbr = rest.fnirs[:, 0::2].std(axis=(0, 2)) / rest.scalp, rest.fnirs[:, 1::2].std(axis=(0, 2)) / rest.scalp
    assert (hbo > 0.5e-6).all() and (hbo < 0.75e-6).all() and (hbr < 0.35 * hbo).all()
    assert np.abs(rest.eeg.mean(axis=-1)).max() < 1e-11 and np.abs(rest.fnirs.mean(axis=-1)).max() < 1e-13


def test_a_factor_moves_its_own_signal_and_nothing_else():
    """Same noise, another factor: the difference is the shape that the formula says, times pattern or gain."""
    config = dataclasses.replace(QUIET, event=1.0, jitter=0.5, **STILL)
    some = draw_factors(config, 2, np.random.default_rng(3))
    base = simulate_trials(config, 2, seed=5, factors=some._replace(event_eeg=~some.event, event_fnirs=~some.event))
    more = some._replace(
        onset=np.array([0.0, 0.2]),
        activation=np.array([0.0, 0.6]),
        cost=np.array([0.0, -0.4]),
        delay=np.array([1.0, 2.5]),
        dispersion=np.array([1.0, 1.2]),
    )
    seen = simulate_trials(config, 2, seed=5, factors=more)
    np.testing.assert_array_equal(base.scalp, seen.scalp)
    place = montage("C3")
    shape = erp(eeg_clock(config) - more.onset[:, None]) * np.exp(more.activation / 2)[:, None]
    shape -= shape.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(seen.eeg - base.eeg, 6e-6 * place.pattern[:, None] * shape[:, None], atol=2e-11)
    since = fnirs_clock(config) - (more.onset + more.delay)[:, None]
    size = 0.6e-6 * np.exp(more.activation + more.cost)[:, None]
    for chromophore, (ratio, lag) in enumerate(((1.0, 0.0), (-1 / 3, 1.7))):
        curve = ratio * size * double_gamma(since - lag, 10.0, more.dispersion)
        curve -= curve.mean(axis=1, keepdims=True)
        found = (seen.fnirs - base.fnirs)[:, chromophore::2]
        np.testing.assert_allclose(found, place.gain[:, None] * curve[:, None], atol=5e-13)


def test_bands_are_scaled():
    """Alpha of 8 to 13 Hz by 0.9: all of what is added to the rest lies from 7.2 to 11.7 Hz."""
    config = dataclasses.replace(QUIET, band_rms=(20e-6, 0, 0), band_scale=0.9)
    x = simulate_trials(config, 100, seed=0).eeg - simulate_trials(QUIET, 100, seed=0).eeg
    f = np.fft.rfftfreq(x.shape[-1], 1 / config.eeg_sfreq)
    power = (np.abs(np.fft.rfft(x)) ** 2).mean((0, 1))
    inside = (f >= 7.2) & (f < 11.7)
    assert power[~inside].sum() < 1e-9 * power.sum()
    assert (power[inside] > 0).all()


def test_double_gamma_is_spms():
    """nilearn's SPM response convolved with a boxcar, peak 1; 5 s to the peak of an impulse."""
    from nilearn.glm.first_level import compute_regressor

    frames = np.arange(0, 60, 0.1)
    theirs = compute_regressor(np.array([[0.0], [10.0], [1.0]]), "spm", frames, oversampling=10)[0][:, 0]
    ours = double_gamma(frames, 10.0)
    np.testing.assert_allclose(ours, theirs / theirs.max(), atol=0.02)
    assert abs(ours.max() - 1) < 1e-4
    assert abs(frames[double_gamma(frames, 0.1).argmax()] - 5.05) < 0.1


def test_optodes_and_pattern():
    """Four pairs around C3 see the site, short ones nothing; all channels gain 1.1 to 2.3 over one of unit noise."""
    place = montage("C3")
    assert (place.gain[:4] > 0.6).all() and (place.gain[:4] < 0.7).all()
    assert place.gain[4] == 0 and place.gain[5:].max() < 0.01
    assert place.pattern.max() == 1 and 1.1 < place.power < 2.3


def test_grids_are_the_law():
    """Mean and variance on the nodes are those of 20,000 draws, for every factor."""
    config = TrialConfig(jitter=2.0)
    nodes, drawn = axes(config), draw_factors(config, 20_000, np.random.default_rng(0))
    for name, axis in nodes.items():
        x = np.asarray(getattr(drawn, name), float)
        mean, variance = axis.prob @ axis.values, axis.prob @ axis.values**2 - (axis.prob @ axis.values) ** 2
        width = np.diff(axis.values)[0] if name not in ("event", "mode", "dispersion") else 0.0
        assert abs(axis.prob.sum() - 1) < 1e-9
        assert abs(x.mean() - mean) < 4.5 * x.std() / 20_000**0.5, name
        assert abs(x.var() - variance) < 4.5 * x.var() * 2**0.5 / 20_000**0.5 + width**2 / 12, name


def test_errors_of_detectors_and_modes():
    """The EEG shows another event or mode, and the fNIRS another event, as often as asked."""
    of = draw_factors(TrialConfig(event_errors=(0.1, 0.2), mode_error=0.3), 20_000, np.random.default_rng(0))
    for shown, true, error in (
        (of.event_eeg, of.event, 0.1),
        (of.event_fnirs, of.event, 0.2),
        (of.mode_eeg, of.mode, 0.3),
    ):
        assert abs((shown != true).mean() - error) < 4.5 * (error * (1 - error) / 20_000) ** 0.5


def test_same_seed_same_trials():
    """The seed alone decides."""
    a, b, c = (simulate_trials(QUIET, 3, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(a.eeg, b.eeg)
    np.testing.assert_array_equal(a.fnirs, b.fnirs)
    assert not np.array_equal(a.eeg, c.eeg)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cost_sd": -0.1}, "cost_sd must be a finite number"),
        ({"band_rms": (1e-6, -1e-6, 0.0)}, "band_rms"),
        ({"band_rms": (1e-6,)}, "three sizes"),
        ({"event": 1.5}, "event must lie between 0 and 1"),
        ({"eeg_sfreq": 80.0}, "at least 112.5 Hz"),
        ({"eeg_window": (-0.333, 1.5)}, "366.6 samples"),
        ({"fnirs_window": (1.0, 20.0)}, "must hold the marker"),
        ({"fnirs_sfreq": 1.0}, "heart beat"),
        ({"modes": ("alpha", "alpha")}, "name each once"),
        ({"modes": ("alpha", "delta")}, "'delta'"),
        ({"mode_on_hrf": 0.3, "mode_on_hbr": 0.3}, "ask for one"),
        ({"delay_modulus": 4.0, "jitter": 2.0}, "asks for the onset again"),
        ({"delay_mean": 5.0}, "inside delay_range"),
        ({"mode_error": 0.1, "modes": ("beta",)}, "another mode"),
        ({"jitter": 0.0123}, "whole number of samples"),
    ],
)
def test_bad_settings_are_refused(settings, words):
    """In words."""
    with pytest.raises(InputError, match=words):
        TrialConfig(**settings)


def test_impossible_geometry_and_counts_are_refused():
    """A site that is none, one that nothing sees, no trials, factors of another number of trials."""
    for site, words in (("Q7", "10-05 system"), ("Oz", "no optode pair sees")):
        with pytest.raises(InputError, match=words):
            montage(site)
    with pytest.raises(InputError, match="1 or more trials"):
        simulate_trials(QUIET, 0)
    with pytest.raises(InputError, match="factors are of 2 trials"):
        simulate_trials(QUIET, 3, factors=draw_factors(QUIET, 2, np.random.default_rng(0)))
