"""pidjax/train/loop.py: runs that are cut and resumed, runs that fail, and their histories."""

import functools
import os
import signal
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from toys import contrastive, make_batch

from pidjax.train import Checkpoints, Step, TrainingError, make_init, make_step, train

TXS = {"theta": optax.adam(1e-2)}
STEPS = 6


@functools.cache
def engine(**settings):
    """The first state and the compiled step; each sample's noise depends on the step."""
    objective = contrastive(noise=1.0)
    return make_init(objective, TXS)(jax.random.key(0), make_batch()), make_step(objective, TXS, **settings)


def batches(i):
    """A batch of its own for every step."""
    return make_batch(seed=i)


def at(k, do):
    """As ``batches``, but ``do()`` first at step ``k``."""

    def get(i):
        if i == k:
            do()
        return batches(i)

    return get


def fail(error):
    """A function that raises ``error``."""

    def do():
        raise error

    return do


def interrupt():
    """Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def checkpoints(tmp_path):
    """``checkpoints()`` opens the run's folder, as a new process would."""
    opened = []

    def open_folder(**settings):
        opened.append(Checkpoints(tmp_path / "run", **settings))
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
    assert all(set(line) == {"loss", "gradient_norm"} and type(line["loss"]) is float for line in history)


def test_the_loop_is_its_steps():
    """The loop adds nothing to the numbers."""
    state, step = engine()
    losses = []
    for i in range(STEPS):
        state, info = step(state, batches(i))
        losses.append({name: float(value) for name, value in info.items()})
    same((state, losses), uninterrupted())


def test_checkpoints_change_nothing(checkpoints):
    """The same state and history with them."""
    same(run(checkpoints=checkpoints(), every=2), uninterrupted())


@pytest.mark.parametrize("prefetch", [0, 1, 5])
def test_batches_made_ahead_are_the_same(prefetch):
    """In order, once each, in another thread; none is made that is not asked for."""
    seen, threads = [], set()

    def get(i):
        seen.append(i)
        threads.add(threading.current_thread() is threading.main_thread())
        return batches(i)

    same(run(get, prefetch=prefetch), uninterrupted())
    assert seen == list(range(STEPS)) and threads == {prefetch == 0}


def test_several_steps_a_call(checkpoints):
    """Three a call, with checkpoints: the numbers of single steps; what is left must be a multiple."""
    state, step = engine(steps_per_call=3)
    found = train(step, state, batches, STEPS, progress=False, checkpoints=checkpoints(), every=6)
    expected_state, expected = uninterrupted()
    np.testing.assert_allclose([x["loss"] for x in found[1]], [x["loss"] for x in expected], rtol=1e-6)
    np.testing.assert_allclose(found[0].params["theta"]["x"], expected_state.params["theta"]["x"], rtol=1e-5)
    with pytest.raises(ValueError, match="3 steps: the 7 left are no multiple"):
        train(step, state, batches, 7, progress=False)


@pytest.mark.parametrize("k", [0, 1, 4, 5])
def test_an_interrupted_run_resumes_bit_for_bit(k, checkpoints):
    """Ctrl-C during any step: it is finished and saved; the resumed run ends as the uninterrupted one."""
    store, before = checkpoints(), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(at(k, interrupt), checkpoints=store, every=100, prefetch=0)
    assert store.latest() == k + 1 and signal.getsignal(signal.SIGINT) is before
    store.close()
    same(run(checkpoints=checkpoints(), every=100), uninterrupted())


def test_a_second_ctrl_c_stops_at_once():
    """Before the step ends."""
    seen = []
    with pytest.raises(KeyboardInterrupt):
        run(at(2, lambda: (interrupt(), interrupt(), seen.append("went on"))), prefetch=0)
    assert not seen


def test_a_failed_run_resumes_from_its_last_checkpoint(checkpoints):
    """What was done after it is done again, with the same result."""
    store = checkpoints()
    with pytest.raises(OSError):
        run(at(5, fail(OSError("disk pulled"))), checkpoints=store, every=4)
    store.close()
    assert checkpoints().latest() == 4
    seen = []
    same(run(lambda i: (seen.append(i), batches(i))[1], checkpoints=checkpoints()), uninterrupted())
    assert seen == [4, 5]


@pytest.mark.parametrize("rest", ['{"loss": 12345.0}\n', '{"loss": 12'])
def test_history_beyond_the_checkpoint_is_forgotten(rest, checkpoints):
    """Killed between two checkpoints, also within a line, the lines do not double."""
    store = checkpoints()
    with pytest.raises(OSError):
        run(at(5, fail(OSError("killed"))), checkpoints=store, every=8)
    store.close()
    path = store.folder / "history.jsonl"
    path.write_text(path.read_text() + rest)
    same(run(checkpoints=checkpoints()), uninterrupted())
    assert len(path.read_text().splitlines()) == STEPS and "12345" not in path.read_text()


def test_history_of_a_run_without_checkpoint_is_forgotten(checkpoints):
    """Killed before the first checkpoint, the next run starts from nothing."""
    store = checkpoints()
    store.log({"loss": 12345.0})
    store.close()
    same(run(checkpoints=checkpoints()), uninterrupted())


def test_a_finished_run_resumed_does_nothing(checkpoints):
    """No batch is asked for; state and history are what was saved."""
    run(checkpoints=checkpoints())
    same(run(at(0, fail(AssertionError("asked"))), checkpoints=checkpoints()), uninterrupted())


def test_a_finished_run_can_go_on(checkpoints):
    """Four steps and then two more are six steps."""
    run(steps=4, checkpoints=checkpoints())
    same(run(checkpoints=checkpoints()), uninterrupted())


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
    with pytest.raises(
        TrainingError, match=r"gradient_norm, loss became nan at step 3; the last good checkpoint is step 2, in .*run"
    ):
        run(nan_at(3), checkpoints=store, every=4)
    state, history = store.restore(engine()[0])
    assert len(history) == state.step == 2
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))


@pytest.mark.parametrize("stored", [False, True])
def test_nan_before_any_checkpoint(stored, checkpoints):
    """At the first step there is none yet, whether or not one was asked for."""
    with pytest.raises(TrainingError, match="gradient_norm, loss became nan at step 0; no checkpoint yet"):
        run(nan_at(0), checkpoints=checkpoints() if stored else None)


def test_a_gradient_that_is_nan_is_never_saved(checkpoints):
    """Where every term is finite: the norm of the gradient is a term, read before a checkpoint is begun."""
    base = contrastive()

    def loss(params, z, batch, *, axis_name=None):
        value, info = base.loss(params, z, batch, axis_name=axis_name)
        return value + 0.0 * jnp.sqrt(jnp.abs(batch["x"][0, 0]) * params["theta"]["x"][0, 0] ** 2), info

    state, store = engine()[0], checkpoints()
    with pytest.raises(TrainingError, match=r"gradient_norm became nan at step 3; the last good checkpoint is step 3"):
        step = make_step(base._replace(loss=loss), TXS)
        train(step, state, zero_at(3), STEPS, progress=False, checkpoints=store, every=2)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(store.restore(state)[0].params))


def zero_at(k):
    """As ``batches``, with a 0 at step ``k`` where the square root above has an infinite slope."""

    def get(i):
        batch = batches(i)
        batch["x"][0, 0] = 0.0 if i == k else batch["x"][0, 0]
        return batch

    return get


def test_every_bad_term_is_named():
    """Only those that are not finite."""
    info = {"loss": np.inf, "redundancy": 1.0, "synergy": np.nan}
    step = Step(lambda state, batch: (state, info), lambda batch: batch)
    with pytest.raises(TrainingError, match=r"^loss, synergy became"):
        train(step, engine()[0], batches, 3, progress=False)


def test_the_progress_line(monkeypatch, capsys):
    """On a terminal: steps done and left, steps/s, samples/s and nats."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("tqdm.std.tqdm.monitor_interval", 0)
    state, step = engine()
    step(state, batches(0))
    # slow enough for a terminal to be drawn to
    train(step, state, lambda i: (time.sleep(0.12), batches(i))[1], STEPS, title="shared", prefetch=0)
    drawn = capsys.readouterr().err.split("\r")
    words = ("shared", f"/{STEPS}", "step/s", "samples/s=", "loss=", "<00:0")
    assert any(all(word in line for word in words) for line in drawn), drawn
