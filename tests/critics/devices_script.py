"""One table of critics; run as a script with several devices: pmap and shard_map give the numbers of one device.

``test_critics.py`` imports the table and runs the script in a process of its own, with four CPU devices.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from pidjax import bounds, critics
from pidjax.math.pairwise import Tiling

WHOLE = Tiling(rows=None, table=2**22, chunk=4, back_chunk=4, activations=2**20, sort=2**20)
TILINGS = {
    "whole": WHOLE,
    "rows": WHOLE._replace(rows=3, activations=50),
    "sorted": WHOLE._replace(sort=1),
    "rows, sorted": WHOLE._replace(rows=1, sort=1),
}


class Row(NamedTuple):
    """A row of the table."""

    make: Callable  # tiling -> Critic
    formula: Callable  # (xp, params, x, y) -> f of x [..., dx] with y [..., dy], broadcast over leading axes
    dx: int = 4
    dy: int = 3


def relu(x):
    """max(x, 0) with relu'(0) = 0, in numpy or JAX."""
    return x * (x > 0)


def mlp(layers, x):
    """Linear layers with relu between them."""
    for layer in layers[:-1]:
        x = relu(x @ layer["kernel"] + layer["bias"])
    return x @ layers[-1]["kernel"] + layers[-1]["bias"]


def tiled(xp, p, x, y, output=lambda f: f):
    """The published concat critic: a perceptron of [x, y]."""
    x, y = (xp.broadcast_to(v, (*xp.broadcast_shapes(x.shape[:-1], y.shape[:-1]), v.shape[-1])) for v in (x, y))
    first = {"kernel": xp.concatenate([p["x"], p["y"]]), "bias": p["bias"]}
    return output(mlp([first, *p["hidden"], p["out"]], xp.concatenate([x, y], axis=-1))[..., 0])


def log_density(xp, p, x, y):
    """Σ log N(y; μ(x), σ²)."""
    mean, v = mlp(p["mean"], x), p["log_variance"]
    v = mlp(v, x) if isinstance(v, list) else v
    return -((y - mean) ** 2 / xp.exp(v) + v + np.log(2 * np.pi)).sum(-1) / 2


def cosine(xp, p, x, y):
    """Of unit vectors, over the temperature."""
    return (x * y).sum(-1) / xp.sqrt((x**2).sum(-1) * (y**2).sum(-1)) / 0.5


def residual(xp, p, x, y):
    """Last two columns as they are; perceptrons of the others, whose last outputs are added."""
    g, h = mlp(p["g"], x[..., :-2]), mlp(p["h"], y[..., :-2])
    learned = (g[..., :-1] * h[..., :-1]).sum(-1) + g[..., -1] + h[..., -1]
    return (x[..., -2:] * y[..., -2:]).sum(-1) + learned


def softplus(xp):
    """log(1 + eᶠ)."""
    return functools.partial(xp.logaddexp, 0)


CRITICS = {
    "cosine": Row(lambda t: critics.cosine(0.5, tiling=t), cosine, dx=3),
    "separable": Row(
        lambda t: critics.separable((6,), 5, tiling=t), lambda xp, p, x, y: (mlp(p["g"], x) * mlp(p["h"], y)).sum(-1)
    ),
    "bilinear": Row(lambda t: critics.bilinear(tiling=t), lambda xp, p, x, y: ((x @ p["kernel"]) * y).sum(-1)),
    "residual": Row(lambda t: critics.residual(2, (6,), 5, tiling=t), residual),
    "concat": Row(lambda t: critics.concat((6,), tiling=t), tiled),
    "concat, softplus": Row(
        lambda t: critics.concat((6,), output="softplus", tiling=t),
        lambda xp, p, x, y: tiled(xp, p, x, y, softplus(xp)),
    ),
    "concat, deep": Row(lambda t: critics.concat((6, 9), tiling=t), tiled),
    "gaussian": Row(lambda t: critics.gaussian(tiling=t), log_density),
    "gaussian, deep": Row(lambda t: critics.gaussian((6,), log_variance="network", tiling=t), log_density),
}


def data(name, n=8, m=None, seed=0):
    """x [n, dx] and y [m, dy]."""
    rng, row = np.random.default_rng(seed), CRITICS[name]
    return rng.normal(size=(n, row.dx)), rng.normal(size=(m or n, row.dy))


def parameters(name, seed=0):
    """Parameters of the shapes that ``init`` gives, none of them 0, in float64."""
    shapes = jax.eval_shape(CRITICS[name].make(None).init, jax.random.key(0), *map(jnp.asarray, data(name)))
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda p: 0.5 * rng.normal(size=p.shape), shapes)


def read(stats, axis_name=None):
    """A number that needs every part of the statistics: InfoNCE + NCE-CLUB / 3."""
    return bounds.infonce(stats, axis_name=axis_name) + bounds.nce_club(stats, axis_name=axis_name) / 3


def value_and_gradient(critic, params, x, y, axis_name=None, **options):
    """Of ``read`` in the parameters, and in what both inputs are multiplied with."""

    def loss(theta):
        stats = critic.stats(theta["params"], x * theta["x"], y * theta["y"], axis_name=axis_name, **options)
        return read(stats, axis_name)

    return jax.value_and_grad(loss)({"params": params, "x": jnp.float32(1.1), "y": jnp.float32(0.9)})


def main():
    """Every form of critic; either side or both."""
    assert jax.local_device_count() == 4
    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
    cases = [
        ("concat", "rows", "y"),
        ("concat", "sorted", "x"),
        ("concat, deep", "rows", "x"),
        ("gaussian", "rows", "x"),
        ("separable", "whole", "both"),
    ]
    for name, tiling, over in cases:
        params, (x, y) = jax.tree.map(np.float32, (parameters(name), data(name)))
        f = functools.partial(value_and_gradient, CRITICS[name].make(TILINGS[tiling]), over=over)
        shared = functools.partial(f, axis_name="data")
        expected = jax.jit(f)(params, x, y)
        pieces = x.reshape(4, 2, -1), y.reshape(4, 2, -1)
        by_pmap = jax.pmap(shared, axis_name="data", in_axes=(None, 0, 0))(params, *pieces)

        def mean(*args, shared=shared):
            return jax.lax.pmean(shared(*args), "data")

        by_shard_map = jax.jit(
            jax.shard_map(mean, mesh=mesh, in_specs=(P(), P("data"), P("data")), out_specs=P(), check_vma=False)
        )(params, x, y)
        for found in (jax.tree.map(lambda x: x.mean(0), by_pmap), by_shard_map):
            close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5, err_msg=name)
            jax.tree.map(close, found, expected)
    print("OK")


if __name__ == "__main__":
    main()
