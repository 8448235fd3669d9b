"""FactorCL's preset ``released``: values that the released code and a rewrite agree on, numbers of its parameters."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax import bounds, encoders
from pidjax.objectives.factorcl import factorcl, released


def same(key, sample):
    return sample


def given_critic(shape, hidden, *, swapped=False):
    """The notes' weights of a critic of [x, y], or of the released CLUB critics of [y, x]."""
    widths = (sum(shape), *[4] * hidden, 1)
    layers = []
    for i, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
        o, d = np.arange(n_out), np.arange(n_in)[:, None]
        layers.append({"kernel": np.sin(1 + i + 2 * o + 3 * d) / 2, "bias": np.cos(i + o) / 4})
    first, *rest, out = layers
    kernel, cut = first["kernel"], shape[1] if swapped else shape[0]
    one, two = (kernel[cut:], kernel[:cut]) if swapped else (kernel[:cut], kernel[cut:])
    return {"x": one, "y": two, "bias": first["bias"], "hidden": rest, "out": out}


def test_bounds_are_the_released_codes():
    """Section 7 of the notes: I_NCE over either side and I_CLUB of a given table of scores."""
    table = np.sin(1 + 2 * np.arange(4)[:, None] + 3 * np.arange(4))
    for scores, value in ((table, -0.4033746), (table.T, -0.4099167)):
        assert bounds.infonce(bounds.score_stats(jnp.asarray(scores))) == pytest.approx(value, abs=1e-6)
    for every, value in ((True, -0.1940323), (False, -0.2587097)):
        found = bounds.nce_club(bounds.score_stats(jnp.asarray(table)), all_pairs=every)
        assert found == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("hidden", "values"),
    [
        (1, (0.0092040893, 0.0081439413, 0.0042961926)),
        (2, (-0.0004287219, 0.0008718316, 0.0007706140)),
    ],
)
def test_critics_are_the_released_codes(hidden, values):
    """Section 7 of the notes: nce12 of [x, y], club12 and what its critic is fitted to of [y, x], in float64."""
    with jax.enable_x64(True):
        x = np.fromfunction(lambda n, d: np.sin(1 + n + 2 * d), (3, 2))
        y = np.fromfunction(lambda n, d: np.cos(1 + 2 * n + d), (3, 3))
        config = dataclasses.replace(
            released(supervised=False), critic_hidden=(4,) * hidden, term_weights=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
        )
        objective = factorcl([encoders.mlp(2, 2)] * 2, config, augment=same)
        params = {
            "theta": {"nce12": given_critic((2, 3), hidden)},
            "phi": {"club12": given_critic((2, 3), hidden, swapped=True)},
        }
        z = {f"{head}{side}": v[:, None] for head in "ad" for side, v in (("1", x), ("2", y))}
        run = jax.jit(lambda params: [f(params, z, {"x1": x})[1] for f in (objective.loss, objective.inner)])
        info, critic_info = jax.device_get(run(params))
    found = info["nce12"], info["club12"], critic_info["critic_club12"]
    np.testing.assert_allclose(found, values, atol=2e-10)


@pytest.mark.parametrize(("supervised", "count"), [(False, 4_411_398), (True, 4_039_686)])
def test_parameters_are_as_many_as_the_released_models(supervised, count):
    nets = [encoders.mlp(100, 512, 512, 512, 128)] * 2
    objective = factorcl(nets, released(supervised=supervised), augment=same, classes=20)
    batch = {"x1": jnp.ones((2, 100)), "x2": jnp.ones((2, 100)), "y": jnp.array([0, 1])}
    params, _ = jax.eval_shape(objective.init, jax.random.key(0), batch)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count
