"""Runs side by side are the runs one by one."""

import jax
import numpy as np
from toys import alternating, make_batch

from pidjax.train import copy_of, over_seeds, side_by_side

COPIES = 2


def test_side_by_side_equals_one_by_one():
    objective = alternating()
    both = over_seeds(objective, COPIES)
    batch = side_by_side([lambda step, seed=seed: make_batch(seed=seed + step) for seed in range(COPIES)])(3)
    assert batch["x"].shape == (8, COPIES, 5)
    keys = jax.random.split(jax.random.key(1), 8)

    def gradients(of, params, state, batch, keys):
        def loss(params):
            z, _ = of.encode(params, state, batch, keys, train=True)
            return of.loss(params, z, batch)[0] + of.inner(params, z, batch)[0]

        return jax.grad(loss)(params)

    @jax.jit
    def run(key):
        params, state = both.init(key, batch)
        together = gradients(both, params, state, batch, keys)
        apart = []
        for i in range(COPIES):
            own = jax.tree.map(lambda x, i=i: x[:, i], batch)
            own_keys = jax.vmap(lambda k, i=i: jax.random.split(k, COPIES)[i])(keys)
            apart.append(gradients(objective, copy_of(params, i), copy_of(state, i), own, own_keys))
        return params, together, apart

    params, together, apart = run(jax.random.key(0))
    for i in range(COPIES):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), copy_of(together, i), apart[i]
        )
    assert np.abs(params["theta"]["x"][0] - params["theta"]["x"][1]).max() > 0.1
