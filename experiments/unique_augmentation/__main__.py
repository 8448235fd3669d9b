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

from experiments.command import command
from experiments.full_shapes import compile_in_haste
from experiments.representation import learned
from experiments.results import Claim, check_names, finish, kept_part, matrix, opened, spread
from experiments.unique_augmentation.data import CHANNELS, STEPS, WHERE, augmentation, ceiling, draw
from pidjax import data, encoders, train
from pidjax._checks import InputError
from pidjax.evaluate import Fold, vector_information
from pidjax.objectives import method as built
from pidjax.typing import Encoder

METHODS = {"vicreg": "noise", "barlow": "noise", "masked": "mask"}
"""And the kind of augmentation that each is trained with."""
FACTORS = ("w1", "ws")


@dataclasses.dataclass(frozen=True)
class Config:
    """Of data, training and probes.

    Attributes
    ----------
    train_rows, test_rows : int
    widths : tuple of int
        Of the heads: as many as one factor has coordinates, or room for more than both.
    hidden : int
        Of the encoders' two layers.
    batch, steps, learning_rate
        Of Adam.
    probe_steps : int
    seeds : int
        Trained side by side; two or more, for standard errors.
    """

    train_rows: int = 8000
    test_rows: int = 4000
    widths: tuple[int, ...] = (6, 24)
    hidden: int = 64
    batch: int = 128
    steps: int = 1500
    learning_rate: float = 1e-3
    probe_steps: int = 300
    seeds: int = 5

    def __post_init__(self):
        if self.seeds < 2:
            raise InputError(f"standard errors are over seeds: take two or more; found {self.seeds}.")


PRESETS = {
    "full": Config(),
    "smoke": Config(train_rows=64, test_rows=240, widths=(6,), hidden=8, batch=32, steps=2, probe_steps=10, seeds=2),
}


def main(
    preset: Literal["full", "smoke"] = "full",
    out: Path = Path("runs/unique_augmentation"),
    method: tuple[str, ...] = tuple(METHODS),
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Train, read, and print what the paper expects beside what came out.

    Args:
        preset: Five seeds, or seconds.
        out: Folder of the results; what it holds is not made again.
        method: Of vicreg, barlow, masked.
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    check_names(method, METHODS)
    started, chosen, out = time.time(), config or PRESETS[preset], out / preset
    opened(out, chosen, resume=resume)
    if preset == "smoke":
        compile_in_haste()
    found: dict[str, dict[str, list[float]]] = {}
    for name in method:
        for width in chosen.widths:
            for where in WHERE:
                title = f"{name}, {width} wide, {where}"
                found[title] = kept_part(out, title, functools.partial(measured, name, width, where, chosen, title))
    rows = {title: [spread(of[w], 2) for w in FACTORS] for title, of in found.items()}
    rows["all of X1 (exact)"] = [f"{ceiling():.2f}"] * 2
    what = "I(unique1; w) in nats, held-out lower bounds; standard errors over seeds\n\n"
    table = what + matrix("representation", [f"I(unique1; {w})" for w in FACTORS], rows)
    figure(found, out / "unique.png")
    finish(out, started, [table], claims(method, chosen, found, judged=preset != "smoke"), {"nats": found})


def measured(name: str, width: int, where: str, config: Config, title: str, folder: Path) -> dict[str, list[float]]:
    """Nats of w1 and ws in ``unique1``, by seed."""
    net = _flat(encoders.mlp(STEPS * CHANNELS, config.hidden, config.hidden, activation="relu", init="torch"))
    objective = built(name, [net] * 2, augment=augmentation(METHODS[name], where), width=width).objective
    drawn = [draw(config.train_rows + config.test_rows, seed) for seed in range(config.seeds)]
    sources = [
        data.array_batches(jax.random.key(seed), {x: rows[x][: config.train_rows] for x in ("x1", "x2")}, config.batch)
        for seed, rows in enumerate(drawn)
    ]
    encode = learned(
        train.over_seeds(objective, config.seeds),
        train.side_by_side(sources),
        config.steps,
        optax.adam(config.learning_rate),
        seed=0,
        folder=folder,
        title=title,
    ).encode
    held = [{k: v[config.train_rows :] for k, v in rows.items()} for rows in drawn]
    z = encode({x: np.stack([rows[x] for rows in held], 1) for x in ("x1", "x2")})["unique1"]
    cut = 2 * config.test_rows // 3
    fold = Fold(np.arange(cut), np.arange(cut, config.test_rows))
    return {
        w: [
            float(vector_information(jax.random.key(0), z[:, s], rows[w], [fold], steps=config.probe_steps)[0].mean())
            for s, rows in enumerate(held)
        ]
        for w in FACTORS
    }


def claims(methods: tuple[str, ...], config: Config, found: dict[str, Any], *, judged: bool) -> list[Claim]:
    """Augmentation that sees the other modality raises I(unique1; w1) over its twin, by 4 standard errors over seeds.

    The paper's, and for what is to be invariant its mirror image.
    """
    out = []
    for name in methods:
        for width in config.widths:
            for where in WHERE[1:] if METHODS[name] == "noise" else WHERE[1:2]:
                own, twin = (np.array(found[f"{name}, {width} wide, {w}"]["w1"]) for w in (where, "independent"))
                gain = own - twin
                error = float(gain.std(ddof=1) / len(gain) ** 0.5)
                out.append(
                    Claim(
                        f"{name}, {width} wide: I(unique1; w1), {where} less independent augmentation",
                        f"> 4 standard errors, {4 * error:.2f}",
                        f"{gain.mean():+.2f} ± {error:.2f}, {gain.mean() / error:+.1f} of them",
                        bool(gain.mean() > 4 * error) if judged else None,
                    )
                )
    return out


def figure(found: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Nats of both factors in every representation."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axis = plt.subplots(figsize=(7, 1.2 + 0.3 * len(found)), layout="constrained")
    for i, w in enumerate(FACTORS):
        values = np.array([of[w] for of in found.values()])
        error = values.std(1, ddof=1) / values.shape[1] ** 0.5
        axis.barh(np.arange(len(found)) + 0.35 * (i - 0.5), values.mean(1), 0.33, xerr=error, label=f"I(unique1; {w})")
    axis.axvline(ceiling(), color="k", lw=0.8, ls="--", label="in X1, exact")
    axis.set_yticks(range(len(found)), list(found), fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("nats, held-out lower bound")
    axis.legend(fontsize=8)
    fig.savefig(path, dpi=120)
    plt.close(fig)


def _flat(encoder: Encoder) -> Encoder:
    """``encoder`` of sequences as one vector each."""

    def apply(params, state, x, key=None, *, train: bool = False, mask=None):
        return encoder.apply(params, state, x.reshape(len(x), -1), key, train=train)

    return Encoder(encoder.init, apply)


if __name__ == "__main__":
    with jax.default_matmul_precision("highest"):
        command(main)
