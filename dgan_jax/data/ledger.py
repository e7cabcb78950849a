"""What was written into an output folder, so that a result never takes the place of anything else.

A file of the user's, a mask, an original, a result that was retouched since: whatever is not known to have been written
here, byte for byte, is not replaced.
"""

import enum
import errno
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

from dgan_jax.core.files import write_atomically
from dgan_jax.data.opening import open_file

NAME = ".dgan-restored.jsonl"
"""The record, in the output folder: a line of JSON for each result, written before the result itself."""


class State(enum.Enum):
    """What is in the place of a result."""

    FREE = "nothing"
    DONE = "the result of the same command on the same files"
    OTHER = "the result of another command, or of files that have changed since"
    FOREIGN = "a file that was not written by dgan restore, or was changed since"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file_digest(path: str | os.PathLike) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(order: Mapping[str, Any]) -> str:
    """One short text for all that a result depends on."""
    return digest(json.dumps(order, sort_keys=True, default=str).encode())[:32]


class Ledger:
    """The record of an output folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._rows: dict[str, dict[str, str]] = {}
        """place -> digest -> command, of all that was ever to be written there."""
        record = folder / NAME
        if os.path.lexists(record):
            with open_file(record, "the record of what was restored into this folder") as file:
                for line in file:
                    with suppress(ValueError, TypeError, KeyError):  # a line that was cut off
                        row = json.loads(line)
                        self._rows.setdefault(str(row["file"]), {})[str(row["sha256"])] = str(row["command"])

    def state(self, place: PurePath, command: str) -> State:
        """What is at a place below the folder. command: the `fingerprint` of what would be written there."""
        path = self.folder / place
        if not os.path.lexists(path):
            return State.FREE
        rows = self._rows.get(place.as_posix())
        if rows is None or path.is_symlink() or not path.is_file():
            return State.FOREIGN
        found = rows.get(file_digest(path))
        return State.FOREIGN if found is None else State.DONE if found == command else State.OTHER

    def write(self, place: PurePath, data: bytes, command: str) -> None:
        """The result as a file, whole or not at all. Takes the place only of what was written here before."""
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        ours = self.state(place, command) in (State.DONE, State.OTHER)
        # First, so that a result whose process was killed is known.
        self._note(place, digest(data), command)
        write_atomically(path, data, os.replace if ours else put)

    def _note(self, place: PurePath, sha256: str, command: str) -> None:
        row = json.dumps({"file": place.as_posix(), "sha256": sha256, "command": command}) + "\n"
        # One write at the end of the file: several processes may share a folder.
        handle = os.open(self.folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, row.encode())
        finally:
            os.close(handle)
        self._rows.setdefault(place.as_posix(), {})[sha256] = command


def put(temporary: str, path: Path) -> None:
    """Give a file its name, unless the name is taken: at once, whoever else is writing."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise ValueError(f"{path} has appeared meanwhile and is not replaced; give another folder with --out") from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES):
            raise
        # A file system without hard links.
        if os.path.lexists(path):
            raise ValueError(f"{path} exists and is not replaced; give another folder with --out") from None
        os.rename(temporary, path)
