"""pidjax/neuro/canonical.py: factors in features go where their law says, and simulated signals give them."""

import joblib
import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold

from pidjax._checks import InputError
from pidjax.neuro import PairedEpochs, preprocess_eeg, preprocess_fnirs
from pidjax.neuro.canonical import CanonicalDecomposer, Features
from pidjax.neuro.evidence import Evidence, evidence_of_arrays, evidence_of_pairs, joined
from pidjax.neuro.simulate import make_task, simulate_trials
from pidjax.neuro.simulate.montage import fnirs_info, short_pairs
from pidjax.objectives import HEADS

N = 600


def features(eeg, fnirs, onset=0.0, latency=0.0):
    columns = [np.column_stack(x) for x in (eeg, fnirs)]
    return Features(*columns, onset * np.ones(len(columns[0])), latency * np.ones(len(columns[0])))


def r(a, b):
    return abs(np.corrcoef(a, b)[0, 1])


def fitted(of, **settings):
    return CanonicalDecomposer(**settings).fit_features(of, np.repeat(np.arange(6), N // 6))


@pytest.fixture(scope="module")
def pairs(session):
    eeg, fnirs = preprocess_eeg(session.raw_eeg), preprocess_fnirs(session.raw_fnirs)
    return PairedEpochs.from_raw(eeg.raw, fnirs.raw, session.trials, (-1, 6), (-5, 15), raw_erp=eeg.erp)


@pytest.fixture(scope="module")
def shared_and_private():
    """g = a + u and h = a + v, a twice as large; beside them what each modality has alone."""
    a, u, v, own_eeg, own_fnirs = np.random.default_rng(8).standard_normal((5, N))
    return a, u, v, own_eeg, own_fnirs, features((2 * a + u, own_eeg), (2 * a + v, own_fnirs))


def test_shared_private_and_what_differs(shared_and_private):
    """R tells a; U the private features and not a; S tells u − v and, of a Gaussian law, nothing of a: r(S, a) = 0."""
    a, u, v, own_eeg, own_fnirs, of = shared_and_private
    model = fitted(of)
    z = model.heads(of)
    assert model.n_shared_ == 1
    assert model.correlation_[0] == pytest.approx(0.8, abs=4 * (1 - 0.64) / N**0.5)
    noise = 4 / N**0.5
    for side, own, other in (("eeg", own_eeg, u), ("fnirs", own_fnirs, v)):
        assert r(z[f"redundancy_{side}"][:, 0], a) == pytest.approx(2 / 5**0.5, abs=noise)
        assert r(z[f"unique_{side}"][:, 0], own) > 0.98
        assert r(z[f"unique_{side}"][:, 0], a) < noise
        assert r(z[f"unique_{side}"][:, 0], other) < noise
    assert r(z["synergy"][:, 0], u - v) > 0.98
    assert r(z["synergy"][:, 0], a) < noise


def test_what_is_redundant_is_in_its_own_units_and_from_its_own_features():
    """An event of two sizes: the gap between them stays, and features of noise have no weight at all."""
    rng = np.random.default_rng(11)
    event = rng.integers(0, 2, N)
    shown = 8.0 * event + rng.standard_normal((2, N))
    noise = rng.standard_normal((3, N))
    model = fitted(features((shown[0], *noise), (shown[1],)))
    moved = [features((shown[0], *(noise + k)), (shown[1],)) for k in (0.0, 0.3)]
    z, other = (model.heads(of) for of in moved)
    unused = np.mean(z["redundancy_eeg"] == other["redundancy_eeg"])
    assert unused == 1.0
    for head in ("redundancy_eeg", "redundancy_fnirs"):
        low, high = (z[head][event == k, 0] for k in (0, 1))
        assert abs(high.mean() - low.mean()) / np.mean([low.std(), high.std()]) > 7


def test_features_that_are_alike_share_one_variate():
    """Five noisy copies of what is shared: none is sure by itself, and the redundant head is not empty."""
    rng = np.random.default_rng(12)
    shared = rng.standard_normal(N)
    copies = shared + 0.02 * rng.standard_normal((5, N))
    of = features(copies, (shared + rng.standard_normal(N),))
    model = fitted(of)
    assert model.n_shared_ == 1
    assert r(model.heads(of)["redundancy_eeg"][:, 0], shared) > 0.9


def test_drift_of_its_own_in_each_is_not_shared():
    """Linear drifts, a fifth of the variance, independent in both: found in 1 % of fits, in one of ten at the most."""
    rng = np.random.default_rng(13)
    time = np.tile(np.linspace(-1.7, 1.7, N // 6), 6)

    def drifting(count):
        slope = np.repeat(rng.standard_normal((count, 6)), N // 6, axis=1)
        return 0.45 * slope * time + 0.9 * rng.standard_normal((count, N))

    found = [fitted(features(drifting(3), drifting(2)), permutations=99, random_state=k).n_shared_ for k in range(10)]
    assert sum(n > 0 for n in found) <= 1


def test_a_fitted_model_is_kept_as_those_of_scikit_learn_are(shared_and_private, tmp_path):
    """By joblib: the heads of what comes back are the same."""
    *_, of = shared_and_private
    model = fitted(of)
    joblib.dump(model, tmp_path / "model.joblib")
    for head, z in joblib.load(tmp_path / "model.joblib").heads(of).items():
        np.testing.assert_array_equal(z, model.heads(of)[head])


def test_nothing_shared_is_zeros():
    """Independent features, ten draws: a pair is found in 1 % of them, one at most (binomial, p < 0.005)."""
    rng = np.random.default_rng(1)
    found = [
        fitted(features(rng.standard_normal((3, N)), rng.standard_normal((2, N))), permutations=99, random_state=k)
        for k in range(10)
    ]
    assert sum(model.n_shared_ > 0 for model in found) <= 1
    none = next(model for model in found if model.n_shared_ == 0)
    z = none.heads(features(rng.standard_normal((3, 5)), rng.standard_normal((2, 5))))
    assert not z["redundancy_eeg"].any()
    assert not z["synergy"].any()
    assert z["unique_eeg"].shape == (5, 3)


def test_a_pair_that_is_there_does_not_bring_another():
    """One true pair of 5 and 2 features, ten draws: a second is found in 1 %, one at most (binomial, p < 0.005)."""
    rng = np.random.default_rng(9)
    found = []
    for k in range(10):
        shared = rng.standard_normal(N)
        eeg, fnirs = rng.standard_normal((5, N)), rng.standard_normal((2, N))
        eeg[0], fnirs[0] = eeg[0] + 2 * shared, fnirs[0] + 2 * shared
        found.append(fitted(features(eeg, fnirs), permutations=99, random_state=k).n_shared_)
    assert min(found) == 1
    assert sum(n > 1 for n in found) <= 1


def test_what_recordings_differ_in_is_not_shared():
    """Both modalities know the recording: permutations within recordings know it too."""
    of_recording = np.repeat(np.random.default_rng(2).standard_normal(6), N // 6)
    eeg, fnirs = np.random.default_rng(3).standard_normal((2, N)) + 0.5 * of_recording
    assert fitted(features((eeg,), (fnirs,))).n_shared_ == 0


def test_delay_is_the_difference_of_onsets():
    """Common shifts of both leave it as it is."""
    t, tau = np.random.default_rng(4).uniform(0, 8, N), np.random.default_rng(5).standard_normal(N)
    of = features((t, tau[::-1]), (t + tau,), t, t + tau)
    model = fitted(of, jitter=8.0)
    np.testing.assert_allclose(model.heads(of)["synergy"][:, -1], tau, atol=1e-5)
    shifted = of._replace(onset=of.onset + 3, latency=of.latency + 3)
    np.testing.assert_allclose(model.heads(shifted)["synergy"][:, -1], tau, atol=1e-5)


def test_labels_of_a_tenth_teach_an_exclusive_or():
    rng = np.random.default_rng(6)
    bits = rng.integers(0, 2, (2, N))
    of = features(*((bit + 0.2 * rng.standard_normal(N), rng.standard_normal(N)) for bit in bits))
    label = bits[0] ^ bits[1]
    told = np.where(np.arange(N) % 10 == 0, label, -1)
    z = CanonicalDecomposer().fit_features(of, np.zeros(N), told).heads(of)
    assert ((z["synergy"][:, -1] > 0) == label)[told < 0].mean() > 0.9
    with pytest.raises(InputError, match="no unique pair"):
        pair = features((bits[0] + 0.1 * rng.standard_normal(N),), (bits[0] + 0.1 * rng.standard_normal(N),))
        CanonicalDecomposer().fit_features(pair, np.zeros(N), told)
    with pytest.raises(InputError, match="two classes"):
        CanonicalDecomposer().fit_features(of, np.zeros(N), np.where(told == 1, 1, -1))


def simulated(name, n_subjects=2, n=60, **changes):
    task = make_task(name, eeg_sfreq=100.0, **changes)
    rng, of = np.random.default_rng(7), task.config
    trials = [simulate_trials(of, n, seed=rng) for _ in range(n_subjects)]
    rates = {"eeg_sfreq": of.eeg_sfreq, "fnirs_sfreq": of.fnirs_sfreq}
    starts = {"eeg_start": of.eeg_window[0], "fnirs_start": of.fnirs_window[0]}
    short = short_pairs(fnirs_info(of.fnirs_sfreq))
    parts = [
        evidence_of_arrays(x.eeg, x.fnirs, short=short, recording=i, **rates, **starts) for i, x in enumerate(trials)
    ]
    joint = [np.concatenate(columns) for columns in zip(*(x.factors for x in trials), strict=True)]
    return joined(parts), type(trials[0].factors)(*joint)


def test_an_event_is_redundant_in_signals():
    """An event that both see, ERP of 22 µV: both redundancy heads tell it, though recordings differ in power."""
    trials, of = simulated("event", erp=22e-6)
    trials = trials._replace(power=trials.power + 3.0 * (trials.recording == 1)[:, None, None])
    z = clone(CanonicalDecomposer()).fit(trials).transform(trials)
    assert r(z["redundancy_eeg"][:, 0], of.event) > 0.7
    assert r(z["redundancy_fnirs"][:, 0], of.event) > 0.7


def test_a_delay_is_synergistic_in_signals():
    """Onsets over 8 s that no marker tells: the EEG's are found but for a constant, the delay by their difference."""
    trials, of = simulated("delay")
    model = CanonicalDecomposer(jitter=8.0).fit(trials)
    found = model.measure(trials)
    error = found.onset - of.onset
    assert np.median(np.abs(error - np.median(error))) < 0.1
    z = model.transform(trials)
    assert r(z["synergy"][:, -1], of.delay) > 0.5
    assert r(found.latency, of.delay) < r(z["synergy"][:, -1], of.delay)


def test_latencies_are_told_to_a_millionth(pairs, monkeypatch):
    """Sure posteriors differ by 1e-320 s, which no ranks can be interpolated over: such are the same."""
    k = np.arange(len(pairs))
    monkeypatch.setattr("pidjax.neuro.learned_features.onset", lambda *_: np.where(k > 9, 1.0, 1e-9 * k))
    model = CanonicalDecomposer(permutations=99).fit(pairs)
    np.testing.assert_array_equal(model.measure(pairs).latency, k > 9)
    assert all(np.isfinite(x).all() for x in model.transform(pairs).values())


def test_what_a_filter_left_is_all_that_is_looked_at(pairs):
    """A slow walk below 0.2 Hz, and half of its stretches with a response: what leaks in beyond is in all of them.

    Told of the filter, amplitudes are those of the response; not told, of the leaks.
    """
    rng, n, times = np.random.default_rng(12), 160, 50
    low = sosfiltfilt(butter(8, 0.2, fs=2.0, output="sos"), rng.standard_normal((4, n * times)).cumsum(1))
    event = np.arange(n) % 2
    rise = np.exp(-0.5 * ((np.arange(times) / 2 - 15) / 4) ** 2)
    fnirs = low.reshape(4, n, times).swapaxes(0, 1) + 16 * event[:, None, None] * rise
    power = rng.standard_normal((2, n, 3, 5))
    seen = Evidence(rng.standard_normal((n, 3, 50)), power, fnirs, -1.0, -5.0, np.zeros(n, int))
    told, untold = (
        r(CanonicalDecomposer(permutations=99).fit(one).measure(one).fnirs[:, 0], event)
        for one in (seen._replace(fnirs_lowpass=0.2), seen)
    )
    assert told > 0.9
    assert untold < 0.2
    found = evidence_of_pairs(pairs)
    assert (found.erp_lowpass, found.fnirs_lowpass) == (30.0, 0.2)


def test_paired_epochs_are_taken_as_they_are(pairs):
    """With epochs of event-related potentials and without; one row a trial in every head."""
    z = CanonicalDecomposer(permutations=99).fit(pairs).transform(pairs)
    assert set(z) == set(HEADS)
    assert all(x.shape[0] == len(pairs) and np.isfinite(x).all() for x in z.values())
    without = PairedEpochs({k: v for k, v in pairs.epochs.items() if k != "erp"}, pairs.metadata, pairs.log)
    assert CanonicalDecomposer(permutations=99).fit(without).transform(without)["unique_eeg"].shape[0] == len(pairs)


def test_bad_input_is_said_in_words():
    """Channels that are dead, windows that miss the marker, labels of other trials, unknown times."""
    rng = np.random.default_rng(10)
    good = Evidence(
        rng.standard_normal((20, 3, 50)),
        rng.standard_normal((2, 20, 3, 5)),
        rng.standard_normal((20, 4, 80)),
        -1.0,
        -5.0,
        np.zeros(20, int),
    )
    with pytest.raises(InputError, match="constant or not a number"):
        CanonicalDecomposer().fit(good._replace(fnirs=good.fnirs * np.array([1, 1, 0, 1])[:, None]))
    with pytest.raises(InputError, match="begin after their marker"):
        CanonicalDecomposer().fit(good._replace(fnirs_start=2.0))
    with pytest.raises(InputError, match="for each of 20 trials; found shape"):
        CanonicalDecomposer().fit(good, np.zeros(3))
    with pytest.raises(InputError, match="99 permutations or more; found 20"):
        CanonicalDecomposer(permutations=20).fit(good)
    with pytest.raises(InputError, match="0 s or more"):
        CanonicalDecomposer(jitter=-1.0).fit(good)
    with pytest.raises(InputError, match="cut longer trials"):
        CanonicalDecomposer(jitter=8.0).fit(good)
    with pytest.raises(InputError, match="too few to tell which of 5 features"):
        CanonicalDecomposer().fit_features(
            features(rng.standard_normal((5, 7)), rng.standard_normal((2, 7))), np.zeros(7)
        )
    with pytest.raises(InputError, match="the same in all trials"):
        CanonicalDecomposer().fit_features(features((np.ones(20),), rng.standard_normal((2, 20))), np.zeros(20))
    with pytest.raises(NotFittedError):
        CanonicalDecomposer().transform(good)


def test_folds_of_scikit_learn_divide_the_trials(pairs):
    """Blocks as groups: each is transformed by a model of the others, each trial once; settings are cloned."""
    found = np.full(len(pairs), np.nan)
    model = clone(CanonicalDecomposer(permutations=99, random_state=3))
    assert model.get_params()["random_state"] == 3
    for train, test in GroupKFold(2).split(np.zeros(len(pairs)), groups=pairs.metadata.block):
        assert not set(pairs.metadata.block[train]) & set(pairs.metadata.block[test])
        found[test] = model.fit(pairs[train]).transform(pairs[test])["unique_fnirs"][:, 0]
    assert np.isfinite(found).all()
