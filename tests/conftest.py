"""Before jax starts: two host devices for pmap, quick compilation, and a cache of compiled programs.

Tests are dealt to worker processes by file, and those of tests/test_systems.py by the training that they share.
"""

import ctypes
import gc
import importlib.metadata
import os
import sys
import tempfile
from pathlib import Path

import pytest

from dgan_jax.cli import environment

if "XLA_FLAGS" not in os.environ:
    environment.prepare()
    flags = ["--xla_backend_optimization_level=0", "--xla_force_host_platform_device_count=2"]
    if importlib.metadata.version("jaxlib") in environment.KNOWN:
        # Half the time of compiling a training step: 12 processor seconds instead of 24 for a small one.
        flags += ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"]
    os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *flags])
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / "dgan_jax_tests_xla")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"


ENOUGH = 1.2 * 2**30
"""Bytes in memory above which compiled programs are let go between files."""


@pytest.fixture(autouse=True)
def room():
    """Compiled programs are let go in time: all tests of a worker together would need too many memory maps."""
    from dgan_jax.core.programs import crowded, make_room

    if crowded():
        make_room()


@pytest.fixture(scope="session")
def let_go():
    """Call it where what was compiled is no longer needed: programs go if they take much, and memory is given back."""

    def go() -> None:
        import jax

        gc.collect()
        if sys.platform == "linux" and resident() > ENOUGH:
            jax.clear_caches()
            gc.collect()
            # What is freed in small pieces stays with the process otherwise.
            ctypes.CDLL(None).malloc_trim(0)

    return go


@pytest.fixture(scope="module", autouse=True)
def file_by_file(let_go):
    yield
    let_go()


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def shared(item: pytest.Item) -> str:
    """What a test of the common ones shares with others."""
    call = getattr(item, "callspec", None)
    return call.params["tiny"].key if call is not None and "tiny" in call.params else ""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place: dict[tuple, int] = {}
    for item in items:
        group = item.path, shared(item)
        place.setdefault(group, len(place))
        item.add_marker(pytest.mark.xdist_group(f"{item.path.name} {place[group]}"))
    files = {path: number for number, path in enumerate(dict.fromkeys(path for path, _ in place))}
    items.sort(key=lambda item: (files[item.path], place[item.path, shared(item)]))
