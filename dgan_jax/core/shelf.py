"""Compiled programs on the disk by what they are of, so that a second process neither traces nor compiles them.

JAX's own cache is found by a program's text, for which it has to be traced: of a fill or a network that takes longer
than all else of a photograph. Here a program lies under its text, and a name leads there, which says what it was traced
from: the options of the system and the task, the shapes, and the source of this package. Where the name is new and the
text is not, it is traced once.
"""

import contextlib
import functools
import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flax
import jax
import jaxlib
import numpy as np
from jax.experimental import serialize_executable
from jax.experimental.compilation_cache import compilation_cache

from dgan_jax.core.files import write_atomically

ROOM = 512 * 2**20
"""Bytes on the disk; what was not used for longest goes first."""
PACKAGES = (jax, jaxlib, flax, np)
SETTINGS = (
    "jax_enable_x64", "jax_default_matmul_precision", "jax_numpy_dtype_promotion", "jax_threefry_partitionable",
    "jax_default_prng_impl",
)  # fmt: skip


def folder() -> Path | None:
    """Where programs lie: inside of JAX's cache. None where it has none, or where others could have put them there."""
    place = getattr(jax.config, "jax_compilation_cache_dir", None)
    on = getattr(jax.config, "jax_enable_compilation_cache", False)
    if not place or "://" in place or not on or jax.process_count() > 1:
        return None
    found = Path(place) / "dgan_programs"
    try:
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = found.stat()
    except OSError:
        return None
    # What is loaded from here is executed.
    ours = not hasattr(os, "getuid") or (about.st_uid == os.getuid() and not about.st_mode & 0o022)
    return found if ours else None


@functools.cache
def surroundings() -> str:
    """All that programs depend on beside what they are of: this package, the libraries, the machine, settings."""
    package = Path(__file__).parent.parent
    files = [path for path in package.rglob("*.py") if path.is_file()]
    files += sorted(Path(os.environ["DGAN_WEIGHTS"]).glob("*")) if os.environ.get("DGAN_WEIGHTS") else []
    stamps = [(str(path), about.st_size, about.st_mtime_ns) for path in sorted(files) for about in (path.stat(),)]
    versions = [package.__version__ for package in PACKAGES]
    settings = [getattr(jax.config, name, None) for name in SETTINGS]
    device = jax.devices()[0]
    machine = [device.platform, device.device_kind, len(jax.local_devices()), os.environ.get("XLA_FLAGS"), features()]
    return digest(repr((stamps, versions, settings, machine)).encode())


def features() -> str:
    """What the processor can do: programs hold its instructions."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return ""


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def named(*parts: Any) -> str:
    """The name of something that is made from these, which must print all that they are."""
    return digest(repr((surroundings(), parts)).encode())


def value(name: str, make: Callable[[], Any]) -> Any:
    """What was made under a name: plain data, shapes, trees of them."""
    home = folder()
    if home is None:
        return make()
    found = taken(home / f"{name}.value")
    if found is None:
        found = make()
        put(home / f"{name}.value", found)
    return found


def program(name: str | None, function: Callable[..., Any], *args: Any) -> tuple[Any, bool]:
    """`function` compiled for arguments like these, and whether that was done now. name: of `named`; None: of no use
    to a second process."""
    home = None if name is None else folder()
    if home is None:
        return jax.jit(function).lower(*args).compile(), True
    text = taken(home / f"{name}.name")
    loaded = None if text is None else load(home / f"{text}.program")
    if loaded is not None:
        return loaded, False
    # A new function each time: a program that JAX has read from its own cache cannot be written again.
    lowered = jax.jit(lambda *args: function(*args)).lower(*args)
    text = lowered.as_text()
    if "callback" in text:  # a Python function of this process
        return lowered.compile(), True
    # Of arguments that are not read the text says nothing, but a program is called with them, too.
    text = digest(f"{surroundings_of_text()} {lowered.in_tree} {lowered.in_avals} {text}".encode())
    loaded = load(home / f"{text}.program")
    made = loaded if loaded is not None else uncached(lowered)
    if loaded is not None or store(home / f"{text}.program", made):
        put(home / f"{name}.name", text)
    return made, loaded is None


@functools.cache
def surroundings_of_text() -> str:
    """All that a compiled program depends on beside its text."""
    device = jax.devices()[0]
    versions = [package.__version__ for package in (jax, jaxlib)]
    flags = os.environ.get("XLA_FLAGS")
    return repr((versions, device.platform, device.device_kind, len(jax.local_devices()), flags, features()))


def uncached(lowered: Any) -> Any:
    """Compiled, whatever lies in JAX's cache."""
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()  # else it goes on as it was
    try:
        return lowered.compile()
    finally:
        jax.config.update("jax_enable_compilation_cache", True)
        compilation_cache.reset_cache()


def store(path: Path, compiled: Any) -> bool:
    """Whether a program could be written."""
    try:
        held = serialize_executable.serialize(compiled)
    except Exception:  # a callback, or a backend that cannot
        return False
    return put(path, held)


def load(path: Path) -> Any:
    """The program in a file, or None."""
    held = taken(path)
    if held is None:
        return None
    here = jax.local_devices()[:1]  # where `jax.jit` computes
    data, inward, outward = held
    try:
        return serialize_executable.deserialize_and_load(data, inward, outward, execution_devices=here)
    except Exception:  # of another runtime, whatever the versions say
        return None


def put(path: Path, held: Any) -> bool:
    """Whether this could be written. A file begins with the SHA-256 of the rest."""
    try:
        data = pickle.dumps(held)
        write_atomically(path, hashlib.sha256(data).digest() + data)
        tidy(path.parent)
    except (OSError, pickle.PicklingError, TypeError, AttributeError):
        return False
    return True


def taken(path: Path) -> Any:
    """What `put` wrote, or None: nothing, or not all of it."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[32:]).digest() != data[:32]:
            return None
        os.utime(path)
        return pickle.loads(data[32:])
    except Exception:  # a file of another version, for one
        return None


def tidy(home: Path) -> None:
    """No more than `ROOM` bytes."""
    files = []
    for path in home.iterdir():
        with contextlib.suppress(OSError):
            about = path.stat()
            files.append((about.st_mtime, about.st_size, path))
    held = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if held <= ROOM:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        held -= size
