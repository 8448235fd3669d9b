"""A training run in a process of its own, which tests end in every way.

    python run_script.py FOLDER STEPS PAUSE                 # PAUSE seconds before every batch
    python run_script.py FOLDER STEPS PAUSE ADDRESS N ID    # one of N processes

Appends the number of every batch that is asked for to FOLDER/asked, and saves the last parameters as ID.npz.
"""

import sys
import time
from pathlib import Path

import jax
import numpy as np
import optax
from toys import contrastive, make_batch

from pidjax import train

EVERY = 6
TXS = {"theta": optax.adam(1e-2)}


def main(folder, steps, pause, address=None, processes="1", index="0"):
    """Train from the start, or from what the folder holds."""
    if address is not None:
        jax.distributed.initialize(address, int(processes), int(index))
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    share = 8 // int(processes)

    def rows(i):
        return {name: x[int(index) * share :][:share] for name, x in make_batch(seed=i).items()}

    def batches(i):
        time.sleep(float(pause))
        with (folder / "asked").open("a") as asked:
            asked.write(f"{i}\n")
        return rows(i)

    objective = contrastive(noise=1.0)
    state = train.make_init(objective, TXS)(jax.random.key(0), rows(0))
    step = train.make_step(objective, TXS, donate=True)
    store = train.Checkpoints(folder / "run")
    state, _ = train.train(step, state, batches, int(steps), checkpoints=store, every=EVERY, prefetch=0)
    store.close()
    np.savez(folder / f"{index}.npz", **{name: np.asarray(x) for name, x in state.params["theta"].items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
