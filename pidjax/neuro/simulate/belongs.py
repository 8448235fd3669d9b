"""Which head of a decomposition each factor of simulated trials, and what subjects do, belongs to."""

from __future__ import annotations

from pidjax.neuro.simulate.config import TrialConfig

BOTH = ("redundancy_eeg", "redundancy_fnirs")
FNIRS = ("unique_fnirs",)
IN_ALL_TRIALS = ("event", "mode")
"""Factors that rest shows too; all others, and what subjects do, are looked at where there is an activation."""


def belongs(law: TrialConfig, behaviour: bool = False) -> dict[str, tuple[str, ...]]:
    """Heads of every factor that varies under ``law``.

    Where the activation varies, intensity and cost are partly synergistic: what the other modality tells of the
    activation is told of them. They are given to the modality that they change.

    Parameters
    ----------
    law : TrialConfig
    behaviour : bool
        Whether subjects behave: difficulty and fatigue follow the cost, reaction time and correct answers the
        efficiency, or what of intensity and cost varies alone (``Behaviour``).

    Returns
    -------
    dict
        Columns of ``factors.tsv``, or of the events: one head, or both of redundancy.
    """
    on_response = bool(law.mode_on_hrf or law.mode_on_hbr)
    heads: dict[str, tuple[bool, tuple[str, ...]]] = {
        "event": (0 < law.event < 1, BOTH),
        "activation": (law.activation_sd > 0, BOTH),
        "mode": (len(law.modes) > 1, BOTH if on_response else ("unique_eeg",)),
        "intensity": (law.intensity_sd > 0, ("unique_eeg",)),
        "cost": (law.cost_sd > 0, FNIRS),
        # an onset that no marker tells is known to both modalities, and the delay to their difference alone
        "delay": (law.delay_sd > 0, ("synergy",) if law.onset_range else FNIRS),
        "dispersion": (law.dispersion_sd > 0, FNIRS),
        "efficiency": (min(law.activation_sd, law.intensity_sd, law.cost_sd) > 0, ("synergy",)),
    }
    if behaviour:
        heads |= dict.fromkeys(("difficulty", "fatigue"), heads["cost"])
        alone = [where for varies, where in (heads["intensity"], heads["cost"]) if varies]
        follows = heads["efficiency"] if heads["efficiency"][0] else (bool(alone), sum(alone, ()))
        heads |= dict.fromkeys(("reaction_time", "correct"), follows)
    return {name: where for name, (varies, where) in heads.items() if varies}
