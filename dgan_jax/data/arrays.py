"""Sources made of one numpy file: raw uint8 arrays, or encoded images packed end to end."""

import io
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from dgan_jax.data import images
from dgan_jax.data.folder import encoded
from dgan_jax.data.opening import open_file
from dgan_jax.data.store import MEMORY, Memory, Source, select

IMAGE_KEYS = ("image", "images", "x")
LABEL_KEYS = ("label", "labels", "y")

SMALL, MOST_SHRUNK = 64 * 2**20, 100
"""An entry of more bytes than the first that was compressed more times than the second is a bomb, not photographs."""


def open_array(
    path: Path, split: str, *, validation: float = 0.0, channels: int | None = None,
    resize: int | None = None, memory: int = MEMORY, workers: int | None = None,
    megapixels: float = images.MEGAPIXELS,
) -> Source:  # fmt: skip
    """A .npy or .npz. No pickles are loaded.

    The images are the entry `image`, `images`, `x` or else the first uint8 array of rank 4: [n, H, W, C], [n, C, H, W]
    (when only the second axis is 1 or 3), or [n, H, W] for grey. Labels: `label`, `labels` or `y`. With the entries
    `jpeg` (uint8 bytes of all files end to end) and `offset` ([n + 1]), the images are decoded at the start.
    """
    entries = _load(path, memory)
    if {"jpeg", "offset"} <= entries.keys():
        return _packed(path, entries, split, validation, channels or 3, resize, memory, workers, megapixels)
    pixels = _as_nhwc(path, _find_images(path, entries))
    labels, classes = _labels(path, entries, len(pixels))
    chosen = select(Counted(len(pixels)), split, validation, str(path))
    if len(chosen) < len(pixels):
        pixels, labels = pixels[chosen], None if labels is None else labels[chosen]
    if resize or (channels or pixels.shape[-1]) != pixels.shape[-1]:
        fit = lambda image: images.to_channels(image, channels or image.shape[-1])
        pixels = np.stack([fit(images.resize_short(image, resize) if resize else image) for image in pixels])
    return Memory(pixels, Numbered(path, chosen), labels=labels, classes=classes)


class Counted(Sequence):
    """The texts "0", "1", ... made when they are read: there may be many more of them than bytes in the file."""

    def __init__(self, count: int):
        self.numbers = range(count)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, i):
        return str(self.numbers[i])


class Numbered(Sequence):
    """The names FILE[0], FILE[1], ... of the chosen rows, made when they are read."""

    def __init__(self, path: Path, chosen: np.ndarray):
        self.path, self.chosen = path, chosen

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, i):
        return f"{self.path}[{self.chosen[i]}]"


def _packed(path, entries, split, validation, channels, resize, memory, workers, megapixels) -> Source:
    data, offset = entries["jpeg"], entries["offset"]
    whole = data.dtype == np.uint8 and data.ndim == 1 and offset.ndim == 1 and offset.dtype.kind in "iu"
    if not whole or len(offset) < 2 or offset[0] < 0 or np.any(offset[1:] < offset[:-1]) or offset[-1] > len(data):
        raise ValueError(f"{path}: `jpeg` must be the uint8 bytes of n images and `offset` their n + 1 bounds in it")
    labels, classes = _labels(path, entries, len(offset) - 1)
    chosen = select(Counted(len(offset) - 1), split, validation, str(path))
    stream = lambda i: io.BytesIO(data[offset[chosen[i]] : offset[chosen[i] + 1]].tobytes())
    labelled = None if labels is None else labels[chosen]
    # Photographs shrink about ten times.
    small = not resize and len(data) * 12 <= memory
    names = Numbered(path, chosen)
    return encoded(str(path), names, stream, labelled, classes, channels, resize, memory, workers, megapixels, small)


def entries_of(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz by name; those that matter, pairs' `damaged` among them."""
    return _load(path, MEMORY)


def pictures_of(path: Path, entries: dict[str, np.ndarray]) -> np.ndarray:
    """The images among these arrays, uint8 [n, H, W, C]."""
    return _as_nhwc(path, _find_images(path, entries))


def _load(path: Path, memory: int) -> dict[str, np.ndarray]:
    """The arrays of the file by name, of a .npz those that matter. What it declares is checked before it is read."""
    with open_file(path, "a numpy file") as file:
        try:
            if path.suffix.lower() == ".npy":
                size = file.seek(0, io.SEEK_END)
                file.seek(0)
                check_header(file, size)
                # Pages of a large file are read when they are needed.
                return {"image": np.load(path, mmap_mode="r" if size > memory else None, allow_pickle=False)}
            with zipfile.ZipFile(file) as archive:
                return _entries(archive, path.stat().st_size)
        except Exception as error:  # zip, header and pickle errors of many classes
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(
                f"{path} cannot be read as a numpy file ({reason:.300}); "
                "save a plain array: np.savez(path, image=uint8 [n, H, W, C])"
            ) from error


def _entries(archive: zipfile.ZipFile, size: int) -> dict[str, np.ndarray]:
    members = {m.filename.removesuffix(".npy"): m for m in archive.infolist() if m.filename.endswith(".npy")}
    if sum(member.compress_size for member in members.values()) > size:
        raise ValueError("its entries declare more bytes than it has")
    wanted = {*IMAGE_KEYS, *LABEL_KEYS, "jpeg", "offset", "class_names", "damaged"} & members.keys()
    some = wanted if wanted & {*IMAGE_KEYS, "jpeg"} else members.keys()
    found = {}
    for name in (name for name in members if name in some):
        member = members[name]
        if member.file_size > SMALL and member.file_size > MOST_SHRUNK * member.compress_size:
            raise ValueError(
                f"its entry {name:.60} unfolds {member.compress_size} bytes to {member.file_size}, as no photographs do"
            )
        with archive.open(member) as stream:
            check_header(stream, member.file_size)
        with archive.open(member) as stream:
            found[name] = np.lib.format.read_array(stream, allow_pickle=False)
    return found


def check_header(stream: IO[bytes], size: int) -> None:
    """A ValueError unless `size` bytes are what the header of a .npy says: numpy makes room for what it is told."""
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"its format has version {version[0]}.{version[1]}, wanted 1.0 or 2.0")
    shape, _, dtype = readers[version](stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    held = size - stream.tell()
    if math.prod(shape) * dtype.itemsize != held:
        raise ValueError(f"its header declares {dtype} {list(shape)!s:.100}, and {held} bytes follow")


def _find_images(path: Path, entries: dict[str, np.ndarray]) -> np.ndarray:
    for key in IMAGE_KEYS:
        if key in entries:
            return entries[key]
    for array in entries.values():
        if array.ndim == 4 and array.dtype == np.uint8:
            return array
    held = ", ".join(f"{key} {array.dtype} {list(array.shape)}" for key, array in entries.items()) or "nothing"
    raise ValueError(f"{path} has no entry `image` and no uint8 array [n, H, W, C]; it holds {held}")


def _as_nhwc(path: Path, pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or not pixels.size:
        raise ValueError(
            f"{path}: images must be uint8 [n, H, W, C], got {pixels.dtype} {list(pixels.shape)}; "
            "convert them before saving"
        )
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.shape[1] in (1, 3) and pixels.shape[3] not in (1, 3):
        pixels = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    if pixels.shape[3] not in (1, 3):
        raise ValueError(f"{path}: images must have 1 or 3 channels, got {list(pixels.shape)}; drop an alpha channel")
    return pixels


def _labels(path: Path, entries: dict[str, np.ndarray], count: int) -> tuple[np.ndarray | None, int]:
    key = next((key for key in LABEL_KEYS if key in entries), None)
    if key is None:
        return None, 0
    labels = entries[key].reshape(-1)
    if len(labels) != count or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= 2**31 - 1:
        raise ValueError(
            f"{path}: `{key}` must be {count} integers from 0, got {entries[key].dtype} {list(entries[key].shape)}"
        )
    classes = entries["class_names"].size if "class_names" in entries else int(labels.max()) + 1
    return labels.astype(np.int32), max(classes, int(labels.max()) + 1)
