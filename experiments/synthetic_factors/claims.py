"""What the paper says and the issue asks, beside what came out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from experiments.results import Claim
from experiments.synthetic_factors.config import BASELINES, Config
from experiments.synthetic_factors.methods import Found
from experiments.synthetic_factors.report import FAILED, Value, of_seeds, percent

Said = tuple[str, str, str, bool]
TIERS = (("factorcl_sup", "factorcl_ssl"), ("cross_self",), ("simclr", "supcon"))
"""Fig. 1 where all of the label is unique, the best first; the paper says no order within one."""


def claims(config: Config, found: dict[str, Found], judged: bool) -> list[Claim]:
    """What the paper says and the issue asks, beside what came out; not judged in a smoke run."""
    made = _notebook(config, found) if config.whole_label else [*_figure_1(config, found), *_table_1(found)]
    return [Claim(*said, bool(holds) if judged else None) for *said, holds in made]


def _notebook(config: Config, found: dict[str, Found]) -> list[Said]:
    """The notebook's numbers are of the bare encoders: OurCL."""
    least = {"ourcl_sup": 98.6, "ourcl_ssl": 97.2, "factorcl_sup": 98.6, "factorcl_ssl": 97.2}
    scores = {name: percent(by, config.ratios[0]) for name, by in found.items()}
    out = [
        (f"notebook: accuracy of {name} (%)", f">= {low}", f"{scores[name]:.1f}", scores[name] >= low)
        for name, low in least.items()
        if name in found
    ]
    if "simclr" in found:
        score = scores["simclr"]
        out.append(("notebook: accuracy of simclr (%)", "near 95.6", f"{score:.1f}", abs(score - 95.6) < 3))
    return out


def _figure_1(config: Config, found: dict[str, Found]) -> list[Said]:
    out, first, last = [], config.ratios[0], config.ratios[-1]
    for name in ("factorcl_ssl", "clean_ssl"):
        if name in found and first < last:
            drop = float(np.ptp([percent(found[name], r) for r in config.ratios]))
            out.append((f"Fig. 1: {name}, best less worst ratio (points)", "<= 3", f"{drop:.1f}", drop <= 3))
    for name in ("simclr", "supcon"):
        if name in found and first < last:
            start, end = (percent(found[name], r) for r in (first, last))
            what = f"Fig. 1: {name}, accuracy at {last:g} unique a point or more below that at {first:g}"
            out.append((what, f"< {start - 1:.1f}", f"{end:.1f}", end < start - 1))
    there = [tier for tier in ([name for name in names if name in found] for names in TIERS) if tier]
    if last == 1 and len(there) > 1:
        at = {name: percent(by, last) for name, by in found.items()}
        obtained = ", ".join(f"{name} {at[name]:.1f}" for name in sorted(at, key=lambda name: -at[name]))
        apart = [min(at[a] for a in up) > max(at[b] for b in down) for up, down in itertools.pairwise(there)]
        out.append(("Fig. 1: order at ratio 1", " > ".join(" and ".join(tier) for tier in there), obtained, all(apart)))
    return out


def _table_1(found: dict[str, Found]) -> list[Said]:
    """Of both sides; a difference holds by two of its standard errors, of rows or seeds taken as independent."""
    out = []
    there = [b for b in BASELINES if b in found]

    def nats(name: str, head: str, w: str) -> Value:
        return of_seeds(found[name]["nats"][head][w])

    def add(what: str, sign: int, pairs: Sequence[tuple[Value, Value]]) -> None:
        """Both sides' value and what it is held against; ``sign`` 1 where it is to be above, −1 below."""
        mine, theirs = ("; ".join(f"{v:.2f} ± {e:.2f}" for v, e in of) for of in zip(*pairs, strict=True))
        holds = all(min(a, b) > FAILED and sign * (a - b) > 2 * math.hypot(e, f) for (a, e), (b, f) in pairs)
        out.append((f"Table 1: {what}, sides 1; 2", f"{'>' if sign > 0 else '<'} {theirs}", mine, holds))

    for name in ("factorcl_ssl", "factorcl_sup", "clean_ssl"):
        if name not in found or not there:
            continue
        unique, leaked, spilt, kept, total = [], [], [], [], []
        for side in "12":
            own = f"w{side}"
            held = {h: {w: nats(name, f"{h}{side}", w) for w in (own, "ws")} for h in ("shared", "unique")}
            theirs = {w: [nats(b, f"backbone{side}", w) for b in there] for w in (own, "ws")}
            unique.append((held["unique"][own], max(theirs[own])))
            leaked.append((held["unique"]["ws"], min(theirs["ws"])))
            spilt.append((held["shared"][own], min(theirs[own])))
            kept.append((held["shared"]["ws"], held["unique"]["ws"]))
            best = [max(held[h][w] for h in held) for w in (own, "ws")]
            total.append((_sum(*best), max(_sum(a, b) for a, b in zip(theirs[own], theirs["ws"], strict=True))))
        add(f"{name}, I(unique; w_i) against baselines", 1, unique)
        add(f"{name}, I(unique; ws) against baselines", -1, leaked)
        add(f"{name}, I(shared; w_i) against baselines", -1, spilt)
        add(f"{name}, I(shared; ws) against unique", 1, kept)
        add(f"{name}, w_i and ws, best head of each, against baselines", 1, total)
    return out


def _sum(a: Value, b: Value) -> Value:
    return a[0] + b[0], math.hypot(a[1], b[1])
