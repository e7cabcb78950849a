"""Checkpoints whose bytes changed are noticed; a disk that is full does not end a training."""

import resource
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax.train.checkpoint import Checkpoints
from dgan_jax.train.state import TrainState

FLIPS = 60


def state_at(step):
    draw = np.random.default_rng(step)
    params = {"net": {"kernel": draw.normal(size=(64, 33)).astype(np.float32), "bias": np.zeros(7, np.float32)}}
    return jax.device_get(TrainState(jnp.int32(step), params, params, {"net": params}, {}, {}))


@pytest.fixture
def written(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for step in (1, 2, 3):
        checkpoints.save(step, state_at(step), {"name": "test"})
    checkpoints.wait()
    yield checkpoints
    checkpoints.close()


def save_and_wait(checkpoints, step):
    checkpoints.save(step, state_at(step), {})
    checkpoints.wait()


def same(ours, theirs):
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_every_flipped_bit_is_noticed_and_the_newest_intact_step_is_taken(written):
    folder = written.folder / "3"
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]
    draw = np.random.default_rng(0)
    for _ in range(FLIPS):
        path = files[draw.integers(len(files))]
        good = path.read_bytes()
        bad = bytearray(good)
        bad[draw.integers(len(bad))] ^= 1 << draw.integers(8)
        path.write_bytes(bad)
        with pytest.warns(UserWarning, match=r"checkpoint 3 .* is not used"):
            assert written.newest() == 2, path
        with pytest.raises(ValueError, match=r"checkpoint 3 .* cannot be used"):
            written.restore(3, state_at(3))
        path.write_bytes(good)
    assert written.newest() == 3
    same(written.restore(3, state_at(0)), state_at(3))


@pytest.mark.parametrize("harm", ["truncate", "delete", "add", "manifest"])
def test_files_cut_short_missing_or_foreign_are_noticed(written, harm):
    folder = written.folder / "3"
    path = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    if harm == "truncate":
        path.write_bytes(path.read_bytes()[:-1])
    elif harm == "delete":
        path.unlink()
    elif harm == "add":
        path.with_name("foreign").write_text("")
    else:
        (folder / "MANIFEST.json").write_text("[]")
    with pytest.warns(UserWarning, match="is not used"):
        assert written.newest() == 2
    same(written.restore(2, state_at(0)), state_at(2))


def test_a_broken_step_is_written_anew(written):
    shutil.rmtree(written.folder / "3" / "state")
    written.save(3, state_at(3), {})
    written.wait()
    same(written.restore(3, state_at(0)), state_at(3))


def test_a_full_disk_is_reported_and_earlier_checkpoints_stay(written):
    # No file may grow: what a full disk does to a writer, without needing one.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
    try:
        with pytest.warns(UserWarning, match=r"checkpoint 4 could not be written .*training goes on"):
            save_and_wait(written, 4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not written.sealed(4)
    assert written.newest() == 3
    assert [path.name for path in sorted(Path(written.folder).iterdir())] == ["1", "2", "3"]
    save_and_wait(written, 5)
    assert written.newest() == 5
