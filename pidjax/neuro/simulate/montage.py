"""Where sensors are and what they see of the active site: electrodes, optodes, forward model (mne)."""

from __future__ import annotations

import functools
from typing import NamedTuple

import mne
import numpy as np

from pidjax._checks import InputError
from pidjax.neuro.recordings import MONTAGE

EEG_CHANNELS = (
    *("Fp1", "AFF5h", "AFz", "F1", "FC5", "FC1", "T7", "C3", "Cz", "CP5", "CP1", "P7", "P3", "Pz", "POz", "O1"),
    *("Fp2", "AFF6h", "F2", "FC2", "FC6", "C4", "T8", "CP2", "CP6", "P4", "P8", "O2"),
)
"""The 28 scalp channels of Shin et al. 2018."""
OPTODES = {"C3": "FC3 C5 C1 CP3", "C4": "FC4 C6 C2 CP4", "Fz": "AFz F1 F2 FCz", "Pz": ""}
"""Sources and, about 30 mm from each, its detectors; every source also has one detector at 8 mm."""
WAVELENGTHS = (760, 850)
PPF = 6.0
DEPTH = 0.07
"""Distance of the dipole from the centre of the head (m)."""


class Montage(NamedTuple):
    """What both modalities see; arrays only.

    Attributes
    ----------
    covariance : [28, 28]
        Of the background EEG, variances 1: 0.8 exp(−d² / 2 (5 cm)²) + 0.2 I.
    pattern : [28]
        Of a radial dipole under the site, 1 at its highest channel.
    gain : [16]
        Of the haemodynamic response at every pair: exp(−d² / 2 (2 cm)²) of its middle to the site, 0 where short.
    density : [16, 2, 2]
        Optical density at both wavelengths of a concentration of HbO and HbR (1/M), as mne inverts it.
    """

    covariance: np.ndarray
    pattern: np.ndarray
    gain: np.ndarray
    density: np.ndarray

    @property
    def power(self) -> float:
        """pattern' covariance⁻¹ pattern: what all channels together gain over one channel of unit noise."""
        return float(self.pattern @ np.linalg.solve(self.covariance, self.pattern))


@functools.cache
def montage(site: str) -> Montage:
    """Sensors around ``site``, a position of the 10-05 system.

    Raises
    ------
    InputError
        No such position, or one that no pair sees.
    """
    if site not in _template():
        raise InputError(f"site must be a position of the 10-05 system, such as 'C3'; found {site!r}.")
    info = eeg_info(250.0)
    place = np.array([channel["loc"][:3] for channel in info["chs"]])
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    covariance = 0.8 * np.exp(-(distance**2) / (2 * 0.05**2)) + 0.2 * np.eye(len(place))
    optical = fnirs_info(10.0)
    middle = np.array([channel["loc"][:3] for channel in optical["chs"]])[::2]
    gain = np.exp(-(np.linalg.norm(middle - _positions([site]), axis=-1) ** 2) / (2 * 0.02**2))
    gain = np.where(short_pairs(optical), 0.0, gain)
    if gain.max() < 0.1:
        raise InputError(f"no optode pair sees {site}: choose a site near {', '.join(OPTODES)}.")
    return Montage(covariance, _pattern(site, info), gain, _density_of_concentration(optical))


def _pattern(site: str, info: mne.Info) -> np.ndarray:
    """Potential of a radial dipole in a sphere of three layers, 1 at its highest channel."""
    sphere = mne.make_sphere_model("auto", "auto", info, verbose="error")
    target = mne.create_info([site], 250.0, "eeg").set_montage(MONTAGE)["chs"][0]["loc"][:3]
    outward = (target - sphere["r0"]) / np.linalg.norm(target - sphere["r0"])
    dipole = mne.Dipole([0.0], (sphere["r0"] + DEPTH * outward)[None], [1e-8], outward[None], [100.0])
    forward, _ = mne.make_forward_dipole(dipole, sphere, info, verbose="error")
    potential = forward["sol"]["data"][:, 0]
    return potential / potential[np.abs(potential).argmax()]


@functools.cache
def _template() -> dict[str, np.ndarray]:
    return mne.channels.make_standard_montage(MONTAGE).get_positions()["ch_pos"]


def _positions(names) -> np.ndarray:
    return np.array([_template()[name] for name in names])


def eeg_info(sfreq: float) -> mne.Info:
    """28 electrodes at their positions."""
    return mne.create_info(list(EEG_CHANNELS), sfreq, "eeg").set_montage(MONTAGE)


def fnirs_info(sfreq: float) -> mne.Info:
    """12 pairs of about 30 mm and 4 of 8 mm, two wavelengths each."""
    names, places = [], []
    detectors: list[np.ndarray] = []
    for s, (source_name, detector_names) in enumerate(OPTODES.items(), start=1):
        source = _positions([source_name])[0]
        sideways = np.cross(source, [0.0, 0.0, 1.0])
        close = source + 0.008 * sideways / np.linalg.norm(sideways)
        for detector in [*_positions(detector_names.split()), close] if detector_names else [close]:
            detectors.append(detector)
            for wavelength in WAVELENGTHS:
                names.append(f"S{s}_D{len(detectors)} {wavelength}")
                places.append(np.concatenate([(source + detector) / 2, source, detector, [wavelength, np.nan, np.nan]]))
    info = mne.create_info(names, sfreq, "fnirs_cw_amplitude")
    for channel, place in zip(info["chs"], places, strict=True):
        channel["loc"][:] = place
        channel["coord_frame"] = mne.io.constants.FIFF.FIFFV_COORD_HEAD
    return info


def short_pairs(info: mne.Info) -> np.ndarray:
    """Which pairs are shorter than 1 cm, bool [pairs]."""
    return mne.preprocessing.nirs.source_detector_distances(info)[::2] < 0.01


def _density_of_concentration(info: mne.Info) -> np.ndarray:
    """The inverse of mne's Beer–Lambert law, found by passing unit densities through it, [pairs, wavelength, Hb]."""
    unit = np.zeros((len(info.ch_names), 2 + info["sfreq"].__ceil__()))
    unit[0::2, 0] = unit[1::2, 1] = 1.0
    raw = mne.io.RawArray(unit, info.copy(), verbose="error")
    raw.set_channel_types(dict.fromkeys(raw.ch_names, "fnirs_od"), verbose="error")
    out = mne.preprocessing.nirs.beer_lambert_law(raw, ppf=PPF).get_data()[:, :2]
    return np.linalg.inv(out.reshape(-1, 2, 2))
