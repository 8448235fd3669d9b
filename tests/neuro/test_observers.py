"""pidjax/neuro/simulate/observers.py: brute-force likelihoods, closed forms by Monte Carlo, nulls."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.linalg import cho_factor, cho_solve

from pidjax._checks import InputError
from pidjax.neuro.simulate import (
    TrialConfig,
    axes,
    closed_forms,
    informations,
    montage,
    observe,
    posterior,
    sensitivity,
    simulate_trials,
    spectra,
)
from pidjax.neuro.simulate.responses import double_gamma, erp
from pidjax.neuro.simulate.trials import draw_scalp, eeg_bins, eeg_clock, fnirs_bins, fnirs_clock

SCALP = draw_scalp(np.random.default_rng(0))
STILL = {"activation_sd": 0.0, "intensity_sd": 0.0, "cost_sd": 0.0, "delay_sd": 0.0, "dispersion_sd": 0.0}
SHORT = TrialConfig(
    modes=("alpha",), band_rms=(0, 0, 0), eeg_sfreq=100.0, eeg_window=(-0.5, 1.0), fnirs_window=(-5.0, 20.0), **STILL
)


def dense(x, means, density, at):
    """Log densities [trials, means] of signals x [n, channels, times], up to a constant.

    ``density`` [k, channels, channels] is turned into the covariance of all samples of all channels; bin 0 is left out.
    """
    n, c = at.n, x.shape[1]
    t = np.arange(n) / (2 * at.scale / n)
    wave = np.exp(2j * np.pi * at.f[:, None, None] * (t[:, None] - t))
    width = 2 * at.scale / n**2
    covariance = np.einsum("k,kab,kst->asbt", at.weight * width, density, wave, optimize=True).real
    basis = np.linalg.svd(np.eye(n) - 1 / n)[0][:, : n - 1]
    small = np.einsum("si,asbt,tj->aibj", basis, covariance, basis, optimize=True).reshape(c * (n - 1), -1)
    factor = cho_factor(small, lower=True)
    rest = (x[:, None] - means[None]) @ basis
    flat = rest.reshape(len(x) * len(means), -1)
    value = -0.5 * (flat * cho_solve(factor, flat.T).T).sum(1) - np.log(np.diag(factor[0])).sum()
    return value.reshape(len(x), len(means))


def test_eeg_likelihood_by_brute_force():
    """Ratios over event, activation, mode and intensity are those of the density of all samples of 28 channels."""
    config = dataclasses.replace(
        SHORT, modes=("alpha", "beta"), band_rms=(6e-6, 3e-6, 0), eeg_window=(-0.1, 0.2), fnirs_window=(-1.0, 3.0),
        theta_rms=4e-6, activation_sd=0.3, intensity_sd=0.3,
    )  # fmt: skip
    trials = simulate_trials(config, 2, seed=1, scalp=SCALP)
    seen = observe(trials, cells=3)
    at, place, nodes = eeg_bins(config), montage("C3"), seen.axes
    found, expected = [], []
    for event, i, m, u in ((0, 1, 0, 1), (0, 2, 1, 2), (1, 0, 0, 2), (1, 2, 1, 1)):
        a = nodes["activation"].values[i]
        gain = math.exp(a + nodes["intensity"].values[u])
        source = gain * config.band_rms[m] ** 2 * spectra.band(at.f, config.modes[m])
        source = source + event * 16e-12 * spectra.band(at.f, "theta")
        density = place.covariance * spectra.background(at.f)[:, None, None]
        density = density + np.outer(place.pattern, place.pattern) * source[:, None, None]
        mean = place.pattern[:, None] * 6e-6 * event * math.exp(a / 2) * erp(eeg_clock(config))
        expected.append(dense(trials.eeg.astype(float), mean[None], density, at)[:, 0])
        found.append(np.log(seen.eeg[:, event, 0, i, m, u]))
    np.testing.assert_allclose(np.diff(found, axis=0), np.diff(expected, axis=0), atol=2e-3)


def test_onsets_by_brute_force():
    """Ratios over the cells of the onset are those of the distances to the shifted potential, averaged over a cell."""
    config = dataclasses.replace(SHORT, event=1.0, jitter=0.4)
    trials = simulate_trials(config, 3, seed=2, scalp=SCALP)
    seen = observe(trials, step=0.02)
    at, place = eeg_bins(config), montage("C3")
    z = np.fft.rfft(np.linalg.solve(place.covariance, place.pattern) @ trials.eeg / place.power)[:, 1:]
    onsets = (np.arange(40) + 0.5) / 100
    shapes = np.fft.rfft(6e-6 * erp(eeg_clock(config) - onsets[:, None]))[:, 1:]
    variance = at.scale * spectra.background(at.f) / place.power
    log = -(np.abs(z[:, None] - shapes) ** 2 @ (at.weight / variance))
    expected = np.log(np.exp(log - log.max(axis=1, keepdims=True)).reshape(3, 20, 2).mean(axis=2))
    found = np.log(seen.eeg[:, 1, :, 0, 0, 0])
    np.testing.assert_allclose(found - found[:, :1], expected - expected[:, :1], atol=2e-3)


def test_fnirs_likelihood_by_brute_force():
    """Ratios over delay, cost and activation, with an effect of the mode, are those of all samples of 32 channels."""
    config = dataclasses.replace(
        SHORT, fnirs_window=(-1.0, 3.0), hbo=0.1e-6, task=1.0, delay_sd=0.5, delay_mean=0.5, cost_sd=0.4,
        activation_sd=0.3, modes=("alpha", "beta"), mode_on_hbr=0.5,
    )  # fmt: skip
    trials = simulate_trials(config, 2, seed=2, scalp=SCALP)
    seen = observe(trials, step=0.5, cells=3)
    at, place, nodes = fnirs_bins(config), montage("C3"), seen.axes
    density = spectra.haemoglobin(at.f, config, place, SCALP)
    cells = [(m, a, d, v) for m in (0, 1) for a in (0, 2) for d in (0, 1) for v in (1, 2)]
    means = [np.zeros((32, at.n))]
    for m, a, d, v in cells:
        size = 0.1e-6 * math.exp(nodes["activation"].values[a] + nodes["cost"].values[v])
        since = fnirs_clock(config) - nodes["delay"].values[d]
        hbr = -1 / 3 * math.exp(0.5 * (m == 0)) * double_gamma(since - 1.7, 1.0)
        curve = size * np.stack([double_gamma(since, 1.0), hbr])
        means.append((place.gain[:, None, None] * curve).reshape(32, -1))
    expected = dense(trials.fnirs.astype(float), np.stack(means), density, at)
    found = np.stack([np.log(seen.fnirs[:, 1, 0, a, m, d, v]) for m, a, d, v in cells], axis=1)
    rest = np.log(seen.fnirs[:, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(found - rest[:, None], expected[:, 1:] - expected[:, :1], atol=2e-2)


@pytest.fixture(scope="module")
def weak():
    """600 trials of an event that neither modality shows clearly."""
    config = dataclasses.replace(SHORT, hbo=0.08e-6)
    trials = simulate_trials(config, 600, seed=3, scalp=SCALP)
    return trials, observe(trials)


def test_event_is_worth_what_the_closed_form_says(weak):
    """I(event) of EEG, fNIRS and both lies within its error of the quadrature at d'; accuracy is Φ(d' / 2)."""
    trials, seen = weak
    found = sensitivity(trials.config, SCALP)
    atoms = closed_forms.event(found.eeg, found.fnirs)
    assert 1 < found.eeg < 2 and 0.5 < found.fnirs < 2
    nats = informations(seen, ("event",))
    for name, expected in (("eeg", atoms.mi1), ("fnirs", atoms.mi2), ("both", atoms.total)):
        assert abs(nats[name].mean() - expected) < 4.5 * nats[name].std() / 600**0.5, name
    right = (posterior(seen, ("event",), ("eeg",))[:, 1] > 0.5) == trials.factors.event
    expected = 0.5 * (1 + math.erf(found.eeg / 2 / 2**0.5))
    assert abs(right.mean() - expected) < 4.5 * (expected * (1 - expected) / 600) ** 0.5


@pytest.mark.parametrize("sources", [("eeg",), ("fnirs",), ("eeg", "fnirs")])
def test_posteriors_are_calibrated(weak, sources):
    """Events happen as often as they are said to: the sum of y − p, and of its product with p, within their errors."""
    trials, seen = weak
    p = posterior(seen, ("event",), sources)[:, 1]
    for weight in (np.ones(600), p - p.mean()):
        error = (weight**2 * p * (1 - p)).sum() ** 0.5
        assert abs((weight * (trials.factors.event - p)).sum()) < 4.5 * error


def test_onset_and_delay_are_found_to_the_bound():
    """Where d' is large, posteriors are as wide as the Cramér–Rao bound, and true values lie in them as they should."""
    config = dataclasses.replace(SHORT, event=1.0, erp=60e-6, jitter=0.4, delay_sd=0.8, fnirs_window=(-5.0, 20.0))
    trials = simulate_trials(config, 100, seed=4, scalp=SCALP)
    bound = sensitivity(config, SCALP)
    seen = observe(trials, step=0.01)
    for name, sources, expected in (("onset", ("eeg",), bound.eeg_latency), ("delay", ("eeg", "fnirs"), None)):
        p, x = posterior(seen, (name,), sources), seen.axes[name].values
        mean, spread = p @ x, np.sqrt(np.maximum(p @ x**2 - (p @ x) ** 2, 1e-12))
        z = (getattr(trials.factors, name) - mean) / np.hypot(spread, 0.01 / 12**0.5)
        assert abs((z**2).mean() - 1) < 4.5 * (2 / 100) ** 0.5
        if expected is not None:
            assert abs(np.median(spread) / expected - 1) < 0.3
            continue
        prior = 1 / 0.8**2 + 1 / bound.fnirs_latency**2
        assert abs(np.median(spread) * prior**0.5 - 1) < 0.3


def test_nothing_where_nothing_was_put():
    """No factor is known from a modality that does not hold it, and none of an event from trials without."""
    config = dataclasses.replace(
        SHORT, event=0.5, delay_sd=0.8, cost_sd=0.35, intensity_sd=0.35, band_rms=(3e-6, 3e-6, 3e-6),
        modes=("alpha", "beta"),
    )  # fmt: skip
    seen = observe(simulate_trials(config, 40, seed=5, scalp=SCALP), step=0.5, cells=5)
    for name, silent in (("mode", "fnirs"), ("intensity", "fnirs"), ("delay", "eeg"), ("cost", "eeg")):
        nats = informations(seen, (name,))
        other = {"eeg": "fnirs", "fnirs": "eeg"}[silent]
        assert np.abs(nats[silent]).max() < 1e-9 and nats[other].mean() > 0.02
        assert nats["both"].mean() > nats[other].mean() - 4.5 * (nats["both"] - nats[other]).std() / 40**0.5
    never = observe(simulate_trials(dataclasses.replace(config, event=0.0), 3, scalp=SCALP), step=0.5, cells=5)
    for nats in informations(never, ("delay",)).values():
        assert np.abs(nats).max() < 1e-9


def test_signals_hold_nothing_else():
    """A decoder that is no observer finds no mode in fNIRS and no delay in EEG: correlations are those of chance."""
    config = dataclasses.replace(SHORT, event=1.0, delay_sd=0.8, modes=("alpha", "beta"), band_rms=(6e-6, 6e-6, 6e-6))
    trials = simulate_trials(config, 300, seed=6, scalp=SCALP)
    for signal, factor in ((trials.fnirs, trials.factors.mode), (trials.eeg, trials.factors.delay)):
        features = np.concatenate([signal.std(axis=-1), signal[..., 40:60].mean(axis=-1)], axis=1)
        z = (features - features.mean(0)) / features.std(0)
        r = (z * ((factor - factor.mean()) / factor.std())[:, None]).mean(axis=0)
        assert np.abs(r).max() < 4.5 / 300**0.5


@pytest.mark.parametrize(
    ("size", "nats", "right", "error"),
    [(3e-6, 0.056, 0.635, 0.096), (6e-6, 0.193, 0.755, 0.048), (10e-6, 0.401, 0.875, 0.029)],
)
def test_potentials_under_the_midline(size, nats, right, error):
    """The design's information, accuracy and bound of the latency, of a dipole with a'Σ⁻¹a = 1.18, to their digits."""
    config = dataclasses.replace(SHORT, erp=size, eeg_sfreq=200.0, eeg_window=(-0.5, 1.5))
    found, less = sensitivity(config, SCALP), (1.18 / montage("C3").power) ** 0.5
    d = found.eeg * less
    assert abs(closed_forms.event(d, 0.0).mi1 - nats) < 0.002
    assert abs(0.5 * (1 + math.erf(d / 2 / 2**0.5)) - right) < 0.001
    assert abs(found.eeg_latency / less - error) < 0.0006


def test_hbr_of_its_own_is_what_limits_the_response():
    """The less of HbR's systemic power is its own, the better a sum of both chromophores cancels it."""
    d = [sensitivity(TrialConfig(hbr_own=own, **STILL), SCALP).fnirs for own in (0.0, 0.1, 0.5, 1.0)]
    assert (np.diff(d) < -1).all() and 7 < d[2] < 9


def test_finer_grids_change_nothing():
    """Informations of delay and cost on half the step differ by less than 0.01 nats."""
    config = dataclasses.replace(SHORT, event=1.0, delay_sd=0.8, cost_sd=0.35, dispersion_sd=0.1)
    trials = simulate_trials(config, 60, seed=7, scalp=SCALP)
    coarse, fine = observe(trials), observe(trials, step=0.05, cells=41)
    for name in ("delay", "cost"):
        a, b = (informations(seen, (name,))["fnirs"].mean() for seen in (coarse, fine))
        assert abs(a - b) < 0.01 and a > 0.2


def test_unknown_factors_and_sources_are_refused(weak):
    """Names that are none, a factor asked for twice, no source."""
    _, seen = weak
    with pytest.raises(InputError, match="factors are"):
        posterior(seen, ("mood",))
    with pytest.raises(InputError, match="each once"):
        posterior(seen, ("mode", "mode"))
    with pytest.raises(InputError, match="sources are"):
        posterior(seen, ("mode",), ())


def test_axes_cover_the_law():
    """Cells of onset and delay tile their ranges."""
    nodes = axes(TrialConfig(jitter=2.0))
    np.testing.assert_allclose(np.diff(nodes["onset"].values), 0.1)
    assert nodes["delay"].values[0] == pytest.approx(-0.45) and nodes["delay"].values[-1] == pytest.approx(3.95)
    np.testing.assert_allclose(axes(TrialConfig(jitter=0.02))["onset"].values, 0.01)  # a cell wider than the range


@pytest.mark.parametrize("grid", [{"step": 0.0}, {"cells": 2}])
def test_impossible_grids_are_refused(grid):
    """Cells without width, or one on either side."""
    with pytest.raises(InputError, match="a step above 0 s and 3 cells"):
        axes(TrialConfig(), **grid)
