"""The command; see the package."""

from __future__ import annotations

import dataclasses
import functools
import time
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import optax

from benchmarks.store import kept
from experiments.command import command
from experiments.full_shapes import compile_in_haste
from experiments.real_today.files import place_of, write_motions
from experiments.real_today.sets import PARTS, SETS, Recordings
from experiments.real_today.tables import claims, figure, pid_table, scores_table, steps_table
from experiments.representation import augmented, learned, with_progress
from experiments.results import check_names, finish, kept_part, opened
from pidjax import data as batches
from pidjax import encoders, train
from pidjax._checks import InputError
from pidjax.estimators import estimate_pid
from pidjax.evaluate import linear_probe
from pidjax.objectives import METHODS, Method
from pidjax.objectives import method as built
from pidjax.objectives.factorcl import PAPER

SELF_SUPERVISED = (
    "simclr",
    "clip",
    "cross_self",
    "cross_self_fact",
    "vicreg",
    "barlow",
    "masked",
    "ourcl_ssl",
    "factorcl_ssl",
    "clean_ssl",
    "comm",
    "infmasking",
)
SUPERVISED = ("supcon", "factorcl_sup", "supervised")
FEW = {"sets": ("motions",), "method": ("cross_self",)}
"""What the smoke preset takes by default, so that it ends in about a minute."""
TOKENS = 4
"""Of either side for InfMasking, as many vectors of the encoder's width."""
AUGMENT = batches.compose((("gaussian_noise", {"sd": 0.3}), ("zero", {"share": 0.2})))


@dataclasses.dataclass(frozen=True)
class Config:
    """Of training.

    Attributes
    ----------
    encoder : tuple of int
        Hidden widths and width of the output, of both sides.
    head : tuple of int
        Widths of the projection heads of Cross+Self and CoMM.
    critic : int
        Hidden width of FactorCL's critics.
    batch, learning_rate, weight_decay
        Of AdamW; a batch is no larger than the rows to train on.
    stages : tuple of int
        Steps after which a representation is probed, of which validation chooses; the last ends the training.
    seeds : int
        Trained side by side.
    pid_rows : int
        Rows that the label's PID is estimated from, at the most.
    """

    encoder: tuple[int, ...] = (128, 64)
    head: tuple[int, ...] = (256, 64)
    critic: int = 128
    batch: int = 128
    stages: tuple[int, ...] = (50, 100, 250, 500)
    learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    seeds: int = 5
    pid_rows: int = 3000

    def __post_init__(self) -> None:
        if not self.stages or self.stages[0] < 1 or list(self.stages) != sorted(set(self.stages)):
            raise InputError(f"stages must be numbers of steps, each larger than the one before; found {self.stages}.")


PRESETS = {
    "full": Config(),
    "smoke": Config(encoder=(8, 4), head=(8, 4), critic=8, batch=16, stages=(1, 2), seeds=2, pid_rows=200),
}


def main(
    preset: Literal["full", "smoke"] = "full",
    out: Path = Path("runs/real_today"),
    data: Path = Path("../shared/data"),
    sets: tuple[str, ...] = (),
    method: tuple[str, ...] = (),
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Train every method on every set, probe it, and print it beside the raw features.

    Args:
        preset: Five seeds, or seconds.
        out: Folder of the results; what it holds is not made again.
        data: Folder of the recordings; where there is none, smoke writes its own of motions.
        sets: Of mosi, physionet, digits, uci, motions; all by default, of smoke motions.
        method: Names of ``pidjax.objectives.METHODS``; fifteen by default, of smoke cross_self.
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    sets = sets or (FEW["sets"] if preset == "smoke" else tuple(SETS))
    method = method or (FEW["method"] if preset == "smoke" else (*SELF_SUPERVISED, *SUPERVISED))
    check_names(method, METHODS)
    check_names(sets, SETS)
    started, chosen, out = time.time(), config or PRESETS[preset], out / preset
    written = preset == "smoke" and sets == FEW["sets"] and place_of(data, "basic_motions") is None
    data = out / "written" if written else data
    opened(out, chosen, data, resume=resume)
    if preset == "smoke":
        compile_in_haste()
    if written:
        write_motions(data)
    found: dict[str, dict[str, Any]] = {}
    for name in sets:
        load = functools.cache(functools.partial(SETS[name], data))
        found[name] = {"raw": kept_part(out, f"{name}, raw", lambda _, load=load: raw(load()))}
        found[name]["pid"] = kept_part(out, f"{name}, pid", lambda _, load=load: atoms(load(), chosen.pid_rows))
        for one in method:
            compute = functools.partial(measured, one, load, chosen, f"{name}, {one}")
            found[name][one] = kept_part(out, f"{name}, {one}", compute)
    tables = [scores_table(found, method), steps_table(found, method), pid_table(found)]
    tables += ["Of noise in the format of the recordings, which are not there.\n"] if written else []
    figure(found, method, out / "scores.png")
    finish(out, started, tables, claims(found, method, judged=preset != "smoke"), {"sets": found})


def probed(x: np.ndarray, of: Recordings) -> dict[str, float]:
    """The set's score of a linear probe on validation and on test rows, with its error."""
    probe = linear_probe(*((x[of.rows[part]], of.y[of.rows[part]]) for part in PARTS), weighted=False)
    found: dict[str, float] = {}
    for name, scores in (("validation", probe.validation), ("test", probe.scores)):
        found |= {name: scores[of.score], f"{name}_se": scores[f"{of.score}_se"]}
    return found


def raw(of: Recordings) -> dict[str, dict[str, float]]:
    """Every modality alone, and all of them."""
    x = np.hstack([of.x1, of.x2])
    return {name: probed(x[:, columns], of) for name, columns in {**of.views, "all": slice(None)}.items()}


def atoms(of: Recordings, most: int) -> dict[str, Any]:
    """PID of the label in the raw features of both sides, nats; why not, where the rows are too few."""
    rows = np.random.default_rng(0).permutation(len(of.y))[:most]
    try:
        found = estimate_pid(jax.random.key(0), of.x1[rows], of.x2[rows], of.y[rows])
    except ValueError as error:
        return {"why": str(error)}
    return {"atoms": list(map(float, found.atoms)), "errors": list(map(float, found.std_error))}


def measured(name: str, load: Any, config: Config, title: str, folder: Path) -> dict[str, Any]:
    """Scores of a method's representation, one a seed, at the stage of the best mean on validation rows; the curve."""
    of: Recordings = load()
    train_rows = of.rows["train"]
    size = min(config.batch, len(train_rows))
    found = of_sizes(name, (of.x1.shape[1], of.x2.shape[1]), int(of.y.max()) + 1, config)
    arrays = {"x1": of.x1[train_rows], "x2": of.x2[train_rows], "y": of.y[train_rows]}
    sources = [
        with_progress(batches.array_batches(jax.random.key(seed), arrays, size), config.stages[-1])
        for seed in range(config.seeds)
    ]
    objective, rows = train.over_seeds(found.objective, config.seeds), train.side_by_side(sources)
    tx = optax.adamw(config.learning_rate, weight_decay=config.weight_decay)

    def probe(upto: int) -> dict[str, Any]:
        start = time.time()
        encode = learned(objective, rows, upto, tx, seed=7, folder=folder / "training", title=title).encode
        z = encode({name: np.stack([x] * config.seeds, 1) for name, x in (("x1", of.x1), ("x2", of.x2))})
        seconds = time.time() - start
        scores = [probed(np.hstack([z[head][:, k] for head in found.heads]), of) for k in range(config.seeds)]
        return {"step": upto, "seconds": seconds} | {key: [one[key] for one in scores] for key in scores[0]}

    curve = [kept(folder / f"probed-{upto}.json", functools.partial(probe, upto)) for upto in config.stages]
    chosen = max(curve, key=lambda stage: float(np.mean(stage["validation"])))
    return chosen | {"seconds": sum(stage["seconds"] for stage in curve), "curve": curve}


def of_sizes(name: str, sizes: tuple[int, int], classes: int, config: Config) -> Method:
    """The method of this name, for sides of these sizes; those of labels are augmented too."""
    *hidden, width = config.encoder
    # a masking that hides seven tokens of ten needs some to hide
    tokens = TOKENS if name == "infmasking" else 1
    nets = [encoders.mlp(size, *hidden, tokens * width, activation="relu") for size in sizes]
    settings: dict[str, Any] = {}
    if METHODS[name].heads == ("joint",):
        nets = [encoders.chain(net, encoders.vector_tokens(tokens)) for net in nets]
        masked = name != "comm"
        settings = {"fusion": encoders.fusion_transformer(2, width, heads=4, mask_tokens=masked)}
    if METHODS[name].heads == ("joint",) or name.startswith("cross_self"):
        settings["head"] = config.head
    critics = dataclasses.replace(PAPER, critic_hidden=(config.critic,))
    augment = batches.apart(AUGMENT, AUGMENT)
    made = built(name, nets, augment=augment, classes=classes, config=critics, **settings)
    return made._replace(objective=augmented(made.objective, augment)) if METHODS[name].supervised else made


if __name__ == "__main__":
    command(main)
