"""Images by name: `open_source("bundled", "train")`, a folder, a .npz, .npy or .tar file, or `tfds:NAME`."""

import os
from pathlib import Path
from typing import Any

from dgan_jax.core import names
from dgan_jax.data import arrays, folder, tfds
from dgan_jax.data.images import MEGAPIXELS
from dgan_jax.data.store import MEMORY, Source

SPLITS = ("train", "validation", "test")
KINDS = ("bundled", "FOLDER", "FILE.npz", "FILE.npy", "FILE.tar", "tfds:NAME")


def open_source(
    name: str | os.PathLike, split: str = "train", *, validation: float = 0.0, labels: bool = False,
    channels: int | None = None, resize: int | None = None, data_dir: str | os.PathLike | None = None,
    memory: int = MEMORY, workers: int | None = None, megapixels: float = MEGAPIXELS,
) -> Source:  # fmt: skip
    """The images called `name`, or a ValueError that says what is wrong with it.

    name: "bundled" (scikit-image's photographs), "tfds:NAME[/CONFIG][:VERSION]", a folder, or a .npz, .npy, .tar file.
    split: "train", "validation" or "test". Data without splits of their own are split by `validation`, the share set
    aside by the hash of the names; with 0, train and test are all images.
    labels: sub-folders are classes (folders and tars; arrays and TFDS carry labels of their own).
    channels: 1 or 3; None is what an array or a dataset has, and RGB for files. resize: length of the shorter side.
    data_dir: where TFDS keeps its datasets. memory: decoded bytes up to which everything is held. workers: threads.
    megapixels: image files of more pixels are left out, unseen.
    """
    _check(split, validation, resize)
    text = os.fspath(name)
    shared: dict[str, Any] = {"resize": resize, "workers": workers, "megapixels": megapixels}
    if text == "bundled":
        return folder.open_bundled(split, channels=channels or 3, **shared)
    shared |= {"validation": validation, "memory": memory}
    if text.startswith("tfds:"):
        return tfds.open_tfds(text[5:], split, channels=channels, data_dir=data_dir, **shared)
    path = Path(os.path.expanduser(text))
    suffix = path.suffix.lower()
    if path.is_dir():
        return folder.open_folder(path, split, labels=labels, channels=channels or 3, **shared)
    if not os.path.lexists(path):
        raise _missing(text, path, data_dir)
    if suffix in (".npz", ".npy"):
        return arrays.open_array(path, split, channels=channels, **shared)
    if suffix == ".tar":
        return folder.open_tar(path, split, labels=labels, channels=channels or 3, **shared)
    raise ValueError(f"data {text!r} is a file of another kind; wanted one of {', '.join(KINDS)}")


def _check(split: str, validation: float, resize: int | None) -> None:
    if split not in SPLITS:
        raise names.unknown("split", split, SPLITS)
    if not 0.0 <= validation < 1.0:
        raise ValueError(f"the validation share must be at least 0 and below 1, got {validation}")
    if resize is not None and resize < 1:
        raise ValueError(f"resize must be at least 1 pixel or None, got {resize}")


def _missing(text: str, path: Path, data_dir) -> ValueError:
    """No such file: perhaps a kind or a prepared dataset is misspelt, perhaps a neighbour was meant."""
    if path.parent == Path("."):
        prepared = tfds.prepared(data_dir)
        if text in prepared:
            return ValueError(f"unknown data {text!r}; did you mean 'tfds:{text}'?")
        error = names.unknown("data", text, [*KINDS, *(f"tfds:{name}" for name in prepared)])
        bare = text.isidentifier() and "did you mean" not in str(error)
        return ValueError(f"{error}; a TFDS dataset is written tfds:{text}") if bare else error
    if not path.parent.is_dir():
        return ValueError(f"data {text!r}: there is no folder {path.parent}; check the path")
    try:
        near = [other for other in path.parent.iterdir() if other.is_dir() or other.suffix in (".npz", ".npy", ".tar")]
    except OSError as failed:
        return ValueError(f"data {text!r}: folder {path.parent} cannot be read ({failed.strerror}); check the path")
    error = names.unknown("data", text, [str(path.parent / other.name) for other in near])
    hint = str(error) if "did you mean" in str(error) else f"data {text!r} does not exist; check the path"
    return ValueError(hint)
