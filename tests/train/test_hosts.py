"""Two processes joined by jax.distributed end where one process with one device does."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import host
import jax
import numpy as np
import pytest

from dgan_jax.train import loop
from dgan_jax.train.checkpoint import Checkpoints
from dgan_jax.train.log import read

HERE = Path(__file__).parent


@pytest.fixture
def images(tmp_path):
    path = str(tmp_path / "images.npz")
    np.savez(path, image=np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8))
    return path


def two_hosts(folder, images, steps):
    """Two processes that train together."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    path = os.pathsep.join([str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")])
    join = {"JAX_COORDINATOR_ADDRESS": f"localhost:{port}", "JAX_NUM_PROCESSES": "2", "PYTHONPATH": path}
    flags = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
    return [
        subprocess.Popen(
            [sys.executable, HERE / "host.py", folder, images, str(steps)],
            env={**os.environ, **join, **flags, "JAX_PROCESS_ID": str(i)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for i in range(2)
    ]  # fmt: skip


def test_two_hosts_end_where_one_does(tmp_path, images):
    processes = two_hosts(tmp_path / "two", images, 6)
    said = [process.communicate(timeout=240)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)

    one = loop.train(host.experiment(images), tmp_path / "one")
    for i in range(2):
        two = np.load(tmp_path / f"two_{i}.npz")
        for ours, theirs in zip(two.files, jax.tree.leaves(one.params), strict=True):
            np.testing.assert_allclose(two[ours], theirs, rtol=1e-5, atol=1e-5)
    rows = [read(tmp_path / name / "log.jsonl") for name in ("two", "one")]
    for ours, theirs in zip(*rows, strict=True):
        assert ours["step"] == theirs["step"]
        for name in theirs.keys() - {"steps_per_second", "stage", "step"}:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4)


def test_a_signal_to_one_host_stops_all_of_them_at_the_same_checkpoint(tmp_path, images):
    processes = two_hosts(tmp_path / "two", images, 100_000)
    stream = processes[1].stdout
    assert stream is not None
    next(line for line in stream if line.strip() == "10")
    processes[1].send_signal(signal.SIGTERM)
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [75, 75], "\n".join(said)
    step = Checkpoints(tmp_path / "two" / "checkpoints").newest()
    assert step is not None
    for text in said:
        assert f"stopped at step {step} of 100000; the checkpoint is written" in text
