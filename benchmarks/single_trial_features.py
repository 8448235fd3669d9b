"""Features of single trials compared: classical ones, GLMs, those learned without labels, trained encoders.

    python -m benchmarks.single_trial_features                  # 20 minutes
    python -m benchmarks.single_trial_features --preset smoke   # a minute

Sessions with everything but jitter, from raw signals: the event (ERP and haemodynamic response), the mode (band of the
EEG's induced activity), log amplitude and delay of the response. What linear probes read of them in blocks that neither
the probe nor a learned feature was taught by: balanced accuracy, r of numbers (of trials with an event). GLMs are of
the whole recording, without labels, and are told how long a response lasts and its mean delay.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import mne
import numpy as np
import tyro

from benchmarks.store import kept, write
from pidjax.evaluate import Fold, blockwise_folds, probe_class, probe_value
from pidjax.neuro import (
    EEGfNIRSDecomposer,
    PairedEpochs,
    SessionConfig,
    preprocess_eeg,
    preprocess_fnirs,
    simulate_session,
    single_trial_responses,
)
from pidjax.neuro.features import band_proportions, erp_bins, response_features, time_to_peak
from pidjax.neuro.learned_features import learn_features, measure
from pidjax.neuro.simulate import TrialConfig

TARGETS = {"event": 0.5, "mode": 1 / 3, "log amplitude": 0.0, "delay": 0.0}
"""What is read, and chance."""
OF_EEG, OF_FNIRS = ("event", "mode"), ("event", "log amplitude", "delay")
ROWS = {
    "EEG: band shares, all channels": OF_EEG,
    "EEG: ERP in bins of 0.1 s": OF_EEG,
    "EEG: learned response and band powers": OF_EEG,
    "EEG: trained encoder": OF_EEG,
    "fNIRS: peak, area, time to peak": OF_FNIRS,
    "fNIRS: GLM of each trial, short channels": OF_FNIRS,
    "fNIRS: learned response": OF_FNIRS,
    "fNIRS: trained encoder": OF_FNIRS,
}
WINDOWS = {"eeg_window": (-1.0, 10.0), "fnirs_window": (-5.0, 20.0)}


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sessions, their trials and blocks; training steps of the encoders."""

    sessions: int = 3
    trials: int = 200
    blocks: int = 4
    steps: int = 240


PRESETS = {"full": Preset(), "smoke": Preset(sessions=2, trials=24, blocks=2, steps=2)}


def scores(seed: int, sizes: Preset) -> dict[str, dict[str, float]]:
    """Of one session: what is read from every row's features."""
    law = TrialConfig()
    session = simulate_session(SessionConfig(n_trials=sizes.trials, clock_offset=0.0, clock_drift=0.0), law, seed=seed)
    eeg, fnirs = preprocess_eeg(session.raw_eeg), preprocess_fnirs(session.raw_fnirs)
    pairs = PairedEpochs.from_raw(eeg.raw, fnirs.raw, session.trials, raw_erp=eeg.erp, n_blocks=sizes.blocks, **WINDOWS)
    length = sum(map(abs, WINDOWS["fnirs_window"]))
    onset = pairs.metadata.onset_eeg.to_numpy()
    folds = blockwise_folds(pairs.metadata.block.to_numpy(), onset, gap=length)
    density = mne.preprocessing.nirs.optical_density(session.raw_fnirs, verbose="error")
    raw = mne.preprocessing.nirs.beer_lambert_law(density, ppf=6.0)
    glm = single_trial_responses(raw, onset, law.task, delay=law.delay_mean)
    features: dict[str, Any] = {
        "EEG: band shares, all channels": band_proportions(pairs),
        "EEG: ERP in bins of 0.1 s": erp_bins(pairs),
        "fNIRS: peak, area, time to peak": np.hstack([response_features(pairs), time_to_peak(pairs)]),
        "fNIRS: GLM of each trial, short channels": np.hstack([glm.amplitude, glm.latency]),
    } | _of_folds(pairs, folds, sizes.steps)
    of = session.factors.iloc[pairs.metadata.trial].reset_index(drop=True)
    happens = (session.trials.trial_type.iloc[pairs.metadata.trial] == "activation").to_numpy()
    found: dict[str, dict[str, float]] = {}
    for row, targets in ROWS.items():
        found[row] = {}
        for target in targets:
            if target in ("event", "mode"):
                label = happens if target == "event" else of["mode"].to_numpy()
                result = probe_class(features[row], label, folds, permutations=1)
            else:
                y = (of.activation + of.cost if target == "log amplitude" else of.delay).to_numpy()
                result = probe_value(features[row], y, [_of(fold, happens) for fold in folds], permutations=1)
            found[row][target] = result.score
    return found


def _of_folds(pairs: PairedEpochs, folds: list[Fold], steps: int) -> dict[str, list[np.ndarray]]:
    """Features that are learned, without labels, from the training trials of each fold."""
    found: dict[str, list[np.ndarray]] = {row: [] for row in ROWS if "learned" in row or "trained" in row}
    for fold in folds:
        own = measure(learn_features(pairs[fold.train]), pairs)
        z = EEGfNIRSDecomposer(steps=steps).fit(pairs[fold.train]).transform(pairs)
        found["EEG: learned response and band powers"].append(own.eeg)
        found["fNIRS: learned response"].append(own.fnirs)
        for name, side in (("EEG", "eeg"), ("fNIRS", "fnirs")):
            found[f"{name}: trained encoder"].append(np.hstack([z[f"redundancy_{side}"], z[f"unique_{side}"]]))
    return found


def _of(fold: Fold, rows: np.ndarray) -> Fold:
    """The trials of a fold that are among ``rows``."""
    return Fold(fold.train[rows[fold.train]], fold.test[rows[fold.test]])


def table(found: list[dict[str, dict[str, float]]]) -> str:
    """Mean and standard error over sessions."""
    heads = [f"{name} ({'r' if not chance else f'chance {chance:.2f}'})" for name, chance in TARGETS.items()]
    lines = [f"| features | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for row in ROWS:
        cells = []
        for target in TARGETS:
            x = np.array([one[row][target] for one in found if target in one[row]])
            cells.append(f"{x.mean():.2f} ± {x.std(ddof=1) / len(x) ** 0.5:.2f}" if len(x) else "")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(
    preset: Literal["full", "smoke"] = "full",
    out: Path = Path("runs/single_trial_features"),
    overwrite: bool = False,
) -> None:
    """Simulate, measure, probe; sessions that an earlier run computed are kept.

    Args:
        preset: "full" or "smoke".
        out: Folder of results.
        overwrite: Compute everything anew.
    """
    sizes, found = PRESETS[preset], []
    for seed in range(sizes.sessions):
        path = out / preset / f"session-{seed}.json"
        found.append(kept(path, lambda seed=seed: scores(seed, sizes), overwrite=overwrite))
        print(f"session {seed + 1} of {sizes.sessions}: done", flush=True)
    write(out / preset, table(found), {"sessions": found})


if __name__ == "__main__":
    tyro.cli(main)
