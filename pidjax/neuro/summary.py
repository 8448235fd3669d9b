"""What the report says in words, and which pictures it shows in which order."""

from __future__ import annotations

import html
import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

from pidjax.evaluate import figures
from pidjax.neuro import report, signals
from pidjax.neuro.assess import Metrics
from pidjax.neuro.compared import JOINED
from pidjax.neuro.sections import (
    audit_section,
    claim_section,
    confound_section,
    heading,
    known_section,
    numbers,
    physiology_section,
    probe_section,
    score,
)
from pidjax.objectives import HEADS

if TYPE_CHECKING:
    from pidjax.neuro.job import Prepared
    from pidjax.neuro.settings import DecomposeSettings
    from pidjax.neuro.validate import SynergyClaim

MEANING = {
    "redundancy_eeg": "shared with fNIRS, read from EEG: the local activation event",
    "redundancy_fnirs": "shared with EEG, read from fNIRS: the same event, seconds later",
    "unique_eeg": "EEG alone: the mode of activity (delta to gamma)",
    "unique_fnirs": "fNIRS alone: the metabolic cost (HbO and HbR amplitude)",
    "synergy": "both together: neurovascular delay and efficiency",
}
"""What the original design wants each head to hold; whether it does is what the probes test."""


def summary_html(prepared: Prepared, metrics: Metrics, settings: DecomposeSettings, config: dict[str, Any]) -> str:
    """The first page: what was analysed, what each head holds, and what not to conclude."""
    pairs, trials = prepared.pairs, prepared.pairs.log["trials"]
    eeg, fnirs = pairs.epochs["eeg"], pairs.epochs["fnirs"]
    warnings = [
        f"{kind}: {words}"
        for kind, found in prepared.choices.items()
        for step, words in found.items()
        if step.startswith("warning")
    ]
    columns = {label: heading(label, found["synergy"]) for label, found in metrics.probes.items()}
    names = (*HEADS, JOINED, "raw EEG", "raw fNIRS", "raw both")
    rows = [
        {
            "features": name,
            "meant to hold": MEANING.get(name, "classical features, for comparison" if name.startswith("raw") else ""),
            **{words: score(metrics.probes[label][name]) for label, words in columns.items()},
        }
        for name in names
    ]
    retrieval, paths = metrics.retrieval, (config["eeg_file"], config["fnirs_file"])
    parts = [
        f"<p>{trials['kept']} of {trials['found']} trials of "
        f"{' and '.join(f'<code>{html.escape(path)}</code>' for path in paths if path)}: "
        f"{len(eeg.ch_names)} EEG channels, {eeg.info['sfreq']:g} Hz, and "
        f"{len(fnirs.ch_names) // 2} fNIRS pairs, {fnirs.info['sfreq']:g} Hz. Preset <b>{settings.preset}</b>, "
        f"seed {settings.seed}. Representations are learned without labels, anew for "
        "each fold of cross-validation; every number below is of trials that the model has not seen.</p>",
        "".join(f'<p style="color:#a00"><b>Warning.</b> {html.escape(words)}</p>' for words in warnings),
        "<h4>What each head holds</h4>",
        report.table(rows if columns else rows[: len(HEADS)]),
        "" if columns else "<p>The trials carry no labels that differ: no probe was possible.</p>",
        "<p>± standard error; * above 95 % of the permutation null, not corrected for the number of probes.</p>"
        if columns
        else "",
        "<h4>Without labels</h4>",
        f"<p>A trial finds its partner in the other modality (top 1 of its block, redundancy heads) in "
        f"{100 * retrieval.score:.0f} ± {100 * retrieval.se:.0f} % of cases; chance {100 * retrieval.chance:.0f} %, "
        f"p = {retrieval.p:.3f}.</p>",
        "<h4>What not to conclude</h4>",
        "<p>Cosine orthogonality of heads is not independence. Two noisy detectors of one event already have "
        "positive PID synergy, so synergy above zero is no evidence of interaction. HbO amplitude is a proxy of "
        "metabolic cost. Probes are linear. Nats of a label are a lower bound in expectation; nats of a number are of "
        "a Gaussian fitted to the tested trials and bound nothing. Heads of <code>embeddings.npz</code> come from the "
        "model of all trials: a probe on them is not held out.</p>",
    ]
    if metrics.skipped:
        parts.append(
            "<p>Not probed: " + "; ".join(f"{html.escape(k)} ({v})" for k, v in metrics.skipped.items()) + ".</p>"
        )
    return "".join(parts)


def report_sections(
    prepared: Prepared,
    metrics: Metrics,
    claims: dict[str, SynergyClaim],
    learning: list[tuple[str, Any]],
    embeddings: dict[str, np.ndarray],
    seed: int,
) -> dict[str, list[tuple[str, Any]]]:
    """Every figure and table after the summary, by section."""
    pairs = prepared.pairs
    classes = [label for label, is_class in metrics.is_class.items() if is_class and label in pairs.metadata]
    condition = {name: pairs.metadata[name].astype(str).to_numpy(dtype=str) for name in classes or ["trial_type"]}
    sections: dict[str, list[tuple[str, Any]]] = dict(prepared.quality)
    for name, values in list(condition.items())[:3]:
        sections[f"Signals by {name}"] = signals.signal_section(pairs, values)
    sections["Learning"] = learning
    if prepared.known:
        sections["Truth beside finding"] = known_section(prepared.known, metrics.hidden)
    sections["Probes"] = probe_section(metrics)
    if claims:
        sections["Claims of synergy"] = claim_section(claims)
    sections["Audit"] = audit_section(metrics)
    sections["Physiology"] = physiology_section(metrics)
    sections["Confounds"] = confound_section(metrics)
    sections["Heads and modalities"] = [
        ("Prediction across modalities", figures.prediction_bars(metrics.prediction)),
        (
            "Cross-modal numbers",
            report.table(
                [{"relation": "retrieval, redundancy heads (top 1)", **numbers(metrics.retrieval)}]
                + [
                    {"relation": f"{head} from {source} (R²)", **numbers(r)}
                    for head, found in metrics.prediction.items()
                    for source, r in found.items()
                ]
            ),
        ),
        *_projections(embeddings, condition, pairs.metadata, seed),
    ]
    return sections


def _projections(embeddings: dict[str, np.ndarray], condition: dict[str, np.ndarray], metadata, seed: int):
    """Heads in two dimensions by condition and by what they should not show."""
    several = [name for name in ("subject", "session") if metadata[name].nunique() > 1]
    colourings = condition | {name: metadata[name].astype(str).to_numpy() for name in (*several, "block")}
    items: list[tuple[str, Any]] = [
        ("Projections (model of all trials)", figures.projection(embeddings, colourings, seed=seed))
    ]
    if importlib.util.find_spec("umap"):
        items.append(("Projections by UMAP", figures.projection(embeddings, colourings, method="UMAP", seed=seed)))
    words = (
        "<p>s: mean silhouette of the vectors themselves, not of the picture: 1 where every trial is nearer to its own "
        "kind than to any other, 0 where kinds are mixed. Distances between groups of the picture mean nothing."
    )
    missing = "" if len(items) > 1 else " UMAP is not shown, since umap-learn is not installed."
    return [*items, ("Projections: how to read them", f"{words}{missing}</p>")]
