"""Tables and figures of the experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.results import matrix, mean_error, spread
from experiments.synthetic_factors.config import Config
from experiments.synthetic_factors.data import coordinates
from experiments.synthetic_factors.methods import Found
from pidjax.data import synthetic
from pidjax.data.synthetic import FactorTask

PUBLISHED = {
    "simclr": {"backbone1": (4.45, 0.17, 12.61), "backbone2": (0.16, 3.92, 12.06)},
    "cross_self": {"backbone1": (4.39, 0.13, 11.30), "backbone2": (0.14, 4.26, 11.47)},
    "supcon": {"backbone1": (5.17, 0.23, 7.48), "backbone2": (0.19, 5.17, 7.17)},
    "factorcl_ssl": {
        "unique1": (7.83, 0.06, 9.47),
        "unique2": (0.03, 7.17, 9.89),
        "shared1": (6.25, 0.05, 10.13),
        "shared2": (0.04, 5.79, 9.40),
    },
}
"""Table 1: I(Z; w1), I(Z; w2), I(Z; ws), said to be bits; ceilings of its estimator, since X determines its factors."""
FACTORS = ("w1", "w2", "ws")
FAILED = -1.0
"""A held-out lower bound below this, in nats, says that its probe failed, and nothing of what it read."""
Value = tuple[float, float]
"""And its standard error."""


def of_seeds(found: Sequence[Value]) -> Value:
    """Mean over seeds with its standard error; of one seed its own error, over rows."""
    return mean_error([value for value, _ in found]) if len(found) > 1 else (found[0][0], found[0][1])


def nats_cell(found: Sequence[Value], digits: int = 2, *, bits: bool = False) -> str:
    """With its standard error, and in bits too."""
    value, error = of_seeds(found)
    if value <= FAILED:
        return "probe fails"
    return f"{value:z.{digits}f} ± {error:.{digits}f}" + (f" ({value / np.log(2):z.1f} bits)" if bits else "")


def percent(by: Found, ratio: float) -> float:
    """Accuracy, mean over seeds."""
    return 100 * float(np.mean(by["accuracy"][str(ratio)]))


def accuracies(config: Config, task: FactorTask, found: dict[str, Found]) -> str:
    """Fig. 1 as a table: accuracy (%) by the share of unique information, the exact ceilings below; minutes."""
    rows = {}
    for name, by in found.items():
        rows[name] = [spread([100 * a for a in by["accuracy"][str(r)]], 1) for r in config.ratios]
        rows[name].append(f"{by['seconds'] / 60:.1f}")
    if config.label == "sum":
        for seen, what in (("both", "best possible from both"), ("x1", "best possible from X1 alone")):
            of = [coordinates(config, r) for r in config.ratios]
            rows[what] = [*(f"{100 * synthetic.label_ceiling(task, d, seen)[0]:.1f}" for d in of), "–"]
    title = "Accuracy (%) by the share of the label that is unique (Fig. 1); minutes of all trainings and probes\n\n"
    return title + matrix("method", [*(f"{r:g}" for r in config.ratios), "minutes"], rows)


def informations(task: FactorTask, found: dict[str, Found]) -> str:
    """Table 1: nats of every factor in every head, the published figure behind, the ceilings below."""
    rows = {}
    for name, by in found.items():
        for head, nats in by.get("nats", {}).items():
            theirs = PUBLISHED.get(name, {}).get(head)
            cells = []
            for i, w in enumerate(FACTORS):
                said = f" [{theirs[i]:.2f}]" if theirs else ""
                cells.append(nats_cell(nats[w], bits=True) + said)
            rows[f"{name}, {head}"] = cells
    for x in ("x1", "x2"):
        rows[f"all of {x.upper()} (exact)"] = [f"{task.information[x][w]:z.2f}" for w in FACTORS]
    title = "I(Z; w) in nats, held-out lower bounds [Table 1]; standard errors over seeds, of one seed over rows\n\n"
    return title + matrix("representation", [f"I(Z; {w})" for w in FACTORS], rows)


def table_11(task: FactorTask, found: dict[str, Found]) -> str:
    """Whether a side says anything of a shared label that the other does not (InfoMin), and the exact value for X."""
    rows = {name: [nats_cell(by["excess"][side], 3) for side in "12"] for name, by in found.items() if "excess" in by}
    of = synthetic.label_dims(task.dims, 0.0)
    both, *alone = (synthetic.label_ceiling(task, of, seen)[1] for seen in ("both", "x2", "x1"))
    rows["all of X (exact)"] = [f"{both - other:.3f}" for other in alone]
    rows["published, differences of MI estimates"] = ["0.40", "0.38"]
    title = "Nats of a label that is shared alone, which supervised methods were trained on (Table 11)\n\n"
    return title + matrix("Z of", ["I(Z1; Y given X2)", "I(Z2; Y given X1)"], rows)


def figures(config: Config, task: FactorTask, found: dict[str, Found], references: dict[str, Found], out: Path) -> None:
    """Accuracy against uniqueness, references in grey, and nats of every factor in every head."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, by in found.items():
        values = np.array([by["accuracy"][str(r)] for r in config.ratios]) * 100
        error = values.std(1, ddof=1) / values.shape[1] ** 0.5 if values.shape[1] > 1 else None
        axis.errorbar(config.ratios, values.mean(1), yerr=error, marker="o", ms=3, label=name)
    for (name, by), style in zip(references.items(), ("-", ":"), strict=True):
        axis.plot(config.ratios, [percent(by, r) for r in config.ratios], color="0.6", ls=style, lw=1, label=name)
    if config.label == "sum":
        best = [100 * synthetic.label_ceiling(task, coordinates(config, r), "both")[0] for r in config.ratios]
        axis.plot(config.ratios, best, "k--", lw=1, label="best possible")
    axis.set_xlabel("share of the label that is unique")
    axis.set_ylabel("accuracy (%), held out")
    axis.legend(fontsize=7)
    fig.savefig(out / "accuracy.png", dpi=120)
    plt.close(fig)

    rows = [(f"{name}, {head}", nats) for name, by in found.items() for head, nats in by.get("nats", {}).items()]
    if not rows:
        return
    fig, axis = plt.subplots(figsize=(7, 1 + 0.3 * len(rows)), layout="constrained")
    for i, w in enumerate(FACTORS):
        at = np.arange(len(rows)) + 0.27 * (i - 1)
        values, errors = np.array([of_seeds(nats[w]) for _, nats in rows]).T
        axis.barh(at, np.where(values > FAILED, values, np.nan), 0.25, xerr=errors, label=f"I(Z; {w})")
    for x, style in (("x1", "-"), ("x2", "--")) if np.isfinite(task.shared) else ():
        axis.axvline(task.information[x]["ws"], color="k", lw=0.8, ls=style, label=f"I({x.upper()}; ws), exact")
    axis.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=7)
    axis.invert_yaxis()
    axis.set_xlabel("nats, held-out lower bound")
    fig.legend(loc="outside upper center", ncols=5, fontsize=7)
    fig.savefig(out / "information.png", dpi=120)
    plt.close(fig)
