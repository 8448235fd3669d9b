"""With four devices: restore what one device saved in DIR/one, train and save in DIR/four."""

import sys
from pathlib import Path

import jax
import numpy as np
import test_checkpoint as one
from toys import contrastive, make_batch

from pidjax.train import Checkpoints, make_step, train


def main(folder):
    """Both directions; the state that was saved goes to DIR/four.npz."""
    txs = {"theta": one.TXS["theta"]}
    store = Checkpoints(folder / "one")
    restored, _ = store.restore(one.START)
    one.is_state(restored, 3)
    store.close()
    for engine in ("pmap", "shard_map", "jit"):
        moved, _ = make_step(contrastive(), txs, engine=engine)(restored, make_batch())
        alone, _ = make_step(contrastive(), txs, devices=jax.devices()[:1])(restored, make_batch())
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), moved.params, alone.params)
    store = Checkpoints(folder / "four")
    state, _ = train(
        make_step(contrastive(), txs, engine="pmap"), one.START, lambda i: make_batch(), 4, checkpoints=store, every=4
    )
    assert len(state.step.sharding.device_set) == 4
    store.close()
    np.savez(folder / "four.npz", *jax.tree.leaves(state._replace(key=jax.random.key_data(state.key))))
    store = Checkpoints(folder / "four")
    again, _ = store.restore(state)
    assert len(again.step.sharding.device_set) == 4
    store.close()
    print("OK")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
