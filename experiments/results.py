"""What an experiment leaves behind: parts that are kept, expected beside obtained, tables, ``result.json``."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import shutil
import statistics
import time
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.store import kept, write
from pidjax._checks import InputError


@dataclasses.dataclass(frozen=True)
class Claim:
    """One line of the table of claims: what was published or asked for, what came out, and whether it holds."""

    name: str
    expected: str
    obtained: str
    holds: bool | None
    """None where there is nothing to hold against, as in a smoke run."""


def folder_of(out: Path, preset: str, released: bool) -> Path:
    """Where results of a preset are: those with the leaks of released code apart from those without."""
    return out / (f"{preset}_released" if released else preset)


def opened(out: Path, config: Any, *sources: Path | None, resume: bool) -> None:
    """A folder for results of these settings, a frozen dataclass, and of these files; emptied unless ``resume``.

    Raises
    ------
    InputError
        It holds results of other settings or files.
    """
    if not resume:
        for name in ("parts", "checkpoints"):
            shutil.rmtree(out / name, ignore_errors=True)
    settings, path = json.loads(json.dumps(dataclasses.asdict(config))), out / "settings.json"
    if sources:
        settings["sources"] = [None if source is None else str(source.resolve()) for source in sources]
    begun = (out / "parts").exists() or (out / "checkpoints").exists()
    if begun and path.exists() and json.loads(path.read_text()) != settings:
        raise InputError(
            f"{out} holds results of other settings or files: give another --out, or --no-resume to lose them."
        )
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=1))


def kept_part(out: Path, title: str, compute: Callable[[Path], Any]) -> Any:
    """What ``compute(folder of checkpoints)`` returned, now or earlier; the folder goes when the part is written.

    When each call of ``compute`` began and how long it took are kept beside it, of those that were interrupted too (not
    of those that were killed).
    """
    folder = out / "checkpoints" / _slug(title)

    def timed() -> Any:
        began = time.time()
        try:
            return compute(folder)
        finally:
            path = _calls(out, title)
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps([*_read(path), [began, time.time() - began]]))
            partial.replace(path)

    found = kept(out / "parts" / f"{_slug(title)}.json", timed)
    shutil.rmtree(folder, ignore_errors=True)
    return found


def seconds(out: Path, title: str) -> float:
    """What a kept part took, all calls that worked on it together."""
    return sum(took for _, took in _read(_calls(out, title)))


def minutes(out: Path, started: float) -> float | None:
    """What all kept parts took, whenever they were made, and the rest of the call that ``started`` (Unix time).

    None where a part is older than the keeping of times.
    """
    paths = [path.with_suffix(".calls") for path in (out / "parts").glob("*.json")]
    if not all(path.exists() for path in paths):
        return None
    earlier = sum(took for path in paths for began, took in _read(path) if began < started)
    return (earlier + time.time() - started) / 60


def _slug(title: str) -> str:
    return title.replace(", ", "-").replace(" ", "-")


def _calls(out: Path, title: str) -> Path:
    return out / "parts" / f"{_slug(title)}.calls"


def _read(path: Path) -> list[tuple[float, float]]:
    return json.loads(path.read_text()) if path.exists() else []


def of_seeds(
    out: Path, title: str, seeds: int, compute: Callable[[int, str, Path], Mapping[str, dict[str, float]]]
) -> dict[str, list[dict[str, float]]]:
    """By row of a table what ``compute(seed, title, folder of checkpoints)`` gave for every seed, kept by seed."""
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(seeds):
        of = f"{title}, seed {seed}"
        for row, scores in kept_part(out, of, functools.partial(compute, seed, of)).items():
            found.setdefault(row, []).append(scores)
    return found


def check_names(names: Sequence[str], known: Container[str]) -> None:
    """Refuse a method that there is not."""
    for name in names:
        if name not in known:
            raise InputError(f"there is no method {name!r}: choose among {', '.join(known)}.")  # type: ignore[arg-type]


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


def mean_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and its standard error over seeds; 0 of one seed."""
    error = (statistics.variance(values) / len(values)) ** 0.5 if len(values) > 1 else 0.0
    return statistics.fmean(values), error


def gap(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Mean of ``a`` less that of ``b``, and its standard error over seeds; 0 of one seed."""
    (one, error), (other, its) = mean_error(a), mean_error(b)
    return one - other, math.hypot(error, its)


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean ± standard error over seeds; the value alone of one seed."""
    mean, error = mean_error(values)
    return f"{mean:.{digits}f}" + (f" ± {error:.{digits}f}" if len(values) > 1 else "")


def finish(out: Path, started: float, tables: Sequence[str], claims: Sequence[Claim], result: dict[str, Any]) -> None:
    """Write and print everything, and the minutes of all calls that made what ``out`` holds."""
    took = minutes(out, started)
    said = "Minutes are not known: parts are older than their times." if took is None else f"{took:.1f} minutes."
    summary = {"minutes": took, "claims": [dataclasses.asdict(c) for c in claims], **result}
    write(out, "\n".join([*tables, claims_table(claims), said + "\n"]), summary)
