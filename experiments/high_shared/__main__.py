"""The command; see the package."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Literal

import jax
import numpy as np

from experiments.command import command
from experiments.figures import score_of, score_panels
from experiments.full_shapes import compile_in_haste, two_steps
from experiments.high_shared.config import FEW, METHODS, PRESETS, PUBLISHED, Config
from experiments.high_shared.methods import full
from experiments.high_shared.methods import method as built
from experiments.high_shared.pictures import Part, load_pictures, write_pictures
from experiments.representation import learned, optimiser, probed
from experiments.results import Claim, check_names, finish, gap, kept_part, matrix, of_seeds, opened, spread
from pidjax._checks import one_of
from pidjax.data import array_batches
from pidjax.objectives import Method

SCORES = ("accuracy", "balanced_accuracy")
CAVEATS = """Of Table 8 scores are published, and that CIFAR-10 was trained on for 300 epochs: encoders, augmentations
and MNIST's epochs here are the usual ones, so compare the rows with one another. Each view has an encoder of its own,
and a probe sees both.
"""
Scores = dict[str, dict[str, list[dict[str, float]]]]
"""By set and method: the scores of every seed."""


def main(
    preset: Literal["full", "smoke"] = "full",
    data: Path = Path("../data"),
    out: Path = Path("runs/high_shared"),
    sets: tuple[str, ...] = tuple(PUBLISHED),
    method: tuple[str, ...] = (),
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Train every method on two views of each picture, probe it, and print it beside what was published.

    Args:
        preset: ResNet-18, 300 epochs of CIFAR-10 and 100 of MNIST, or two steps on files that are written first.
        data: Folder of cifar-10-batches-bin and of MNIST's files; smoke writes its own.
        out: Folder of the results; what it holds is not made again.
        sets: Of cifar10, mnist.
        method: Of simclr, supcon, factorcl_sup; all by default, of smoke one.
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    method = method or (FEW if preset == "smoke" else METHODS)
    check_names(method, METHODS)
    for name in sets:
        one_of("sets", name, tuple(PUBLISHED))
    started, chosen, out = time.time(), config or PRESETS[preset], out / preset
    opened(out, chosen, data, resume=resume)
    if preset == "smoke":
        compile_in_haste()
        data = write_pictures(out / "written")
        kept_part(out, "full size", lambda _: two_steps(full()))
    pictures = {name: load_pictures(data, name) for name in sets}
    found: Scores = {}
    for name, parts in pictures.items():
        for one in method:
            made = built(one, name, parts["train"][0].shape[1], chosen)
            compute = functools.partial(measured, one, made, parts, chosen.epochs[name], chosen)
            found.setdefault(name, {}).update(of_seeds(out, f"{name}, {one}", chosen.seeds, compute))
    figure(found, out / "accuracy.png")
    tables = [*(table(name, of) for name, of in found.items()), CAVEATS]
    finish(out, started, tables, claims(found, judged=preset != "smoke"), {"sets": found})


def measured(
    name: str,
    made: Method,
    parts: dict[str, Part],
    epochs: int,
    config: Config,
    seed: int,
    title: str,
    folder: Path,
) -> dict[str, dict[str, float]]:
    """Scores of what a probe sees of the pictures themselves."""
    x, y = parts["train"]
    batches = array_batches(jax.random.key(seed), {"x1": x, "x2": x, "y": y}, config.batch)
    steps = config.steps or epochs * (len(y) // config.batch)
    tx = optimiser(config.learning_rate, config.weight_decay)
    encode = learned(made.objective, batches, steps, tx, seed=seed, folder=folder, title=title).encode
    return probed(encode, [({"x1": x, "x2": x}, y) for x, y in parts.values()], {name: made.heads})


def table(name: str, found: dict[str, list[dict[str, float]]]) -> str:
    """Scores on test pictures, mean and standard error over seeds, and what was published."""
    rows = {
        one: [*(spread([100 * s[key] for s in seeds], 2) for key in SCORES), PUBLISHED[name][one]]
        for one, seeds in found.items()
    }
    count = int(next(iter(found.values()))[0]["n"])
    title = f"{name}: linear probe of ten classes, %, on {count} test pictures\n\n"
    return title + matrix("method", [*SCORES, "published accuracy"], rows)


def figure(found: Scores, path: Path) -> None:
    """Accuracies beside the published, a panel a set."""
    panels = {
        name: {one: score_of(seeds, "accuracy", PUBLISHED[name][one]) for one, seeds in of.items()}
        for name, of in found.items()
    }
    score_panels(panels, "accuracy (%)").savefig(path, dpi=120)


def claims(found: Scores, *, judged: bool) -> list[Claim]:
    """Where nearly all is shared FactorCL-SUP loses little against SupCon, and labels help."""
    out = []
    for name, of in found.items():
        for better, worse, less in (("factorcl_sup", "supcon", 2.0), ("factorcl_sup", "simclr", 0.0)):
            if better in of and worse in of:
                accuracy = [[100 * s["accuracy"] for s in of[k]] for k in (better, worse)]
                more, error = gap(*accuracy)
                one, other = map(float, map(np.mean, accuracy))
                expected = f"{PUBLISHED[name][better]} and {PUBLISHED[name][worse]}"
                claim = f"{name}: accuracy of {better} above {worse}" + (f" less {less:.0f}" if less else "")
                holds = more > 2 * error - less if judged else None
                out.append(Claim(claim, expected, f"{one:.1f} and {other:.1f}", holds))
    return out


if __name__ == "__main__":
    command(main)
