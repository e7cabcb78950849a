"""What every source of images is: some images by number, held in memory or decoded on demand."""

import hashlib
import math
import os
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

MEMORY = 2**30
"""Bytes of decoded images up to which a source is held in memory."""

CHUNK = 16

Decode = Callable[[int], tuple[np.ndarray, int]]
"""number -> (uint8 [H, W, C], label or 0). Raises ValueError where there is no image after all."""


class Source(Protocol):
    """Images 0 .. len - 1, in an order that depends on the data alone."""

    classes: int
    """Number of labels, 0 if there are none."""
    channels: int
    in_memory: bool

    @property
    def skipped(self) -> int:
        """Images found so far that could not be used."""
        ...

    @property
    def sizes(self) -> np.ndarray | None:
        """[n, 2] heights and widths, or None where only decoding would tell."""
        ...

    def __len__(self) -> int: ...

    def gather(self, index: np.ndarray) -> tuple[Sequence[np.ndarray], np.ndarray | None]:
        """[n] numbers -> n images uint8 [H, W, C], of equal size or not, and [n] int32 labels. Not to be written to."""
        ...

    def name(self, number: int, /) -> str:
        """What an error message calls an image."""
        ...


class Memory:
    """Decoded images. images: [n, H, W, C] uint8 (a memory map will do) or n arrays of their own sizes."""

    in_memory = True

    def __init__(self, images, names: Sequence[str], *, labels=None, classes: int = 0, skipped: int = 0):
        self.images, self.classes, self.skipped = images, classes, skipped
        self.channels = images[0].shape[-1]
        one_size = isinstance(images, np.ndarray)
        sizes = [images.shape[1:3]] if one_size else [image.shape[:2] for image in images]
        self.sizes = np.broadcast_to(np.array(sizes), (len(images), 2))
        self._names = names
        self._labels = np.asarray(labels, np.int32) if classes else None

    def __len__(self) -> int:
        return len(self.images)

    def gather(self, index: np.ndarray) -> tuple[list[np.ndarray], np.ndarray | None]:
        # Views: a crop of each is copied once, in the pipeline, and nothing before it.
        return [self.images[i] for i in index], None if self._labels is None else self._labels[index]

    def name(self, number: int) -> str:
        return self._names[number]


class OnDemand:
    """Images decoded when asked for, by threads.

    One that fails is replaced by the next that does not: the same in every run over the same files.
    """

    in_memory = False

    def __init__(
        self, count: int, decode: Decode, names: Callable[[int], str], *, channels: int, classes: int = 0,
        sizes: np.ndarray | None = None, skipped: int = 0, workers: int | None = None,
    ):  # fmt: skip
        self.channels, self.classes, self.sizes = channels, classes, sizes
        self.name = names
        self._count, self._decode, self._skipped = count, decode, skipped
        self._pool = ThreadPoolExecutor(workers or default_workers(), thread_name_prefix="decode")
        self._bad: set[int] = set()
        self._lock = threading.Lock()

    @property
    def skipped(self) -> int:
        return self._skipped + len(self._bad)

    def __len__(self) -> int:
        return self._count

    def gather(self, index: np.ndarray) -> tuple[list[np.ndarray], np.ndarray | None]:
        images, labels = zip(*self._pool.map(self._one, map(int, index)), strict=True)
        return list(images), np.array(labels, np.int32) if self.classes else None

    def _one(self, first: int) -> tuple[np.ndarray, int]:
        error = None
        for number in range(first, first + min(self._count, 100)):
            number %= self._count
            if number in self._bad:
                continue
            try:
                return self._decode(number)
            except ValueError as caught:
                error = caught
                with self._lock:
                    seen = number in self._bad
                    self._bad.add(number)
                if not seen:
                    warnings.warn(f"skipped, the next image takes its place: {caught}", stacklevel=2)
        raise ValueError(f"100 images in a row from {self.name(first)} cannot be read; last: {error}") from error


def collect(
    what: str, count: int, decode: Decode, names: Callable[[int], str], *, channels: int, classes: int = 0,
    sizes: np.ndarray | None = None, hold: bool, skipped: int = 0, workers: int | None = None,
) -> Source:  # fmt: skip
    """The source of `count` images.

    hold: decode them here and now and leave out those that fail; otherwise they are decoded on demand.
    """
    if not hold:
        return OnDemand(
            count, decode, names, channels=channels, classes=classes, sizes=sizes, skipped=skipped, workers=workers
        )
    good, results, errors = attempt(decode, range(count), workers)
    warn_skipped(what, count, errors)
    images, labels = zip(*results, strict=True) if results else ((), ())
    if not images:
        raise ValueError(f"{what}: none of {count} images can be read; first: {errors[0]}")
    # Large images stay as they are: stacking needs their memory twice.
    same = len({image.shape for image in images}) == 1 and images[0].nbytes <= 2**16
    kept = [names(i) for i in good]
    return Memory(
        np.stack(images) if same else list(images), kept, labels=labels, classes=classes, skipped=skipped + len(errors)
    )


def attempt(function: Callable, items: Sequence, workers: int | None = None) -> tuple[list, list, list[ValueError]]:
    """`function` of each item, in threads: (the items that succeeded, their results, the errors of the others)."""

    def each(some: Sequence) -> list:
        outcomes: list = []
        for item in some:
            try:
                outcomes.append((item, function(item)))
            except ValueError as error:
                outcomes.append(error)
        return outcomes

    # A task of its own for each small image would cost as much as decoding it.
    chunks = [items[i : i + CHUNK] for i in range(0, len(items), CHUNK)]
    with ThreadPoolExecutor(workers or default_workers()) as pool:
        outcomes = [outcome for some in pool.map(each, chunks) for outcome in some]
    errors = [outcome for outcome in outcomes if isinstance(outcome, ValueError)]
    pairs = [outcome for outcome in outcomes if not isinstance(outcome, ValueError)]
    return [item for item, _ in pairs], [result for _, result in pairs], errors


def warn_skipped(what: str, count: int, errors: Sequence[ValueError], limit: int = 5) -> None:
    if errors:
        more = f"; and {len(errors) - limit} more" if len(errors) > limit else ""
        listed = "; ".join(map(str, errors[:limit]))
        warnings.warn(f"{what}: {len(errors)} of {count} images skipped: {listed}{more}", stacklevel=3)


def held_out(keys: Sequence[str], share: float) -> np.ndarray:
    """[n] bool: the images set aside for validation, by the hash of their names, so that adding images moves none.

    With a positive share at least one image is set aside.
    """
    if not 0.0 <= share < 1.0:
        raise ValueError(f"the validation share must be at least 0 and below 1, got {share}")
    if share == 0:
        return np.zeros(len(keys), bool)
    first = lambda key: int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()[:8])
    hashes = np.fromiter(map(first, keys), np.uint64, len(keys))
    chosen = hashes < np.uint64(math.ceil(share * 2.0**64))
    if len(keys) and not chosen.any():
        chosen[int(np.argmin(hashes))] = True
    return chosen


def select(keys: Sequence[str], split: str, share: float, what: str) -> np.ndarray:
    """The numbers of the images that belong to `split` of data that have no splits of their own.

    Without a share, `train` and `test` are everything (a folder of test images is named for itself) and there is no
    `validation`. With one, `validation` and `test` are the images set aside, and `train` the others.
    """
    if share == 0 and split == "validation":
        raise ValueError(f"{what} has no validation images; set a validation share, for example 0.05")
    mask = held_out(keys, share)
    chosen = np.flatnonzero(mask if split != "train" and share > 0 else ~mask)
    if not len(chosen):
        raise ValueError(
            f"{what}: nothing is left for {split} of {len(keys)} images; change the validation share {share}"
        )
    return chosen


def default_workers() -> int:
    return min(16, os.cpu_count() or 1)
