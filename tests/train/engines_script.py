"""Raw gradients and 20 Adam steps of every way to run a step, of which each process writes its copy to a file.

    python engines_script.py OUT.npz                 # one process, four devices: every engine
    python engines_script.py OUT.npz ADDRESS N ID    # one of N processes

``test_engines.py`` runs it and compares.
"""

import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from toys import OBJECTIVES, make_batch

from pidjax import train
from pidjax.data import with_inner

STEPS, N = 20, 8


FRESH = {"inner_batch": "fresh", "steps_per_call": 2, "donate": True, "remat": True}


def recording(tx):
    """``tx``, with the raw gradient of the first step kept beside its state."""

    def init(params):
        return {"tx": tx.init(params), "raw": jax.tree.map(jnp.zeros_like, params), "first": jnp.array(True)}

    def update(gradient, state, params=None):
        raw = jax.tree.map(lambda g, kept: jnp.where(state["first"], g, kept), gradient, state["raw"])
        moved, new = tx.update(gradient, state["tx"], params)
        return moved, {"tx": new, "raw": raw, "first": jnp.array(False)}

    return optax.GradientTransformation(init, update)


TXS = {"theta": recording(optax.adam(1e-2)), "phi": recording(optax.adam(2e-2))}


def ways(processes):
    """Settings of ``make_step`` by name, and the objectives that run so."""
    if processes > 1:
        return {
            f"{processes} processes": ({}, OBJECTIVES),
            f"{processes} processes, in pieces": ({"accumulate": 2}, ["alternating"]),
            f"{processes} processes, global jit": ({"engine": "jit"}, ["InfoNCE"]),
            f"fresh, {processes} processes": (FRESH, ["alternating"]),
        }
    one = {"devices": jax.devices()[:1]}
    return {
        "one device": (one, OBJECTIVES),
        "one device, in 4 pieces": (one | {"accumulate": 4}, OBJECTIVES),
        "pmap": ({"engine": "pmap"}, OBJECTIVES),
        "pmap, in pieces": ({"engine": "pmap", "accumulate": 2}, ["alternating"]),
        "shard_map": ({"engine": "shard_map"}, OBJECTIVES),
        "global jit": ({"engine": "jit"}, OBJECTIVES),
        "fresh, one device": (FRESH | one, ["alternating"]),
        "fresh, shard_map": (FRESH | {"engine": "shard_map"}, ["alternating"]),
    }


def mine(batch):
    """The rows of this process."""
    n = N // jax.process_count()
    return {name: x[jax.process_index() * n :][:n] for name, x in batch.items()}


@functools.cache
def init(name):
    """Compiled once for all ways."""
    return train.make_init(OBJECTIVES[name], TXS)


def run(name, settings):
    """Raw gradients of the first of 20 steps, parameters and info after the last."""
    objective = OBJECTIVES[name]
    state = init(name)(jax.random.key(1), mine(make_batch(N, seed=100)))
    step = train.make_step(objective, TXS, inner_steps=2, **settings)

    def batches(i):
        return mine(make_batch(N, seed=i))

    if "inner_batch" in settings:
        batches = with_inner(batches, lambda i: mine(make_batch(N, seed=1000 + i)), 2)
    state, history = train.train(step, state, batches, STEPS, progress=False)
    info = history[-1]
    found = {"raw": {k: s["raw"] for k, s in state.opt_state.items()}, "params": state.params, "info": info}
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(found)}


def main(out, address=None, processes="1", index="0"):
    """Every objective in every way that this launch has."""
    if address is not None:
        jax.distributed.initialize(address, int(processes), int(index))
    found = {}
    for way, (settings, names) in ways(int(processes)).items():
        for name in names:
            found |= {f"{way}|{name}|{k}": v for k, v in run(name, settings).items()}
    np.savez(out, **found)
    print("OK")


if __name__ == "__main__":
    main(*sys.argv[1:])
