"""What estimates cost: a thousand small fits in one call against a loop in PyTorch; every estimator against N and d.

    python -m benchmarks.cost                  # a quarter of an hour; PyTorch rows need the extra "bench"
    python -m benchmarks.cost --preset smoke   # a minute

The fits are independent: own data, own start. N = 2,000 pairs, d = 5, one hidden layer of 64, batch 128, InfoNCE,
AdamW. Times are of one step of one fit, from fewer steps than a whole fit has; both sides run in turn, each in a
process of its own, compilation apart.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import itertools
import statistics
import time
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import tyro
from tqdm import tqdm

from benchmarks.store import kept, write
from benchmarks.worker import Built, Worker
from pidjax import critics, estimate_mi
from pidjax.data.synthetic import gaussian_with_mi
from pidjax.fit import fit

CRITICS = {"separable": "separable", "concat": "concat (all pairs of [x, y] in PyTorch)"}


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sizes; ``steps`` that one timing runs."""

    fits: int = 1000
    steps: int = 50
    loops: int = 3
    torch_steps: int = 300
    n: int = 2000
    repeats: int = 3
    methods: tuple[str, ...] = ("auto", "anchored", "infonce", "js", "l1out", "copula", "ksg", "radial_ksg")
    sizes: tuple[tuple[int, int], ...] = ((1000, 5), (4000, 5), (10_000, 5), (10_000, 20))


PRESETS = {
    "full": Preset(),
    "smoke": Preset(
        fits=8,
        steps=10,
        loops=1,
        torch_steps=10,
        n=300,
        repeats=1,
        methods=("copula", "ksg"),
        sizes=((200, 2),),
    ),
}
D, HIDDEN, DIMS, BATCH, RATE = 5, 64, 32, 128, 1e-3


def pidjax_fits(critic: str, fits: int, steps: int, n: int) -> Built:
    """All fits in one vmapped call of ``pidjax.fit.fit``."""
    import jax.numpy as jnp

    from pidjax import bounds

    of = critics.separable((HIDDEN,), DIMS) if critic == "separable" else critics.concat((HIDDEN,))
    keys = jax.random.split(jax.random.key(0), fits)
    x, y = jax.vmap(functools.partial(gaussian_with_mi(D, 2.0).sample, n=n))(keys)

    def one(key, x, y):
        params = of.init(key, x[:2], y[:2])
        data, watched = (x[: n - n // 8], y[: n - n // 8]), (x[n - n // 8 :], y[n - n // 8 :])

        def loss(p, pairs):
            return -bounds.infonce(of.stats(p, *pairs))

        found = fit(key, loss, params, data, watched, steps=steps, batch=BATCH, learning_rate=RATE, rounds=1)
        return found.held_out[-1]

    start = time.perf_counter()
    compiled = jax.jit(jax.vmap(one)).lower(keys, x, y).compile()
    facts = {"compile_s": time.perf_counter() - start, "device": jax.devices()[0].platform}
    return Built(lambda: float(jnp.mean(jax.block_until_ready(compiled(keys, x, y)))), facts)


def torch_loop(critic: str, fits: int, steps: int, n: int) -> Built:
    """One fit after the other in PyTorch, as one would write it."""
    import torch

    rng = np.random.default_rng(0)
    r = float(np.sqrt(1 - np.exp(-2 * 2.0 / D)))

    def net(*widths: int) -> torch.nn.Sequential:
        layers: list[torch.nn.Module] = []
        for a, b in itertools.pairwise(widths):
            layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])

    def one() -> float:
        x = torch.tensor(rng.normal(size=(n, D)), dtype=torch.float32)
        y = r * x + float(np.sqrt(1 - r**2)) * torch.randn(n, D)
        nets = [net(D, HIDDEN, DIMS), net(D, HIDDEN, DIMS)] if critic == "separable" else [net(2 * D, HIDDEN, 1)]
        optimiser = torch.optim.AdamW([p for part in nets for p in part.parameters()], lr=RATE)

        def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            if critic == "separable":
                scores = nets[0](x) @ nets[1](y).T
            else:
                m = len(x)
                pairs = torch.cat([x[:, None].expand(m, m, D), y[None].expand(m, m, D)], -1)
                scores = nets[0](pairs)[..., 0]
            return (torch.logsumexp(scores, 1) - scores.diagonal()).mean()

        for _ in range(steps):
            rows = torch.randint(n, (BATCH,))
            optimiser.zero_grad()
            found = loss(x[rows], y[rows])
            found.backward()
            optimiser.step()
        return float(found.detach())

    return Built(lambda: float(np.mean([one() for _ in range(fits)])), {"compile_s": 0.0, "device": "cpu"})


def compare(critic: str, preset: Preset) -> dict[str, Any]:
    """Seconds of a fit's step on both sides, timed in turn, and their ratio."""
    cases = {"pidjax": ("pidjax_fits", preset.fits, preset.steps)}
    if importlib.util.find_spec("torch"):
        cases["torch"] = ("torch_loop", preset.loops, preset.torch_steps)
    workers = {
        name: Worker(f"benchmarks.cost:{f}", {"critic": critic, "fits": fits, "steps": steps, "n": preset.n})
        for name, (f, fits, steps) in cases.items()
    }
    try:
        times: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(preset.repeats):
            for name, worker in workers.items():
                times[name].append(worker.time() / (cases[name][1] * cases[name][2]))
    finally:
        for worker in workers.values():
            worker.close()
    row = {name: statistics.median(t) for name, t in times.items()}
    if "torch" in times:
        row["ratio"] = statistics.median(b / a for a, b in zip(times["pidjax"], times["torch"], strict=True))
    return {"seconds_per_step": row, "compile_s": workers["pidjax"].facts["compile_s"]}


def time_estimate(method: str, n: int, d: int) -> dict[str, float]:
    """Seconds of one ``estimate_mi``: the first call, which compiles, and the next."""
    seconds = []
    for seed in range(2):
        x, y = (np.asarray(z) for z in gaussian_with_mi(d, 1.0).sample(jax.random.key(seed), n))
        start = time.perf_counter()
        estimate_mi(jax.random.key(seed), x, y, method=method)
        seconds.append(time.perf_counter() - start)
    return {"first": seconds[0], "next": seconds[1]}


def table(fits: dict[str, Any], times: dict[str, dict[str, Any]], preset: Preset) -> str:
    """Markdown: the fits, then seconds of an estimate by size."""
    lines = ["| critic | fits at once | pidjax (ms a fit's step) | PyTorch | ratio | compile (s) |", "|" + "---|" * 6]
    for name, row in fits.items():
        s = row["seconds_per_step"]
        torch = [f"{1e3 * s['torch']:.3g}", f"{s['ratio']:.1f}"] if "torch" in s else ["–", "–"]
        lines.append(
            f"| {CRITICS[name]} | {preset.fits} | {1e3 * s['pidjax']:.3g} | {torch[0]} | {torch[1]} "
            f"| {row['compile_s']:.1f} |"
        )
    sizes = [f"N={n}, d={d}" for n, d in preset.sizes]
    lines += ["", "| seconds of one estimate (with compilation) | " + " | ".join(sizes) + " |"]
    lines += ["|" + "---|" * (len(sizes) + 1)]
    for method, row in times.items():
        cells = [f"{row[size]['next']:.2g} ({row[size]['first']:.2g})" for size in sizes]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def figure(times: dict[str, dict[str, Any]], path: Path) -> None:
    """Seconds of an estimate, sizes across."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    for method, row in times.items():
        axis.semilogy(list(row), [r["next"] for r in row.values()], "o-", label=method)
    axis.set_ylabel("one estimate after compilation (s)")
    axis.legend(ncols=2, fontsize=8)
    axis.grid(alpha=0.3)
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(preset: Literal["full", "smoke"] = "full", out: Path = Path("runs/cost"), overwrite: bool = False) -> None:
    """Cost of fits and of estimates: a table, a figure and result.json.

    Args:
        preset: What to measure.
        out: Folder of the results; what it holds is not measured again.
        overwrite: Measure everything again.
    """
    sizes, parts = PRESETS[preset], out / preset
    fits = {
        name: kept(parts / f"fits-{name}.json", functools.partial(compare, name, sizes), overwrite=overwrite)
        for name in tqdm(CRITICS, desc="fits")
    }
    times: dict[str, dict[str, Any]] = {method: {} for method in sizes.methods}
    for method, (n, d) in tqdm([(m, size) for m in sizes.methods for size in sizes.sizes], desc="estimates"):
        measured = functools.partial(time_estimate, method, n, d)
        times[method][f"N={n}, d={d}"] = kept(parts / f"{method}-{n}-{d}.json", measured, overwrite=overwrite)
    figure(times, out / "cost.png")
    write(out, table(fits, times, sizes), {"fits": fits, "estimates": times})


if __name__ == "__main__":
    tyro.cli(main)
