"""PairedEpochs: the trials of two recordings, each modality at its own rate and in its own window."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from pidjax._checks import InputError
from pidjax.evaluate.held_out import shuffled_within
from pidjax.neuro.clock import Clock, clock_of
from pidjax.neuro.events import annotation_table

Window = tuple[float, float]
ERP_WINDOW: Window = (-0.2, 0.8)


@dataclasses.dataclass(frozen=True, eq=False)
class PairedEpochs:
    """Trials seen by both modalities.

    Attributes
    ----------
    epochs : dict of mne.Epochs
        "eeg" (V), "fnirs" (HbO and HbR, M) and, where trials are locked to events, "erp" (V): the same trials
        in the same order, each at its own rate and window.
    metadata : DataFrame
        One row a trial: ``subject, session, run, block, trial, onset_eeg, onset_fnirs`` (s, each clock),
        ``duration, trial_type``, the levels of a hierarchical name (``task/easy`` gives ``level_1, level_2``)
        and the further columns of an events file.
    log : dict
        What was dropped by which modality, and the clock's residuals, in words and numbers.
    """

    epochs: dict[str, mne.BaseEpochs]
    metadata: pd.DataFrame
    log: dict

    @classmethod
    def from_raw(
        cls,
        raw_eeg: mne.io.BaseRaw,
        raw_fnirs: mne.io.BaseRaw,
        events: pd.DataFrame | None = None,
        eeg_window: Window = (-1.0, 10.0),
        fnirs_window: Window = (-5.0, 20.0),
        clock: str | Clock = "auto",
        *,
        raw_erp: mne.io.BaseRaw | None = None,
        reject_eeg: float | None = 150e-6,
        reject_fnirs_z: float | None = 5.0,
        n_blocks: int = 5,
        subject: str = "1",
        session: str = "1",
    ) -> PairedEpochs:
        """Cut both recordings at the same events and keep the trials that are good in both.

        Parameters
        ----------
        raw_eeg, raw_fnirs : mne.io.Raw
            Preprocessed continuous recordings; fNIRS as HbO and HbR.
        events : DataFrame, optional
            ``onset`` (s, EEG clock), ``duration``, ``trial_type`` and further columns; the annotations that
            both recordings share by default.
        eeg_window, fnirs_window : (start, stop)
            Relative to the onset (s). fNIRS is baseline-corrected on its part before 0, if any.
        clock : "auto" | "fit" | "offset" | "start" | "none" | Clock
            How onsets are mapped to the fNIRS clock, see ``fit_clock``.
        raw_erp : mne.io.Raw, optional
            The EEG filtered for event-related potentials: adds "erp" epochs, −0.2…0.8 s.
        reject_eeg : float, optional
            Peak-to-peak (V) beyond which a trial is bad; a channel beyond it in more than half of the trials
            is dropped instead, so that it does not veto every trial.
        reject_fnirs_z : float, optional
            Robust z of the peak-to-peak over trials, in any channel, beyond which a trial is bad.
        n_blocks : int
            Contiguous stretches into which each recording is cut for block-wise cross-validation.
        subject, session : str
            Labels for the metadata.

        Raises
        ------
        InputError
            No event, clocks that cannot be reconciled, or no trial that is good in both modalities.
        """
        if not isinstance(clock, Clock):
            clock = clock_of(raw_eeg, raw_fnirs, clock)
        if events is None:
            events = annotation_table(raw_eeg)
            shared = set(events.trial_type) & set(annotation_table(raw_fnirs).trial_type)
            events = events[events.trial_type.isin(shared)]
        if events.empty:
            raise InputError("there is no event to cut trials at: pass events, or fixed-length windows.")
        events = events.reset_index(drop=True)
        on_fnirs = clock.to_fnirs(events.onset)
        epochs = {"eeg": _cut(raw_eeg, events.onset, eeg_window, None)}
        if raw_erp is not None:
            epochs["erp"] = _cut(raw_erp, events.onset, ERP_WINDOW, (None, 0))
        epochs["fnirs"] = _cut(raw_fnirs, on_fnirs, fnirs_window, (None, 0) if fnirs_window[0] < 0 else None)
        dropped = {name: _reasons(e) for name, e in epochs.items()}

        too_large: list[str] = []
        if reject_eeg is not None and len(epochs["eeg"]):
            too_large = _reject_eeg(epochs, reject_eeg, dropped)
        if reject_fnirs_z is not None and len(epochs["fnirs"]) > 3:
            size = np.ptp(epochs["fnirs"].get_data(copy=False), axis=2)
            middle = np.median(size, axis=0)
            spread = 1.4826 * np.median(np.abs(size - middle), axis=0)
            worst = ((size - middle) / np.where(spread > 0, spread, np.inf)).max(axis=1)
            _drop(epochs, "fnirs", worst > reject_fnirs_z, f"peak-to-peak z > {reject_fnirs_z:g}", dropped)

        kept = sorted(set.intersection(*(set(e.selection) for e in epochs.values())))
        if not kept:
            reasons = "; ".join(f"{name}: {_count(d)}" for name, d in dropped.items() if d)
            raise InputError(
                f"none of {len(events)} trials is good in both modalities ({reasons}): relax --reject-eeg."
            )
        epochs = {name: e[np.flatnonzero(np.isin(e.selection, kept))] for name, e in epochs.items()}
        metadata = _metadata(events, kept, on_fnirs, clock, n_blocks, subject, session)
        log = {
            "trials": {"found": len(events), "kept": len(kept)},
            "dropped": {name: {str(k): v for k, v in d.items()} for name, d in dropped.items()},
            "eeg channels dropped": too_large,
            "clock": {
                "mode": clock.mode,
                "unmatched markers": clock.unmatched,
                "runs": [
                    {
                        "start_s": run.start,
                        "offset_s": run.offset,
                        "drift_ppm": 1e6 * run.drift,
                        "markers": len(run.eeg),
                        "residual_rms_ms": 1e3 * float(np.sqrt(np.mean(run.residual**2))) if len(run.eeg) else None,
                    }
                    for run in clock.runs
                ],
            },
        }
        return cls(epochs, metadata, log)

    def __len__(self) -> int:
        return len(self.metadata)

    @property
    def recording(self) -> np.ndarray:
        """One number a recording, int32 [trials]: those of the same subject and session."""
        return self.metadata.groupby(["subject", "session"], sort=False).ngroup().to_numpy(np.int32)

    def __getitem__(self, index) -> PairedEpochs:
        """Trials by position: slice, integers (in any order) or a boolean mask."""
        rows = np.atleast_1d(np.arange(len(self))[index])
        picked = {name: e[rows] for name, e in self.epochs.items()}
        return PairedEpochs(picked, self.metadata.iloc[rows].reset_index(drop=True), self.log)

    def split(self, column: str) -> dict[object, PairedEpochs]:
        """One ``PairedEpochs`` for every value of a metadata column, such as ``block`` or ``subject``."""
        if column not in self.metadata:
            raise InputError(f"there is no column {column!r} to split by; found {', '.join(self.metadata)}.")
        return {value: self[np.flatnonzero(self.metadata[column] == value)] for value in self.metadata[column].unique()}

    def shuffle_pairs(self, within: str | None = "trial_type", *, seed: int = 0) -> PairedEpochs:
        """Permute which fNIRS trial goes with which EEG trial, among equal values of ``within`` (None: all).

        The null of every claim about the pairing: it keeps what each modality says about the class and
        destroys what only this pairing of trials holds.
        """
        rng = np.random.default_rng(seed)
        groups = np.zeros(len(self), int) if within is None else pd.factorize(self.metadata[within])[0]
        order = shuffled_within(groups, rng)
        metadata = self.metadata.assign(onset_fnirs=self.metadata.onset_fnirs.to_numpy()[order])
        return PairedEpochs({**self.epochs, "fnirs": self.epochs["fnirs"][order]}, metadata, self.log)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """float32 [trials, channels, times] for every modality, in SI units."""
        return {name: e.get_data(copy=False).astype(np.float32) for name, e in self.epochs.items()}

    def save(self, folder: str | Path) -> None:
        """Write ``<modality>-epo.fif``, ``metadata.tsv`` and ``log.json``."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, e in self.epochs.items():
            e.save(folder / f"{name}-epo.fif", overwrite=True, verbose="error")
        self.metadata.to_csv(folder / "metadata.tsv", sep="\t", index=False, na_rep="n/a")
        (folder / "log.json").write_text(json.dumps(self.log, indent=1))

    @classmethod
    def load(cls, folder: str | Path) -> PairedEpochs:
        """Read what ``save`` wrote."""
        folder = Path(folder)
        files = sorted(folder.glob("*-epo.fif"))
        if not files:
            raise InputError(f"{folder} holds no saved epochs (eeg-epo.fif, fnirs-epo.fif).")
        epochs = {f.name.removesuffix("-epo.fif"): mne.read_epochs(f, verbose="error") for f in files}
        text = {"subject": str, "session": str, "trial_type": str}
        table = folder / "metadata.tsv"
        metadata = pd.read_csv(table, sep="\t", keep_default_na=False, na_values=["n/a", ""], dtype=text)
        return cls(epochs, metadata, json.loads((folder / "log.json").read_text()))


def quarters(recording: np.ndarray) -> np.ndarray:
    """Which quarter of which recording a trial is of, integers [n]: trials of a recording are in order."""
    recording = np.asarray(recording)
    out = np.zeros(len(recording), int)
    for k, one in enumerate(np.unique(recording)):
        rows = np.flatnonzero(recording == one)
        out[rows] = 4 * k + np.arange(len(rows)) * 4 // len(rows)
    return out


def _cut(raw, onsets, window: Window, baseline) -> mne.Epochs:
    """Epochs whose ``selection`` counts the given onsets; the last sample of the window is left out."""
    sfreq = raw.info["sfreq"]
    samples = raw.first_samp + np.round(np.asarray(onsets) * sfreq).astype(int)
    events = np.column_stack([samples, np.zeros_like(samples), np.ones_like(samples)])
    picks = [t for t in ("eeg", "hbo", "hbr") if t in raw.get_channel_types()]
    # trials whose onset lies before the file or that share a sample would confuse mne: they are dropped here
    first = pd.Series(samples).duplicated().to_numpy() | (samples < raw.first_samp)
    keep = np.flatnonzero(~first)
    epochs = mne.Epochs(
        raw,
        events[keep],
        tmin=window[0],
        tmax=window[1] - 1 / sfreq,
        baseline=baseline,
        picks=picks,
        reject_by_annotation=True,
        preload=True,
        verbose="error",
    )
    epochs.selection = keep[epochs.selection]
    log = [("OUTSIDE",) if s < raw.first_samp else ("same sample as an earlier event",) for s in samples]
    for place, reason in zip(keep, epochs.drop_log, strict=True):
        log[place] = reason
    epochs.drop_log = tuple(log)
    return epochs


def _reasons(epochs) -> dict[int, str]:
    words = {
        "TOO_SHORT": "outside the recording",
        "NO_DATA": "outside the recording",
        "OUTSIDE": "outside the recording",
    }
    return {i: words.get(r[0], r[0]) for i, r in enumerate(epochs.drop_log) if r}


def _drop(epochs: dict, name: str, bad: np.ndarray, reason: str, dropped: dict) -> None:
    e = epochs[name]
    for i in e.selection[bad]:
        dropped[name][int(i)] = reason
    epochs[name] = e[np.flatnonzero(~bad)]


def _reject_eeg(epochs: dict, limit: float, dropped: dict) -> list[str]:
    """Drop channels that exceed ``limit`` in most trials, then trials that exceed it in any channel."""
    e = epochs["eeg"]
    beyond = np.ptp(e.get_data(copy=False), axis=2) > limit  # [trials, channels]
    hopeless = beyond.mean(axis=0) > 0.5
    names = [n for n, bad in zip(e.ch_names, hopeless, strict=True) if bad]
    if hopeless.all():
        raise InputError(
            f"all {len(hopeless)} EEG channels exceed {1e6 * limit:g} µV peak to peak in more than half of the "
            "trials: check the electrodes, or raise --reject-eeg."
        )
    if names:
        for branch in ("eeg", "erp"):
            if branch in epochs:
                epochs[branch] = epochs[branch].copy().drop_channels(names)
    _drop(epochs, "eeg", beyond[:, ~hopeless].any(axis=1), f"EEG above {1e6 * limit:g} µV", dropped)
    return names


def _count(reasons: dict[int, str]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in Counter(reasons.values()).most_common())


def _metadata(events, kept, on_fnirs, clock: Clock, n_blocks: int, subject: str, session: str) -> pd.DataFrame:
    table = events.iloc[kept].reset_index(drop=True).rename(columns={"onset": "onset_eeg"})
    run = clock.run_of(table.onset_eeg)
    block = np.arange(len(table)) * min(n_blocks, len(table)) // len(table)
    head = {
        "subject": subject,
        "session": session,
        "run": run,
        "block": block,
        "trial": np.asarray(kept),
        "onset_fnirs": np.asarray(on_fnirs)[kept],
    }
    levels = table.trial_type.astype(str).str.split("/", expand=True)
    if levels.shape[1] > 1:
        head |= {f"level_{i + 1}": levels[i] for i in levels}
    return pd.DataFrame(head).join(table.drop(columns=[c for c in head if c in table]))
