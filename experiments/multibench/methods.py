"""Encoders, augmentations and objectives."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.full_shapes import Full
from experiments.multibench.config import OF_COMM, PRESETS, SETS, Config
from experiments.multibench.grid import DEFAULT
from experiments.representation import optimiser
from pidjax import encoders, objectives
from pidjax.data import RELEASED_SEQUENCES, apart, compose, in_turn, together
from pidjax.data.augment_compose import SampleAugmentation
from pidjax.typing import Encoder, Objective

WIDTH = 40
"""Of the tokens of words and frames."""
TABLE, SERIES = 10, 30
"""Of MIMIC: widths of its table's layers, and of the recurrent one."""
NOISE = ("gaussian_noise", {"sd": 0.1, "chance": 0.5})
DROP = ("drop", {"most": 0.8, "chance": 0.5})
CROP = ("crop", {"least": 0.08, "chance": 0.5})
STEPS = {"noise": NOISE, "drop": DROP, "crop": CROP}
NOT_CLINICAL = (True, False, False, False, True)
"""Of MIMIC's table: age and the kind of admission; the three diagnoses between them are clinical."""
Load = Callable[[], dict[str, dict[str, Any]]]
"""Gives a set's parts when called."""


@functools.lru_cache(maxsize=4)
def objective(
    method: str, name: str, config: Config, load: Load, augments: str = DEFAULT, *, released: bool = False
) -> Objective:
    """The method on the set that ``load`` gives, one for all its seeds."""
    of_comm = method in OF_COMM
    nets = tokens(name, config) if of_comm else vectors(name, config, alike=method in ("simclr", "supcon"))
    settings = {"augment": augmentation(name, augments)} if of_comm else of_factorcl(name, load, released=released)
    if method == "comm":
        width = config.series if name == "mimic" else WIDTH
        settings |= {"fusion": encoders.fusion_transformer(len(nets), width), "head": config.head}
    elif of_comm:
        nets = [encoders.pooled(net) for net in nets]
        settings |= {"width": WIDTH if method == "clip" else 13}
    return objectives.method(method, nets, classes=2, **settings).objective


def full() -> Full:
    """SimCLR of the full preset on MOSI: both transformers, and the quickest of the losses on them to compile."""
    method, name = "simclr", "mosi"
    shapes, setting = SETS[name].shapes, PRESETS["full"].setting(name, method)
    row: dict[str, Any] = {f"x{i}": (shape, np.float32) for i, shape in enumerate(shapes, 1)} | {"y": ((), np.int32)}
    row |= {f"mask{i}": (shape[:1], bool) for i, shape in enumerate(shapes, 1)}
    made = objective(method, name, PRESETS["full"], dict)  # no row of the set is looked at
    return Full(made, optimiser(setting.learning_rate, setting.weight_decay), row)


def augmentation(name: str, augments: str = DEFAULT) -> SampleAugmentation:
    """CoMM's, of the grid: both modalities lose the same steps first, then each what it loses for itself."""
    parts = augments.split("+")
    both = [STEPS[one.removeprefix("multi_")] for one in parts if one not in STEPS]
    each = [STEPS[one] for one in parts if one in STEPS]
    found = [together(compose(both))] if both else []
    if each:
        tables = [len(shape) == 1 for shape in SETS[name].shapes]
        found.append(apart(*(compose([NOISE] if is_table else each) for is_table in tables)))
    return in_turn(*found)


def of_factorcl(name: str, load: Load, *, released: bool = False) -> dict[str, SampleAugmentation]:
    """``augment`` and ``unique_augment`` of FactorCL's Table 5; as released one of four (of a table, noise or nothing).

    Words are hidden, and frames are noisy: all of them, or those without words. Signals are warped in time, and numbers
    of the table are those of another admission: any of them, or those that are not clinical.
    """
    if released:
        table = compose((("gaussian_noise", {"sd": 0.1}), "identity"), "one_of")
        sequence = compose(RELEASED_SEQUENCES, "one_of")
        return {"augment": apart(*(table if len(shape) == 1 else sequence for shape in SETS[name].shapes))}
    if name == "mimic":
        other = load()["train"]["x1"]
        first = [("cut_mix", {"other": other}), ("cut_mix", {"other": other, "allowed": NOT_CLINICAL})]
        second: Any = "time_warp"
    else:
        first = [(noise, {"sd": 0.1}) for noise in ("gaussian_noise", "noise_where_silent")]
        second = ("zero", {"share": 0.15})
    any_, unique = (apart(compose((one,)), compose((second,))) for one in first)
    return {"augment": any_, "unique_augment": unique}


def vectors(name: str, config: Config, *, alike: bool = False) -> list[Encoder]:
    """FactorCL's: transformers read at the last word; a perceptron, 10 wide, and a recurrent layer seen whole, 15 wide.

    Both are 15 wide where they are ``alike``, since vectors are compared as they are.
    """
    if name == "mimic":
        (features,), (steps, signals) = SETS[name].shapes
        series = encoders.recurrent(((steps, signals),), width=SERIES, cell="gru", positions="none")
        return [
            encoders.mlp(features, TABLE, SERIES // 2 if alike else TABLE, activation="relu"),
            encoders.chain(_flat(series), encoders.linear(steps * SERIES, SERIES // 2)),
        ]
    return [encoders.pooled(net, "last") for net in _transformers(name, config, norm="post")]


def tokens(name: str, config: Config) -> list[Encoder]:
    """CoMM's: transformers with positions, which the published ones lack; a token a number of the table, a GRU."""
    if name == "mimic":
        (features,), series = SETS[name].shapes
        table = encoders.mlp(features, TABLE, TABLE, activation="relu")
        return [
            encoders.chain(table, encoders.feature_tokens(TABLE, config.series)),
            encoders.recurrent((series,), width=config.series, cell="gru", positions="none"),
        ]
    return _transformers(name, config, norm="pre", positions="sincos")


def _transformers(name: str, config: Config, **changes: Any) -> list[Encoder]:
    settings = encoders.MULTIBENCH | changes
    settings |= {"depth": config.depth, "feedforward": config.feedforward, "dropout": config.dropout}
    return [encoders.transformer((shape,), width=WIDTH, **settings) for shape in SETS[name].shapes]  # type: ignore[arg-type]


def _flat(encoder: Encoder) -> Encoder:
    """Its tokens one behind the other, [n, t width]."""

    def apply(params, state, x, key=None, *, train: bool = False, mask=None):
        z, state = encoder.apply(params, state, x, key, train=train, mask=mask)
        return z.reshape(len(z), -1), state

    return Encoder(encoder.init, apply)
