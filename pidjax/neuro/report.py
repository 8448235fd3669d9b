"""The report: one HTML file (mne.Report) with what was done, what was seen and what every head holds."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import mne
import numpy as np
from matplotlib.figure import Figure

from pidjax.evaluate import figures
from pidjax.neuro.features import band_proportions, usable_bands
from pidjax.neuro.paired import PairedEpochs


def write_report(path: Path, *, title: str, summary: str, sections: Mapping[str, list[tuple[str, Any]]]) -> None:
    """Write ``path``: the summary first, then every section's figures and tables (HTML strings), in order."""
    report = mne.Report(title=title, verbose="error")
    report.add_html(summary, title="Summary", section="Summary")
    for section, items in sections.items():
        for name, item in items:
            if isinstance(item, str):
                report.add_html(item, title=name, section=section)
            else:
                report.add_figure(item, title=name, section=section, image_format="png")
                if not isinstance(item, Figure) or item.canvas.manager is not None:
                    plt.close(item)
    report.save(path, open_browser=False, overwrite=True, verbose="error")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """HTML table of dicts with the same keys."""
    if not rows:
        return "<p>none</p>"
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{_cell(v)}</td>" for v in row.values()) + "</tr>" for row in rows)
    return f'<table class="table table-sm"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "–" if not np.isfinite(value) else f"{value:.3g}"
    return html.escape(str(value))


def signal_section(pairs: PairedEpochs, condition: np.ndarray) -> list[tuple[str, Any]]:
    """ERP, band powers and haemodynamic response of every condition."""
    items: list[tuple[str, Any]] = []
    if "erp" in pairs.epochs:
        items.append(("Event-related potentials", _erp(pairs, condition)))
    items.append(("Band powers", _bands(pairs, condition)))
    if pairs.epochs["eeg"].get_montage() is not None and len(pairs.epochs["eeg"].ch_names) >= 8:
        items.append(("Band topographies", _topographies(pairs, condition)))
    items.append(("HbO and HbR", _haemodynamics(pairs, condition)))
    return items


def quality_section(
    raw_eeg, raw_fnirs, quality, pairs: PairedEpochs, choices: Mapping[str, Mapping[str, str]], clock
) -> list[tuple[str, Any]]:
    """Spectra, coupling of every fNIRS pair, dropped trials, clock residuals and every preprocessing choice."""
    items: list[tuple[str, Any]] = [("Spectra", _spectra(raw_eeg, raw_fnirs))]
    if "sci" in quality:
        items.append(("Scalp coupling", _coupling(quality)))
    trials = pairs.log["trials"]
    drops = [
        {"modality": name, "reason": reason, "trials": list(found.values()).count(reason)}
        for name, found in pairs.log["dropped"].items()
        for reason in sorted(set(found.values()))
    ]
    items.append((f"Trials: {trials['kept']} of {trials['found']} kept", table(drops)))
    runs = [{"run": i, **run} for i, run in enumerate(pairs.log["clock"]["runs"])]
    items.append(
        (
            f"Clock: {pairs.log['clock']['mode']}, {pairs.log['clock']['unmatched markers']} markers unmatched",
            table(runs),
        )
    )
    if any(len(run.eeg) for run in clock.runs):
        items.append(("Clock residuals", _residuals(clock, raw_fnirs.info["sfreq"])))
    for kind, found in choices.items():
        items.append((f"Choices: {kind}", table([{"step": step, "choice": words} for step, words in found.items()])))
    return items


def _spectra(raw_eeg, raw_fnirs) -> Figure:
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, raw, scale, unit, fmax in (
        (left, raw_eeg, 1e6, "µV", 50.0),
        (right, raw_fnirs, 1e6, "µM", 0.5),
    ):
        seconds = 4 if raw is raw_eeg else min(100.0, raw.times[-1] / 2)
        n_fft = min(raw.n_times, round(seconds * raw.info["sfreq"]))
        psd = raw.compute_psd(
            "welch",
            fmax=min(fmax, raw.info["sfreq"] / 2),
            n_fft=n_fft,
            n_overlap=n_fft // 2,
            reject_by_annotation=False,
            verbose="error",
        )
        types = np.array(raw.get_channel_types(psd.ch_names))
        for colour, kind in zip(figures.COLOURS, dict.fromkeys(types), strict=False):
            shown = {"hbo": "HbO", "hbr": "HbR", "eeg": "EEG"}.get(kind, kind)
            for k, line in enumerate(psd.get_data()[types == kind] * scale**2):
                axes.semilogy(psd.freqs, line, color=colour, lw=0.5, alpha=0.6, label=shown if k == 0 else None)
        axes.set(
            xlabel="frequency (Hz)",
            ylabel=f"{unit}²/Hz",
            title="EEG, each channel" if raw is raw_eeg else "fNIRS, each channel",
        )
        axes.legend(fontsize=8, frameon=False)
    return figure


def _coupling(quality) -> Figure:
    figure = Figure(figsize=(max(8.0, 0.32 * len(quality)), 2.8), layout="constrained")
    axes = figure.subplots()
    colours = [figures.COLOURS[1] if bad else figures.COLOURS[0] for bad in quality.bad]
    axes.bar(range(len(quality)), quality.sci, color=colours)
    axes.set_xticks(range(len(quality)), quality.pair, rotation=90, fontsize=7)
    axes.set(
        ylabel="scalp coupling index",
        title="Coupling of every pair (red: left out)",
        ylim=(min(0, quality.sci.min()), 1),
    )
    return figure


def _residuals(clock, sfreq: float) -> Figure:
    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axes = figure.subplots()
    for k, run in enumerate(clock.runs):
        axes.plot(
            run.eeg,
            1e3 * run.residual,
            "o",
            ms=3,
            color=figures.COLOURS[k % len(figures.COLOURS)],
            label=f"run {k}",
        )
    for sign in (-0.5, 0.5):
        axes.axhline(sign * 1e3 / sfreq, color="0.6", ls="--", lw=1)
    axes.set(
        xlabel="EEG clock (s)",
        ylabel="residual (ms)",
        title="Shared markers after mapping (dashed: half an fNIRS sample)",
    )
    return figure


def _conditions(condition: np.ndarray) -> list[tuple[str, str, np.ndarray]]:
    """(name, colour, trials) of at most eight conditions."""
    names = sorted(set(condition.tolist()), key=str)[: len(figures.COLOURS)]
    return [(str(n), c, np.flatnonzero(condition == n)) for n, c in zip(names, figures.COLOURS, strict=False)]


def _band(axes, times, x: np.ndarray, colour: str, label: str, ls: str = "-") -> None:
    """Mean over trials [trials, times] with its 95 % confidence band."""
    middle, half = (
        x.mean(0),
        1.96 * x.std(0, ddof=1) / np.sqrt(len(x)) if len(x) > 1 else np.zeros(x.shape[1]),
    )
    axes.plot(times, middle, color=colour, lw=1.4, ls=ls, label=label)
    axes.fill_between(times, middle - half, middle + half, color=colour, alpha=0.2, lw=0)


def _erp(pairs: PairedEpochs, condition: np.ndarray) -> Figure:
    """Global field power, and the channel with the largest evoked deflection."""
    epochs = pairs.epochs["erp"]
    x = 1e6 * epochs.get_data(copy=False)
    groups = _conditions(condition)
    figure = Figure(figsize=(10, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    largest = np.max([np.abs(x[rows].mean(0)).max(axis=1) for _, _, rows in groups], axis=0).argmax()
    for name, colour, rows in groups:
        left.plot(epochs.times, x[rows].mean(0).std(axis=0), color=colour, lw=1.4, label=f"{name} (n = {len(rows)})")
        _band(right, epochs.times, x[rows, largest], colour, name)
    for axes in (left, right):
        axes.axvline(0, color="0.5", lw=0.8)
        axes.set(xlabel="time from event (s)")
    left.set(ylabel="µV", title="Global field power of the mean")
    right.set(ylabel="µV", title=f"{epochs.ch_names[largest]}, largest of all (mean, 95 % band)")
    left.legend(fontsize=8, frameon=False)
    return figure


def _band_shares(pairs: PairedEpochs) -> tuple[list[str], np.ndarray]:
    epochs = pairs.epochs["eeg"]
    seconds = (epochs.times >= 0).sum() / epochs.info["sfreq"] or len(epochs.times) / epochs.info["sfreq"]
    bands = list(usable_bands(epochs.info["sfreq"], seconds))
    return bands, 100 * np.exp(band_proportions(pairs)).reshape(len(pairs), -1, len(bands))


def _bands(pairs: PairedEpochs, condition: np.ndarray) -> Figure:
    bands, share = _band_shares(pairs)
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    groups = _conditions(condition)
    for k, (name, colour, rows) in enumerate(groups):
        x = np.arange(len(bands)) + 0.8 * ((k + 0.5) / len(groups) - 0.5)
        each = share[rows].mean(axis=1)
        se = each.std(0, ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else None
        axes.bar(x, each.mean(0), 0.8 / len(groups), yerr=se, color=colour, label=name, capsize=2)
    axes.set_xticks(range(len(bands)), bands)
    axes.set(
        ylabel="share of the power 1–45 Hz (%)",
        title="Band powers after the onset, mean of channels ± standard error",
    )
    axes.legend(fontsize=8, frameon=False)
    return figure


def _topographies(pairs: PairedEpochs, condition: np.ndarray):
    bands, share = _band_shares(pairs)
    groups = _conditions(condition)[:4]
    info = mne.pick_info(pairs.epochs["eeg"].info, mne.pick_types(pairs.epochs["eeg"].info, eeg=True))
    figure, grid = plt.subplots(
        len(groups),
        len(bands),
        figsize=(1.9 * len(bands), 1.9 * len(groups) + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for row, (name, _, rows) in enumerate(groups):
        for column, band in enumerate(bands):
            overall = share[:, :, column].mean(axis=0)
            change = share[rows, :, column].mean(axis=0) - overall if len(groups) > 1 else overall
            limit = (-np.abs(change).max(), np.abs(change).max()) if len(groups) > 1 else (0, overall.max())
            mne.viz.plot_topomap(
                change,
                info,
                axes=grid[row, column],
                show=False,
                res=32,
                extrapolate="local",  # what no electrode saw is left blank (and takes ten times as long)
                contours=4,
                vlim=limit,
                cmap="RdBu_r" if len(groups) > 1 else "viridis",
            )
            grid[row, column].set_title(f"{band} ±{limit[1]:.1f} %" if len(groups) > 1 else band, fontsize=8)
        grid[row, 0].set_ylabel(name)
    figure.suptitle(
        "Band power by condition" + (", difference from all trials (% of total)" if len(groups) > 1 else ""),
        fontsize=10,
    )
    return figure


def _haemodynamics(pairs: PairedEpochs, condition: np.ndarray) -> Figure:
    epochs = pairs.epochs["fnirs"]
    x, types = 1e6 * epochs.get_data(copy=False), np.array(epochs.get_channel_types())
    groups = _conditions(condition)
    evoked = np.max([np.abs(x[rows].mean(0)).max(axis=1) for _, _, rows in groups], axis=0)
    largest = np.flatnonzero(types == "hbo")[evoked[types == "hbo"].argmax()]
    pair = epochs.ch_names[largest].split(" ")[0]
    partner = epochs.ch_names.index(f"{pair} hbr")
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=False)
    for name, colour, rows in groups:
        for kind, ls in (("hbo", "-"), ("hbr", "--")):
            _band(
                left,
                epochs.times,
                x[rows][:, types == kind].mean(axis=1),
                colour,
                f"{name}, {'HbO' if kind == 'hbo' else 'HbR'}",
                ls,
            )
        _band(right, epochs.times, x[rows, largest], colour, f"{name}, HbO")
        _band(right, epochs.times, x[rows, partner], colour, f"{name}, HbR", "--")
    for axes, title in ((left, "All pairs"), (right, f"{pair}, largest of all")):
        axes.axvline(0, color="0.5", lw=0.8)
        axes.set(xlabel="time from onset (s)", ylabel="µM", title=f"{title} (mean, 95 % band)")
    left.legend(fontsize=7, frameon=False)
    return figure
