"""pidjax/train: raw gradients and 20 Adam steps are the same however many devices and processes run them."""

import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from toys import OBJECTIVES, SGD, contrastive, free_address, make_batch

from pidjax import train

SCRIPT = Path(__file__).with_name("engines_script.py")
TOLERANCE = 1e-5
"""Relative to the largest entry of a leaf."""


@pytest.fixture(scope="module")
def single(tmp_path_factory, devices_env):
    """What one process with four devices finds, by way, objective and leaf."""
    out = tmp_path_factory.mktemp("engines") / "one.npz"
    done = subprocess.run(
        [sys.executable, SCRIPT, out], env=devices_env(4), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return by_way(out)


def by_way(path):
    """{way: {objective: {leaf: array}}}"""
    found = {}
    with np.load(path) as stored:
        for name in stored:
            way, objective, leaf = name.split("|")
            found.setdefault(way, {}).setdefault(objective, {})[leaf] = stored[name]
    return found


def reference(way):
    """The way that another must agree with: other inner batches are other numbers."""
    return "fresh, one device" if way.startswith("fresh") else "one device"


def same(found, expected):
    """Every leaf, to 1e-5 of its largest entry."""
    assert found.keys() == expected.keys()
    for leaf, value in expected.items():
        size = np.abs(value).max()
        np.testing.assert_allclose(found[leaf], value, rtol=TOLERANCE, atol=TOLERANCE * size, err_msg=leaf)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_engines_and_pieces_agree(objective, single):
    """pmap, shard_map, global-view jit and accumulation against one device: raw gradients, parameters, info."""
    expected = single["one device"][objective]
    raw = [leaf for leaf in expected if leaf.startswith("['raw']")]
    assert raw and any(np.abs(expected[leaf]).max() > 1e-3 for leaf in raw)
    ways = [way for way in single if objective in single[way]]
    assert len(ways) >= 5
    for way in ways:
        same(single[way][objective], single[reference(way)][objective])


def test_two_processes_agree_with_one(single, tmp_path, devices_env):
    """2 processes x 2 devices by jax.distributed on loopback, each with its rows: both end where one device does."""
    address = free_address()
    files = [tmp_path / f"{i}.npz" for i in range(2)]
    launched = [
        subprocess.Popen(
            [sys.executable, SCRIPT, file, address, "2", str(i)],
            env=devices_env(2),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i, file in enumerate(files)
    ]
    said = [process.communicate(timeout=600)[0] for process in launched]
    assert all(process.returncode == 0 for process in launched), "\n".join(said)
    for file in files:
        found = by_way(file)
        assert set().union(*found.values()) == set(OBJECTIVES)
        for way, objectives in found.items():
            for objective, leaves in objectives.items():
                same(leaves, single[reference(way)][objective])


def test_on_four_devices(four_devices):
    """A batch that does not divide is refused by every engine; the decomposition of signals has the same gradients."""
    four_devices("train/four_devices_script.py")


def test_auto_is_jit_on_one_device():
    """The default engine gives what jit gives, bit for bit; on one device pmap and shard_map agree."""
    assert jax.local_device_count() == 1
    txs = {"theta": SGD}
    state = train.make_init(contrastive(1.0), txs)(jax.random.key(0), make_batch())
    auto, jit, *others = (
        train.make_step(contrastive(1.0), txs, engine=engine)(state, make_batch())[0].params
        for engine in ("auto", "jit", "pmap", "shard_map")
    )
    jax.tree.map(np.testing.assert_array_equal, auto, jit)
    for other in others:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), jit, other)
