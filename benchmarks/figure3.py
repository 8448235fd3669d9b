"""Figure 3 of FactorCL (Liang et al. 2023): InfoNCE, CLUB and NCE-CLUB on Gaussians of known information.

    python -m benchmarks.figure3                  # 4000 steps a level, as published; half an hour on 2 cores
    python -m benchmarks.figure3 --preset small   # 1000 steps a level, one seed
    python -m benchmarks.figure3 --preset smoke   # a minute

d in {20, 50, 100, 200}, I in {2, 4, 6, 8, 10}. *Published*: one model goes through the five levels, a fresh batch
of 64 a step, read on the batch before it is fitted; Adam 5e-3. *Fair*: 4000 samples a level, fitted and read on
different rows (cross-fitting), batch 64, one fit a level. Beside the information stands what each estimator is exact
for: InfoNCE of the ideal critic in a line-up as long, and the Jeffreys divergence d (exp(2 I / d) − 1), which is
what CLUB and NCE-CLUB estimate where their critics are right.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from tqdm import tqdm

from benchmarks.store import kept, write
from pidjax import bounds, critics
from pidjax.data.synthetic import gaussian_with_mi
from pidjax.estimators.learned import learned_readings
from pidjax.typing import Array, Critic


class Variant(NamedTuple):
    """A critic, the bound it maximises, and the bounds read off it by name."""

    critic: Callable[[], Critic]
    objective: Callable[..., Array]
    read: dict[str, Callable[..., Array]]
    published: bool = False


CONTRASTIVE = {"InfoNCE": bounds.infonce, "NCE-CLUB": functools.partial(bounds.nce_club, all_pairs=True)}
LIKELIHOOD = {"CLUB": bounds.club}
VARIANTS = {
    "concat 512, Softplus": Variant(
        lambda: critics.concat((512,), output="softplus"), bounds.infonce, CONTRASTIVE, published=True
    ),
    "concat 512, linear": Variant(lambda: critics.concat((512,)), bounds.infonce, CONTRASTIVE),
    "separable 256": Variant(critics.separable, bounds.infonce, CONTRASTIVE),
    "q network 256": Variant(
        lambda: critics.gaussian((256,), log_variance="network"), bounds.plug_in, LIKELIHOOD, published=True
    ),
    "q network 7": Variant(lambda: critics.gaussian((7,), log_variance="network"), bounds.plug_in, LIKELIHOOD),
    "q affine": Variant(critics.gaussian, bounds.plug_in, LIKELIHOOD),
}
FAIR = [{"InfoNCE": "infonce", "NCE-CLUB": "nce_club"}, {"CLUB": "club"}]
"""Bounds that read one critic, by the names of their estimators."""


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sizes of a run; ``fit_steps`` and ``samples`` are those of the fair protocol."""

    d: tuple[int, ...] = (20, 50, 100, 200)
    levels: tuple[float, ...] = (2.0, 4.0, 6.0, 8.0, 10.0)
    steps: int = 4000
    fit_steps: int = 2000
    samples: int = 4000
    seeds: int = 5
    variants: tuple[str, ...] = tuple(VARIANTS)
    batch: int = 64


PRESETS = {
    "full": Preset(),
    "small": Preset(steps=1000, fit_steps=1000, seeds=1),
    "smoke": Preset(
        d=(5,),
        levels=(1.0, 2.0),
        steps=30,
        fit_steps=30,
        samples=400,
        seeds=1,
        variants=("concat 512, Softplus", "q affine"),
    ),
}


def staircase(variant: Variant, preset: Preset, d: int, seed: int) -> dict[str, Any]:
    """One model through the levels: of each bound the mean and deviation over the second half of a level's steps."""
    critic, optimiser = variant.critic(), optax.adam(5e-3)

    def draw(key: Array, r: Array) -> tuple[Array, Array]:
        of_x, of_y = jax.random.split(key)
        x = jax.random.normal(of_x, (preset.batch, d))
        return x, r * x + jnp.sqrt(1 - r**2) * jax.random.normal(of_y, x.shape)

    def loss(params, pairs):
        stats = critic.stats(params, *pairs)
        return -variant.objective(stats), {name: read(stats) for name, read in variant.read.items()}

    def step(carry, at):
        params, state = carry
        slope, found = jax.grad(loss, has_aux=True)(params, draw(*at))
        update, state = optimiser.update(slope, state)
        return (optax.apply_updates(params, update), state), found

    @jax.jit
    def run(key: Array) -> dict[str, Array]:
        r = jnp.sqrt(1 - jnp.exp(-2 * jnp.asarray(preset.levels) / d))
        for_init, for_steps = jax.random.split(key)
        params = critic.init(for_init, *draw(key, r[0]))
        keys = jax.random.split(for_steps, preset.steps * len(preset.levels))
        _, found = jax.lax.scan(step, (params, optimiser.init(params)), (keys, jnp.repeat(r, preset.steps)))
        return jax.tree.map(lambda v: v.reshape(len(preset.levels), -1)[:, preset.steps // 2 :], found)

    start = time.perf_counter()
    found = jax.tree.map(np.asarray, run(jax.random.key(seed)))
    seconds = time.perf_counter() - start
    return {
        name: {"mean": v.mean(1).tolist(), "sd": v.std(1).tolist(), "seconds": seconds} for name, v in found.items()
    }


def fair(names: dict[str, str], preset: Preset, d: int, seed: int) -> dict[str, Any]:
    """Held-out values of the estimators that read one critic, level by level, and their standard errors."""
    settings = {"methods": tuple(names.values()), "steps": preset.fit_steps, "batch": preset.batch}
    estimate, start, levels = jax.jit(functools.partial(learned_readings, **settings)), time.perf_counter(), []
    for mi in preset.levels:
        for_data, key = jax.random.split(jax.random.key(seed))
        levels.append(jax.device_get(estimate(key, *gaussian_with_mi(d, mi).sample(for_data, preset.samples))))
    seconds = time.perf_counter() - start
    return {
        bound: {
            "mean": [float(found[name].value) for found in levels],
            "sd": [float(found[name].std_error) for found in levels],
            "seconds": seconds,
        }
        for bound, name in names.items()
    }


def exact(preset: Preset, d: int) -> dict[str, Any]:
    """What each estimator is exact for: ideal critic, line-up of a batch and of a held-out fold; Jeffreys."""

    def ideal(mi: float, line_up: int, repeats: int) -> float:
        task = gaussian_with_mi(d, mi)
        assert task.log_ratio is not None

        @jax.jit
        def once(key: Array) -> Array:
            x, y = task.sample(key, line_up)
            every = jax.lax.map(lambda row: task.log_ratio(jnp.broadcast_to(row, x.shape), y), x)
            return bounds.infonce(bounds.score_stats(every))

        return float(np.mean([once(k) for k in jax.random.split(jax.random.key(0), repeats)]))

    return {
        "InfoNCE published": [ideal(mi, preset.batch, 20) for mi in preset.levels],
        "InfoNCE fair": [ideal(mi, preset.samples // 5, 2) for mi in preset.levels],
        "Jeffreys": [gaussian_with_mi(d, mi).jeffreys for mi in preset.levels],
    }


def target(truth: dict[str, Any], bound: str, protocol: str) -> list[float]:
    """What a bound is exact for; the published NCE-CLUB counts the positives among the 64 candidates of a mean."""
    if bound == "InfoNCE":
        return truth[f"InfoNCE {protocol}"]
    share = 1 - 1 / Preset.batch if bound == "NCE-CLUB" and protocol == "published" else 1.0
    return [share * jeffreys for jeffreys in truth["Jeffreys"]]


def table(rows: list[dict[str, Any]], preset: Preset) -> str:
    """Markdown: value at every level; in brackets the deviation of a batch's, the standard error of a fair value."""
    levels = " | ".join(f"I = {mi:g}" for mi in preset.levels)
    lines = [
        f"| d | protocol | bound | critic | {levels} | bias | of its own target | seconds |",
        "|" + "---|" * (len(preset.levels) + 7),
    ]
    for row in rows:
        values = np.array(row["mean"])
        cells = " | ".join(f"{v:.2f} ({s:.2f})" for v, s in zip(row["mean"], row["sd"], strict=True))
        bias = np.mean(values - np.array(preset.levels))
        own = np.mean(values - np.array(row["target"]))
        lines.append(
            f"| {row['d']} | {row['protocol']} | {row['bound']} | {row['critic']} | {cells} "
            f"| {bias:+.2f} | {own:+.2f} | {row['seconds']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def figure(rows: list[dict[str, Any]], preset: Preset, truths: dict[int, Any], path: Path) -> None:
    """Estimates against the information, one column a dimension, one row a protocol."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    protocols = ("published", "variants", "fair")
    fig, axes = plt.subplots(
        3, len(preset.d), figsize=(3.4 * len(preset.d), 9), squeeze=False, layout="constrained", sharex=True
    )
    colours = {"InfoNCE": "C0", "CLUB": "C1", "NCE-CLUB": "C2"}
    marks = dict(zip([*VARIANTS, "learned"], "os^Dvxo", strict=True))
    for column, d in zip(axes.T, preset.d, strict=True):
        for axis, protocol in zip(column, protocols, strict=True):
            axis.plot(preset.levels, preset.levels, "k-", lw=1, label="information")
            axis.plot(preset.levels, truths[d]["Jeffreys"], "k--", lw=1, label="Jeffreys")
            of = "fair" if protocol == "fair" else "published"
            axis.plot(preset.levels, truths[d][f"InfoNCE {of}"], "k:", lw=1, label="ideal InfoNCE")
            for row in rows:
                if row["d"] == d and row["protocol"] == protocol:
                    label = f"{row['bound']}, {row['critic']}"
                    style = {"color": colours[row["bound"]], "marker": marks[row["critic"]], "ms": 4, "label": label}
                    axis.errorbar(preset.levels, row["mean"], row["sd"], lw=1, **style)
            axis.set_ylim(-1, 3.6 * max(preset.levels))
            axis.grid(alpha=0.3)
        column[0].set_title(f"d = {d}")
        column[-1].set_xlabel("true information (nats)")
    for axis, protocol in zip(axes[:, 0], protocols, strict=True):
        axis.set_ylabel(f"{protocol}: estimate (nats)")
        axis.legend(fontsize=6)
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(
    preset: Literal["full", "small", "smoke"] = "full",
    out: Path = Path("runs/figure3"),
    overwrite: bool = False,
) -> None:
    """Figure 3, published and fair: a table, a figure and result.json.

    Args:
        preset: Sizes.
        out: Folder of the results; pieces that it holds are not computed again.
        overwrite: Compute everything again.
    """
    sizes = PRESETS[preset]
    rows: list[dict[str, Any]] = []
    truths: dict[int, Any] = {}
    progress = tqdm(total=len(sizes.d) * (len(sizes.variants) + len(FAIR)), desc="figure3")

    def pieces(name: str, compute: Callable[[int], Any]) -> list[Any]:
        return [
            kept(out / preset / f"{name}-{seed}.json", functools.partial(compute, seed), overwrite=overwrite)
            for seed in range(sizes.seeds)
        ]

    def add(runs: list[dict[str, Any]], **names: Any) -> None:
        means = np.array([run["mean"] for run in runs])
        sd = np.mean([run["sd"] for run in runs], axis=0)
        seconds = float(np.median([run["seconds"] for run in runs]))
        rows.append({**names, "mean": means.mean(0).tolist(), "sd": sd.tolist(), "seconds": seconds})

    for d in sizes.d:
        truths[d] = kept(out / preset / f"exact-{d}.json", functools.partial(exact, sizes, d), overwrite=overwrite)
        for label, variant in ((name, VARIANTS[name]) for name in sizes.variants):
            slug = "".join(c for c in label if c.isalnum())
            runs = pieces(f"{slug}-{d}", lambda seed, variant=variant, d=d: staircase(variant, sizes, d, seed))
            for bound in variant.read:
                protocol = "published" if variant.published else "variants"
                names = {"d": d, "protocol": protocol, "bound": bound, "critic": label}
                add([run[bound] for run in runs], **names, target=target(truths[d], bound, "published"))
            progress.update()
        for fitted in FAIR:
            runs = pieces(f"fair-{'-'.join(fitted)}-{d}", lambda seed, fitted=fitted, d=d: fair(fitted, sizes, d, seed))
            for bound in fitted:
                names = {"d": d, "protocol": "fair", "bound": bound, "critic": "learned"}
                add([run[bound] for run in runs], **names, target=target(truths[d], bound, "fair"))
            progress.update()
    progress.close()
    figure(rows, sizes, truths, out / "figure3.png")
    write(out, table(rows, sizes), {"preset": dataclasses.asdict(sizes), "rows": rows, "exact": truths})


if __name__ == "__main__":
    tyro.cli(main)
