"""pidjax/data/frames.py: band energies against a plain Fourier transform, and patches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.data import band_energy_frames, patches, wavelet_energy_frames

BANDS = ((1, 4), (4, 8), (8, 12), (12, 30))


def brute_force(x, sfreq, bands, window, hop):
    """log mean |X_f|² of every Hann frame with its mean removed, by numpy's rfft, channel by channel."""
    length, step = round(window * sfreq), round(hop * sfreq)
    hann, f = np.hanning(length + 2)[1:-1], np.fft.rfftfreq(length, 1 / sfreq)
    out = []
    for start in range(0, x.shape[-1] - length + 1, step):
        row = []
        for channel in x:
            frame = channel[start : start + length].astype(float)
            power = np.abs(np.fft.rfft((frame - frame.mean()) * hann)) ** 2
            row += [np.log(power[(f >= lo) & (f < hi)].mean() + 1e-12) for lo, hi in bands]
        out.append(row)
    return np.array(out)


@pytest.mark.parametrize(
    ("sfreq", "window", "hop"), [(64.0, 1.0, 0.5), (65.0, 1.0, 0.4), (100.0, 1.5, 1.5)], ids=["even", "odd", "apart"]
)
def test_energies_are_those_of_a_fourier_transform(sfreq, window, hop):
    """Frames of even and odd length, overlapping or not, with an offset on the signal."""
    x = np.random.default_rng(0).normal(3, 1, (2, 3, 311)).astype(np.float32)
    found = band_energy_frames(jnp.asarray(x), sfreq, BANDS, window=window, hop=hop)
    expected = np.stack([brute_force(one, sfreq, BANDS, window, hop) for one in x])
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_wavelets_are_those_of_the_whole_signal():
    """Power of x * psi at every sample, its mean over frames: what a few samples of each envelope lose is 5 %."""
    x = np.random.default_rng(0).normal(3, 1, (3, 704))
    nu, wanted = np.fft.fftfreq(704, 1 / 64), []
    for lo, hi in BANDS:
        psi = [np.exp(-0.5 * ((nu - f) * 5 / f) ** 2) * (nu > 0) for f in lo * (hi / lo) ** (np.array([1, 3, 5]) / 6)]
        power = np.mean([np.abs(np.fft.ifft(np.fft.fft(x) * one)) ** 2 for one in psi], 0)
        wanted.append([np.log(power[:, s : s + 64].mean(-1)) for s in range(0, 704 - 63, 32)])
    found = np.asarray(wavelet_energy_frames(jnp.asarray(x, jnp.float32), 64.0, BANDS)).reshape(21, 3, len(BANDS))
    error = found - np.moveaxis(wanted, 0, -1)
    assert np.abs(error).mean() < 0.01 and np.abs(error).max() < 0.06


def test_a_wavelet_has_a_quarter_of_the_power_of_its_sine():
    """Amplitude 1 at the middle of the band: mean over three wavelets of 1/4 exp(-((f - 10) 5 / f)²)."""
    x = jnp.sin(2 * jnp.pi * 10 * jnp.arange(640) / 64)[None]
    centres = 8 * (100 / 64) ** (np.array([1, 3, 5]) / 6)
    wanted = np.mean(np.exp(-(((centres - 10) * 5 / centres) ** 2))) / 4
    np.testing.assert_allclose(np.exp(wavelet_energy_frames(x, 64.0, ((8, 12.5),))), wanted, rtol=1e-3)
    with pytest.raises(ValueError, match="half the sampling rate"):
        wavelet_energy_frames(x, 64.0, ((30, 45),))


@pytest.mark.parametrize("energies", [band_energy_frames, wavelet_energy_frames])
@pytest.mark.parametrize(("hz", "band"), [(2.5, 0), (6.0, 1), (10.0, 2), (20.0, 3)])
def test_a_sine_lies_in_the_band_that_holds_it(hz, band, energies):
    """The band of the sine has the most energy in every frame."""
    x = jnp.sin(2 * jnp.pi * hz * jnp.arange(640) / 128)[None]
    assert (energies(x, 128.0, BANDS).argmax(-1) == band).all()


def test_twice_the_amplitude_is_log_four():
    """Energies are logarithms of power."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 200)).astype(np.float32))
    difference = band_energy_frames(2 * x, 100.0, BANDS) - band_energy_frames(x, 100.0, BANDS)
    np.testing.assert_allclose(difference, np.log(4), rtol=1e-4)


def test_an_offset_changes_nothing():
    """The mean of every frame is removed."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 200)).astype(np.float32))
    np.testing.assert_allclose(band_energy_frames(x + 10, 100.0, BANDS), band_energy_frames(x, 100.0, BANDS), atol=1e-3)


def test_silence_is_finite():
    """A flat channel has finite energies and finite gradients."""
    x = jnp.zeros((1, 128))
    assert np.isfinite(band_energy_frames(x, 64.0, BANDS)).all()
    assert np.isfinite(jax.grad(lambda x: band_energy_frames(x, 64.0, BANDS).sum())(x)).all()


def test_frames_under_jit_and_vmap():
    """Mapped and compiled, the same numbers as for the stack."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 2, 128)).astype(np.float32))
    mapped = jax.jit(jax.vmap(lambda one: band_energy_frames(one, 64.0, BANDS)))(x)
    np.testing.assert_allclose(mapped, band_energy_frames(x, 64.0, BANDS), rtol=1e-4, atol=1e-4)


def test_a_signal_shorter_than_a_frame_is_refused():
    """Of 63 samples no frame of 64 can be cut; of 64 one can."""
    with pytest.raises(ValueError, match="shorter than one frame"):
        band_energy_frames(jnp.zeros((1, 63)), 64.0, BANDS)
    assert band_energy_frames(jnp.zeros((1, 64)), 64.0, BANDS).shape == (1, 4)


@pytest.mark.parametrize("band", [(4.2, 4.8), (40, 60), (8, 4)], ids=["between bins", "above Nyquist", "reversed"])
def test_an_empty_band_is_refused(band):
    """The message names the band."""
    with pytest.raises(ValueError, match=f"{band[0]}, {band[1]}"):
        band_energy_frames(jnp.zeros((1, 128)), 64.0, (*BANDS, band))


@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
def test_patches_put_together_again_are_the_signal(lead):
    """Nothing is lost but the last, incomplete patch."""
    x = np.random.default_rng(0).normal(size=(*lead, 3, 23)).astype(np.float32)
    cut = np.asarray(patches(jnp.asarray(x), 5))
    assert cut.shape == (*lead, 4, 15)
    whole = np.moveaxis(cut.reshape(*lead, 4, 3, 5), -2, -3).reshape(*lead, 3, 20)
    np.testing.assert_array_equal(whole, x[..., :20])


def test_a_signal_shorter_than_a_patch_is_refused():
    """4 samples hold no patch of 5."""
    with pytest.raises(ValueError, match="shorter than one patch of 5"):
        patches(jnp.zeros((3, 4)), 5)
