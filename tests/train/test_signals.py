"""pidjax/train: runs in processes of their own that are terminated, killed and started again."""

import functools
import json
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("run_script.py")
STEPS, EVERY = 40, 6


@pytest.fixture
def launch(devices_env):
    """``launch(folder, pause)`` starts the run (with three more arguments one of several processes)."""

    def start(folder, pause=0.0, *hosts, devices=1):
        command = [sys.executable, SCRIPT, folder, str(STEPS), str(pause), *hosts]
        return subprocess.Popen(
            command, env=devices_env(devices), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def asked(folder):
    """Numbers of the batches that were asked for."""
    path = folder / "asked"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def wait_for(folder, more, process):
    """Until so many more batches were asked for."""
    goal, end = len(asked(folder)) + more, time.monotonic() + 300
    while len(asked(folder)) < goal and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)


def ended(folder):
    """The last parameters."""
    with np.load(folder / "0.npz") as found:
        return dict(found)


def finish(process, status=0):
    """What it said."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, out + err
    return err


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, devices_env):
    """The end of a run that nothing happens to."""
    folder = tmp_path_factory.mktemp("free")
    subprocess.run([sys.executable, SCRIPT, folder, str(STEPS), "0"], env=devices_env(1), check=True, timeout=300)
    assert asked(folder) == list(range(STEPS))
    return ended(folder)


def same(a, b):
    """Bit for bit."""
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def test_sigterm_saves_and_says_how_to_go_on(launch, uninterrupted, tmp_path, devices_env):
    """Exit status 0; the printed command finishes the run, losing no step, with the numbers of one that was not cut."""
    process = launch(tmp_path, 0.05)
    wait_for(tmp_path, 9, process)
    process.send_signal(signal.SIGTERM)
    said = finish(process)
    assert "which is saved" in said
    before = asked(tmp_path)
    command = shlex.split(said.strip().splitlines()[-1])
    subprocess.run(command, env=devices_env(1), check=True, capture_output=True, timeout=300)
    assert asked(tmp_path) == list(range(STEPS)) and 9 <= len(before) < STEPS
    same(ended(tmp_path), uninterrupted)


def test_kill_9_loses_at_most_one_interval(launch, uninterrupted, tmp_path):
    """Killed three times at random moments, each restart repeats no more than the interval; the end is the same."""
    moments = np.random.default_rng()
    for _ in range(3):
        process = launch(tmp_path, 0.02)
        before = asked(tmp_path)
        wait_for(tmp_path, int(moments.integers(1, 12)), process)
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        process.communicate()
        check_restart(before, asked(tmp_path))
    before, process = asked(tmp_path), launch(tmp_path)
    finish(process)
    check_restart(before, asked(tmp_path))
    same(ended(tmp_path), uninterrupted)
    history = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    assert len(history) == STEPS


def check_restart(before, after):
    """The first step that was asked for after a kill is at most an interval before the last one before it."""
    if before and len(after) > len(before):
        assert before[-1] - after[len(before)] <= EVERY


@functools.cache
def free_port():
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_sigterm_to_one_of_two_processes_stops_both(launch, tmp_path, uninterrupted, devices_env):
    """After the same step, saved once; a single process finishes the run with the numbers of one that was not cut."""
    address = f"127.0.0.1:{free_port()}"
    both = [launch(tmp_path, 0.1, address, "2", str(i), devices=2) for i in range(2)]
    wait_for(tmp_path, 10, both[0])
    both[1].send_signal(signal.SIGTERM)
    said = [finish(process) for process in both]
    assert "which is saved" in said[0] and "which is saved" not in said[1]
    step = max(asked(tmp_path)) + 1
    assert asked(tmp_path).count(step - 1) == 2 and step < STEPS
    (tmp_path / "asked").unlink()
    finish(launch(tmp_path))
    assert asked(tmp_path) == list(range(step, STEPS))
    for name, value in ended(tmp_path).items():
        np.testing.assert_allclose(value, uninterrupted[name], rtol=1e-5, atol=1e-6)
