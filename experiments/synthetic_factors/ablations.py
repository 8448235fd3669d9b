"""FactorCL with a part removed or changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.results import matrix, spread
from experiments.synthetic_factors.config import Config
from experiments.synthetic_factors.data import Data
from experiments.synthetic_factors.methods import Found, measured, middle
from experiments.synthetic_factors.report import nats_cell
from pidjax.objectives import ALGORITHM_2
from pidjax.objectives.factorcl import TERMS

Change = Callable[[Config], dict[str, Any]]


def _objective(**changes: Any) -> Change:
    return lambda config: {"factorcl": dataclasses.replace(config.factorcl, **changes)}


OF_SSL: dict[str, Change] = {
    "nothing": lambda config: {},
    **{f"without {t}": _objective(term_weights=tuple(0.0 if t == u else 1.0 for u in TERMS)) for t in TERMS},
    "weights of Algorithm 2": _objective(term_weights=ALGORITHM_2),
    "k of 5": lambda config: {"inner_steps": 5},
    "true conditional negatives": _objective(negatives="augmented", pairs=6),
    "half of the rows": lambda config: {"train_rows": config.train_rows // 2, "epochs": 2 * config.epochs},
    "an eighth of the rows": lambda config: {"train_rows": config.train_rows // 8, "epochs": 8 * config.epochs},
}
OF_SUP: dict[str, Change] = {
    "nothing": lambda config: {},
    "true conditional negatives": _objective(supervised=True, negatives="same_label"),
}
HELD = (("unique1", "w1"), ("unique1", "ws"), ("shared1", "ws"), ("shared1", "w1"))


def ablated(out: Path, config: Config, drawn: list[Data], engine: str) -> dict[str, dict[str, Found]]:
    """By method and change what was found: of FactorCL-SSL at the least and the most unique label, of -SUP at one."""
    kinds = {
        "factorcl_ssl": (OF_SSL, config.ratios[:: len(config.ratios) - 1 or 1]),
        "factorcl_sup": (OF_SUP, (middle(config),)),
    }
    found: dict[str, dict[str, Found]] = {}
    for name, (changes, ratios) in kinds.items():
        found[name] = {}
        for what, change in changes.items():
            changed = dataclasses.replace(config, ratios=ratios, **change(config))
            fewer = [Data({k: v[: changed.train_rows] for k, v in d.train.items()}, d.test) for d in drawn]
            found[name][what] = measured(out, name, changed, fewer, engine, prefix=f"{what}, ", whole=False)
    return found


def ablation_table(name: str, found: dict[str, Found]) -> str:
    """Accuracy, and what the heads of side 1 hold."""
    rows = {}
    for what, by in found.items():
        cells = [spread([100 * a for a in scores], 1) for scores in by["accuracy"].values()]
        cells += [nats_cell(by["nats"][head][w]) if head in by["nats"] else "–" for head, w in HELD]
        rows[what] = [*cells, f"{by['seconds'] / 60:.1f}"]
    ratios = next(iter(found.values()))["accuracy"]
    columns = [f"accuracy, {float(r):g} unique" for r in ratios] + [f"I({h}; {w})" for h, w in HELD] + ["minutes"]
    return f"{name}, changed; nats\n\n" + matrix("change", columns, rows)
