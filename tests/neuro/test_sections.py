"""pidjax/neuro/assess.py and sections.py on arrays of several subjects: what is found is in the tables, and no more."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pidjax.evaluate import blockwise_folds
from pidjax.neuro import assess as room
from pidjax.neuro.known import Known
from pidjax.neuro.sections import (
    audit_section,
    claim_section,
    confound_section,
    known_section,
    physiology_section,
    probe_section,
)
from pidjax.neuro.simulate.limits import Limit
from pidjax.neuro.validate import SynergyClaim
from pidjax.objectives import HEADS

SUBJECTS, EACH = 8, 24


@pytest.fixture(scope="module")
def metrics():
    """The label in the synergy head, time in unique_eeg, the subject in unique_fnirs, noise elsewhere."""
    rng = np.random.default_rng(0)
    n = SUBJECTS * EACH
    subject, trial = np.divmod(np.arange(n), EACH)
    label = rng.integers(0, 2, n)
    trials = pd.DataFrame(
        {
            "subject": subject.astype(str),
            "session": "1",
            "block": trial // 12,
            "onset_eeg": 30.0 * trial,
            "trial_type": "task",
            "correct": np.where(label, "yes", "no"),
            "response_time": rng.normal(size=n),
            "muscle_eeg": np.where(trial == 0, np.nan, subject),
        }
    )
    z = {head: rng.normal(size=(n, 2)) for head in HEADS}
    z["synergy"][:, 0] += 3 * label
    z["synergy"][:, 1] += trials.response_time
    z["unique_eeg"][:, 0] += 0.5 * trial
    z["unique_fnirs"][:, 0] += 10 * subject
    folds = blockwise_folds(trials.block.to_numpy(), trials.onset_eeg.to_numpy(), recording=subject)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "raw_features", lambda _: {"eeg": z["redundancy_eeg"], "fnirs": z["redundancy_fnirs"]})
        patch.setattr(room, "physiology", lambda _: {"gamma": 2 * z["unique_eeg"][:, 1]})
        hidden = pd.DataFrame({"efficiency": z["synergy"][:, 1] + rng.normal(size=n), "cost": rng.normal(size=n)})
        return room.assess(SimpleNamespace(metadata=trials), [z] * len(folds), folds, hidden=hidden, permutations=19)


def test_the_head_that_holds_the_label_is_above_all_others(metrics):
    """Of 8 subjects the least p is 2/256: it survives Holm over 42 pairs nowhere, and is in the table all the same."""
    best = [c for c in metrics.comparisons if c.label == "correct" and "synergy" in (c.first, c.second)]
    assert len(best) == 6 and all(c.p == 2 / 256 and c.holm == pytest.approx(42 * 2 / 256) for c in best)
    text = dict(probe_section(metrics))["Best head against all others, over subjects"]
    assert text.count("<td>synergy</td>") == 12 and "over all 42 pairs" in text
    assert "no p is below 0.33 after it" in text


def test_the_audit_has_the_label_where_it_is(metrics):
    """Most of ln 2 in the synergy head, none elsewhere; a number has no entropy; a head is all of itself."""
    found = metrics.audit
    share = dict(zip(found.heads, found.share[:, found.factors.index("correct")], strict=True))
    assert share.pop("synergy") > 0.5 and max(share.values()) < 0.1
    assert np.isnan(found.entropy[found.factors.index("response_time")])
    np.testing.assert_allclose(np.diag(found.leakage), 1.0, atol=0.02)
    assert abs(found.leakage - np.diag(np.diag(found.leakage))).max() < 0.1
    (_, figure), (_, table) = audit_section(metrics)
    assert figure.axes[0].get_title() == "share of the entropy (nats written)"
    assert "correct (0.69 nats)" in table and "<th>response_time</th>" in table
    none = dataclasses.replace(metrics, audit=found._replace(factors=()))
    assert audit_section(none) == [("Audit", "<p>The trials carry no labels that differ.</p>")]


def truth(**heads):
    """Factors and the heads that they belong to; the efficiency is known to 0.8 of both signals, to less of one."""
    return Known(pd.DataFrame(), heads, {"efficiency": Limit("r", 0.3, 0.4, 0.8, 0.01, 0.01, 0.02)})


def test_truth_stands_beside_what_was_found(metrics):
    """A factor in its head, the same one were it another's, and one that is nowhere."""

    def row(where):
        (_, text), _ = known_section(truth(efficiency=(where,), cost=("unique_fnirs",)), metrics.hidden)
        return [cell.split("</td>")[0] for cell in text.split("<tr>")[2].split("<td>")[1:]]

    own, other = row("synergy"), row("unique_eeg")
    assert own[:2] == ["efficiency", "synergy"] and own[4] == other[4] == "synergy"
    assert own[-1] == "yes" and other[-1] == "no" and own[2] == own[6] != other[2]
    assert own[3] == "0.80 ± 0.02" and other[3] == "0.30 ± 0.01"  # of what the head sees
    nowhere = {"cost": {head: r._replace(score=-0.1) for head, r in metrics.hidden["cost"].items()}}
    (_, text), (_, figure) = known_section(truth(cost=("unique_fnirs",)), nowhere)
    assert "ideal" not in figure.axes[0].get_title()  # nothing is known of how well it can be decoded
    assert "<td>nothing above chance</td>" in text and "which then belongs to unique_fnirs" in text
    two = {"efficiency": {head: r._replace(chance=0.5) for head, r in metrics.hidden["efficiency"].items()}}
    (_, text), _ = known_section(truth(efficiency=("synergy",)), two)
    assert text.split("<td>")[4].startswith("–")  # a correlation is no bound of an accuracy


def test_noise_puts_no_factor_in_another_head(metrics):
    """More nats by chance are level; without permutations, nats within their error are nothing, and clear ones some."""
    above = {head: r._replace(score=1.0) for head, r in metrics.hidden["cost"].items()}
    worst = min(HEADS, key=lambda head: above[head].nats)
    (_, text), _ = known_section(truth(cost=(worst,)), {"cost": above})
    assert text.split("<td>")[-1].startswith("level")
    unknown = {name: {head: r._replace(null95=np.nan) for head, r in of.items()} for name, of in metrics.hidden.items()}
    (_, text), (_, figure) = known_section(truth(efficiency=("synergy",), cost=("unique_fnirs",)), unknown)
    assert "ideal observer (dotted): r = 0.80" in figure.axes[0].get_title()
    assert [row.split("<td>")[5].split("</td>")[0] for row in text.split("<tr>")[2:]] == [
        "synergy",
        "nothing above chance",
    ]


def test_few_repairings_show_nothing():
    """p of nine is 0.1 or more, whatever is there; of nineteen a claim may fail."""
    claim = SynergyClaim(1.0, 0.1, 0.0, 0.0, 1.0, 1.0, 0.0, p=0.1, repairings=9, holds=False)
    ((_, text),) = claim_section({"task": claim})
    assert "<td>cannot be shown</td>" in text and "by 9 re-pairings: --permutations 19 or more" in text
    ((_, text),) = claim_section({"task": claim._replace(repairings=19)})
    assert "<td>does not hold</td>" in text and "19 or more" not in text


def test_synergy_adds_what_the_others_lack(metrics):
    """Both the class and the number, above re-paired trials of the one condition; the table says so."""
    assert set(metrics.synergy) == {"correct", "response_time"}
    for found in metrics.synergy.values():
        assert found.p == 0.05 and found.nats > 4 * found.se
    text = dict(probe_section(metrics))["What synergy adds to all other heads"]
    assert "nats added" in text and "nothing could be exchanged" not in text
    alone = {"correct": metrics.synergy["correct"]._replace(p=np.nan, null95=np.nan)}
    text = dict(probe_section(dataclasses.replace(metrics, synergy=alone)))["What synergy adds to all other heads"]
    assert "<td>–</td>" in text and "nothing could be exchanged" in text


def test_confounds_are_told_where_they_are(metrics):
    """The subject by unique_fnirs, time by unique_eeg, neither by what is noise; marked in the table.

    Muscle that is the same in all trials of a subject cannot be decoded within blocks, which is kept.
    """
    assert set(metrics.skipped) == {"muscle, EEG", "trial_type"}
    assert metrics.skipped["trial_type"] == "all trials have the same, task"
    assert set(metrics.confounds) == {"which subject", "time on task"}
    who, when = metrics.confounds.values()
    assert who["unique_fnirs"].score > 0.4 and who["unique_fnirs"].chance == 1 / SUBJECTS
    assert when["unique_eeg"].score > 0.5 and when["unique_eeg"].p == 0.05
    for head in ("redundancy_eeg", "redundancy_fnirs"):
        assert abs(who[head].score - 1 / SUBJECTS) < 4 * who[head].se and abs(when[head].score) < 4 * when[head].se
    (_, table), _ = confound_section(metrics)
    row = next(line for line in table.split("<tr>") if line.startswith("<td>unique_fnirs</td>"))
    assert "*" in row.split("<td>")[2] and "chance 0.12" in table


def test_physiology_is_decoded_from_the_head_that_holds_it(metrics):
    """Gamma that is in unique_eeg: on the identity line."""
    found = metrics.physiology["gamma"]
    assert found["unique_eeg"].score > 0.99 > 0.4 > found["synergy"].score
    (_, figure), (_, table) = physiology_section(metrics)
    assert "from unique eeg\nslope 1.00" in figure.axes[0].get_title()
    assert "<td>unique_eeg</td><td>1.00 ± 0.00*</td>" in table


def test_a_feature_of_few_values_has_no_scatter(metrics):
    """Probed as a class it has no decoded numbers: the table alone; without any feature, a sentence."""
    as_class = {"gamma": metrics.physiology["gamma"], "lag": metrics.probes["correct"]}
    (_, figure), (_, table) = physiology_section(dataclasses.replace(metrics, physiology=as_class))
    assert len(figure.axes) == 1 and "lag (balanced accuracy, chance 0.5)" in table
    ((name, _),) = physiology_section(dataclasses.replace(metrics, physiology={"lag": as_class["lag"]}))
    assert name == "Physiology from every head"
    ((_, words),) = physiology_section(dataclasses.replace(metrics, physiology={}))
    assert words == "<p>Nothing could be decoded: the summary says why.</p>"


def test_all_numbers_are_plain(metrics):
    """metrics.json holds the new tables."""
    plain = json.loads(json.dumps(metrics.as_dict()))
    assert len(plain["comparisons_over_subjects"]) == 42
    assert plain["comparisons_over_subjects"][0]["label"] == "correct"
    assert set(plain["synergy_over_other_heads"]["correct"]) >= {"nats", "se", "null95", "p"}
    assert set(plain["entropy_nats"]) == {"correct", "response_time"} and plain["entropy_nats"]["response_time"] is None
    assert set(plain["hidden_factors"]) == {"efficiency", "cost"}
    assert plain["leakage_r2"]["synergy"]["synergy"] > 0.98
    assert plain["confounds"]["time on task"]["unique_eeg"]["score"] > 0.5
