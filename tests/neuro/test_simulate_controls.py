"""pidjax/neuro/simulate/controls.py: what each control must break or bring about, as the ideal observers see it."""

import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.neuro.simulate import informations, make_task, observe, observed_label, repaired, simulate_trials
from pidjax.neuro.simulate.trials import draw_scalp

SCALP = draw_scalp(np.random.default_rng(0))
QUICK = {"eeg_sfreq": 100.0, "fnirs_window": (-5.0, 20.0)}


def said(task, trials, label):
    """Mean log ratio of the label to its prior, as EEG, fNIRS and both say, and the error of the last."""
    prior, rows = observed_label(task, trials)
    terms = [np.log(np.maximum(p[np.arange(len(label)), label], 1e-9) / prior[label]) for p in rows]
    return [x.mean() for x in terms]


@pytest.fixture(scope="module")
def xor():
    """160 trials of mode XOR cost."""
    task = make_task("xor", **QUICK)
    trials = simulate_trials(task.config, 160, seed=0, scalp=SCALP)
    return task, trials, task.label(trials.factors, np.random.default_rng(0)).astype(int)


def test_repaired_trials_lose_the_interaction(xor):
    """XOR is known from the pair, and not once pairs are of different trials; nothing else changes."""
    task, trials, label = xor
    assert said(task, trials, label)[2] > 0.5
    apart = repaired(trials, seed=1)
    assert said(task, apart, label)[2] < 0
    np.testing.assert_array_equal(apart.eeg, trials.eeg)
    np.testing.assert_array_equal(np.sort(apart.factors.cost), np.sort(trials.factors.cost))
    renewed = task.label(apart.factors, np.random.default_rng(0)).astype(int)
    assert said(task, apart, renewed)[2] > 0.5


def test_repairing_within_classes_keeps_each_modality(xor):
    """Every fNIRS trial goes to a trial of the same label, so what each modality says of it stays; XOR still goes."""
    task, trials, label = xor
    apart = repaired(trials, label, seed=1)
    for kind in (0, 1):
        before, after = trials.factors.cost[label == kind], apart.factors.cost[label == kind]
        np.testing.assert_array_equal(np.sort(before), np.sort(after))
    assert said(task, apart, label)[2] < 0.3
    event = make_task("event_errors", **QUICK)
    seen = simulate_trials(event.config, 160, seed=2, scalp=SCALP)
    truth = seen.factors.event.astype(int)
    np.testing.assert_allclose(said(event, repaired(seen, truth), truth)[1], said(event, seen, truth)[1], atol=1e-9)


def test_no_trial_keeps_its_own_partner(xor):
    """Whatever the seed, unless it is alone with its label."""
    _, trials, label = xor
    label = np.where(np.arange(160) == 5, 7, label)
    for seed in range(20):
        for given, alone in ((None, 0), (label, 1)):
            kept = (repaired(trials, given, seed=seed).fnirs == trials.fnirs).all(axis=(1, 2))
            assert kept.sum() == alone and (not alone or kept[5])


@pytest.mark.parametrize("control", ["mode_on_hrf", "mode_on_hbr"])
def test_modes_that_act_on_the_response_are_known_from_it(control):
    """Without the effect the fNIRS says exactly nothing of the mode; with it, something, and both say more."""
    settings = {"event": 1.0, "modes": ("alpha", "beta"), **QUICK, "eeg_window": (-0.5, 1.5)}
    for size in (0.0, 0.5):
        task = make_task("mode", **settings, **{control: size})
        nats = informations(observe(simulate_trials(task.config, 80, seed=3, scalp=SCALP)), ("mode",))
        assert (nats["fnirs"].mean() > 0.1) == (size > 0)
        assert size > 0 or np.abs(nats["fnirs"]).max() < 1e-9
        assert task.silent == (() if size else ("fnirs",))
    assert make_task("xor", **{control: 0.5}).silent == ("eeg",)


def test_labels_of_another_length_are_refused(xor):
    """One value a trial."""
    with pytest.raises(InputError, match="one value for each of 160"):
        repaired(xor[1], [0, 1])
