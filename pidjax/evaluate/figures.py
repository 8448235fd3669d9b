"""Figures of what was learned: training curves, probes, PID bars, cross-modal prediction, projections."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import linregress
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score

from pidjax._checks import one_of
from pidjax.evaluate.audit import Audit
from pidjax.evaluate.probe import ProbeResult
from pidjax.evaluate.relation import RelationResult

COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB", "#222222")
"""Paul Tol's bright palette: told apart by colour-blind readers, and in grey."""


def training_curves(history: Sequence[Mapping[str, float]], nats: Sequence[str], ceiling: str = "ceiling") -> Figure:
    """Terms in nats on the left with the ceiling of their bound, all other terms on the right."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    others = [name for name in history[0] if name not in (*nats, ceiling, "loss", "gradient_norm")]
    for axes, names in ((left, nats), (right, others)):
        for colour, name in zip(COLOURS, names, strict=False):
            axes.plot([line[name] for line in history], color=colour, label=name.replace("_", " "), lw=1)
        axes.set(xlabel="step")
        axes.legend(fontsize=8, frameon=False)
    top = float(np.mean([line[ceiling] for line in history]))
    left.axhline(top, color="0.6", ls="--", lw=1)
    left.text(0, top, f" ceiling, mean ln(negatives + 1) = {top:.2f}", va="bottom", fontsize=8, color="0.4")
    left.set(ylabel="InfoNCE lower bound (nats)", title="What the views share, on training trials")
    right.set(ylabel="loss term (no unit)", title="Reconstruction, leakage, orthogonality")
    return figure


def probe_bars(results: Mapping[str, ProbeResult], target: str, unit: str) -> Figure:
    """Score of every set of features with its standard error, chance (line) and 95 % of the null (tick)."""
    figure = Figure(figsize=(8, 0.36 * len(results) + 1.3), layout="constrained")
    axes = figure.subplots()
    y = np.arange(len(results))[::-1]
    kinds = [COLOURS[6] if name.startswith(("raw", "confounds")) else COLOURS[0] for name in results]
    axes.barh(
        y,
        [r.score for r in results.values()],
        xerr=[r.se for r in results.values()],
        color=kinds,
        height=0.62,
    )
    for at, r in zip(y, results.values(), strict=True):
        axes.plot([r.null95] * 2, [at - 0.38, at + 0.38], color=COLOURS[1], lw=2)
        axes.text(
            1.01,
            at,
            f"{r.score:.2f} ± {r.se:.2f}   p = {r.p:.3f}",
            va="center",
            fontsize=8,
            transform=axes.get_yaxis_transform(),
        )
    chance = next(iter(results.values())).chance
    axes.axvline(chance, color="0.3", lw=1, ls="--")
    axes.set_yticks(y, [name.replace("_", " ") for name in results], fontsize=9)
    axes.set(
        xlabel=f"{unit}, held out (± standard error; dashed: chance; red: 95 % of the permutation null)",
        title=target,
    )
    axes.xaxis.label.set_fontsize(8)
    axes.set_xlim(min(0.0, *(r.score - r.se for r in results.values())), 1.0)
    return figure


def pid_bars(atoms: Mapping[str, Mapping[str, tuple[float, float]]], names: Mapping[str, str]) -> Figure:
    """PID atoms of every label in nats with bootstrap standard errors; ``names`` says what each atom is."""
    figure = Figure(figsize=(1.6 + 2.2 * len(atoms), 3.2), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(names)
    for k, (name, words) in enumerate(names.items()):
        values = [a[name] for a in atoms.values()]
        x = np.arange(len(atoms)) + (k - (len(names) - 1) / 2) * width
        axes.bar(
            x,
            [v for v, _ in values],
            width,
            yerr=[se for _, se in values],
            color=COLOURS[k],
            label=words,
            capsize=2,
        )
    axes.axhline(0, color="0.3", lw=1)
    axes.set_xticks(range(len(atoms)), list(atoms))
    axes.set(ylabel="nats (± bootstrap SE)", title="Information about labels\nin the classical features")
    axes.legend(fontsize=8, frameon=False)
    return figure


def prediction_bars(results: Mapping[str, Mapping[str, RelationResult]]) -> Figure:
    """R² of every head (rows of ``results``) predicted from each source of features."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    sources = list(next(iter(results.values())))
    width = 0.8 / len(sources)
    for k, source in enumerate(sources):
        x = np.arange(len(results)) + (k - (len(sources) - 1) / 2) * width
        values = [r[source] for r in results.values()]
        axes.bar(
            x,
            [v.score for v in values],
            width,
            yerr=[v.se for v in values],
            color=COLOURS[k],
            label=f"from {source}",
            capsize=2,
        )
        for at, v in zip(x, values, strict=True):
            axes.plot([at - width / 2, at + width / 2], [v.null95] * 2, color="0.2", lw=1.5)
    axes.axhline(0, color="0.3", lw=1)
    axes.set_xticks(range(len(results)), [name.replace("_", " ") for name in results], fontsize=8)
    axes.set(
        ylabel="held-out R² (± SE over folds)",
        title="How well each head is predicted from each modality (dark line: 95 % of the null)",
    )
    axes.set_ylim(bottom=max(-0.6, axes.get_ylim()[0]))
    axes.legend(fontsize=8, frameon=False)
    return figure


def decoded_scatter(found: Mapping[str, np.ndarray], bounds: Mapping[str, float] | None = None) -> Figure:
    """Decoded against true numbers [n, 2 (decoded, true)], one panel each: identity (dashed) and regression lines.

    The slope is that of the decoded on the true; predictions that hedge have one below 1. ``bounds`` are correlations
    r of ideal observers, by panel: dotted, the line of slope r² on which their posterior means lie on average.
    """
    across = min(len(found), 4)
    down = -(-len(found) // across)
    figure = Figure(figsize=(3.6 * across, 3.7 * down), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes in grid[len(found) :]:
        axes.set_axis_off()
    for axes, (title, pairs) in zip(grid, found.items(), strict=False):
        decoded, true = pairs.T
        line, rmse = linregress(true, decoded), float(np.sqrt(((decoded - true) ** 2).mean()))
        ends = np.array([pairs.min(), pairs.max()])
        axes.plot(ends, ends, color="0.5", ls="--", lw=1)
        axes.plot(ends, line.intercept + line.slope * ends, color=COLOURS[1], lw=1.4)
        bound = (bounds or {}).get(title)
        if bound is not None:
            axes.plot(ends, true.mean() + bound**2 * (ends - true.mean()), color="0.2", ls=":", lw=1.4)
        axes.scatter(true, decoded, s=14, color=COLOURS[0], lw=0)
        axes.set(xlabel="true, less the block's mean", ylabel="decoded, less the block's mean", xlim=ends)
        axes.set_title(
            f"{textwrap.fill(title.replace('_', ' '), 40)}\n"
            f"slope {line.slope:.2f} ± {line.stderr:.2f}, r = {line.rvalue:.2f}, RMSE {rmse:.3g}"
            + ("" if bound is None else f"\nideal observer (dotted): r = {bound:.2f}"),
            fontsize=9,
        )
    return figure


def projection(
    heads: Mapping[str, np.ndarray], colourings: Mapping[str, np.ndarray], *, method: str = "t-SNE", seed: int = 0
) -> Figure:
    """Every head in two dimensions, one row a colouring, with the silhouette of the standardised vectors.

    ``method`` is "t-SNE", or "UMAP" where umap-learn is installed; principal components under 30 trials; heads of two
    dimensions are shown as they are, those of one as histograms.
    """
    figure = Figure(figsize=(2.5 * len(heads), 2.5 * len(colourings) + 0.2), layout="constrained")
    grid = figure.subplots(len(colourings), len(heads), squeeze=False)
    for column, (name, z) in enumerate(heads.items()):
        z = (z - z.mean(0)) / np.where(z.std(0) > 0, z.std(0), 1)
        alone = z.shape[1] == 1
        flat = z if alone else _flat(z, method, seed)
        bins = np.histogram_bin_edges(z, 24)
        for row, (title, label) in enumerate(colourings.items()):
            axes, label = grid[row, column], np.asarray(label)
            values = sorted(set(label.tolist()), key=str)
            for k, value in enumerate(values):
                shown, kind = flat[label == value], {"color": COLOURS[k % len(COLOURS)], "label": str(value)}
                if alone:
                    axes.hist(shown[:, 0], bins, alpha=0.5, **kind)
                else:
                    axes.scatter(*shown.T, s=14, lw=0, **kind)
            axes.set_xticks([])
            axes.set_yticks([])
            if 1 < len(values) < len(z):
                axes.set_xlabel(f"s = {silhouette_score(z, label):.2f}", fontsize=8)
            if row == 0:
                axes.set_title(name.replace("_", " "), fontsize=10)
            if column == 0:
                axes.set_ylabel(title, fontsize=10)
            if column == len(heads) - 1 and len(values) <= len(COLOURS):
                axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _flat(z: np.ndarray, method: str, seed: int) -> np.ndarray:
    one_of("method", method, ("t-SNE", "UMAP"))
    if z.shape[1] == 2:
        return z
    if len(z) < 30:
        return PCA(2, random_state=seed).fit_transform(z)
    if method == "UMAP":
        from umap import UMAP

        return UMAP(random_state=seed, n_jobs=1).fit_transform(z)
    perplexity = min(30.0, (len(z) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", max_iter=500, random_state=seed).fit_transform(z)


def audit_maps(found: Audit) -> Figure:
    """Share of every factor's entropy in every head, with its nats; and what heads predict of one another."""
    figure = Figure(figsize=(4 + 1.1 * (len(found.factors) + len(found.heads)), 1.6 + 0.45 * len(found.heads)))
    figure.set_layout_engine("constrained")
    left, right = figure.subplots(1, 2, width_ratios=(len(found.factors), len(found.heads)))
    panels = (
        (left, found.share, found.factors, found.nats, "share of the entropy (nats written)"),
        (right, found.leakage, found.heads, found.leakage, "R² of a head (column) from another (row)"),
    )
    for axes, colour, columns, written, title in panels:
        image = axes.imshow(np.clip(colour, 0, 1), vmin=0, vmax=1, cmap="cividis", aspect="auto")
        axes.set_xticks(
            range(len(columns)), [c.replace("_", " ") for c in columns], rotation=30, ha="right", fontsize=8
        )
        axes.set_yticks(range(len(found.heads)), [h.replace("_", " ") for h in found.heads], fontsize=8)
        axes.set_title(title, fontsize=9)
        for (i, j), value in np.ndenumerate(written):
            pale = "w" if colour[i, j] < 0.6 else "k"
            axes.text(j, i, f"{value:z.2f}", ha="center", va="center", fontsize=8, color=pale)
        figure.colorbar(image, ax=axes, shrink=0.8)
    return figure
