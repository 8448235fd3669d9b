"""pidjax/train/checkpoint.py: what is kept, what is refused, and what is done about damage, full disks and devices."""

import contextlib
import json
import os
import resource
import shutil
import tempfile
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from toys import alternating, contrastive, make_batch

from pidjax.train import Checkpoints, CheckpointWarning, make_init, make_step, train

TXS = {"theta": optax.adam(1e-2), "phi": optax.sgd(0.1)}
START = make_init(contrastive(), {"theta": TXS["theta"]})(jax.random.key(0), make_batch())
# a table that is large enough to lie in a file of its own, which a step hands on
START = START._replace(state={"table": jax.random.normal(jax.random.key(1), (300, 100))})


def state_of(step):
    """The state of the toy at a step, every leaf another number."""
    moved = jax.tree.map(lambda x: x + step, START._replace(key=0))
    return moved._replace(key=jax.random.key(step), step=START.step + step)


def write(folder, *steps, **settings):
    """A run with a checkpoint at each step, and a history where the loss of step i is (i − 2)²."""
    store = Checkpoints(folder, **settings)
    for step in range(max(steps) + 1):
        if step in steps:
            store.save(state_of(step), wait=True)
        store.log({"loss": float((step - 2) ** 2), "nats": float(step)})
    store.close()
    return Path(folder)


def is_state(found, step):
    """Bit for bit."""
    expected = state_of(step)
    np.testing.assert_array_equal(jax.random.key_data(found.key), jax.random.key_data(expected.key))
    jax.tree.map(np.testing.assert_array_equal, found._replace(key=0), expected._replace(key=0))


def kept(folder):
    """Steps in the folder."""
    return sorted(int(p.name) for p in (folder / "states").iterdir())


def test_the_newest_are_kept(tmp_path):
    """Of four the last three."""
    assert kept(write(tmp_path, 1, 2, 3, 4, keep=3)) == [2, 3, 4]


@pytest.mark.parametrize(("best", "largest", "step"), [("loss", False, 3), ("loss", True, 6), ("nats", False, 1)])
def test_the_best_is_kept(best, largest, step, tmp_path):
    """By the mean over the steps since the checkpoint before; restored on request."""
    folder = write(tmp_path, 1, 3, 5, 6, 7, keep=1, best=best, largest=largest)
    # means of the loss over the intervals: 4; 0.5; 2.5; 9; 16
    expected = {("loss", False): 3, ("loss", True): 7, ("nats", False): 1}[best, largest]
    assert kept(folder) == sorted({expected, 7})
    store = Checkpoints(folder, keep=1, best=best, largest=largest)
    assert (store.best(), store.latest()) == (expected, 7)
    found, history = store.restore(START, "best")
    is_state(found, expected)
    assert len(history) == expected
    store.close()


def damage(folder, kind):
    """Of the checkpoint of step 4: a flipped bit, half of the largest file, no file, no metadata."""
    data = max((folder / "states/4/state/ocdbt.process_0/d").iterdir(), key=lambda p: p.stat().st_size)
    if kind == "gone":
        data.unlink()
    elif kind in ("metadata", "score"):
        (folder / {"metadata": "states/4/state/_METADATA", "score": "states/4/metrics/metrics"}[kind]).write_text("{")
    elif kind == "half":
        data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    else:
        values = bytearray(data.read_bytes())
        values[len(values) // 2] ^= 1
        data.write_bytes(values)


@pytest.mark.parametrize("kind", ["bit", "half", "gone", "metadata", "score"])
def test_the_one_before_a_damaged_checkpoint_is_taken(kind, tmp_path):
    """With a warning that names both and the place where the damaged one is; step 4 can be written again."""
    folder = write(tmp_path, 2, 4, best="loss")
    damage(folder, kind)
    with pytest.warns(CheckpointWarning, match=r"step 4 .* cannot be read .*damaged; "):
        store = Checkpoints(folder)
        found, history = store.restore(START)
    is_state(found, 2)
    assert len(history) == 2 and (folder / "damaged/4").is_dir()
    store.save(state_of(4), wait=True)
    store.close()
    is_state(Checkpoints(folder).restore(START)[0], 4)


def test_no_checkpoint_that_can_be_read(tmp_path):
    """An error that names the folder; the damaged one is not deleted."""
    folder = write(tmp_path, 4)
    damage(folder, "half")
    store = Checkpoints(folder)
    with pytest.warns(CheckpointWarning), pytest.raises(FileNotFoundError, match="no checkpoint that can be read; see"):
        store.restore(START)
    store.close()
    assert (folder / "damaged/4").is_dir()
    with pytest.raises(ValueError, match=r"no checkpoint but damaged ones: remove .*damaged to start anew"):
        Checkpoints(folder).start()


def test_an_empty_folder_cannot_be_restored(tmp_path):
    """The message names the folder."""
    store = Checkpoints(tmp_path / "run")
    assert store.latest() is None
    with pytest.raises(FileNotFoundError, match=r"run holds no checkpoint\."):
        store.restore(START)
    store.close()


def test_a_half_written_checkpoint_is_none(tmp_path):
    """What a killed process was writing is neither read nor in the way."""
    folder = write(tmp_path, 2, 4)
    os.rename(folder / "states/4", folder / "states/4.orbax-checkpoint-tmp")
    store = Checkpoints(folder)
    is_state(store.restore(START)[0], 2)
    store.save(state_of(4), wait=True)
    store.close()
    assert kept(folder) == [2, 4]


def test_another_shape_is_refused(tmp_path):
    """The first leaves that differ are named; the checkpoints stay."""
    folder = write(tmp_path, 2)
    store = Checkpoints(folder)
    other = make_init(alternating(), TXS)(jax.random.key(0), make_batch())
    with pytest.raises(ValueError, match=r"another configuration: .*phi.*absent there and float32\[3\] here") as error:
        store.restore(other)
    assert str(tmp_path) in str(error.value)
    store.close()
    assert kept(folder) == [2]


def test_another_configuration_is_refused(tmp_path):
    """Settings are compared when the folder is opened: those that differ are named."""
    write(tmp_path, 2, config={"width": 64, "bands": ((1, 4), (4, 8))})
    Checkpoints(tmp_path, config={"width": 64, "bands": [[1, 4], [4, 8]]}).close()
    with pytest.raises(ValueError, match="another configuration: width is 64 there and 32 here"):
        Checkpoints(tmp_path, config={"width": 32, "bands": ((1, 4), (4, 8))})


def test_a_newer_version_is_refused(tmp_path):
    """Nothing is read and nothing is touched."""
    folder = write(tmp_path, 2)
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(run | {"format": run["format"] + 1}))
    with pytest.raises(ValueError, match=r"newer pidjax .*update pidjax"):
        Checkpoints(folder)
    assert kept(folder) == [2]
    (folder / "run.json").write_text('{"form')
    with pytest.raises(ValueError, match=r"run\.json, which says what the checkpoints are of, cannot be read"):
        Checkpoints(folder)


@contextlib.contextmanager
def as_nobody():
    """Without the rights of root, who may write everywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_read_only_folder_is_refused():
    """Before anything is trained."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o555)
    try:
        with as_nobody(), pytest.raises(ValueError, match=r"cannot be written to .*Permission denied.*another folder"):
            Checkpoints(folder / "run")
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_file_in_the_way_is_refused(tmp_path):
    """A file of that name, in words."""
    (tmp_path / "run").write_text("")
    with pytest.raises(ValueError, match="cannot be written to"):
        Checkpoints(tmp_path / "run")


@contextlib.contextmanager
def file_limit(size):
    """No file can grow beyond ``size`` bytes: writing fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_for_a_while_loses_nothing(tmp_path):
    """Checkpoints of steps 10 to 60 fail with a warning, training goes on, the last ones are whole."""
    txs = {"theta": TXS["theta"]}
    step = make_step(contrastive(), txs)
    free, store = train(step, START, lambda i: make_batch(seed=i), 80, progress=False), Checkpoints(tmp_path)
    limits = contextlib.ExitStack()

    def batches(i):
        if i == 0:
            limits.enter_context(file_limit(64))
        if i == 60:
            limits.close()
        return make_batch(seed=i)

    with limits, pytest.warns(CheckpointWarning, match="could not be written to .*Checkpoints before it are whole"):
        found = train(step, START, batches, 80, progress=False, checkpoints=store, every=20, prefetch=0)
    jax.tree.map(np.testing.assert_array_equal, found[0].params, free[0].params)
    assert found[1] == free[1]
    store.close()
    again = Checkpoints(tmp_path)
    restored, history = again.restore(START)
    jax.tree.map(np.testing.assert_array_equal, restored.params, free[0].params)
    assert history == free[1] and again.steps() == [70, 80]
    again.close()


def test_a_full_disk_is_said_in_words(tmp_path):
    """By the device that is always full."""
    os.symlink("/dev/full", tmp_path / "history.partial")
    step, store = make_step(contrastive(), {"theta": TXS["theta"]}), Checkpoints(tmp_path)
    with pytest.warns(CheckpointWarning, match="no space is left on the device"):
        _, history = train(step, START, lambda i: make_batch(), 2, progress=False, checkpoints=store)
    assert len(history) == 2


def test_restored_on_other_numbers_of_devices(tmp_path, four_devices):
    """Four devices save, one restores, bit for bit; one saves, four restore and go on as one does."""
    write(tmp_path / "one", 3)
    four_devices("train/checkpoint_script.py", tmp_path)
    store = Checkpoints(tmp_path / "four")
    found, history = store.restore(START)
    with np.load(tmp_path / "four.npz") as expected:
        leaves = jax.tree.leaves(found._replace(key=jax.random.key_data(found.key)))
        for leaf, name in zip(leaves, expected.files, strict=True):
            np.testing.assert_array_equal(leaf, expected[name])
    assert found.step == len(history) == 4
    store.close()


def test_events_for_tensorboard(tmp_path):
    """Where a writer is installed, its files hold the names of the terms."""
    pytest.importorskip("tensorboardX")
    folder = write(tmp_path, 2)
    events = b"".join(path.read_bytes() for path in (folder / "events").iterdir())
    assert b"loss" in events and b"nats" in events
