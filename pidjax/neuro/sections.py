"""The report's sections on what heads hold: labels, hidden factors, inference over subjects, physiology, confounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from pidjax.evaluate import ProbeResult, RelationResult, figures, least_p
from pidjax.neuro import report
from pidjax.neuro.assess import Metrics
from pidjax.neuro.compared import of_the_best
from pidjax.neuro.known import Known
from pidjax.neuro.validate import SynergyClaim
from pidjax.objectives import HEADS

ATOMS = {
    "redundancy": "redundancy",
    "unique1": "unique to EEG",
    "unique2": "unique to fNIRS",
    "synergy": "synergy",
}
PHYSIOLOGY = {
    "gamma": ("unique_eeg", "gamma, ln of its share of the power"),
    "HbO": ("unique_fnirs", "HbO, mean after the onset (µM)"),
    "lag": ("synergy", "lag of the HbO's peak behind the EEG's (s)"),
}
"""Features of single trials, the heads that are to tell them, and what they are."""


def probe_section(metrics: Metrics) -> list[tuple[str, Any]]:
    """Every label: figures and numbers of its probes, what is inferred over subjects, what synergy adds, and PID."""
    if not metrics.probes:
        return [("Probes", "<p>The trials carry no labels that differ.</p>")]
    items: list[tuple[str, Any]] = []
    for label, found in metrics.probes.items():
        unit = "balanced accuracy" if metrics.is_class[label] else "correlation with the truth"
        items.append((f"Probe of {label}", figures.probe_bars(found, label, unit)))
        rows = [{"features": name, **numbers(r)} for name, r in found.items()]
        items.append((f"Probe of {label}: numbers", report.table(rows)))
    values = [label for label, is_class in metrics.is_class.items() if not is_class]
    if values:
        best = {label: max(HEADS, key=lambda head: metrics.probes[label][head].score) for label in values}
        shown = {f"{label}, {head}": metrics.probes[label][head].decoded for label, head in best.items()}
        items.append(("Decoded against true, best head", figures.decoded_scatter(shown)))
    items.append(("Best head against all others, over subjects", _over_subjects(metrics)))
    items.append(("What synergy adds to all other heads", _synergy(metrics)))
    if metrics.pid:
        items.append(("PID of the labels, raw features", figures.pid_bars(metrics.pid, ATOMS)))
        items.append(
            (
                "PID: how to read it",
                "<p>I(label; EEG), I(label; fNIRS) and I(label; both) are held-out lower bounds of the same probe on "
                "classical features, negative ones set to 0; atoms by minimum mutual information. Atoms are "
                "differences of bounds: they bound nothing.</p>",
            )
        )
    return items


def audit_section(metrics: Metrics) -> list[tuple[str, Any]]:
    """Heads by labels, in nats and as shares of what there is; and heads by heads."""
    found = metrics.audit
    if not found.factors:
        return [("Audit", "<p>The trials carry no labels that differ.</p>")]
    rows = [
        {
            "head": head,
            **{
                f"{label} ({entropy:.2f} nats)" if entropy == entropy else label: f"{_plain(nats, 3)} ± {error:.3f}"
                for label, entropy, nats, error in zip(found.factors, found.entropy, *of, strict=True)
            },
        }
        for head, *of in zip(found.heads, found.nats, found.std_error, strict=True)
    ]
    words = (
        "<p>Nats ± standard error of every label in every head, in held-out trials, by the linear probe of the section "
        "Probes; beside a label the entropy that is there to be found. A head whose label it is should be near it, all "
        "others at 0; below 0 the probe has learned what does not hold. A number has no such ceiling, and its cell no "
        "colour. On the right the share of the variance of a head that ridge regression predicts from another: 0 "
        "between heads that are linearly independent. A linear probe misses what is folded in: "
        "<code>pidjax.evaluate.audit</code> has a perceptron, and needs some hundred trials for it.</p>"
    )
    return [("Audit of heads", figures.audit_maps(found)), ("Audit of heads: numbers", report.table(rows) + words)]


def claim_section(claims: dict[str, SynergyClaim]) -> list[tuple[str, Any]]:
    """Every label: what the synergy head knows of it, and what it must exceed."""
    rows = [
        {
            "label": label,
            "nats": f"{_plain(c.nats, 3)} ± {c.std_error:.3f}",
            "EEG alone": _plain(c.eeg, 3),
            "fNIRS alone": _plain(c.fnirs, 3),
            "linear": _plain(c.linear, 3),
            "re-paired, 95 %": _plain(c.null95, 3),
            "p": c.p,
            "all products": _plain(c.bilinear, 3),
            "claim": "holds" if c.holds else "cannot be shown" if c.repairings < 19 else "does not hold",
        }
        for label, c in claims.items()
    ]
    fewest = min(c.repairings for c in claims.values())
    few = f" Nothing can be shown by {fewest} re-pairings: --permutations 19 or more." if fewest < 19 else ""
    words = (
        "<p>Nats of the label in the synergy head, held out, by a perceptron or a line; of all features of either "
        "modality by the same. By a linear probe: of the head, and of trials whose fNIRS is exchanged within their "
        "class and quarter of a recording, which keeps what either modality says of the class and takes what only "
        "these two trials had in common. A claim holds where p is at most 0.05 and the nats are above 0 and above "
        "both modalities alone, each by a one-sided paired t test at 0.05 over recordings, or over trials where there "
        "are fewer than five recordings; p is not corrected for the number of labels. Of numbers it is asked which "
        "third of them a trial is in; labels with a class of few trials are left out. All products: of both "
        "modalities' features and their products by a linear probe, which needs no decomposition, and so is no test "
        f"of it.{few}</p>"
    )
    return [("Claims of synergy", report.table(rows) + words)]


def known_section(known: Known, probes: dict[str, dict[str, ProbeResult]]) -> list[tuple[str, Any]]:
    """Every factor: where it belongs, where most of it was found, and how much that is of what can be found."""
    rows = []
    shown: dict[str, np.ndarray] = {}
    bounds: dict[str, float] = {}
    for name, found in probes.items():
        best = max(HEADS, key=lambda head: found[head].nats)
        meant = max(known.heads[name], key=lambda head: found[head].nats)
        r, own, limit = found[best], found[meant], known.limits.get(name)
        if limit is not None and (limit.unit == "r") == bool(own.chance):
            limit = None  # too few values were kept to probe a number
        bound = None if limit is None else limit.of_head(meant)
        if len(own.decoded):
            title = f"{name}, from {meant}"
            shown[title] = own.decoded
            if bound is not None:
                bounds[title] = bound[0]
        nothing = r.nats <= 1.645 * r.nats_se if np.isnan(r.null95) else r.score <= max(r.chance, r.null95)
        more = r.pointwise - own.pointwise
        elsewhere = more.mean() > 1.645 * more.std(ddof=1) / len(more) ** 0.5
        right = "yes" if best in known.heads[name] else "no" if elsewhere else "level"
        rows.append(
            {
                "factor": name,
                "belongs to": ", ".join(known.heads[name]),
                "score there": f"{_plain(own.score)} ± {own.se:.2f}",
                "ideal observer": "–" if bound is None else f"{_plain(bound[0])} ± {bound[1]:.2f}",
                "most in": "nothing above chance" if nothing else best,
                "nats": f"{_plain(r.nats, 3)} ± {r.nats_se:.3f}",
                "score": f"{_plain(r.score)} ± {r.se:.2f}",
                "chance": _plain(r.chance),
                "null 95 %": _plain(r.null95),
                "as it should be": "–" if nothing else right,
            }
        )
    words = (
        "<p>These recordings are simulated, and what no laboratory knows lies beside them. Scores are balanced "
        "accuracies, of numbers correlations within blocks, of held-out trials by linear probes; all but event and "
        "mode are looked at in activations alone. Most: the head with the most nats; with five heads to choose from "
        "one exceeds 95 % of its null (without permutations, 1.645 standard errors of its nats) more often than once "
        "in twenty. Level: another head has more nats, by less than 1.645 standard errors of the paired difference. "
        "Activation is what both modalities share in size, intensity what the EEG and cost what the fNIRS has of its "
        "own, efficiency intensity less cost. The first page says which head the design means for the delay, synergy; "
        "that is so where no marker tells the onset, and where responses begin at the marker the fNIRS alone knows "
        "their delay, which then belongs to unique_fnirs. What subjects do follows factors: difficulty and fatigue the "
        "cost, reaction time and correct answers the efficiency. One amplitude that tells of what is "
        "shared and of what is its own puts both into one head.</p>"
    )
    if known.limits:
        words += (
            "<p>Ideal observer: the highest expected score (± standard error) of anything that sees what the head "
            "sees, the EEG, the fNIRS, or both, in independent trials of the law that these were drawn by, without "
            "what filters take away and artefacts add; in the scatters the line on which its decoded values lie on "
            "average. A probe of few trials can pass it by chance.</p>"
        )
    table: list[tuple[str, Any]] = [("Where factors belong, and where they were found", report.table(rows) + words)]
    return [*table, ("Decoded against true, meant head", figures.decoded_scatter(shown, bounds))] if shown else table


def physiology_section(metrics: Metrics) -> list[tuple[str, Any]]:
    """Gamma, HbO and lag of single trials, decoded from the heads that are to hold them and from all others."""
    if not metrics.physiology:
        return [("Physiology", "<p>Nothing could be decoded: the summary says why.</p>")]
    shown = {}
    for name, found in metrics.physiology.items():
        head, words = PHYSIOLOGY[name]
        if len(found[head].decoded):  # a feature of few values is probed as a class
            shown[f"{words}, from {head}"] = found[head].decoded
    words = (
        "<p>± standard error of r; * above 95 % of the permutation null, not corrected. What is decoded are classical "
        "features of the same trials: heads that pass on their input can hold them all. Decoded from the head that "
        "the design means: gamma from unique_eeg, HbO from unique_fnirs, the lag from synergy. Gamma at the scalp is "
        "in part muscle; the lag of single trials is that of the largest values, which noise moves by seconds.</p>"
    )
    table: list[tuple[str, Any]] = [("Physiology from every head", _heads(metrics.physiology) + words)]
    return [("Decoded against true, meant head", figures.decoded_scatter(shown)), *table] if shown else table


def confound_section(metrics: Metrics) -> list[tuple[str, Any]]:
    """What heads tell that is no label, and what to make of it."""
    who = (
        " Every subject is trained on, and which one a trial is of is told by nearly any representation (anatomy, cap, "
        "hair); the nulls of numbers stay within recordings, the score of a label that is not equally frequent in all "
        "does not."
        if "which subject" in metrics.confounds
        else ""
    )
    words = (
        "<p>± standard error; * above 95 % of the permutation null, not corrected. Folds are those of the labels; the "
        "summary says what they do not allow to probe. "
        "Numbers count by their correlation within blocks; time on task so counts as a steady trend, which goes on in "
        "trials that were not trained on. Muscle, motion and heart rate are read from the recordings before "
        "filters (choices of the confounds say how).</p>"
        "<p>A head with a * holds something that is no label. Where such a thing also goes with a label, as motion "
        "with a movement or time with a block of one condition, what was read of the label may be that: among the "
        "probes of every label, those of <i>confounds</i> say what all that are numbers tell of it together. Where "
        f"they tell nothing, a * costs a head room and no truth.{who} A probe at chance shows that a linear probe "
        "finds nothing in these trials, no more.</p>"
    )
    return [("Confounds", _heads(metrics.confounds)), ("Confounds: how to read them", words)]


def score(r: ProbeResult) -> str:
    """As tables of heads show it: * above 95 % of its null."""
    return f"{_plain(r.score)} ± {r.se:.2f}{'*' if r.score > r.null95 else ''}"


def heading(name: str, r: ProbeResult) -> str:
    """Of a column of scores: what is probed, in which unit, and chance."""
    return f"{name} ({'balanced accuracy' if r.chance else 'r'}, chance {r.chance:.2g})"


def numbers(r: ProbeResult | RelationResult) -> dict[str, Any]:
    """All numbers of a result, as the cells of a row."""
    nats = {"nats": r.nats, "SE nats": r.nats_se} if isinstance(r, ProbeResult) else {}
    return {
        "score": r.score,
        "SE": r.se,
        "chance": r.chance,
        "null 95 %": r.null95,
        "p": r.p,
        **nats,
        "trials": r.n,
    }


def _plain(x: float, digits: int = 2) -> str:
    """Decimals; a dash for what is no number, and no −0."""
    return f"{x:z.{digits}f}" if np.isfinite(x) else "–"


def _heads(probes: dict[str, dict[str, ProbeResult]]) -> str:
    """Heads down, what is probed across."""
    columns = {name: heading(name, of["synergy"]) for name, of in probes.items()}
    return report.table(
        [
            {"features": head, **{words: score(probes[name][head]) for name, words in columns.items()}}
            for head in next(iter(probes.values()), {})
        ]
    )


def _over_subjects(metrics: Metrics) -> str:
    tested = metrics.comparisons
    if not tested:
        return (
            "<p>Nothing is inferred over subjects: no label is known of two of them. Standard errors and nulls are "
            "over trials, and say nothing of another person.</p>"
        )
    rows = [
        {
            "label": c.label,
            "head": c.first,
            "against": c.second,
            "nats more": c.nats,
            "SE": c.se,
            "p": c.p,
            "p, Holm": c.holm,
            "subjects": c.subjects,
        }
        for label, found in metrics.probes.items()
        for c in of_the_best(tested, label, {head: found[head].nats for head in HEADS})
    ]
    most = max(c.subjects for c in tested)
    least = min(1.0, len(tested) * least_p(most))
    few = f" Of {most} subjects no p is below {least:.2g} after it: nothing can be shown." if least > 0.05 else ""
    return report.table(rows) + (
        "<p>Differences of held-out nats by this probe, which pays for every feature: a head is a function of its "
        "input and cannot hold more than it; where it has more nats it is easier to read. Nats of a number are of a "
        "Gaussian (slope and variances) fitted to the tested trials. Every subject has one mean; two-sided sign-flip "
        f"test over subjects. Holm's correction is over all {len(tested)} pairs of heads, and of heads and modalities, "
        "of all labels: which head is best was seen in the same trials. Where folds are blocks, this is about new "
        f"trials of people of whom some are known; --leave-out subject is about other people.{few}</p>"
    )


def _synergy(metrics: Metrics) -> str:
    rows = [
        {
            "label": label,
            "score of the others": r.without,
            "with synergy": r.joined,
            "nats added": r.nats,
            "SE": r.se,
            "null 95 %": r.null95,
            "p": r.p,
            "trials": r.n,
        }
        for label, r in metrics.synergy.items()
    ]
    none = (
        " Where null and p are missing (–), no two trials of one condition are in a block, or no permutations were "
        "asked for: nothing could be exchanged."
        if any(np.isnan(r.p) for r in metrics.synergy.values())
        else ""
    )
    return report.table(rows) + (
        "<p>A linear probe of all heads, less one of all heads but synergy. In the null the synergy vectors of trials "
        "of one condition (trial_type) within a block are exchanged: what the head tells of single trials goes, what "
        "it tells of the condition stays. So of a label that is the condition itself p asks whether it matters which "
        "trial's synergy stands beside which trial's other heads. p is not corrected for the number of labels. Nats of "
        "a number are of a Gaussian (slope and variances) fitted to the tested trials, −½ ln(1 − r²). Below 0: the "
        f"probe loses more by having more to learn than it gains.{none}</p>"
    )
