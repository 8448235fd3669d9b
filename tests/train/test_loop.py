"""pidjax/train/loop.py and checkpoint.py: runs that are cut and resumed, runs that fail, and their histories."""

import functools

import jax
import numpy as np
import optax
import pytest
from pmap_script import contrastive, make_batch

from pidjax.train import Checkpoints, TrainingError, make_init, make_step, train

TXS = {"theta": optax.adam(1e-2)}
STEPS = 6


@functools.cache
def engine():
    """The first state and the compiled step; each sample's noise depends on the step."""
    objective = contrastive(noise=1.0)
    return make_init(objective, TXS)(jax.random.key(0), make_batch()), make_step(objective, TXS)


def batches(i):
    """A batch of its own for every step."""
    return make_batch(seed=i)


def failing(k, error):
    """As ``batches``, but raises at step ``k``."""

    def get(i):
        if i == k:
            raise error
        return batches(i)

    return get


@pytest.fixture
def checkpoints(tmp_path):
    """``checkpoints()`` opens the run's folder, as a new process would."""
    opened = []

    def open_folder():
        opened.append(Checkpoints(tmp_path / "run"))
        return opened[-1]

    yield open_folder
    for store in opened:
        store.close()


def run(get=batches, steps=STEPS, **options):
    """Train from the first state."""
    state, step = engine()
    return train(step, state, get, steps, progress=False, **options)


@functools.cache
def uninterrupted():
    """State and history of a run without checkpoints."""
    return run()


def same(a, b):
    """Everything of two (state, history), bit for bit."""
    (state_a, history_a), (state_b, history_b) = a, b
    np.testing.assert_array_equal(jax.random.key_data(state_a.key), jax.random.key_data(state_b.key))
    jax.tree.map(np.testing.assert_array_equal, state_a._replace(key=0), state_b._replace(key=0))
    assert history_a == history_b


def test_history_has_one_dict_a_step():
    """Named floats, of every step in order."""
    state, history = uninterrupted()
    assert state.step == len(history) == STEPS
    assert all(set(line) == {"loss"} and type(line["loss"]) is float for line in history)


def test_the_loop_is_its_steps():
    """The loop adds nothing to the numbers."""
    state, step = engine()
    losses = []
    for i in range(STEPS):
        state, info = step(state, batches(i))
        losses.append({"loss": float(info["loss"])})
    same((state, losses), uninterrupted())


def test_checkpoints_change_nothing(checkpoints):
    """The same state and history with them."""
    same(run(checkpoints=checkpoints(), every=2), uninterrupted())


@pytest.mark.parametrize("k", [0, 1, 4, 5])
def test_an_interrupted_run_resumes_bit_for_bit(k, checkpoints):
    """Ctrl-C at any step saves what is done; the resumed run ends as the uninterrupted one."""
    store = checkpoints()
    with pytest.raises(KeyboardInterrupt):
        run(failing(k, KeyboardInterrupt()), checkpoints=store, every=100)
    assert store.latest() == k
    store.close()
    same(run(checkpoints=checkpoints(), every=100), uninterrupted())


def test_a_killed_run_resumes_from_its_last_checkpoint(checkpoints):
    """What was done after it is done again, with the same result."""
    with pytest.raises(OSError):
        run(failing(5, OSError("killed")), checkpoints=checkpoints(), every=2)
    assert checkpoints().latest() == 4
    seen = []
    same(run(lambda i: (seen.append(i), batches(i))[1], checkpoints=checkpoints()), uninterrupted())
    assert seen == [4, 5]


def test_history_beyond_the_checkpoint_is_forgotten(checkpoints):
    """Killed between the writing of the history and that of the state, the lines do not double."""
    with pytest.raises(OSError):
        run(failing(5, OSError("killed")), checkpoints=checkpoints(), every=4)
    path = checkpoints().folder / "history.jsonl"
    path.write_text(path.read_text() + '{"loss": 12345.0}\n')
    same(run(checkpoints=checkpoints()), uninterrupted())
    assert len(path.read_text().splitlines()) == STEPS and "12345" not in path.read_text()


def test_a_finished_run_resumed_does_nothing(checkpoints):
    """No batch is asked for; state and history are what was saved."""
    run(checkpoints=checkpoints())
    same(run(failing(0, AssertionError("asked")), checkpoints=checkpoints()), uninterrupted())


def test_a_finished_run_can_go_on(checkpoints):
    """Four steps and then two more are six steps."""
    run(steps=4, checkpoints=checkpoints())
    same(run(checkpoints=checkpoints()), uninterrupted())


def test_the_newest_two_checkpoints_are_kept(checkpoints):
    """Of steps 2, 4 and 6 the last two."""
    store = checkpoints()
    run(checkpoints=store, every=2)
    assert store.latest() == 6
    assert sorted(int(p.name) for p in (store.folder / "states").iterdir() if p.name.isdigit()) == [4, 6]


def nan_at(k):
    """As ``batches``, with a NaN in the inputs of step ``k``."""

    def get(i):
        batch = batches(i)
        batch["x"][0, 0] = np.nan if i == k else batch["x"][0, 0]
        return batch

    return get


def test_nan_stops_the_run(checkpoints):
    """The message names the step, the term and the last good checkpoint, which holds no NaN."""
    store = checkpoints()
    with pytest.raises(TrainingError, match=r"loss became nan at step 3; the last good checkpoint is step 2\."):
        run(nan_at(3), checkpoints=store, every=2)
    state, history = store.restore(engine()[0])
    assert len(history) == state.step == 2
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))


@pytest.mark.parametrize("stored", [False, True])
def test_nan_before_any_checkpoint(stored, checkpoints):
    """At the first step there is none yet, whether or not one was asked for."""
    with pytest.raises(TrainingError, match="loss became nan at step 0; no checkpoint yet"):
        run(nan_at(0), checkpoints=checkpoints() if stored else None)


def test_every_bad_term_is_named():
    """Only those that are not finite."""
    info = {"loss": np.inf, "redundancy": 1.0, "synergy": np.nan}
    with pytest.raises(TrainingError, match=r"^loss, synergy became"):
        train(lambda state, batch: (state, info), None, batches, 3, progress=False)


def test_an_empty_folder_cannot_be_restored(checkpoints):
    """The message names the folder."""
    store = checkpoints()
    assert store.latest() is None
    with pytest.raises(FileNotFoundError, match="run holds no checkpoint"):
        store.restore(engine()[0])
