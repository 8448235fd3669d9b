"""What is made piece by piece and kept: methods, trained and read, and rows to see their accuracy against."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.results import kept_part, seconds
from experiments.synthetic_factors.config import Config
from experiments.synthetic_factors.data import Data, labels
from experiments.synthetic_factors.measure import accuracy, given_the_other, held
from experiments.synthetic_factors.training import representations
from pidjax.objectives import METHODS

Found = dict[str, Any]
"""``accuracy`` {ratio: by seed}, ``seconds``, and of methods ``nats`` {head: {factor: (nats, error) by seed}} and
``excess`` {side: (nats, error) by seed}."""


def references(out: Path, config: Config, drawn: list[Data]) -> dict[str, Found]:
    """Accuracy of X itself, and of the encoders as they begin."""

    def raw(folder: Path) -> list[np.ndarray]:
        return [_beside(d.test, ("x1", "x2")) for d in drawn]

    def untrained(folder: Path) -> list[np.ndarray]:
        encoded = representations("simclr", config, drawn, None, folder=folder, title="untrained", trained=False)
        return [_beside(z, METHODS["simclr"].heads) for z in encoded]

    found = {}
    for name, vectors in {"raw": raw, "untrained": untrained}.items():

        def compute(folder: Path, vectors: Callable[[Path], list[np.ndarray]] = vectors) -> Found:
            return {"accuracy": _accuracies(vectors(folder), config, drawn, config.ratios)}

        found[name] = kept_part(out, name, compute) | {"seconds": seconds(out, name)}
    return found


def measured(
    out: Path,
    name: str,
    config: Config,
    drawn: list[Data],
    engine: str,
    *,
    prefix: str = "",
    whole: bool = True,
) -> Found:
    """Accuracy at every ratio, nats of every factor in every head; a supervised method is trained once a ratio.

    Not ``whole``: of side 1 alone, without what the other side lacks.
    """
    once = not METHODS[name].supervised
    found: Found = {"accuracy": {}, "seconds": 0.0}
    for ratios in [config.ratios] if once else [(ratio,) for ratio in config.ratios]:
        title = prefix + (name if once else f"{name}, {ratios[0]:g} unique")
        compute = functools.partial(_trained, name, config, drawn, engine, ratios, title, whole)
        part = kept_part(out, title, compute)
        found["accuracy"].update(part["accuracy"])
        found["seconds"] += seconds(out, title)
        found |= {what: part[what] for what in ("nats", "excess") if what in part}
    return found


def _trained(
    name: str,
    config: Config,
    drawn: list[Data],
    engine: str,
    ratios: tuple[float, ...],
    title: str,
    whole: bool,
    folder: Path,
) -> Found:
    heads, once = METHODS[name].heads, not METHODS[name].supervised
    y = None if once else [labels(config, d.train, ratios[0]) for d in drawn]
    encoded = representations(name, config, drawn, y, folder=folder, engine=engine, title=title)
    found: Found = {"accuracy": _accuracies([_beside(z, heads) for z in encoded], config, drawn, ratios)}
    if once or ratios[0] == middle(config):
        factors = [{w: d.test[w] for w in (("w1", "w2", "ws") if whole else ("w1", "ws"))} for d in drawn]
        found["nats"] = {
            head: _by_factor([held(z[head], f, config.probe_steps) for z, f in zip(encoded, factors, strict=True)])
            for head in heads
            if whole or head.endswith("1")
        }
    if whole and 0 in ratios and config.label == "sum" and not config.whole_label:
        shared = [labels(config, d.test, 0.0) for d in drawn]
        found["excess"] = {
            side: [
                given_the_other(_beside(z, [h for h in heads if h.endswith(side)]), d.test[other], y)
                for z, d, y in zip(encoded, drawn, shared, strict=True)
            ]
            for side, other in (("1", "x2"), ("2", "x1"))
        }
    return found


def middle(config: Config) -> float:
    """The ratio whose labels train what Table 1 shows of supervised methods."""
    return config.ratios[len(config.ratios) // 2]


def _beside(of: dict[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    return np.hstack([of[name] for name in names])


def _accuracies(
    z: list[np.ndarray], config: Config, drawn: list[Data], ratios: Sequence[float]
) -> dict[str, list[float]]:
    return {
        str(ratio): [accuracy(v, labels(config, d.test, ratio)) for v, d in zip(z, drawn, strict=True)]
        for ratio in ratios
    }


def _by_factor(seeds: list[dict[str, tuple[float, float]]]) -> dict[str, list[tuple[float, float]]]:
    return {w: [found[w] for found in seeds] for w in seeds[0]}
