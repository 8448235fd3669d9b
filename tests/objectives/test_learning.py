"""With enough trials the heads hold what they are meant to hold."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pidjax.data import batch_indices
from pidjax.objectives import DecompositionConfig, Shapes, decomposition
from pidjax.train import adamw, make_init, make_step

SHAPES = Shapes((("eeg", (4, 128, 64.0)), ("fnirs", (4, 40, 10.0))), (("eeg", 8), ("fnirs", 8)))


def world(n: int, seed: int):
    """An event in both signals, a mode in EEG alone, a gain in fNIRS alone: three fair bits."""
    rng = np.random.default_rng(seed)
    event, mode, gain = rng.integers(0, 2, (3, n))
    t, s = np.arange(128) / 64, np.arange(40) / 10
    phase = rng.uniform(0, 2 * np.pi, (2, n, 1))
    waves = event[:, None] * np.sin(12 * np.pi * t + phase[0]) + mode[:, None] * np.sin(40 * np.pi * t + phase[1])
    bump = np.exp(-0.5 * (s - 2) ** 2)
    eeg = rng.standard_normal((n, 4, 128)) + 1.5 * np.array([1, 0.5, 0, 0])[:, None] * waves[:, None]
    level = event[:, None] * bump + gain[:, None] * (s > 3)
    fnirs = 0.5 * rng.standard_normal((n, 4, 40)) + np.array([1, 0.5, 0, 0])[:, None] * level[:, None]
    power = np.abs(np.fft.rfft(eeg)) ** 2
    arrays = {
        "eeg": eeg,
        "fnirs": fnirs,
        "eeg_features": np.log(np.stack([power[..., 8:16].sum(-1), power[..., 32:48].sum(-1)], -1)).reshape(n, -1),
        "fnirs_features": np.stack([fnirs[..., 10:30].mean(-1), fnirs[..., 31:].mean(-1)], -1).reshape(n, -1),
        "onset": np.arange(n),
        "recording": np.zeros(n),
    }
    return {k: v.astype(np.float32) for k, v in arrays.items()}, {"event": event, "mode": mode, "gain": gain}


@pytest.fixture(scope="module")
def accuracy():
    """Held-out accuracy of a logistic probe, by head and bit."""
    config = DecompositionConfig(
        n_dims=8, width=16, attention_heads=2, bands=((4, 8), (8, 16), (16, 30)), temperature=0.5, dropout=0.0,
        unique_loss="squared", band_log_sd=0.1, response_log_sd=0.1, delay_sd=0.1, mask_fraction=0.1,
    )  # fmt: skip
    arrays, truth = world(1024, 0)
    objective, txs = decomposition(config, SHAPES), {"theta": adamw(3e-3)}
    key = jax.random.key(0)
    state = make_init(objective, txs)(key, {k: v[:64] for k, v in arrays.items()})
    step, device = make_step(objective, txs, engine="jit"), {k: jnp.asarray(v) for k, v in arrays.items()}
    for i in range(150):
        rows = batch_indices(key, i, 1024, 64)
        state, _ = step(state, {k: v[rows] for k, v in device.items()})
    fresh, truth_fresh = world(512, 1)
    encode = jax.jit(lambda batch: objective.encode(state.params, state.state, batch, train=False)[0])
    z, z_fresh = encode(device), encode(fresh)
    return {
        (head, bit): LogisticRegression().fit(z[head][:, 0], truth[bit]).score(z_fresh[head][:, 0], truth_fresh[bit])
        for head in ("redundancy_eeg", "redundancy_fnirs", "unique_eeg", "unique_fnirs", "synergy")
        for bit in truth
    }


def test_redundant_heads_hold_the_shared_event(accuracy):
    """Both R heads decode the event of fresh trials."""
    assert accuracy["redundancy_eeg", "event"] > 0.95
    assert accuracy["redundancy_fnirs", "event"] > 0.95


def test_unique_heads_hold_what_their_modality_alone_knows(accuracy):
    """U_eeg decodes the mode, U_fnirs the gain."""
    assert accuracy["unique_eeg", "mode"] > 0.9
    assert accuracy["unique_fnirs", "gain"] > 0.9


def test_absent_information_stays_absent(accuracy):
    """No EEG head knows the gain, no fNIRS head the mode: 1/2 within 4 standard errors of 512 trials (0.022 each)."""
    for head, bit in (
        ("redundancy_eeg", "gain"),
        ("unique_eeg", "gain"),
        ("redundancy_fnirs", "mode"),
        ("unique_fnirs", "mode"),
    ):
        assert abs(accuracy[head, bit] - 0.5) < 4 * 0.0221
