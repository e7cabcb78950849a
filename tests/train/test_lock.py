"""One folder, one training: who holds a run, who is dead, and drives whose kernel has no locks."""

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dgan_jax.train import lock
from dgan_jax.train.lock import Lock

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from dgan_jax.train import lock
if len(sys.argv) > 2:
    lock.fcntl = None
lock.SETTLE = 0
with lock.Lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other():
    """Starts another process that holds a folder."""
    processes = []

    def start(folder, *options):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, folder, *options], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def refused(folder, by):
    with pytest.raises(ValueError, match=f"is being trained by {by}.*--out"), Lock(folder):
        pass


def without_kernel(monkeypatch):
    """As on a drive that knows no locks."""

    def flock(handle, operation):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    monkeypatch.setattr(lock, "SETTLE", 0.05)


def leave(folder, **values):
    """What a training leaves in the file that neither runs nor was able to tidy up."""
    held = dataclasses.replace(lock.here(folder), host="elsewhere", machine="elsewhere", **values)
    (folder / lock.NAME).write_text(json.dumps(dataclasses.asdict(held)))
    return held


def test_a_held_folder_is_refused_and_a_killed_process_holds_none(tmp_path, other):
    process = other(tmp_path / "run")
    refused(tmp_path / "run", f"process {process.pid} on ")
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Lock(tmp_path / "run"):
        refused(tmp_path / "run", "this process")
    with Lock(tmp_path / "run"):
        pass


def test_where_the_kernel_has_no_locks_the_process_is_looked_up(tmp_path, other, monkeypatch):
    without_kernel(monkeypatch)
    process = other(tmp_path, "without")
    refused(tmp_path, f"process {process.pid} on ")
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Lock(tmp_path):
        refused(tmp_path, "this process")


def test_a_number_that_another_process_has_now_and_a_copy_of_a_run_hold_nothing(tmp_path):
    mine = lock.here(tmp_path)
    for held in (
        dataclasses.replace(mine, process=os.getppid(), started="1"),
        dataclasses.replace(mine, process=os.getppid(), started=lock.started(os.getppid()), folder="/copied/from"),
    ):
        (tmp_path / lock.NAME).write_text(json.dumps(dataclasses.asdict(held)))
        with Lock(tmp_path):
            pass


def test_a_holder_on_another_machine_is_known_by_its_beat(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "SILENT", 1.0)
    held = leave(tmp_path)
    beat = lambda: (tmp_path / lock.NAME).write_text(json.dumps(dataclasses.asdict(dataclasses.replace(held, beat=1))))
    timer = threading.Timer(0.3, beat)
    timer.start()
    refused(tmp_path, "process .* on elsewhere")
    timer.join()

    start = time.monotonic()
    with Lock(tmp_path):
        assert time.monotonic() - start > 1.0, "one that is silent is waited for"
    leave(tmp_path)
    long_ago = time.time() - 2 * lock.OLD
    os.utime(tmp_path / lock.NAME, (long_ago, long_ago))
    monkeypatch.setattr(lock, "SILENT", 1000.0)
    with Lock(tmp_path):
        pass


def test_one_that_lost_its_folder_says_so_and_leaves_it_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT", 0.02)
    with Lock(tmp_path) as mine:
        time.sleep(0.3)
        mine.check()
        assert mine.holder.beat > 1
        held = leave(tmp_path)
        mine.thread.join(5)
        with pytest.raises(ValueError, match="on elsewhere"):
            mine.check()
    assert Lock(tmp_path).read() == held


def test_two_that_come_at_once_do_not_both_stay(tmp_path, monkeypatch):
    without_kernel(monkeypatch)
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: leave(tmp_path))
    refused(tmp_path, "process .* on elsewhere")


def test_a_file_of_nonsense_holds_nothing(tmp_path):
    for text in ("", "{", "[]", '{"host": 3}', "\0" * 100):
        (tmp_path / lock.NAME).write_text(text)
        with Lock(tmp_path):
            pass
