"""Opening the files that a user names: regular files only, whatever symbolic links lead to them."""

import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_file(path: str | os.PathLike, wanted: str = "an image file") -> BinaryIO:
    """The file, ready to be read; a ValueError of one sentence if there is none.

    Symbolic links are followed. A pipe or a device is refused: reading it may never end.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return path.open("rb")
    except FileNotFoundError as error:
        if path.is_symlink():
            raise ValueError(f"{path} is a symbolic link to a file that does not exist; mend or remove it") from error
        raise ValueError(f"{path} does not exist, wanted {wanted}; check the spelling") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror or error}); check its permissions") from error
    if stat.S_ISDIR(mode):
        raise ValueError(f"{path} is a folder, wanted {wanted}; name one file in it")
    raise ValueError(f"{path} is a pipe, a socket or a device, wanted {wanted}; copy what it gives into a file")
