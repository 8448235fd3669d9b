"""pidjax/neuro/evidence.py: what is kept, what is regressed out."""

import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.neuro.evidence import evidence_of_arrays, joined

RATES = {"recording": 0, "eeg_sfreq": 100.0, "fnirs_sfreq": 10.0, "eeg_start": -1.0, "fnirs_start": -5.0}
SHORT = np.array([False, False, True])


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((8, 2, 400)), rng.standard_normal((8, 6, 300))


def test_what_short_channels_see_is_gone():
    """Multiples of the short pair's HbO and HbR leave nothing; what is added of one's own stays."""
    eeg, fnirs = arrays()
    own = np.sin(2 * np.pi * 0.1 * np.arange(300) / 10)
    fnirs[:, :4] = np.einsum("ls,nst->nlt", [[1.0, 2.0], [-1.0, 0.5], [3.0, 0.0], [0.2, 0.1]], fnirs[:, 4:])
    assert np.abs(evidence_of_arrays(eeg, fnirs, short=SHORT, **RATES).fnirs).max() < 1e-5
    fnirs[:, 0] += own
    found = evidence_of_arrays(eeg, fnirs, short=SHORT, **RATES).fnirs
    assert np.corrcoef(found[:, 0].mean(0), own[::5])[0, 1] > 0.98
    assert np.abs(found[:, 1:]).max() < 1e-5


def test_halves_hold_the_log_power_of_their_own_time():
    """10 Hz in the first half only: its alpha is higher there by the log ratio of powers, all else alike."""
    eeg, fnirs = arrays(1)
    eeg[:, :, :200] += 5 * np.sin(2 * np.pi * 10 * np.arange(200) / 100)
    first, second = evidence_of_arrays(eeg, fnirs, short=SHORT, **RATES).power
    assert (first - second)[..., 2].mean() > np.log(10)
    assert abs((first - second)[..., 4].mean()) < 0.2


def test_recordings_are_joined_as_they_are():
    one, two = (evidence_of_arrays(*arrays(k), short=SHORT, **(RATES | {"recording": k})) for k in (0, 1))
    both = joined([one, two])
    assert both.n == 16
    assert (both.recording == np.repeat([0, 1], 8)).all()
    np.testing.assert_array_equal(both.power[:, 8:], two.power)


def test_bad_input_is_said_in_words():
    eeg, fnirs = arrays()
    with pytest.raises(InputError, match="3 pairs have 6 channels"):
        evidence_of_arrays(eeg, fnirs[:, :4], short=SHORT, **RATES)
    with pytest.raises(InputError, match="too short for band powers"):
        evidence_of_arrays(eeg[..., :150], fnirs, short=SHORT, **RATES)
    one = evidence_of_arrays(eeg, fnirs, short=SHORT, **RATES)
    with pytest.raises(InputError, match="cut differently"):
        joined([one, one._replace(erp_start=0.0)])
    with pytest.raises(InputError, match="filtered differently"):
        joined([one, one._replace(fnirs_lowpass=0.2)])
    with pytest.raises(InputError, match="other channels"):
        joined([one, one._replace(erp=one.erp[:, :1])])
    with pytest.raises(InputError, match="silent or not a number"):
        evidence_of_arrays(eeg * [[0.0], [1.0]], fnirs, short=SHORT, **RATES)
