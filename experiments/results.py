"""What an experiment leaves behind: expected beside obtained, tables, ``result.json``."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.store import write


@dataclasses.dataclass(frozen=True)
class Claim:
    """One line of the table of claims: what was published or asked for, what came out, and whether it holds."""

    name: str
    expected: str
    obtained: str
    holds: bool | None
    """None where there is nothing to hold against, as in a smoke run."""


def claims_table(claims: Sequence[Claim]) -> str:
    """Markdown, expected beside obtained."""
    lines = ["| claim | expected | obtained | holds |", "|---|---|---|---|"]
    said = {True: "yes", False: "**no**", None: "–"}
    lines += [f"| {c.name} | {c.expected} | {c.obtained} | {said[c.holds]} |" for c in claims]
    return "\n".join(lines) + "\n"


def matrix(corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Markdown table of cells that are text already."""
    lines = [f"| {corner} | " + " | ".join(columns) + " |", "|" + "---|" * (len(columns) + 1)]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
    return "\n".join(lines) + "\n"


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean ± standard error over seeds; the value alone of one seed."""
    n = len(values)
    mean = sum(values) / n
    if n == 1:
        return f"{mean:.{digits}f}"
    error = (sum((v - mean) ** 2 for v in values) / (n - 1) / n) ** 0.5
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


def finish(out: Path, started: float, tables: Sequence[str], claims: Sequence[Claim], result: dict[str, Any]) -> None:
    """Write and print everything."""
    summary = {"minutes": (time.time() - started) / 60, "claims": [dataclasses.asdict(c) for c in claims], **result}
    write(out, "\n".join([*tables, claims_table(claims)]), summary)
