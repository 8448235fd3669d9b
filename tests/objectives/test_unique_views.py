"""pidjax/objectives/unique_views.py: losses by hand, and of devices that share a batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax.objectives import invariance, masked_prediction
from pidjax.objectives.contrastive import ntxent_loss
from pidjax.objectives.noncontrastive import barlow, vicreg
from pidjax.typing import Encoder

RNG = np.random.default_rng(0)
FLAT = Encoder(
    lambda key: ({}, {}), lambda params, state, x, key=None, *, train=False, mask=None: (x.reshape(len(x), -1), state)
)
N, WIDTH = 8, 3
BATCH = {f"x{side}": RNG.normal(size=(N, 4, 2)).astype(np.float32) for side in "12"}


def hide(key, sample):
    """Two of the four steps, which are zeroed."""
    lost = jax.random.permutation(key, 4)[:, None] < 2
    return {name: jnp.where(lost, 0, x) for name, x in sample.items()}


def made(objective):
    """Parameters, what was seen, the loss and the mean of that of two devices."""

    @jax.jit
    def run(key):
        params, state = objective.init(key, BATCH)
        z, _ = objective.encode(params, state, BATCH, jax.random.split(key, N), train=True)
        shards = jax.tree.map(lambda x: x.reshape(2, N // 2, *x.shape[1:]), (z, BATCH))
        split = jax.vmap(lambda z, b: objective.loss(params, z, b, axis_name="data")[0], axis_name="data")(*shards)
        return params, z, objective.loss(params, z, BATCH), split.mean()

    return jax.device_get(run(jax.random.key(0)))


def test_masked_prediction():
    """Squared error of what is hidden alone, read by a perceptron of what is left; NT-Xent of the shared heads."""
    params, z, (value, info), split = made(masked_prediction([FLAT] * 2, augment=hide, width=WIDTH, hidden=5))
    assert split == pytest.approx(value, rel=1e-5)
    expected = float(ntxent_loss(z["s1"][:, 0], z["s2"][:, 0], 0.1))
    for side in "12":
        layers, errors = params["theta"][f"decoder{side}"]["layers"], []
        for row, seen in enumerate(z[f"x{side}"]):
            for view in (1, 2):
                h = np.maximum(z[f"u{side}"][row, view] @ layers[0]["kernel"] + layers[0]["bias"], 0)
                said = (h @ layers[1]["kernel"] + layers[1]["bias"]).reshape(4, 2)
                lost = seen[view] == 0
                assert lost.all(1).sum() == 2
                errors += [*((said - seen[0]) ** 2)[lost]]
        assert info[f"hidden{side}"] == pytest.approx(np.mean(errors), rel=1e-4)
        expected += np.mean(errors)
    assert value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("name", "loss"), [("vicreg", vicreg), ("barlow", barlow)])
def test_invariance(name, loss):
    """Of the shared heads on the samples, and of each unique head on its two views."""
    _, z, (value, _), split = made(invariance([FLAT] * 2, augment=hide, loss=name, width=WIDTH))
    pairs = [(z["s1"][:, 0], z["s2"][:, 0]), *((z[f"u{side}"][:, 1], z[f"u{side}"][:, 2]) for side in "12")]
    assert value == pytest.approx(sum(float(loss(*pair)[0]) for pair in pairs), rel=1e-4)
    assert split == pytest.approx(value, rel=1e-4)
