"""What ``pidjax simulate`` writes: recordings, the truth of the task, a figure of one trial."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

from pidjax._checks import InputError
from pidjax.neuro.simulate.belongs import belongs
from pidjax.neuro.simulate.config import TrialConfig
from pidjax.neuro.simulate.figure import trial_figure
from pidjax.neuro.simulate.files import remove_simulated, save_session, save_study
from pidjax.neuro.simulate.limits import limits
from pidjax.neuro.simulate.observers import observe
from pidjax.neuro.simulate.sessions import CLEAR, SessionConfig, simulate_study
from pidjax.neuro.simulate.tasks import Truth, make_task, truth
from pidjax.neuro.simulate.trials import simulate_trials


def write_simulation(
    name: str,
    out: Path,
    config: SessionConfig,
    *,
    subjects: int = 1,
    sessions: int = 1,
    eeg_format: str = "edf",
    truth_trials: int = 1000,
    seed: int = 0,
    overwrite: bool = False,
) -> list[str]:
    """Write one session, or a BIDS folder of several, with truth and figure; returns lines that say what was written.

    Parameters
    ----------
    name : str
        A task, or "everything": all factors of ``CLEAR`` vary, and there is no label.
    out : Path
    config : SessionConfig
    subjects, sessions, eeg_format, truth_trials, seed, overwrite
        As ``pidjax simulate`` says.

    Raises
    ------
    InputError
        A folder that is not empty, without ``overwrite``; settings that contradict each other.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file: give a folder.")
    if out.exists() and any(out.iterdir()) and not overwrite:
        raise InputError(f"--out {out} exists and is not empty: give another folder, or --overwrite its recording.")
    if subjects * sessions > 1 and eeg_format != "edf":
        raise InputError(f"a BIDS folder holds EDF, not {eeg_format}: leave eeg_format, or write one session.")
    if truth_trials < 0 or 0 < truth_trials < 100:
        raise InputError(f"truth_trials must be 0 or 100 and more; found {truth_trials}.")
    task = None if name == "everything" else make_task(name)
    law = CLEAR if task is None else task.config
    study = simulate_study(config, task or law, n_subjects=subjects, n_sessions=sessions, seed=seed)
    first = next(study)
    other = config.subject_shift or config.motion != "none" or config.alpha_desynchronisation
    # only once this can be simulated: what an earlier command left here are other recordings with another truth
    remove_simulated(out)
    for stale in ("truth.json", "belongs.json", "limits.json"):
        (out / stale).unlink(missing_ok=True)
    if subjects * sessions == 1:
        lines = ["wrote " + ", ".join(map(str, save_session(first, out, eeg_format=eeg_format).values()))]
        (out / "belongs.json").write_text(json.dumps(belongs(law, config.behaviour), indent=1) + "\n")
        if truth_trials and not other:
            best = limits(law, behaviour=config.behaviour, n=min(truth_trials, 200), seed=seed)
            plain = {factor: one._asdict() for factor, one in best.items()}
            (out / "limits.json").write_text(json.dumps(plain, indent=1) + "\n")
    else:
        lines = [f"wrote {len(save_study(itertools.chain([first], study), out, task=name))} recordings below {out}"]
    if truth_trials and other:
        lines.append(
            "no truth.json and no limits.json: ideal observers know nothing of shifted subjects, motion and alpha "
            "desynchronisation"
        )
    elif task is not None and truth_trials:
        found = truth(task, n=truth_trials, seed=seed)
        (out / "truth.json").write_text(json.dumps(_plain(name, law, found), indent=2) + "\n")
        lines += describe_truth(found)
    _draw(law, out / "trial.png", seed)
    return [*lines, f"one trial, and what ideal observers make of it: {out / 'trial.png'}"]


def describe_truth(found: Truth) -> list[str]:
    """Atoms in lines that a person reads."""
    named = zip(("redundant", "EEG alone", "fNIRS alone", "synergistic"), found.atoms, found.std_error, strict=True)
    how = "closed form" if found.n == 0 else f"{found.source}, {found.n} trials"
    return [f"of the label, in independent trials ({how}):"] + [
        f"  {word:11s} {float(value):7.4f} ± {float(error):.4f} nats" for word, value, error in named
    ]


def _plain(name: str, law: TrialConfig, found: Truth) -> dict:
    return {
        "task": name,
        "unit": "nats",
        "sources": {"unique1": "EEG", "unique2": "fNIRS"},
        "of": "independent trials of one subject; epochs of a recording are near them (pidjax.neuro.simulate.sessions)",
        "from": found.source,
        "trials": found.n,
        "atoms": {key: float(value) for key, value in found.atoms._asdict().items()},
        "std_error": {key: float(value) for key, value in found.std_error._asdict().items()},
        "settings": dataclasses.asdict(law),
    }


def _draw(law: TrialConfig, path: Path, seed: int) -> None:
    """The first activation among trials of the task."""
    trials = simulate_trials(dataclasses.replace(law, event=1.0), 1, seed=seed)
    # rest is a possibility that the observers weigh, though it is not what is drawn
    trials = trials._replace(config=law)
    trial_figure(trials, observe(trials, step=0.2, cells=15)).savefig(path, dpi=110)
