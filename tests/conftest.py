"""Fixtures: the folder of real recordings (``--data DIR``), and one small simulated session."""

from __future__ import annotations

import dataclasses
import gc
import os
import subprocess
import sys
import warnings
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# matrices are small: more threads only wait for one another, at ten times the CPU time where other workers run too
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# truths do not depend on how well XLA optimises; compiling is most of what tests do (also in their subprocesses)
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import jax
import jaxlib
import pytest

from pidjax.math.pairwise import tiling

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser):
    parser.addoption("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of real recordings")


def pytest_configure(config):
    gc.set_threshold(50_000)  # tracing makes many objects and little garbage: a tenth of its time
    if jaxlib.__version__.startswith("0.10."):  # XLA ends the process for a flag that another version does not know
        # the older emitters and one piece of code per program compile in half the time
        flags = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
        # its checks of itself and what it does to loops are a seventh of a large program's time
        passes = "hlo-verifier,simplify-while-loops,while-loop-invariant-code-motion,while-loop-constant-sinking"
        flags = f"{flags} --xla_disable_hlo_passes={passes}"
        os.environ["XLA_FLAGS"] = f"{flags} {os.environ.get('XLA_FLAGS', '')}"
    # compiled programs survive between runs; ranks must match, as the library promises
    jax.config.update("jax_compilation_cache_dir", str(ROOT / ".pytest_cache" / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_numpy_rank_promotion", "raise")
    # what an all-pairs critic unrolls is most of what it compiles; numbers are the same (math/test_pairwise.py)
    tiling._DEFAULTS["cpu"] = tiling._DEFAULTS["cpu"]._replace(chunk=4, back_chunk=8)


@pytest.fixture(autouse=True)
def quiet():
    """mne warns about the headers of real files; what matters is raised or in the report."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def optimised():
    """XLA optimises what a test compiles: for programs that then run longer than they compile."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] == "1")


@pytest.fixture
def data(request):
    """``data("eeg/S001R01.edf")`` is the path of a real recording; skips where it is absent."""
    folder = request.config.getoption("--data")

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(f"{path} is absent: pass --data DIR with the recordings")
        return path

    return find


@pytest.fixture(scope="session")
def session():
    """A short simulated session: 18 trials, 11 s apart."""
    from pidjax.neuro.simulate import CLEAR, SessionConfig, simulate_session

    config = SessionConfig(n_trials=18, interval=(10.0, 12.0), overlap=True)
    return simulate_session(config, dataclasses.replace(CLEAR, task=4.0), seed=1)


@pytest.fixture(scope="session")
def files(session, tmp_path_factory):
    """The session's ``eeg.edf``, ``fnirs.snirf`` and ``events.tsv`` on disk."""
    from pidjax.neuro import save_session

    return save_session(session, tmp_path_factory.mktemp("recording"))


@pytest.fixture(scope="session")
def devices_env():
    """``devices_env(4)``: the environment of a process with four CPU devices that runs scripts of the tests."""

    def env(devices: int) -> dict[str, str]:
        found = os.environ | {
            "JAX_PLATFORMS": "cpu",
            "JAX_NUM_CPU_DEVICES": str(devices),
            "JAX_NUMPY_RANK_PROMOTION": "raise",
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "PYTHONPATH": str(ROOT),
        }
        if jax.config.jax_compilation_cache_dir:
            found["JAX_COMPILATION_CACHE_DIR"] = jax.config.jax_compilation_cache_dir
        return found

    return env


@pytest.fixture
def four_devices(devices_env):
    """``four_devices("critics/devices_script.py")`` runs a script of the tests in a process with four CPU devices."""

    def run(script: str, *arguments: str | Path) -> None:
        command = [sys.executable, ROOT / "tests" / script, *arguments]
        done = subprocess.run(command, env=devices_env(4), capture_output=True, text=True, timeout=600)
        assert done.returncode == 0 and done.stdout.endswith("OK\n"), done.stdout + done.stderr

    return run


def pytest_collection_modifyitems(items):
    """Rooms whose files take longest go first, so that no worker is left alone with one at the end.

    xdist would begin with the files of most tests, hence --no-loadscope-reorder in the Makefile.
    """
    items.sort(key=lambda item: item.path.parent.name not in ("train", "neuro", "estimators"))


def pytest_collection_finish():
    gc.freeze()  # what imports made stays: no collection looks at it again
