"""Controls: what must break, or must appear, when something else than the claimed mechanism is at work.

====================  ==============================================================  ===============================
control               how                                                             what it does
====================  ==============================================================  ===============================
stimulus-locked       ``make_task("delay_locked")``                                   synergy of the delay vanishes
shared motion         ``SessionConfig(motion="both")``                                both modalities share an artefact
subject shift         ``SessionConfig(subject_shift=1.0)``                            factors tell subjects apart
re-paired trials      ``repaired(trials)``, ``repaired(trials, labels)``              what needs the pairing vanishes
alpha leaks to HbR    ``TrialConfig(mode_on_hbr=0.5)``                                fNIRS knows the mode
mode acts on the HRF  ``TrialConfig(mode_on_hrf=0.5)``                                fNIRS knows the mode
====================  ==============================================================  ===============================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pidjax._checks import InputError
from pidjax.neuro.simulate.trials import Trials

_OF_FNIRS = ("event_fnirs", "delay", "cost", "dispersion")


def repaired(trials: Trials, labels: Any = None, *, seed: int = 0) -> Trials:
    """Each trial's fNIRS replaced by that of another trial, of any, or of one with the same label.

    No trial keeps its own, unless it is the only one of its label.

    Across labels no information is common and none is synergistic: R and S of any label of the EEG's trial are 0.
    Within labels R and unique information stay, and so does the synergy that independent noise makes; only what
    interaction makes goes. Labels of numbers: give their quantile bins.

    Parameters
    ----------
    trials : Trials
    labels : [n]
        Any values with few of each kind; None for all alike.

    Returns
    -------
    Trials
        Whose ``factors`` are the EEG's trial's, except for delay, cost, dispersion and the event shown by the fNIRS.
    """
    n = len(trials.eeg)
    codes = np.zeros(n, int) if labels is None else np.unique(np.asarray(labels), return_inverse=True)[1]
    if codes.shape != (n,):
        raise InputError(f"labels must have one value for each of {n} trials; found shape {codes.shape}.")
    rng = np.random.default_rng(seed)
    order = np.arange(n)
    for code in np.unique(codes):
        # round a circle in random order: nobody keeps its own
        circle = rng.permutation(np.flatnonzero(codes == code))
        order[circle] = np.roll(circle, 1)
    of = trials.factors
    moved = of._replace(**{name: getattr(of, name)[order] for name in _OF_FNIRS})
    return trials._replace(fnirs=trials.fnirs[order], factors=moved)
