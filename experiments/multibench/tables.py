"""Tables and pictures of scores by row and set, what was published beside them, and claims."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.figures import score_of, score_panels
from experiments.results import Claim, matrix, spread

Scores = dict[str, dict[str, list[dict[str, float]]]]
"""By row of the tables and set: the scores of every seed."""
Published = Mapping[str, Mapping[str, Mapping[str, str]]]
"""By score, row and set: the number, or "number ± deviation", as it is shown."""


class Shown(NamedTuple):
    """A score's name, in what unit it is shown and with how many digits; whether less is better."""

    name: str
    unit: str = "%"
    scale: float = 100
    digits: int = 1
    less: bool = False


OF_CLASSES = {
    "accuracy": Shown("Accuracy"),
    "balanced_accuracy": Shown("Balanced accuracy"),
    "auc": Shown("AUC"),
}
GUESSES = {"accuracy": ("majority", "largest class"), "balanced_accuracy": ("chance", "chance")}
"""What a score is by guessing: which score of any row, and its name."""
OF_SETS = {
    "test rows": ("n", 1, 0),
    "largest class (%)": ("majority", 100, 1),
    "two errors of an accuracy (%)": ("accuracy_se", 200, 1),
    "two errors of an MSE (1e-4)": ("mse_se", 2e4, 2),
}
"""What is said of a set: which score of any row, times what, with how many digits."""


def scores_tables(found: Scores, sets: Sequence[str], scores: Mapping[str, Shown], published: Published) -> list[str]:
    """A table a score, of rows and sets that have it: mean and standard error over seeds, published in brackets."""
    tables = []
    for score, shown in scores.items():
        beside, rows = published.get(score, {}), {}
        values = {row: {name: _values(by.get(name, []), score) for name in sets} for row, by in found.items()}
        having = [name for name in sets if any(of[name] for of in values.values())]
        for row, of in values.items():
            if any(of.values()):
                known = {name: f" [{number}]" for name, number in beside.get(row, {}).items()}
                rows[row] = [
                    spread([shown.scale * x for x in of[name]], shown.digits) + known.get(name, "") if of[name] else "–"
                    for name in having
                ]
        if rows:
            tables.append(f"{shown.name} ({shown.unit})\n\n" + matrix("probe of", having, rows))
    return tables


def _values(seeds: Sequence[Mapping[str, float]], score: str) -> list[float]:
    return [one[score] for one in seeds if score in one]


def sets_table(found: Scores, sets: Sequence[str]) -> str:
    """``OF_SETS`` of every set."""
    first = {name: next(by[name][0] for by in found.values() if name in by) for name in sets}
    rows = {
        label: [f"{scale * one[key]:.{digits}f}" if key in one else "–" for one in first.values()]
        for label, (key, scale, digits) in OF_SETS.items()
        if any(key in one for one in first.values())
    }
    return "Sets\n\n" + matrix("", sets, rows)


def figures(found: Scores, sets: Sequence[str], scores: Mapping[str, Shown], published: Published, out: Path) -> None:
    """A picture ``SCORE.png`` of every score, a panel a set of which it was published."""
    for score, beside in published.items():
        shown = scores[score]
        panels = {
            name: {
                row: score_of(by[name], score, beside.get(row, {}).get(name, ""), shown.scale)
                for row, by in found.items()
                if _values(by.get(name, []), score)
            }
            for name in sets
            if any(name in of for of in beside.values())
        }
        panels = {name: panel for name, panel in panels.items() if panel}
        guess, line = GUESSES.get(score, ("", ""))
        rows = {name: found[next(iter(panel))][name][0] for name, panel in panels.items()}
        lines = {name: (shown.scale * one[guess], 0.0) for name, one in rows.items() if guess in one}
        if panels:
            figure = score_panels(panels, f"{shown.name} ({shown.unit})", lines=lines, line=line)
            figure.savefig(out / f"{score}.png", dpi=120)


def claims(
    found: Scores, scores: Mapping[str, Shown], published: Published, rows: Collection[str], *, judged: bool
) -> list[Claim]:
    """Whether ``rows`` come within two errors of one test set of what was published."""
    out = []
    for score, by_row in published.items():
        shown = scores[score]
        for row in (row for row in rows if row in by_row and row in found):
            for name, seeds in found[row].items():
                if name not in by_row[row]:
                    continue
                mean = shown.scale * sum(one[score] for one in seeds) / len(seeds)
                room = 2 * shown.scale * seeds[0][f"{score}_se"]
                bound = float(by_row[row][name].split(" ± ")[0]) + (room if shown.less else -room)
                holds = (mean <= bound if shown.less else mean >= bound) if judged else None
                expected = f"{'<=' if shown.less else '>='} {bound:.{shown.digits}f}"
                obtained = f"{mean:.{shown.digits}f}"
                out.append(Claim(f"{name}: {row}, {shown.name.lower()}", expected, obtained, holds))
    return out
