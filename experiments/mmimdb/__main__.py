"""The command; see the package."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Literal

import jax
import numpy as np
import optax

from experiments.command import command
from experiments.figures import score_of, score_panels
from experiments.full_shapes import compile_in_haste, two_steps
from experiments.mmimdb.config import ALONE, FEW, METHODS, NOT_MADE, PRESETS, PUBLISHED, TUNED, Config
from experiments.mmimdb.films import GENRES, PARTS, Films, load_films, write_films
from experiments.mmimdb.methods import full
from experiments.mmimdb.methods import method as built
from experiments.representation import Learned, learned, optimiser, probed, probed_early, warm_cosine, with_progress
from experiments.results import Claim, check_names, finish, gap, kept_part, matrix, of_seeds, opened, spread
from pidjax.encoders.clip import load_clip
from pidjax.objectives import Method, finetune
from pidjax.typing import Objective

TINY = Path(__file__).parents[2] / "tests" / "encoders" / "clip"
SCORES = {"weighted_f1": "weighted F1", "macro_f1": "macro F1", "auc": "AUC"}
CAVEATS = """Published numbers (CoMM, Tables 2 and 6; of infmasking its own paper) cannot be compared row by row: the
released code keeps the checkpoint whose probe is best on test rows, and fits its probe again on training and validation
rows; here test rows choose nothing. It reads plots by a multilingual encoder (--text), masks words by a mask token
where tokens are hidden here, and says 70 epochs in one place and 100 in another. The published clip is CLIP trained on,
and SLIP, whose head is of posters alone, stands beside cross_self, which has one a side; here CLIP rests under all
methods. Fine-tuning moves the fusion alone, and stops by the weighted F1 of validation rows.
"""
Scores = dict[str, list[dict[str, float]]]


def main(
    preset: Literal["full", "smoke"] = "full",
    data: Path = Path("../data/mmimdb"),
    clip: Path = Path("../data/clip-vit-base-patch32"),
    text: Path | None = None,
    out: Path = Path("runs/mmimdb"),
    method: tuple[str, ...] = (),
    resume: bool = True,
    config: Config | None = None,
) -> None:
    """Train every method on posters and plots, probe it for genres, and print it beside what was published.

    Args:
        preset: The paper's settings, or two steps on files that are written first.
        data: Folder of MM-IMDb; smoke writes its own.
        clip: Folder of CLIP's weights and vocabulary; smoke has its own.
        text: Folder of tokens that another encoder made of the plots; CLIP's own text transformer by default. Smoke
            writes its own, which the last method reads.
        out: Folder of the results; what it holds is not made again.
        method: Of frozen, clip, cross_self, comm, comm_joint, comm_unimodal, infmasking; all by default, of smoke two.
        resume: Keep what an earlier run left; otherwise make everything again.
        config: Settings one by one, instead of the preset's.
    """
    method = method or (FEW if preset == "smoke" else METHODS)
    check_names(method, METHODS)
    started, chosen, out = time.time(), config or PRESETS[preset], out / preset
    opened(out, chosen, data, clip, text, resume=resume)
    texts = dict.fromkeys(method, text)
    if preset == "smoke":
        compile_in_haste()
        data, clip = write_films(out / "written"), TINY
        kept_part(out, "full size", lambda _: two_steps(full()))
        texts = dict.fromkeys(method) | {method[-1]: data / "tokens"}  # the others read plots
    sizes, weights = load_clip(clip)
    load = functools.cache(functools.partial(load_films, data, clip, sizes))
    found: Scores = {}
    for name in method:
        films = load(texts[name])
        features = None if texts[name] is None else films.plots.tokens.shape[-1]
        made = built(name, sizes, weights, chosen, features)
        seeds = 1 if name == "frozen" else chosen.seeds
        title = name if texts[name] == text else f"{name}, tokens"
        found |= of_seeds(out, title, seeds, functools.partial(measured, name, made, films, chosen))
    figure(found, out / "f1.png")
    finish(out, started, [table(found), CAVEATS], claims(found, judged=preset != "smoke"), {"methods": found})


def measured(
    name: str, made: Method, films: Films, config: Config, seed: int, title: str, folder: Path
) -> dict[str, dict[str, float]]:
    """Scores of the method's representation; of CLIP's at rest also by side, of CoMM's also after fine-tuning."""
    n, key = len(films.parts["train"]), jax.random.key(seed)
    size = min(config.batch, n)
    total = config.steps or config.epochs * (n // size)
    steps = 0 if name == "frozen" else total
    batches, tx = with_progress(films.batches(key, size, seed), total), scheduled(config, n // size, total)

    def trained(objective: Objective, upto: int, stage: str) -> Learned:
        return learned(
            objective,
            batches,
            upto,
            tx,
            seed=seed,
            folder=folder / stage,
            title=f"{title}, {stage}",
            every=2 * max(steps, 1),  # CLIP's weights are in the state: one checkpoint, at the end of a call
        )

    parts = [(films.rows(part), films.y[films.parts[part]]) for part in PARTS]
    alone = ALONE if name == "frozen" else {}
    first = trained(made.objective, steps, "learned")
    found = probed(first.encode, parts, {name: made.heads, **alone}, "labels")
    if name == "comm":
        again = finetune(made.objective, first.state.params, first.state.state, loss="binary", outputs=len(GENRES))
        found |= probed_early(
            lambda upto: trained(again, upto, "tuned").encode,
            parts,
            {TUNED: made.heads},
            steps,
            folder / "looks",
            task="labels",
            by="weighted_f1",
        )
    return found


def scheduled(config: Config, per_epoch: int, steps: int) -> optax.GradientTransformation:
    """AdamW whose rate rises and falls again."""
    warm = min(config.warm_up * per_epoch, steps // 2)
    return optimiser(warm_cosine(config.learning_rate, warm, steps, config.least), config.weight_decay)


def table(found: Scores) -> str:
    """Scores on test rows, mean and standard error over seeds, and what was published."""
    rows = {
        name: [
            *(spread([100 * one[key] for one in seeds], 1) for key in SCORES),
            " / ".join(PUBLISHED[name]),
        ]
        for name, seeds in found.items()
    } | {name: [*["–"] * len(SCORES), " / ".join(scores)] for name, scores in NOT_MADE.items()}
    count = int(next(iter(found.values()))[0]["n"])
    title = f"Linear probes of {len(GENRES)} genres, %, on {count} test films\n\n"
    return title + matrix("probe of", [*SCORES.values(), "published weighted / macro F1"], rows)


def figure(found: Scores, path: Path) -> None:
    """Weighted and macro F1 beside the published."""
    panels = {
        SCORES[score]: {name: score_of(seeds, score, PUBLISHED[name][i]) for name, seeds in found.items()}
        for i, score in enumerate(("weighted_f1", "macro_f1"))
    }
    score_panels(panels, f"F1 of {len(GENRES)} genres (%)").savefig(path, dpi=120)


def claims(found: Scores, *, judged: bool) -> list[Claim]:
    """The order that was published."""
    out = []
    for better, worse in (("comm", "frozen"), ("comm", "clip"), ("comm", "cross_self"), (TUNED, "comm")):
        if better in found and worse in found:
            f1 = [[100 * s["weighted_f1"] for s in found[name]] for name in (better, worse)]
            more, error = gap(*f1)
            one, other = map(float, map(np.mean, f1))
            expected = " and ".join(PUBLISHED[name][0] for name in (better, worse))
            holds = more > 2 * error if judged else None
            out.append(Claim(f"weighted F1 of {better} above {worse}", expected, f"{one:.1f} and {other:.1f}", holds))
    return out


if __name__ == "__main__":
    command(main)
