"""Before jax starts: two host devices for pmap, quick compilation, and a cache of compiled programs."""

import os
import tempfile
from pathlib import Path

from dgan_jax.cli import environment

if "XLA_FLAGS" not in os.environ:
    environment.prepare()
    flags = ["--xla_backend_optimization_level=0", "--xla_force_host_platform_device_count=2"]
    os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *flags])
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / "dgan_jax_tests_xla")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"
