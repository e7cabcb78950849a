"""SIGTERM and SIGINT: a checkpoint at the next step, then an end that tells how to go on."""

import os
import signal
import time

import kill
import numpy as np
import pytest

from dgan_jax.cli import main as command
from dgan_jax.train.checkpoint import Checkpoints
from dgan_jax.train.log import read
from dgan_jax.train.loop import Stopped


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_writes_a_checkpoint_at_the_next_step(tmp_path, number):
    images = str(tmp_path / "images.npz")
    np.savez(images, image=np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8))
    process = kill.start(tmp_path / "run", images, 4000)
    assert process.stdout is not None
    at = next(step for step in map(int, process.stdout) if step >= 5)
    process.send_signal(number)
    last = at
    deadline = time.monotonic() + 60
    for line in process.stdout:
        last = int(line)
        assert time.monotonic() < deadline
    assert process.wait(timeout=60) == 1, "sys.exit with a message"
    assert Checkpoints(tmp_path / "run" / "checkpoints").newest() == last
    assert read(tmp_path / "run" / "log.jsonl")[-1]["step"] == last


def test_the_command_line_ends_with_a_code_of_its_own(monkeypatch, capsys):
    def stopped(*arguments, **options):
        raise Stopped("stopped at step 7 of 9; the checkpoint is written")

    monkeypatch.setattr("dgan_jax.cli.systems.main", stopped)
    assert command.main(["systems"]) == command.STOPPED == 75
    assert "run the same command again" in capsys.readouterr().err
    assert os.EX_TEMPFAIL == command.STOPPED
