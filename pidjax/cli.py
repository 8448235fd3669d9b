"""The ``pidjax`` command: ``decompose`` two recordings, ``simulate`` a session, ``estimate`` information of arrays,
and its ``pid``."""

import math
import os
import shlex
import sys
import time
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from pidjax._checks import InputError

if TYPE_CHECKING:
    from pidjax.estimators import Estimate, PIDEstimate
    from pidjax.pid import PIDAtoms


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 when done, 2 for unusable input, 1 for failed training (one line each), 130 when stopped."""
    os.environ.setdefault("MPLBACKEND", "agg")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from pidjax.estimators import CONDITIONAL, ESTIMATORS, estimate_cmi, estimate_mi
    from pidjax.neuro.settings import DecomposeSettings
    from pidjax.neuro.simulate import TASKS, SessionConfig
    from pidjax.train import CheckpointWarning, TrainingError

    def decompose(
        eeg_file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="EEG_FILE")],
        fnirs_file: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[FNIRS_FILE]")] = None,
        /,
        *,
        out: Path,
        settings: Annotated[DecomposeSettings, tyro.conf.arg(name="")],
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        """Two recordings in, a decomposition report out.

        Args:
            eeg_file: EDF, BrainVision, EEGLAB, FIF, ... (whatever mne reads); with --dataset the folder of all
                subjects, or of one subject's EEG.
            fnirs_file: SNIRF file or NIRx folder; with --dataset nothing, or the folder of one subject's fNIRS.
            out: Folder that appears whole at the end (OUT.partial meanwhile).
            resume: Finish an interrupted run.
            overwrite: Replace OUT and any unfinished run.
        """
        from pidjax.neuro.job import decompose as job

        start = time.monotonic()
        words = [word for word in argv or sys.argv[1:] if word not in ("--resume", "--overwrite")]
        command = shlex.join(["pidjax", *words, "--resume"])
        report = job(eeg_file, fnirs_file, out, settings, resume=resume, overwrite=overwrite, command=command)
        print(f"done in {time.monotonic() - start:.0f} s. The report is at {report.absolute()}")

    def simulate(
        task: Annotated[
            Literal[("everything", *TASKS)],  # type: ignore[valid-type]
            tyro.conf.Positional,
            tyro.conf.arg(metavar="TASK"),
        ],
        /,
        *,
        out: Path,
        session: Annotated[SessionConfig, tyro.conf.arg(name="")],
        subjects: int = 1,
        sessions: int = 1,
        eeg_format: Literal["edf", "fif"] = "edf",
        truth_trials: int = 1000,
        seed: int = 0,
        overwrite: bool = False,
    ) -> None:
        """Write simulated EEG and fNIRS, and what they say of the label of a task.

        One session: eeg.edf, fnirs.snirf, events.tsv, factors.tsv (hidden), trial.png, and what the report of decompose
        looks at: belongs.json, the heads of these and of behaviour, and limits.json, how well ideal observers decode
        them. Several: a BIDS folder. Beside them truth.json, the PID of the task's label in nats (not for "everything",
        where all factors vary).

        Args:
            task: What varies, and what is the label: help(pidjax.neuro.simulate.tasks) describes them.
            out: Folder to write to.
            subjects: Number of subjects.
            sessions: Sessions of each.
            eeg_format: Of one session; BIDS wants EDF.
            truth_trials: Trials that ideal observers see where there is no closed form (of limits 200 at most);
                0 writes neither truth nor limits.
            seed: Of everything random.
            overwrite: Replace the recording in OUT.
        """
        from pidjax.neuro.simulate.written import write_simulation

        lines = write_simulation(
            task,
            out,
            session,
            subjects=subjects,
            sessions=sessions,
            eeg_format=eeg_format,
            truth_trials=truth_trials,
            seed=seed,
            overwrite=overwrite,
        )
        print("\n".join(lines))

    def estimate(
        x_file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="X.npy")],
        y_file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="Y.npy")],
        z_file: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[Z.npy]")] = None,
        /,
        *,
        method: Literal[tuple(dict.fromkeys((*ESTIMATORS, *CONDITIONAL)))] = "auto",  # type: ignore[valid-type]
        seed: int = 0,
    ) -> None:
        """Mutual information of two arrays, in nats, with its standard error and a bracket; given a third if there is.

        Args:
            x_file: Array [n] or [n, d]; row i belongs to row i of Y.
            y_file: Array [n] or [n, d].
            z_file: Array [n] or [n, d], the condition: then I(X; Y | Z) is estimated.
            method: "auto" suits every problem; the others are for comparison.
            seed: Of splits, networks and broken ties.
        """
        import jax

        key = jax.random.key(seed)
        x, y = _load(x_file), _load(y_file)
        if z_file is None:
            print(describe(estimate_mi(key, x, y, method=method)))
        else:
            print(describe(estimate_cmi(key, x, y, _load(z_file), method=method), "I(X; Y | Z)"))

    def pid(
        files: Annotated[
            tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="TABLE.npy | X1.npy X2.npy Y.npy")
        ],
        /,
        *,
        method: Literal["auto", "table", "classifier", "neural", "gaussian"] = "auto",
        seed: int = 0,
    ) -> None:
        """Redundant, unique and synergistic information in two sources about a target, in nats.

        Args:
            files: One table of probabilities p[x1, x2, y], solved exactly; or samples of x1, x2 and y.
            method: Of samples; "auto" goes by the data.
            seed: Of splits, networks, re-pairings and bootstraps.
        """
        if len(files) == 1:
            from pidjax.pid import certified_broja

            table = _load(files[0])
            if table.ndim > 3:
                raise InputError(f"{files[0]} holds many tables: give one, p[x1, x2, y].")
            found = certified_broja(table)
            print(describe_atoms(found.atoms) + f"\nexact to    {found.gap:.1g} nats")
        elif len(files) == 3:
            import jax

            from pidjax.estimators import estimate_pid

            print(describe_pid(estimate_pid(jax.random.key(seed), *map(_load, files), method=method)))
        else:
            raise InputError(f"give one table, or the three files of x1, x2 and y; found {len(files)} files.")

    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")  # mne's readers warn about headers; what matters is in the report
                warnings.simplefilter("always", CheckpointWarning)
            tyro.extras.subcommand_cli_from_dict(
                {"decompose": decompose, "simulate": simulate, "estimate": estimate, "pid": pid},
                args=argv,
                prog="pidjax",
                description="What two measurements share, what each holds alone, and what only both together hold.",
            )
    except InputError as error:
        print(f"pidjax: {error}", file=sys.stderr)
        return 2
    except TrainingError as error:
        print(f"pidjax: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        resume = argv or sys.argv[1:]
        hint = "; the same command with --resume goes on from the last step" if "decompose" in resume[:1] else ""
        print(f"pidjax: interrupted{hint}.", file=sys.stderr)
        return 130
    return 0


def describe(found: "Estimate", what: str = "I(X; Y)") -> str:
    """An estimate in lines that a person reads; a warning where no certificate could reach the value."""
    info = found.info
    chosen = f" ({info['chosen']})" if "chosen" in info else ""
    lines = [
        f"{what} = {found.value:.4f} ± {found.std_error:.4f} nats (one standard error)",
        f"method    {found.method}{chosen}, N = {info['n']}",
        f"direction {info['direction']}",
    ]
    if found.certified:
        lines.append(f"lower     {found.lower:.4f}: held-out certificate, 95 %, whatever the critic")
    else:
        lines.append("lower     0: this method has no certificate")
    lines.append(f"upper     {found.upper:.4f}, if {info['upper_assumes']}")
    ceiling = info["ceiling"]
    if found.value > ceiling:
        size = round(math.exp(ceiling))
        of = f"held-out line-ups of {size} certify" if found.certified else "so many certify"
        lines.append(
            f"warning   {found.value:.2f} nats cannot be certified by N = {info['n']} samples: {of} "
            f"log {size} = {ceiling:.2f} nats at most; what is above rests on the method's model."
        )
    return "\n".join(lines)


def describe_atoms(atoms: "PIDAtoms") -> str:
    """Atoms and what they add up to, in lines."""
    # adding 0 makes 0 of -0
    lines = [f"{name:11s} {round(float(getattr(atoms, name)), 4) + 0.0:8.4f} nats" for name in atoms._fields]
    sums = (("I(X1; Y)", atoms.mi1), ("I(X2; Y)", atoms.mi2), ("I(X1, X2; Y)", atoms.total))
    return "\n".join(lines + [f"{name:12s}{float(value):8.4f}" for name, value in sums])


def describe_pid(found: "PIDEstimate") -> str:
    """Estimated atoms with their errors, the null beside, and what the synergy says."""
    model = found.method == "gaussian"
    null = "x2 given y re-paired; all are taken for Gaussian" if model else "x1 and x2 re-paired within classes"
    lines = [f"{'':11s} {'nats':>8s} ± error    null: {null}"]
    for name in found.atoms._fields:
        value, error, null = (getattr(part, name) for part in (found.atoms, found.std_error, found.null))
        lines.append(f"{name:11s} {value:8.4f} ± {error:.4f} {null:8.4f}")
    info = found.info
    lines.append(f"I(X1; Y) {info['mi1']:.4f}, I(X2; Y) {info['mi2']:.4f}, I(X1, X2; Y) {info['total']:.4f}")
    lines.append(f"synergy above the null {info['excess']:.4f} ± {info['excess_error']:.4f}: only this is interaction")
    lines.append(f"method {found.method}, N = {info['n']}; no bound: atoms are differences of estimates")
    return "\n".join(lines)


def _load(path: Path) -> Any:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        why = "there is no such file" if not path.exists() else "give an array of numbers, saved by numpy.save"
        raise InputError(f"{path} cannot be read as a .npy file: {why}.") from error
    if not isinstance(found, np.ndarray):
        raise InputError(f"{path} holds several arrays: give one array, saved by numpy.save.")
    return found
