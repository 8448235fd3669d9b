"""pidjax/data/augment.py: what each augmentation changes, by how much, and what it leaves alone."""

import functools

import jax
import numpy as np
import pytest

from pidjax.data import band_gain, channel_dropout, delay_and_gain, gaussian_noise, time_mask

N = 2000
KEYS = jax.random.split(jax.random.key(0), N)
SFREQ, BANDS = 64.0, ((4, 8), (8, 13), (13, 30))
X = np.random.default_rng(0).normal(size=(3, 128)).astype(np.float32)
TIME = np.arange(128, dtype=np.float32) / 10
BUMP = np.tile(np.exp(-0.5 * ((TIME - 6.4) / 0.8) ** 2), (3, 1))


@functools.cache
def mapped(aug, *args):
    """``aug`` over all keys, compiled."""
    return jax.jit(jax.vmap(lambda key, x: aug(key, x, *args), in_axes=(0, None)))


def many(aug, x, *args):
    """``aug(key, x, *args)`` for N keys."""
    return np.asarray(mapped(aug, *args)(KEYS, x))


def spectral_gains(out):
    """|Y| / |X| at every frequency: [..., channels, frequencies]."""
    return np.abs(np.fft.rfft(out)) / np.abs(np.fft.rfft(X))


def is_normal(sample, sd):
    """Mean 0 and standard deviation ``sd``, within 4 standard errors."""
    n = sample.size
    return abs(sample.mean()) < 4 * sd / np.sqrt(n) and abs(sample.std() - sd) < 4 * sd / np.sqrt(2 * n)


def test_band_gain_scales_one_band_and_no_other():
    """In the chosen band one gain for all channels and frequencies; 1 elsewhere."""
    f = np.fft.rfftfreq(128, 1 / SFREQ)
    member = np.array([(f >= lo) & (f < hi) for lo, hi in BANDS])
    gains = spectral_gains(many(band_gain, X, SFREQ, BANDS, 0.5))
    np.testing.assert_allclose(gains[..., ~member.any(0)], 1, atol=1e-3)
    inside = [gains[..., m] for m in member]
    assert max(np.ptp(g, axis=(1, 2)).max() for g in inside) < 5e-3
    assert (sum(np.abs(g.mean((1, 2)) - 1) > 1e-3 for g in inside) <= 1).all()


def test_band_gain_draws_bands_evenly_and_gains_log_normally():
    """Each band in a third of the draws, log gains of the SD asked for, within 4 standard errors."""
    inside = [int(lo + hi) for lo, hi in BANDS]
    logs = np.log(spectral_gains(many(band_gain, X, SFREQ, BANDS, 0.5))[:, 0, inside])
    chosen = np.abs(logs).argmax(1)
    assert np.abs(np.bincount(chosen, minlength=3) / N - 1 / 3).max() < 4 * np.sqrt(2 / 9 / N)
    assert is_normal(logs[np.arange(N), chosen], 0.5)


def test_delay_and_gain_without_spread_is_the_identity():
    """Both SDs 0."""
    out = many(delay_and_gain, X, 10.0, 0.0, 0.0)
    np.testing.assert_allclose(out, np.broadcast_to(X, out.shape), atol=1e-6)


def test_delay_alone_shifts_the_signal():
    """A smooth bump comes back later or earlier, of the same shape; the shift has the SD asked for."""
    out = many(delay_and_gain, BUMP, 10.0, 0.8, 0.0)
    assert (out == out[:, :1]).all()
    shift = (out[:, 0] * TIME).sum(1) / out[:, 0].sum(1) - 6.4
    assert is_normal(shift, 0.8)
    np.testing.assert_allclose(out[:, 0], np.exp(-0.5 * ((TIME - 6.4 - shift[:, None]) / 0.8) ** 2), atol=5e-3)


def test_delay_holds_the_ends():
    """A ramp that is shifted stays between its first and its last value."""
    out = many(delay_and_gain, np.tile(TIME, (3, 1)), 10.0, 0.8, 0.0)
    assert out.min() >= 0 and out.max() <= TIME[-1] and (np.diff(out) >= 0).all()


def test_gain_alone_scales_the_signal():
    """One log-normal gain of the SD asked for, shared by all channels."""
    gain = many(delay_and_gain, BUMP, 10.0, 0.0, 0.35)[..., 40:80] / BUMP[:, 40:80]
    assert np.ptp(gain, axis=(1, 2)).max() < 1e-3
    assert is_normal(np.log(gain[:, 0, 0]), 0.35)


@pytest.mark.parametrize("fraction", [0.0, 0.37, 1.0])
def test_time_mask_zeroes_its_share_of_all_channels(fraction):
    """Exactly int(fraction · n) neighbouring samples, the same in every channel, the others untouched."""
    out = many(time_mask, X, fraction)
    zero = out == 0
    assert (zero.sum(-1) == int(fraction * 128)).all() and (zero == zero[:, :1]).all()
    assert (np.abs(np.diff(zero[:, 0].astype(int), axis=1)).sum(1) <= 2).all()
    np.testing.assert_array_equal(np.where(zero, 0, X), out)


def test_time_mask_reaches_both_ends():
    """Every start is as likely: the mask lies at each end in 1 of 82 draws, within 4 standard errors."""
    zero = many(time_mask, X, 0.37)[:, 0] == 0
    p = 1 / (128 - 47 + 1)
    assert max(abs(zero[:, end].mean() - p) for end in (0, -1)) < 4 * np.sqrt(p * (1 - p) / N)


@pytest.mark.parametrize("rate", [0.0, 0.1, 1.0])
def test_channel_dropout_zeroes_whole_channels_at_its_rate(rate):
    """Within 4 standard errors; the other channels are neither changed nor rescaled."""
    out = many(channel_dropout, X, rate)
    dropped = (out == 0).all(-1)
    np.testing.assert_array_equal(out, np.where(dropped[..., None], 0, X))
    assert abs(dropped.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / dropped.size)


def test_gaussian_noise_has_its_standard_deviation():
    """What was added is white, of mean 0 and SD 0.3, within 4 standard errors."""
    noise = many(gaussian_noise, X, 0.3) - X
    assert is_normal(noise, 0.3)
    assert abs((noise[..., 1:] * noise[..., :-1]).mean()) < 4 * 0.3**2 / np.sqrt(noise[..., 1:].size)


@pytest.mark.parametrize(
    ("aug", "args"),
    [
        (gaussian_noise, (0.3,)),
        (time_mask, (0.37,)),
        (channel_dropout, (0.1,)),
        (band_gain, (SFREQ, BANDS, 0.5)),
        (delay_and_gain, (10.0, 0.8, 0.0)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_an_augmentation_is_a_function_of_its_key(aug, args):
    """Mapped or alone the same result for the same key, different ones for different keys; shape and type stay."""
    out = many(aug, X, *args)
    assert out.shape == (N, *X.shape) and out.dtype == X.dtype and out.std(0).max() > 0
    alone = jax.jit(lambda key, x: aug(key, x, *args))
    for i in (0, 7):
        np.testing.assert_allclose(out[i], alone(KEYS[i], X), atol=1e-4)
