"""A checkpoint's own record of its bytes: Orbax restores flipped bits as wrong numbers without a word."""

import hashlib
import json
from pathlib import Path

from dgan_jax.core.files import write_atomically

NAME = "MANIFEST.json"


def files(folder: Path) -> list[Path]:
    """All files of a checkpoint but its manifest, sorted by relative path."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path) -> None:
    """Write the manifest of a finished checkpoint, whole or not at all."""
    record = {path.relative_to(folder).as_posix(): digest(path) for path in files(folder)}
    write_atomically(folder / NAME, json.dumps(record, indent=0).encode())


def flaw(folder: Path) -> str | None:
    """What is wrong with a checkpoint's files, None if every byte is as it was when it was sealed."""
    if not (folder / NAME).is_file():
        return "it was not finished (no manifest)"
    try:
        record = json.loads((folder / NAME).read_text())
    except (OSError, ValueError, RecursionError) as error:
        return f"its manifest cannot be read ({error})"
    present = {path.relative_to(folder).as_posix(): path for path in files(folder)}
    if not isinstance(record, dict) or record.keys() != present.keys():
        missing = sorted(set(record) - set(present)) if isinstance(record, dict) else []
        return f"{missing[0]} is missing" if missing else "its files are not those of its manifest"
    for name, path in present.items():
        try:
            if digest(path) != record[name]:
                return f"{name} has changed since it was written"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
    return None
