"""The estimator: scikit-learn's manners, presets and options, and fits that depend on nothing but their inputs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from pidjax._checks import InputError
from pidjax.neuro import EEGfNIRSDecomposer, PairedEpochs, preprocess_eeg, preprocess_fnirs
from pidjax.neuro.decomposer import _targets
from pidjax.neuro.stored import write
from pidjax.objectives import HEADS


@pytest.fixture(scope="module")
def pairs(session):
    eeg, fnirs = preprocess_eeg(session.raw_eeg), preprocess_fnirs(session.raw_fnirs)
    return PairedEpochs.from_raw(eeg.raw, fnirs.raw, session.trials, (-1, 4), (-2, 8), raw_erp=eeg.erp)


def fit(pairs, y=None, **settings) -> EEGfNIRSDecomposer:
    """Windows and batch of ``test_decompose.py``, which compile the same programs."""
    return EEGfNIRSDecomposer(**{"steps": 3, "batch_size": 8, "engine": "jit", **settings}).fit(pairs, y)


def test_transform(pairs):
    """Every trial, also one that was not trained on, gets five finite vectors; the history names its terms."""
    model = fit(pairs[:12])
    z = model.transform(pairs)
    assert tuple(z) == HEADS
    assert all(v.shape == (len(pairs), 32) and np.isfinite(v).all() for v in z.values())
    assert len(model.history_) == 3
    assert {"loss", "redundancy", "synergy", "orthogonality", "reconstruction_eeg"} <= set(model.history_[0])


def test_saved_and_loaded_it_is_the_same(pairs, tmp_path):
    """Vectors, parameters and history; what is something else or of another version is refused."""
    model, path = fit(pairs), tmp_path / "model"
    with pytest.raises(NotFittedError):
        EEGfNIRSDecomposer().save(path)
    model.save(path)
    again = EEGfNIRSDecomposer.load(path)
    z, other = model.transform(pairs), again.transform(pairs)
    assert all(np.array_equal(z[head], other[head]) for head in HEADS)
    assert again.get_params() == model.get_params() and again.history_ == model.history_
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match="cut off, or no model"):
        EEGfNIRSDecomposer.load(path)
    with pytest.raises(InputError, match="there is no"):
        EEGfNIRSDecomposer.load(tmp_path / "absent")
    tree = (model.params_ | {"phi": {"more": np.zeros(3)}}, model.state_)
    write(path, model.get_params(), model.config_, model._shapes, tree, model.history_)
    with pytest.raises(InputError, match=r"differs from this one at .*more"):
        EEGfNIRSDecomposer.load(path)
    tree = (model.params_, model.state_)
    write(path, model.get_params() | {"depth": 3}, model.config_, model._shapes, tree, model.history_)
    with pytest.raises(InputError, match="settings that this one has not, depth: read"):
        EEGfNIRSDecomposer.load(path)


def test_same_seed_same_numbers(pairs):
    """A fit is a function of the trials and the seed."""
    a, b, c = (fit(pairs, random_state=seed).transform(pairs) for seed in (0, 0, 1))
    for head in HEADS:
        np.testing.assert_array_equal(a[head], b[head])
        assert not np.allclose(a[head], c[head])


def test_labels_are_never_seen(pairs):
    """Other labels, same representation."""
    other = PairedEpochs(pairs.epochs, pairs.metadata.assign(trial_type="x", mode="y"), pairs.log)
    np.testing.assert_array_equal(fit(pairs).transform(pairs)["synergy"], fit(other).transform(pairs)["synergy"])


def test_transform_sees_one_trial_at_a_time(pairs):
    """The vectors of a trial do not depend on which other trials are transformed with it."""
    model = fit(pairs)
    whole, part = model.transform(pairs), model.transform(pairs[[4, 2]])
    np.testing.assert_allclose(part["synergy"], whole["synergy"][[4, 2]], rtol=1e-4, atol=1e-5)


def test_unique_heads_rebuild_learned_features_where_there_are_events(pairs):
    """Response, four bands; and the response's latency. Without events, or by the original design, all channels'."""

    def widths(pairs, **settings):
        return tuple(x.shape[1] for x in _targets(EEGfNIRSDecomposer(**settings), pairs)[:2])

    all_channels = widths(pairs, preset="original")
    assert min(all_channels) > 6
    assert widths(pairs) == (5, 2)
    assert widths(_without_erp(pairs), jitter=2.0) == (6, 2)  # and the onset
    assert widths(_without_erp(pairs)) == all_channels
    silent = pairs.epochs["fnirs"].copy().apply_function(lambda x: 0 * x, picks=[0], verbose="error")
    some = PairedEpochs({**pairs.epochs, "fnirs": silent}, pairs.metadata, pairs.log)
    with pytest.warns(
        UserWarning,
        match="unique heads rebuild band shares .* of all channels, since others .*: a channel",
    ):
        assert widths(some)[0] == all_channels[0]
    with pytest.raises(InputError, match="longer trials, or lower jitter"):
        widths(pairs, jitter=12.0)
    for wrong in ({"jitter": -1.0}, {"jitter": np.nan}, {"preset": "original", "jitter": 8.0}):
        with pytest.raises(InputError, match="jitter must be 0 s or more"):
            fit(pairs, **wrong)
    hbo = pairs.epochs["fnirs"].copy().pick("hbo")
    with pytest.warns(UserWarning, match="pairs need HbO and HbR"):
        widths(PairedEpochs({**pairs.epochs, "fnirs": hbo}, pairs.metadata, pairs.log))


def _without_erp(pairs):
    return PairedEpochs({k: v for k, v in pairs.epochs.items() if k != "erp"}, pairs.metadata, pairs.log)


def test_options(pairs):
    """The original preset with every alternative part trains (its transformer: ``test_decomposition.py``)."""
    options = {"unique_loss": "adversarial", "similarity": "dot", "bands_transform": "wavelet"}
    y = np.where(np.arange(len(pairs)) < 6, np.arange(len(pairs)) % 2, -1)
    model = fit(pairs, y, preset="original", encoder="gru", fusion="cross_attention", n_dims=4, **options)
    assert {"adversary_eeg", "cross_entropy"} <= set(model.history_[0])
    assert all(np.isfinite(list(line.values())).all() for line in model.history_)
    assert model.transform(pairs)["unique_eeg"].shape[1] == 4


def test_clone():
    """scikit-learn can copy it: parameters go in and come out unchanged."""
    model = EEGfNIRSDecomposer("original", n_dims=8)
    assert clone(model).get_params() == model.get_params()


def test_bad_input(pairs):
    """Too few trials, or an unknown preset, encoder or fusion, in words."""
    with pytest.raises(InputError, match="at least 4 trials"):
        fit(pairs[:2])
    n = len(pairs)
    numbers = (np.zeros(n), np.arange(3), np.linspace(0, 1, n), np.where(np.arange(n) < 2, np.nan, np.arange(n) % 2))
    for y in (*numbers, ["left", "right"] * (n // 2), [None, 1] * (n // 2)):
        with pytest.raises(InputError, match="of two classes or more"):
            fit(pairs, y)
    for name in ("preset", "encoder", "fusion", "unique_loss", "similarity", "bands_transform"):
        with pytest.raises(InputError, match=f"{name} must be one of"):
            fit(pairs, **{name: "best"})
