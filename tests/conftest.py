"""Before jax starts: two host devices for pmap, quick compilation, and a cache of compiled programs.

Tests are dealt to worker processes by file, and those of tests/test_systems.py by the system that they share.
"""

import importlib.metadata
import os
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


@pytest.fixture(autouse=True)
def room():
    """Compiled programs are let go in time: all tests of a worker together would need too many memory maps."""
    from dgan_jax.core.programs import make_room

    make_room()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        call = getattr(item, "callspec", None)
        shared = call.params["get_tiny"].__module__ if call is not None and "get_tiny" in call.params else ""
        item.add_marker(pytest.mark.xdist_group(f"{item.path.name} {shared}"))
