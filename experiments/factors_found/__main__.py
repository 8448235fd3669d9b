"""The command; see the package."""

from __future__ import annotations

import functools
import time
import warnings
from pathlib import Path
from typing import Any, Literal

from experiments.command import command
from experiments.factors_found.controls import CONTROLS
from experiments.factors_found.jitter import jitter_figure, synergy_at
from experiments.factors_found.measure import control, measured
from experiments.factors_found.methods import METHODS, SHOWN
from experiments.factors_found.tables import claims, figure, jitter_table, leakage_table, nats_table
from experiments.factors_found.world import PRESETS, TASKS
from experiments.full_shapes import compile_in_haste
from experiments.results import check_names, finish, kept_part, opened
from pidjax._checks import one_of


def main(
    preset: Literal["full", "tuning", "smoke"] = "full",
    out: Path = Path("runs/factors_found"),
    method: tuple[str, ...] = SHOWN,
    task: tuple[str, ...] = tuple(TASKS),
    resume: bool = True,
) -> None:
    """Simulate, learn without labels, probe, and print what was asked for beside what came out.

    Args:
        preset: Three seeds of the law that nothing was tuned on, of the other law, or seconds.
        out: Folder of the results; what it holds is not made again.
        method: Of canonical, comm, simclr, cross_self, factorcl_ssl, features, supervised, and trained, which
            the command leaves out by default.
        task: Of event, mode, cost, delay, delay_locked, efficiency, xor.
        resume: Keep what an earlier run left; otherwise make everything again.
    """
    check_names(method, METHODS)
    for name in task:
        one_of("a task", name, tuple(TASKS))
    started, config, out = time.time(), PRESETS[preset], out / preset
    opened(out, config, resume=resume)
    if preset == "smoke":
        compile_in_haste()
    warnings.filterwarnings("ignore", message=".*n_quantiles.*")
    found: dict[str, list[dict[str, Any]]] = {}
    for name in task:
        found[name] = []
        for seed in range(config.seeds):
            compute = functools.partial(measured, name, config, method, seed)
            # results of a choice of methods are no results of another
            found[name].append(kept_part(out, f"{name}, seed {seed}, {' '.join(method)}", compute))
            print(f"{name}, seed {seed}: done after {(time.time() - started) / 60:.1f} min", flush=True)
    count = config.controls if "canonical" in method else 0
    controls = [
        kept_part(out, f"control, {k}", functools.partial(control, CONTROLS[k % len(CONTROLS)], config, k))
        for k in range(count)
    ]
    tables = [nats_table(found, method), leakage_table(found, method)]
    figure(found, method, out / "shares.png")
    curve = []
    for jitter in config.jitters if count and "delay" in task else ():
        curve.append(kept_part(out, f"jitter, {jitter:g}", functools.partial(synergy_at, jitter, config)))
        print(f"onsets over {jitter:g} s: done after {(time.time() - started) / 60:.1f} min", flush=True)
    if curve:
        tables.append(jitter_table(curve))
        jitter_figure(curve, out / "jitter.png")
    result = {"tasks": found, "controls": controls, "jitter": curve}
    finish(out, started, tables, claims(found, controls, method, judged=preset != "smoke"), result)


if __name__ == "__main__":
    command(main)
