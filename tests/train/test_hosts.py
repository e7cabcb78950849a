"""Two processes joined by jax.distributed end where one process with one device does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import host
import jax
import numpy as np

from dgan_jax.train import loop
from dgan_jax.train.log import read

HERE = Path(__file__).parent


def test_two_hosts_end_where_one_does(tmp_path):
    images = str(tmp_path / "images.npz")
    np.savez(images, image=np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8))
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    join = {"JAX_COORDINATOR_ADDRESS": f"localhost:{port}", "JAX_NUM_PROCESSES": "2"}
    path = os.pathsep.join([str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")])
    processes = [
        subprocess.Popen(
            [sys.executable, HERE / "host.py", tmp_path / "two", images],
            env={**os.environ, **join, "JAX_PROCESS_ID": str(i), "PYTHONPATH": path, "XLA_FLAGS": "--xla_backend_optimization_level=0"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for i in range(2)
    ]  # fmt: skip
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
