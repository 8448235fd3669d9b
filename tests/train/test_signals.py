"""pidjax/train: runs in processes of their own that are terminated, killed and started again."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import run_script
from run_script import EVERY
from toys import free_address

SCRIPT = Path(run_script.__file__)
STEPS = 40


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
def uninterrupted(tmp_path_factory):
    """The end of a run that nothing happens to."""
    folder = tmp_path_factory.mktemp("free")
    run_script.main(folder, STEPS, 0)
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
    """Killed at random moments, also while it starts, a run repeats no more than the interval; the end is the same."""
    seed = int(time.time())
    print("moments of seed", seed)
    moments = np.random.default_rng(seed)
    for starting in (False, True, False):
        process, before = launch(tmp_path, 0.02), asked(tmp_path)
        if not starting:
            wait_for(tmp_path, int(moments.integers(1, 12)), process)
        time.sleep(moments.uniform(0, 4.0 if starting else 0.05))
        process.kill()
        process.communicate()
        check_restart(before, asked(tmp_path))
    before = asked(tmp_path)
    run_script.main(tmp_path, STEPS, 0)
    check_restart(before, asked(tmp_path))
    same(ended(tmp_path), uninterrupted)
    history = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    assert len(history) == STEPS


def check_restart(before, after):
    """The first step that was asked for after a kill is at most an interval before the last one before it."""
    if before and len(after) > len(before):
        assert before[-1] - after[len(before)] <= EVERY


def test_sigterm_to_one_of_two_processes_stops_both(launch, tmp_path, uninterrupted):
    """After the same step, saved once; two others finish the run with the numbers of one that was not cut."""

    def start(pause):
        address = free_address()
        return [launch(tmp_path, pause, address, "2", str(i), devices=2) for i in range(2)]

    both = start(0.05)
    wait_for(tmp_path, 10, both[0])
    both[1].send_signal(signal.SIGTERM)
    said = [finish(process) for process in both]
    assert "which is saved" in said[0] and "which is saved" not in said[1]
    step = max(asked(tmp_path)) + 1
    assert asked(tmp_path).count(step - 1) == 2 and step < STEPS
    (tmp_path / "asked").unlink()
    for process in start(0):
        finish(process)
    assert sorted(asked(tmp_path)) == sorted([*range(step, STEPS)] * 2)
    for name, value in ended(tmp_path).items():
        np.testing.assert_allclose(value, uninterrupted[name], rtol=1e-5, atol=1e-6)
