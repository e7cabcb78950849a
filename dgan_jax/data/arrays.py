"""Sources made of one numpy file: raw uint8 arrays, or encoded images packed end to end."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dgan_jax.data import images
from dgan_jax.data.folder import encoded
from dgan_jax.data.store import MEMORY, Memory, Source, select

IMAGE_KEYS = ("image", "images", "x")
LABEL_KEYS = ("label", "labels", "y")


def open_array(
    path: Path, split: str, *, validation: float = 0.0, channels: int | None = None,
    resize: int | None = None, memory: int = MEMORY, workers: int | None = None,
) -> Source:  # fmt: skip
    """A .npy or .npz. No pickles are loaded.

    The images are the entry `image`, `images`, `x` or else the first uint8 array of rank 4: [n, H, W, C], [n, C, H, W]
    (when only the second axis is 1 or 3), or [n, H, W] for grey. Labels: `label`, `labels` or `y`. With the entries
    `jpeg` (uint8 bytes of all files end to end) and `offset` ([n + 1]), the images are decoded at the start.
    """
    entries = _load(path, memory)
    if {"jpeg", "offset"} <= entries.keys():
        return _packed(path, entries, split, validation, channels or 3, resize, memory, workers)
    pixels = _as_nhwc(path, _find_images(path, entries))
    labels, classes = _labels(path, entries, len(pixels))
    chosen = select([str(i) for i in range(len(pixels))], split, validation, str(path))
    if len(chosen) < len(pixels):
        pixels, labels = pixels[chosen], None if labels is None else labels[chosen]
    if resize or (channels or pixels.shape[-1]) != pixels.shape[-1]:
        fit = lambda image: images.to_channels(image, channels or image.shape[-1])
        pixels = np.stack([fit(images.resize_short(image, resize) if resize else image) for image in pixels])
    return Memory(pixels, Numbered(path, chosen), labels=labels, classes=classes)


class Numbered(Sequence):
    """The names FILE[0], FILE[1], ... of the chosen rows, made when they are read."""

    def __init__(self, path: Path, chosen: np.ndarray):
        self.path, self.chosen = path, chosen

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, i):
        return f"{self.path}[{self.chosen[i]}]"


def _packed(path, entries, split, validation, channels, resize, memory, workers) -> Source:
    data, offset = entries["jpeg"], entries["offset"]
    if data.dtype != np.uint8 or data.ndim != 1 or offset.ndim != 1 or len(offset) < 2 or offset[-1] > len(data):
        raise ValueError(f"{path}: `jpeg` must be the uint8 bytes of n images and `offset` their n + 1 bounds in it")
    labels, classes = _labels(path, entries, len(offset) - 1)
    chosen = select([str(i) for i in range(len(offset) - 1)], split, validation, str(path))
    stream = lambda i: io.BytesIO(data[offset[chosen[i]] : offset[chosen[i] + 1]].tobytes())
    labelled = None if labels is None else labels[chosen]
    # Photographs shrink about ten times.
    small = not resize and len(data) * 12 <= memory
    return encoded(
        str(path), Numbered(path, chosen), stream, labelled, classes, channels, resize, memory, workers, small
    )


def _load(path: Path, memory: int) -> dict[str, np.ndarray]:
    try:
        if path.suffix.lower() == ".npy":
            lazy = path.stat().st_size > memory
            return {"image": np.load(path, mmap_mode="r" if lazy else None, allow_pickle=False)}
        with np.load(path, allow_pickle=False) as file:
            wanted = {*IMAGE_KEYS, *LABEL_KEYS, "jpeg", "offset", "class_names"}
            known = wanted & set(file.files)
            return {key: file[key] for key in file.files if key in known or not known & {*IMAGE_KEYS, "jpeg"}}
    except Exception as error:  # zip, header and pickle errors of many classes
        reason = "it holds Python objects, which are never loaded" if "allow_pickle" in str(error) else error
        raise ValueError(
            f"{path} cannot be read as a numpy file ({reason}); "
            "save a plain array: np.savez(path, image=uint8 [n, H, W, C])"
        ) from error


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
    if len(labels) != count or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(
            f"{path}: `{key}` must be {count} integers from 0, got {entries[key].dtype} {list(entries[key].shape)}"
        )
    classes = len(entries["class_names"]) if "class_names" in entries else int(labels.max()) + 1
    return labels.astype(np.int32), max(classes, int(labels.max()) + 1)
