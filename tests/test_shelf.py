"""Programs on the disk: a second process neither traces nor compiles, and nothing wrong is ever loaded."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax import restore
from dgan_jax.core import shelf
from dgan_jax.train import runs, weights


@pytest.fixture
def home(tmp_path, monkeypatch):
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    monkeypatch.setattr(shelf, "surroundings", lambda: "these")
    yield tmp_path / "dgan_programs"
    jax.config.update("jax_compilation_cache_dir", before)


def traced(count):
    """A function that counts how often it is traced."""

    def function(tree, x):
        count.append(1)
        return {"y": jnp.sin(x) @ tree["w"]}

    return function


ARGS = {"w": np.arange(12, dtype=np.float32).reshape(3, 4)}, np.ones((2, 3), np.float32)


def test_a_kept_program_is_neither_traced_nor_compiled_again(home, monkeypatch):
    count = []
    first, fresh = shelf.program(shelf.named("f", 1), traced(count), *ARGS)
    assert fresh
    again, fresh = shelf.program(shelf.named("f", 1), traced(count), *ARGS)
    assert (len(count), fresh) == (1, False)
    np.testing.assert_array_equal(again(*ARGS)["y"], first(*ARGS)["y"])
    # Other source, the same text: traced, not compiled.
    monkeypatch.setattr(shelf, "surroundings", lambda: "those")
    monkeypatch.setattr(shelf, "uncached", lambda lowered: pytest.fail("compiled"))
    moved, fresh = shelf.program(shelf.named("f", 1), traced(count), *ARGS)
    assert (len(count), fresh) == (2, False)
    np.testing.assert_array_equal(moved(*ARGS)["y"], first(*ARGS)["y"])


def test_arguments_that_are_not_read_are_part_of_a_program(home):
    count, fewer = [], ({"w": ARGS[0]["w"], "unread": np.zeros(3, np.float32)}, ARGS[1])
    for args in (ARGS, fewer):
        made, fresh = shelf.program(shelf.named("f", len(args[0])), traced(count), *args)
        assert fresh
        assert made(*args)["y"].shape == (2, 4)


def test_a_changed_byte_and_a_cut_file_are_noticed(home):
    count, name = [], shelf.named("f", 2)
    shelf.program(name, traced(count), *ARGS)
    [path] = home.glob("*.program")
    whole = path.read_bytes()
    for broken in (whole[:-1], bytes([whole[0] ^ 1]) + whole[1:], whole[:-9] + b"x" + whole[-8:], b""):
        path.write_bytes(broken)
        made, fresh = shelf.program(name, traced(count), *ARGS)
        assert fresh
        assert made(*ARGS)["y"].shape == (2, 4)
        assert path.read_bytes()[:32] == shelf.hashlib.sha256(path.read_bytes()[32:]).digest()


def test_functions_that_call_back_are_not_kept(home):
    back = lambda x: jax.pure_callback(lambda x: np.asarray(x) + 1, jax.ShapeDtypeStruct((3,), np.float32), x)
    made, fresh = shelf.program(shelf.named("back"), back, np.zeros(3, np.float32))
    assert fresh
    np.testing.assert_array_equal(made(np.zeros(3, np.float32)), np.ones(3))
    assert not list(home.glob("*"))


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners of files")
def test_a_folder_that_others_can_write_to_is_not_used(home):
    assert shelf.folder() == home
    home.chmod(0o777)
    assert shelf.folder() is None


def test_what_was_not_used_for_longest_goes_first(home, monkeypatch):
    monkeypatch.setattr(shelf, "ROOM", 3000)
    for i in range(5):
        assert shelf.value(f"v{i}", lambda i=i: bytes(800) + bytes([i]))[-1] == i
        os.utime(home / f"v{i}.value", (i, i))
    assert sorted(path.stem for path in home.glob("*.value")) == ["v2", "v3", "v4"]
    assert shelf.value("v4", lambda: pytest.fail("made again"))[-1] == 4


def test_surroundings_follow_the_source(monkeypatch):
    shelf.surroundings.cache_clear()
    before = shelf.surroundings()
    stat = type(shelf.Path()).stat

    class Later:
        def __init__(self, about):
            self.about = about

        def __getattr__(self, name):
            return getattr(self.about, name) + (name == "st_mtime_ns")

    later = lambda self, **_: Later(stat(self)) if self.name == "inpaint.py" else stat(self)
    monkeypatch.setattr(type(shelf.Path()), "stat", later)
    shelf.surroundings.cache_clear()
    after = shelf.surroundings()
    shelf.surroundings.cache_clear()
    assert before != after


@pytest.mark.parametrize("name", weights.known())
def test_weights_that_come_with_the_package_fit_their_config(name):
    """They are opened without tracing their networks, so this is what holds them to it."""
    held = weights.read(weights.known()[name])
    system = runs.built(held.experiment)
    like = runs.state_like(held.experiment, system, held.experiment.train.steps).variables(system.remembered)
    found, wanted = weights.widened(held.variables), weights.fitted(weights.known()[name], held.variables, like)
    assert found.keys() == wanted.keys()
    for kind in found:
        assert found[kind].keys() | wanted[kind].keys() == wanted[kind].keys()
    jax.tree.map(np.testing.assert_array_equal, found["params"], wanted["params"])
    assert jax.tree.map(lambda x: x.dtype, found["params"]) == jax.tree.map(lambda x: x.dtype, wanted["params"])


def test_restoring_imports_nothing_that_it_does_not_need():
    slow = ("orbax", "numba", "scipy.ndimage", "skimage", "tensorflow", "matplotlib", "torch")
    code = f"import sys, dgan_jax.cli.restore, dgan_jax.api; print([m for m in {slow} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1, 2**40 + 3])
def test_keys_of_versions_are_those_that_jax_makes(seed):
    for n in (0, 3):
        plain = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), n), 0)
        np.testing.assert_array_equal(jax.random.key_data(restore.keys_of(seed, n)), jax.random.key_data(plain)[None])
