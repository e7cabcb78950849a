"""Writing files whole."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, data: bytes, put: Callable[[str, Path], None] = os.replace) -> None:
    """All of `data` under this name or nothing: written beside, flushed to the disk, and given its name by `put`."""
    # A name may be as long as the file system allows; what is beside it only has to be told apart.
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:60]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        put(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
