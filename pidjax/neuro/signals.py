"""What was seen: event-related potentials, band powers and haemodynamic responses of every condition, with maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import mne
import numpy as np
from matplotlib.figure import Figure

from pidjax.evaluate import figures
from pidjax.neuro.features import band_proportions, usable_bands
from pidjax.neuro.paired import PairedEpochs

RESPONSE = (5.0, 10.0)
"""Seconds after the onset in which a haemodynamic response is at its height."""


def signal_section(pairs: PairedEpochs, condition: np.ndarray) -> list[tuple[str, Any]]:
    """ERP, band powers and haemodynamic response of every condition."""
    items: list[tuple[str, Any]] = []
    if "erp" in pairs.epochs:
        items.append(("Event-related potentials", _erp(pairs, condition)))
    items.append(("Band powers", _bands(pairs, condition)))
    if pairs.epochs["eeg"].get_montage() is not None and len(pairs.epochs["eeg"].ch_names) >= 8:
        items.append(("Band topographies", _topographies(pairs, condition)))
    items.append(("HbO and HbR", _haemodynamics(pairs, condition)))
    fnirs = pairs.epochs["fnirs"]
    places = np.array([channel["loc"][:3] for channel in fnirs.info["chs"]]).round(4)
    # of both chromophores of 8 pairs or more, each at a place of its own
    placed = len(places) >= 16 and np.isfinite(places).all() and len(np.unique(places, axis=0)) == len(places) // 2
    if placed and fnirs.times[-1] >= RESPONSE[1]:
        items.append(("Topographies of HbO and HbR", _response_maps(pairs, condition)))
    return items


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
    info = mne.pick_info(pairs.epochs["eeg"].info, mne.pick_types(pairs.epochs["eeg"].info, eeg=True))
    columns = {band: (share[:, :, k], info) for k, band in enumerate(bands)}
    figure, against = _maps(columns, condition, "%")
    figure.suptitle(f"Band power by condition{against} (% of total)", fontsize=10)
    return figure


def _response_maps(pairs: PairedEpochs, condition: np.ndarray):
    """Mean HbO and HbR while a response is at its height."""
    epochs = pairs.epochs["fnirs"]
    first, last = RESPONSE
    x = 1e6 * epochs.get_data(copy=False)[..., (epochs.times >= first) & (epochs.times <= last)].mean(-1)
    types = np.array(epochs.get_channel_types())
    columns = {
        name: (x[:, types == kind], mne.pick_info(epochs.info, np.flatnonzero(types == kind)))
        for name, kind in (("HbO", "hbo"), ("HbR", "hbr"))
    }
    figure, against = _maps(columns, condition, "µM")
    figure.suptitle(f"Mean of {first:g} to {last:g} s after the onset\nby condition{against} (µM)", fontsize=10)
    return figure


def _maps(columns: Mapping[str, tuple[np.ndarray, mne.Info]], condition: np.ndarray, unit: str):
    """Maps of channel means of values [trials, channels], a row a condition; of several, what differs from all trials.

    Also the words for that.
    """
    groups = _conditions(condition)[:4]
    several = len(groups) > 1
    figure, grid = plt.subplots(
        len(groups),
        len(columns),
        figsize=(max(1.9 * len(columns), 4.5), 1.9 * len(groups) + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for row, (name, _, rows) in enumerate(groups):
        for column, (title, (x, info)) in enumerate(columns.items()):
            change = x[rows].mean(axis=0) - (x.mean(axis=0) if several else 0)
            signed = several or (x.mean(axis=0) < 0).any()
            limit = np.abs(change).max()
            mne.viz.plot_topomap(
                change,
                info,
                axes=grid[row, column],
                show=False,
                res=32,
                extrapolate="local",  # what no channel saw is left blank (and takes ten times as long)
                contours=4,
                vlim=(-limit, limit) if signed else (0, limit),
                cmap="RdBu_r" if signed else "viridis",
            )
            grid[row, column].set_title(f"{title}{' ±' if signed else ' up to '}{limit:.2g} {unit}", fontsize=8)
        grid[row, 0].set_ylabel(name)
    return figure, ", difference from all trials" if several else ""


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
