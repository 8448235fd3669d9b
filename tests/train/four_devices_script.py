"""With four devices: batches that cannot be shared are refused, the decomposition gives the numbers of one device."""

import sys
from pathlib import Path

import jax
import numpy as np
from toys import SGD, contrastive, make_batch

from pidjax import train
from pidjax.objectives import decomposition

sys.path.append(str(Path(__file__).parents[1] / "objectives"))
import test_decomposition as tiny


def refusals():
    """A batch of 6 on 4 devices; on two of them it is taken."""
    txs = {"theta": SGD}
    state = train.make_init(contrastive(), txs)(jax.random.key(0), make_batch(6))
    for engine in ("auto", "jit", "pmap", "shard_map"):
        try:
            train.make_step(contrastive(), txs, engine=engine)(state, make_batch(6))
        except ValueError as error:
            assert "a batch of 6 does not divide by 4 devices: take 4 rows" in str(error), error
        else:
            raise AssertionError(f"{engine} took a batch of 6 on 4 devices")
    assert len(jax.devices()) == 4
    moved, _ = train.make_step(contrastive(), txs, devices=jax.devices()[:2])(state, make_batch(6))
    assert len(moved.step.sharding.device_set) == 2


def whole_objective():
    """The decomposition of signals: raw gradients of pmap and of jit on one device."""
    txs, batch = {"theta": SGD}, tiny.make_batch()
    objective = decomposition(tiny.CONFIG, tiny.SHAPES)
    start = train.make_init(objective, txs)(jax.random.key(0), batch)
    one = {"devices": jax.devices()[:1]}
    found = [
        train.make_step(objective, txs, **settings)(start, batch)[0].opt_state["theta"]
        for settings in (one, {"engine": "pmap"})
    ]
    size = float(np.sqrt(sum((np.asarray(g) ** 2).sum() for g in jax.tree.leaves(found[0]))))
    for other in found[1:]:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * size), other, found[0])


if __name__ == "__main__":
    refusals()
    whole_objective()
    print("OK")
