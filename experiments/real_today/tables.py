"""Scores beside those of raw features, steps, the labels' PID, the figure, and claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from experiments.figures import Score, score_panels
from experiments.results import Claim, matrix

GOALS = {"mosi": 0.767, "physionet": 0.846}


def best(by: dict[str, Any], method: tuple[str, ...]) -> str:
    """The method of the highest mean score on validation rows; of equals that of the fewest steps."""
    return max(method, key=lambda name: (float(np.mean(by[name]["validation"])), -by[name]["step"]))


def scores_table(found: dict[str, dict[str, Any]], method: tuple[str, ...]) -> str:
    """Test scores (%), mean and standard deviation over seeds; the method that validation chose in bold."""
    rows: dict[str, list[str]] = {}
    for name in method:
        rows[name] = []
        for by in found.values():
            test = 100 * np.array(by[name]["test"])
            text = f"{test.mean():.1f}" + (f" ± {test.std(ddof=1):.1f}" if len(test) > 1 else "")
            rows[name].append(f"**{text}**" if name == best(by, method) else text)
    for by in found.values():
        for view in by["raw"]:
            rows.setdefault(f"raw, {view}", [])
    for of, cells in rows.items():
        if of.startswith("raw, "):
            for by in found.values():
                one = by["raw"].get(of.removeprefix("raw, "))
                cells.append("–" if one is None else f"{100 * one['test']:.1f} ({100 * one['test_se']:.1f})")
    title = (
        "Test score (%), AUC of physionet, accuracy of the others: mean ± SD over seeds; of raw features with the "
        "standard error of the test rows in brackets\n\n"
    )
    return title + matrix("probe of", list(found), rows)


def steps_table(found: dict[str, dict[str, Any]], method: tuple[str, ...]) -> str:
    """After how many steps the representations of the other table are."""
    rows = {name: [str(by[name]["step"]) for by in found.values()] for name in method}
    return "Steps of training, chosen on validation rows\n\n" + matrix("method", list(found), rows)


def pid_table(found: dict[str, dict[str, Any]]) -> str:
    """R, U1, U2 and S of the labels."""
    rows = {}
    for name, by in found.items():
        if "why" in by["pid"]:
            rows[name] = [by["pid"]["why"], "", "", ""]
        else:
            rows[name] = [f"{a:.3f} ± {e:.3f}" for a, e in zip(by["pid"]["atoms"], by["pid"]["errors"], strict=True)]
    return "PID of the label in the raw features of both sides, nats\n\n" + matrix("set", ["R", "U1", "U2", "S"], rows)


def figure(found: dict[str, dict[str, Any]], method: tuple[str, ...], path: Path) -> None:
    """Test scores of all methods, the raw probe a line."""
    panels, lines = {}, {}
    for name, by in found.items():
        tests = {one: 100 * np.array(by[one]["test"]) for one in method}
        panels[name] = {one: Score(x.mean(), x.std(ddof=1) if len(x) > 1 else 0.0) for one, x in tests.items()}
        lines[name] = 100 * by["raw"]["all"]["test"], 100 * by["raw"]["all"]["test_se"]
    score_panels(
        panels, "test score (%)", here="mean ± SD over seeds", lines=lines, line="all raw features ± SE"
    ).savefig(path, dpi=120)


def claims(found: dict[str, dict[str, Any]], method: tuple[str, ...], *, judged: bool) -> list[Claim]:
    """The method that validation chose against the raw probe."""
    out, above = [], 0
    for name, by in found.items():
        line, one = by["raw"]["all"], best(by, method)
        score, said = float(np.mean(by[one]["test"])), f"{one} after {by[one]['step']} steps, chosen on validation"
        above += score > line["test"]
        least = line["test"] - line["test_se"]
        holds = bool(score >= least) if judged else None
        out.append(Claim(f"{name}: {said}", f">= {100 * least:.1f}", f"{100 * score:.1f}", holds))
        goal = GOALS.get(name)
        if goal is not None:
            holds = bool(score >= goal) if judged else None
            out.append(Claim(f"{name}: the same", f">= {100 * goal:.1f}", f"{100 * score:.1f}", holds))
    out.append(Claim("sets on which it is above all raw features", ">= 2", str(above), above >= 2 if judged else None))
    return out
