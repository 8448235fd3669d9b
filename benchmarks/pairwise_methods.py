"""The methods that ``benchmarks/pairwise.py`` compares: value and gradient of a bound with a concat critic.

Every method gets the same x, y [n, d] and the same weights, and differentiates with respect to all of them. The
PyTorch ones are the published formula (tile the batch, concatenate, run the perceptron on N² rows), written anew.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from benchmarks.worker import Built


def problem(n: int, d: int, hidden: list[int]) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Correlated x and y, and weights in the layout of ``critics.concat``."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d)).astype(np.float32)
    y = (0.6 * x + 0.8 * rng.normal(size=(n, d))).astype(np.float32)

    def layer(a: int, b: int) -> dict[str, np.ndarray]:
        kernel, bias = (rng.uniform(-1, 1, shape).astype(np.float32) / a**0.5 for shape in ((a, b), (b,)))
        return {"kernel": kernel, "bias": bias}

    first, *rest = [layer(a, b) for a, b in zip([2 * d, *hidden], [*hidden, 1], strict=True)]
    kernel = first["kernel"]
    params = {"x": kernel[:d], "y": kernel[d:], "bias": first["bias"], "hidden": rest[:-1], "out": rest[-1]}
    return x, y, params


# --- JAX -------------------------------------------------------------------------------------------------


def pidjax(bound: str, n: int, d: int, hidden: list[int], tiling: dict[str, int] | None = None) -> Built:
    """``critics.concat(hidden).stats`` read by ``bounds.infonce`` or ``bounds.nce_club``."""
    from pidjax import bounds, critics
    from pidjax.math.pairwise import default_tiling

    critic = critics.concat(hidden, tiling=default_tiling()._replace(**(tiling or {})))
    read = getattr(bounds, bound)
    return _compiled(lambda params, x, y: read(critic.stats(params, x, y)), *problem(n, d, hidden))


def jax_tiled(bound: str, n: int, d: int, hidden: list[int]) -> Built:
    """The published formula in JAX, under jit."""
    import jax.numpy as jnp
    from jax.nn import relu

    from pidjax import bounds

    read = getattr(bounds, bound)

    def value(params, x, y):
        pairs = jnp.concatenate(
            [jnp.broadcast_to(x[:, None], (n, n, d)), jnp.broadcast_to(y[None], (n, n, d))], axis=-1
        )
        h = relu(pairs @ jnp.concatenate([params["x"], params["y"]]) + params["bias"])
        for layer in params["hidden"]:
            h = relu(h @ layer["kernel"] + layer["bias"])
        scores = (h @ params["out"]["kernel"] + params["out"]["bias"])[..., 0]
        return read(bounds.score_stats(scores))

    return _compiled(value, *problem(n, d, hidden))


def _compiled(value, x, y, params) -> Built:
    import jax

    args = jax.device_put((params, x, y))
    start = time.perf_counter()
    f = jax.jit(jax.value_and_grad(value, argnums=(0, 1, 2))).lower(*args).compile()
    seconds = time.perf_counter() - start
    facts = {
        "compile_s": seconds,
        "memory_mib": f.memory_analysis().temp_size_in_bytes / 2**20,
        "device": jax.devices()[0].device_kind,
    }
    return Built(lambda: float(jax.block_until_ready(f(*args))[0]), facts)


# --- PyTorch ---------------------------------------------------------------------------------------------


def torch_tiled(bound: str, n: int, d: int, hidden: list[int]) -> Built:
    """The published formula: all pairs at once."""
    return _torch_rows(bound, n, d, hidden, rows=n)


def torch_chunked(bound: str, n: int, d: int, hidden: list[int]) -> Built:
    """The published formula, a few rows of the table at a time, gradients accumulated."""
    return _torch_rows(bound, n, d, hidden, rows=max(1, 2**17 // n))


def torch_separated(bound: str, n: int, d: int, hidden: list[int]) -> Built:
    """The first layer applied to rows, then a few rows of the table at a time; the quickest of several chunks."""
    import torch

    x, y, weights = _torch_problem(n, d, hidden)
    (kernel, bias), (out, out_bias) = weights

    def run(rows: int) -> float:
        _clear([x, y, kernel, bias, out, out_bias])
        a, c = x @ kernel[:d] + bias, y @ kernel[d:]
        a_leaf, c_leaf = a.detach().requires_grad_(), c.detach().requires_grad_()
        total = 0.0
        for i in range(0, n, rows):
            scores = (torch.relu(a_leaf[i : i + rows, None] + c_leaf[None]) @ out)[..., 0] + out_bias
            loss = _torch_bound(bound, scores, i) / n
            loss.backward()
            total += loss.item()
        torch.autograd.backward([a, c], [a_leaf.grad, c_leaf.grad])
        _synchronise()
        return total

    def seconds(rows: int) -> float:
        times = []
        for _ in range(2):
            start = time.perf_counter()
            run(rows)
            times.append(time.perf_counter() - start)
        return min(times)

    fit = [r for r in (1, 2, 4, 8, 16, 32, 64) if 2**21 <= r * n * hidden[0] <= 2**23]  # 8 to 32 MiB of activations
    best = min(fit or [n], key=seconds)
    return Built(lambda: run(best), _torch_facts() | {"rows": best})


def _torch_rows(bound: str, n: int, d: int, hidden: list[int], rows: int) -> Built:
    import torch

    x, y, weights = _torch_problem(n, d, hidden)
    leaves = [x, y, *(w for layer in weights for w in layer)]

    def run() -> float:
        _clear(leaves)
        total = 0.0
        for i in range(0, n, rows):
            b = min(rows, n - i)
            h = torch.cat([x[i : i + b, None].expand(b, n, d), y[None].expand(b, n, d)], dim=-1)
            for kernel, bias in weights[:-1]:
                h = torch.relu(torch.nn.functional.linear(h, kernel.T, bias))
            kernel, bias = weights[-1]
            loss = _torch_bound(bound, torch.nn.functional.linear(h, kernel.T, bias)[..., 0], i) / n
            loss.backward()
            total += loss.item()
        _synchronise()
        return total

    return Built(run, _torch_facts())


def _torch_problem(n: int, d: int, hidden: list[int]):
    import os

    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    x, y, params = problem(n, d, hidden)
    layers = [{"kernel": np.concatenate([params["x"], params["y"]]), "bias": params["bias"]}, *params["hidden"]]

    def leaf(array):
        return torch.tensor(array, device=device).requires_grad_()

    return leaf(x), leaf(y), [(leaf(w["kernel"]), leaf(w["bias"])) for w in (*layers, params["out"])]


def _torch_bound(bound: str, scores, first: int):
    """Sum over the rows of ``scores``, the first of which is row ``first`` of the table."""
    import torch

    n = scores.shape[1]
    rows = torch.arange(scores.shape[0], device=scores.device)
    positive = scores[rows, rows + first]
    if bound == "infonce":
        return (positive - torch.logsumexp(scores, 1) + math.log(n)).sum()
    return (positive - (scores.sum(1) - positive) / (n - 1)).sum()


def _clear(leaves) -> None:
    for leaf in leaves:
        leaf.grad = None


def _synchronise() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _torch_facts() -> dict[str, Any]:
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        memory = lambda: (torch.cuda.max_memory_allocated() - before) / 2**20  # noqa: E731
        return {"device": torch.cuda.get_device_name(), "memory_mib": memory}
    return {"device": "cpu"}


# --- What the machine can do -----------------------------------------------------------------------------


def peak(kind: str) -> Built:
    """The machine's own speed: "elementwise" operations in cache, or a "matmul". ``facts["operations"]`` a run."""
    import jax
    import jax.numpy as jnp

    if kind == "matmul":
        n = 2048
        a = jnp.ones((n, n), jnp.float32)
        f, operations = jax.jit(lambda a: a @ a), 2 * n**3
    else:
        n, units, steps = 512, 16, 64
        a = jnp.linspace(0.5, 1.0, n * n, dtype=jnp.float32).reshape(n, n)

        def step(total, _):
            for i in range(units):
                total = total * a + (0.1 * i)
            return total, None

        f, operations = jax.jit(lambda a: jax.lax.scan(step, a, length=steps)[0]), 2 * n * n * units * steps
    return Built(lambda: float(jax.block_until_ready(f(a))[0, 0]), {"operations": operations})
