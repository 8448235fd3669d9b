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
