"""FactorCL-SSL with a part removed or changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.results import matrix, spread
from experiments.synthetic_factors.config import Config
from pidjax.objectives import ALGORITHM_2
from pidjax.objectives.factorcl import TERMS

Change = Callable[[Config], dict[str, Any]]


def _objective(**changes: Any) -> Change:
    return lambda config: {"factorcl": dataclasses.replace(config.factorcl, **changes)}


ABLATIONS: dict[str, Change] = {
    **{f"without {t}": _objective(term_weights=tuple(0.0 if t == u else 1.0 for u in TERMS)) for t in TERMS},
    "weights of Algorithm 2": _objective(term_weights=ALGORITHM_2),
    "k of 5": lambda config: {"inner_steps": 5},
    "true conditional negatives": _objective(negatives="augmented", pairs=6),
    "half of the rows": lambda config: {"train_rows": config.train_rows // 2, "epochs": 2 * config.epochs},
    "an eighth of the rows": lambda config: {"train_rows": config.train_rows // 8, "epochs": 8 * config.epochs},
}


def ablation_table(config: Config, removed: dict[str, dict[str, Any]]) -> str:
    """Accuracy where all and none of the label is unique, and what the heads of side 1 hold."""
    rows = {}
    for name, by in removed.items():
        cells = [spread([100 * a for a in by["accuracy"][str(config.ratios[i])]], 1) for i in (0, -1)]
        for head, w in (("unique1", "w1"), ("unique1", "ws"), ("shared1", "ws"), ("shared1", "w1")):
            cells.append(f"{np.mean(by['nats'][head][w]):.2f}" if head in by["nats"] else "–")
        rows[name] = cells
    columns = ["accuracy, all shared", "accuracy, all unique"]
    columns += [f"I({h}; {w})" for h, w in (("unique1", "w1"), ("unique1", "ws"), ("shared1", "ws"), ("shared1", "w1"))]
    return "FactorCL-SSL, changed\n\n" + matrix("change", columns, rows)
