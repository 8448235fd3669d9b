"""pidjax/neuro/simulate/tasks.py: labels and posteriors agree, truths have the order that theory demands."""

import numpy as np
import pytest
from scipy.special import entr, log_softmax, logsumexp
from scipy.stats import norm

from pidjax._checks import InputError
from pidjax.neuro.simulate import (
    TASKS,
    Axis,
    TrialConfig,
    axes,
    closed_forms,
    label_posteriors,
    make_task,
    noise,
    observe,
    observed_label,
    posterior,
    spectra,
    truth,
)
from pidjax.neuro.simulate.behaviour import accuracy, behave
from pidjax.neuro.simulate.factors import draw_factors
from pidjax.neuro.simulate.observers import information, sensitivity
from pidjax.neuro.simulate.responses import erp
from pidjax.neuro.simulate.tasks import _cells
from pidjax.neuro.simulate.trials import draw_scalp, eeg_bins, simulate_trials

SCALP = draw_scalp(np.random.default_rng(0))
QUICK = {"eeg_sfreq": 100.0, "fnirs_window": (-5.0, 20.0)}
ALPHA = {"modes": ("alpha",), "band_rms": (3e-6, 0.0, 0.0)}
CHANGES = {"mode": {"modes": ("alpha", "beta"), "mode_error": 0.1}, "efficiency": ALPHA, "behaviour": ALPHA}
CHANGES["delay"] = {"jitter": 2.0}
CHANGES["delay_modular"] = {"delay_modulus": 4.0}


def quick(name, **changes):
    return make_task(name, **{**QUICK, **CHANGES.get(name, {}), **changes})


@pytest.fixture(scope="module", params=TASKS)
def observed(request):
    """100 trials of a task: labels, p(label), and what the observers say."""
    task = quick(request.param)
    trials = simulate_trials(task.config, 100, seed=1, scalp=SCALP)
    label = task.label(trials.factors, np.random.default_rng(2))
    return task, label, *observed_label(task, trials)


def test_posteriors_predict_the_labels(observed):
    """The mean log ratio of the true label is the information, for EEG, fNIRS and both: likelihoods are right."""
    task, label, prior, rows = observed
    if prior.size > 3:
        values = axes(task.config, cells=_cells(task))[task.factors[0]].values
        assert values.size == prior.size
        label = np.abs(label[:, None] - values).argmin(axis=1)
    for p in rows:
        terms = np.log(p[np.arange(100), label.astype(int)] / prior[label.astype(int)])
        excess = terms - information(p, prior)
        assert abs(excess.mean()) < 4.5 * excess.std() / 10 + 1e-9


def test_both_say_more_than_each(observed):
    """I(both) >= I(each), modalities called silent are, and posteriors are probabilities."""
    task, _, prior, rows = observed
    eeg, fnirs, both = (information(p, prior) for p in rows)
    for p in rows:
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-9)
    for name, one in (("eeg", eeg), ("fnirs", fnirs)):
        assert (both - one).mean() > -4.5 * (both - one).std() / 10
        if name in task.silent:
            assert one.mean() < 0.02
    assert both.mean() > 0.02


def test_event_has_a_closed_form():
    """Said to be one, at the d' of the subject; none where the event also changes theta."""
    task = quick("event")
    found = truth(task, scalp=SCALP)
    assert found.source == "closed form" and found.n == 0 and task.truth(scalp=SCALP) == found
    assert found.atoms.redundancy > 0.3 and found.atoms.unique1 == 0
    assert quick("event", theta_rms=3e-6).closed_form is None


def test_detectors_that_err_have_the_atoms_of_the_formula():
    """With clear signals the table solver finds the PID of two detectors that are wrong with 0.05 and 0.2."""
    found = truth(quick("event_errors"), n=400, scalp=SCALP)
    assert found.source == "table solver"
    error = np.array(found.std_error)
    expected = np.array(closed_forms.detectors(0.05, 0.2))
    assert (np.abs(np.array(found.atoms) - expected) < 4.5 * error + 0.02).all()


def test_delay_is_synergy_only_with_jitter():
    """Locked to the marker the delay is the fNIRS's own; on a circle it is all synergy; both as observers say."""
    locked = truth(quick("delay_locked"), n=100, scalp=SCALP)
    round_ = truth(quick("delay_modular"), n=100, scalp=SCALP)
    assert locked.source == round_.source == "observers"
    assert locked.atoms.unique2 > 0.4 and abs(locked.atoms.synergy) < 1e-6
    assert round_.atoms.synergy > 0.4 and round_.atoms.unique2 == 0


CLEAREST = {"erp": 60e-6, "hbo": 3e-6}
WIDE = {"delay_range": (-4.0, 6.0)}
SMALL = {"activation_sd": 0.05, "cost_sd": 0.05, "band_rms": (0.0, 0.0, 0.0)}


def relative(name, changes, eeg, fnirs):
    """A task with these d'."""
    base = quick(name, **changes).config
    found = sensitivity(base, SCALP)
    return quick(name, **{**changes, "erp": base.erp * eeg / found.eeg, "hbo": base.hbo * fnirs / found.fnirs})


@pytest.mark.parametrize(
    ("task", "form"),
    [
        (quick("mode", band_rms=(20e-6, 20e-6, 20e-6)), lambda s: closed_forms.mode(0.1, 2)),
        # two sizes are two shifts
        (quick("xor", cost_sd=0.1), lambda s: closed_forms.xor_signals(30, 2 * np.sinh(0.1) * s.fnirs)),
        # small a and v add to sizes, and a shift the potential by half as much
        (relative("cost_varying", SMALL, 40.0, 20.0), lambda s: closed_forms.cost(0.05, 0.05, s.amplitude)),
        (quick("delay_locked", **WIDE), lambda s: closed_forms.delay_gaussian(0.0, 0.8, 0.0, s.fnirs_latency)),
        (
            quick("delay", delay_law="binary", delay_sd=0.5, jitter=4.0, **CLEAREST),
            lambda s: closed_forms.delay_binary(1.0, 4.0),
        ),
        (
            quick("delay_modular", delay_law="binary", delay_sd=1.0, **CLEAREST),
            lambda s: closed_forms.delay_modular([0.5, 0.5]),
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_closed_forms_by_observers(task, form):
    """Observers of drawn signals agree with the formula, within their error and 0.01 nats for what it neglects."""
    found = truth(task, n=200, scalp=SCALP)
    expected = np.array(form(sensitivity(task.config, SCALP)))
    assert expected.sum() > 0.2
    assert (np.abs(np.array(found.atoms) - expected) < 4.5 * np.array(found.std_error) + 0.01).all()


def test_delay_by_the_gaussian_formula():
    """Errors of the fNIRS at its bound, an onset that the EEG shows clearly: the quadrature of the uniform onset."""
    changes = {"delay_range": (-4.0, 6.0), "erp": 60e-6, "jitter": 4.0}
    task = quick("delay", **changes)
    bound = sensitivity(task.config, SCALP)
    expected = closed_forms.delay_uniform(4.0, 0.8, bound.eeg_latency, bound.fnirs_latency)
    found = truth(task, n=200, scalp=SCALP)
    assert (np.abs(np.array(found.atoms) - expected) < 4.5 * np.array(found.std_error) + 0.03).all()


def delay_hardly_seen(d, jitter, fnirs_error, n=4000):
    """I(delay; both) of every trial, of an ERP of d' in the background and a sum t + tau that fNIRS shows as a number.

    From scratch: p(t | EEG) by a matched filter at onsets of one sample, then the docstring of ``delay_uniform``.
    """
    rng, sfreq = np.random.default_rng(5), 100.0
    at = noise.bins(round((jitter + 2) * sfreq), sfreq)
    variance = at.scale * spectra.background(at.f)
    onsets = (np.arange(round(jitter * sfreq)) + 0.5) / sfreq
    shape = noise.spectra(erp((np.arange(at.n) + 0.5) / sfreq - 0.5))  # of the onset 0, in the middle of a sample
    shape *= d / (2 * at.weight @ (np.abs(shape) ** 2 / variance)) ** 0.5
    onset, delay = rng.choice(onsets, n), rng.normal(1, 0.8, n)
    shifts = np.exp(-2j * np.pi * at.f * onset[:, None])
    seen = shape * shifts + noise.draw(rng, at, np.sqrt(spectra.background(at.f)), n)[:, 0]
    # the filter's lags are whole samples, onsets half a sample later
    match = at.n * noise.samples(seen * np.conj(shape * np.exp(-1j * np.pi * at.f / sfreq)) / variance, at.n)
    log_p = log_softmax(match[:, : onsets.size], axis=1)
    apart = onset + delay + fnirs_error * rng.standard_normal(n)
    known = norm.logpdf((apart - delay)[:, None], onsets, fnirs_error)
    free = norm.logpdf(apart[:, None], onsets + 1, np.hypot(fnirs_error, 0.8))
    return logsumexp(log_p + known, axis=1) - logsumexp(log_p + free, axis=1)


@pytest.mark.parametrize(("d", "synergy"), [(1.38, 0.094), (2.5, 0.298), (5.0, 0.581)])
def test_delay_of_an_event_that_is_hardly_seen(d, synergy):
    """The docstring's values and their errors; the bound of Cramér and Rao would say 0.585 to 0.591."""
    terms = delay_hardly_seen(d, 8.0, 0.46)
    alone = closed_forms.delay_uniform(8.0, 0.8, 0.001, 0.46).unique2
    assert abs(terms.mean() - alone - synergy) < 4.5 * np.hypot(terms.std() / len(terms) ** 0.5, 0.006)


def test_delay_of_an_event_that_is_hardly_seen_by_observers():
    """The whole signals' observers say the same."""
    changes = {**WIDE, "jitter": 4.0}
    bound = sensitivity(quick("delay", **changes).config, SCALP)
    task = quick("delay", **changes, erp=22e-6 * 2.5 / bound.eeg)
    bound = sensitivity(task.config, SCALP)
    expected = delay_hardly_seen(2.5, 4.0, bound.fnirs_latency)
    alone = closed_forms.delay_uniform(4.0, 0.8, 0.001, bound.fnirs_latency).unique2
    found = truth(task, n=200, scalp=SCALP)
    error = np.hypot(found.std_error.synergy, expected.std() / len(expected) ** 0.5)
    assert abs(found.atoms.synergy - expected.mean() + alone) < 4.5 * error + 0.03


def label_of_difference(explained):
    """I(1[x > 0]; y) of a Gaussian x, of whose variance y explains a share: ln 2 − E h(Φ(g √(r / (1 − r))))."""
    g, weight = np.polynomial.hermite_e.hermegauss(101)
    p = norm.cdf(g * (explained / (1 - explained)) ** 0.5)
    return np.log(2) - weight / weight.sum() @ (entr(p) + entr(1 - p))


def test_efficiency_by_observers():
    """u > v of loud signals: log gains shown with an error of 1 / √K by K bins of a band, of 1 / d' by the response."""
    task = quick("efficiency", modes=("beta",), band_rms=(0.0, 60e-6, 0.0), hbo=5e-6)
    at, var = eeg_bins(task.config), task.config.cost_sd**2
    bins = spectra.band(at.f, "beta") > 0
    errors = np.array([1 / bins.sum(), sensitivity(task.config, SCALP).fnirs ** -2.0])
    seen = np.full((2, 2), var) + np.diag(var + errors)  # of a + u and a + v
    with_label = np.array([var, -var])  # covariance with u − v
    alone = [label_of_difference(c**2 / v / (2 * var)) for c, v in zip(with_label, np.diag(seen), strict=True)]
    both = label_of_difference(with_label @ np.linalg.solve(seen, with_label) / (2 * var))
    loud = label_of_difference(0.25), closed_forms.efficiency_binary(1.0)
    assert loud[0] == pytest.approx(loud[1].redundancy, abs=1e-6)
    prior, rows = label_posteriors(task, n=200, scalp=SCALP)
    for p, expected in zip(rows, (*alone, both), strict=True):
        terms = information(p, prior)
        assert abs(terms.mean() - expected) < 4.5 * terms.std() / 200**0.5 + 0.01


def test_cost_by_quadrature():
    """I(v > 0; fNIRS) is that of x = d' exp(v) + noise: the grid loses less than 0.002 nats, draws agree with it."""
    task = quick("cost")
    d, sd = sensitivity(task.config, SCALP).fnirs, task.config.cost_sd
    x = np.linspace(-6, d * np.exp(5 * sd) + 6, 1001)

    def of_label(values, prob):
        """p(x, label) on the cells of v."""
        return norm.pdf(x[:, None] - d * np.exp(values)) @ (prob[:, None] * task.table(Axis(values, prob)))

    middle = (np.arange(2000) + 0.5) / 200 - 5
    law = of_label(sd * middle, norm.pdf(middle) / norm.pdf(middle).sum())
    nats, density = information(law / law.sum(1, keepdims=True), np.full(2, 0.5)), law.sum(1) / law.sum()
    grid = of_label(*axes(task.config, cells=_cells(task))["cost"])
    lost = density @ nats - density @ information(grid / grid.sum(1, keepdims=True), np.full(2, 0.5))
    assert 0 <= lost < 0.002
    found = truth(task, n=400, scalp=SCALP)
    assert abs(found.atoms.unique2 - density @ nats) < 4.5 * found.std_error.unique2


def test_numbers_on_finer_grids_are_worth_the_same():
    """Labels of two numbers lose less than 0.002 nats to the cells that ``truth`` takes."""
    task = quick("efficiency")
    trials = simulate_trials(task.config, 20, seed=3, scalp=SCALP)
    found = []
    for cells in (_cells(task), 81):
        p = posterior(observe(trials, cells=cells), task.factors)
        nodes = axes(task.config, cells=cells)
        label = task.table(nodes["intensity"], nodes["cost"]).reshape(-1, 2)
        found.append(information(p.reshape(20, -1) @ label, np.full(2, 0.5)).mean())
    assert abs(found[1] - found[0]) < 0.002 and found[1] > 0.1


def test_signals_of_no_size_say_nothing():
    """No potential or no response: d' of 0 and no bound; both, or an event that always or never happens: all 0."""
    seen, unseen = (sensitivity(quick("event", **size).config, SCALP) for size in ({"hbo": 0.0}, {"erp": 0.0}))
    assert seen.fnirs == unseen.eeg == 0 and seen.fnirs_latency == seen.amplitude == unseen.eeg_latency == np.inf
    assert seen.eeg > 1 and unseen.fnirs > 1
    atoms = truth(quick("event", erp=0.0), scalp=SCALP).atoms
    assert atoms.unique2 > 0.3 and abs(atoms.redundancy) + abs(atoms.unique1) + abs(atoms.synergy) < 1e-9
    for changes in ({"erp": 0.0, "hbo": 0.0}, {"event": 1.0}, {"event": 0.0}):
        np.testing.assert_allclose(truth(quick("event", **changes), n=100, scalp=SCALP).atoms, 0, atol=1e-9)


def test_label_posteriors_come_in_chunks():
    """More trials than a chunk: one row a trial, drawn anew."""
    prior, rows = label_posteriors(quick("event_errors"), n=130, scalp=SCALP)
    assert prior.shape == (2,) and all(p.shape == (130, 2) for p in rows)


def test_behaviour_follows_the_factors():
    """Costly trials are harder and more tiring; efficient ones quicker and more often right, as often as said."""
    of = draw_factors(TrialConfig(), 20_000, np.random.default_rng(0))
    found = behave(of, np.random.default_rng(1))
    efficiency = of.intensity - of.cost
    assert np.corrcoef(found.difficulty, of.cost)[0, 1] > 0.5 and set(found.difficulty) == {0, 1, 2}
    assert np.corrcoef(found.reaction_time, efficiency)[0, 1] < -0.6
    assert np.corrcoef(found.fatigue, of.cost)[0, 1] > 0.7
    p = accuracy(efficiency)
    assert abs((found.correct - p).sum()) < 4.5 * (p * (1 - p)).sum() ** 0.5


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("memory", {}, "task must be one of"),
        ("event", {"loudness": 1}, "no setting of a trial"),
        ("cost", {"activation_sd": 0.3}, "cost_varying"),
        ("delay_locked", {"jitter": 2.0}, "leave jitter at 0"),
        ("delay", {"jitter": 0.0}, "delay needs a jitter"),
        ("delay", {"delay_sd": 0.0}, "needs a delay that varies"),
        ("delay_modular", {"delay_modulus": 0.0}, "length of its circle"),
        ("xor", {"modes": ("alpha",)}, "xor needs two modes"),
        ("mode", {"modes": ("alpha",)}, "two or three modes"),
        ("cost", {"cost_sd": 0.0}, "needs a cost that varies"),
        ("xor", {"cost_sd": 0.0}, "needs a cost that varies"),
        ("efficiency", {"intensity_sd": 0.0, "cost_sd": 0.0}, "intensity or a cost that varies"),
    ],
)
def test_contradictions_are_refused(name, changes, words):
    """A task whose settings contradict its name says so."""
    with pytest.raises(InputError, match=words):
        make_task(name, **changes)


def test_one_trial_is_no_truth():
    """It has no standard error."""
    with pytest.raises(InputError, match="2 or more trials"):
        truth(quick("cost"), n=1)
