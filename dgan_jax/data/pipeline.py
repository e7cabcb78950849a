"""Batches as a pure function of (seed, step), and the change of range between uint8 and [-1, 1].

Nothing here has a state that a checkpoint must hold: batch number 1000 of a run that was stopped is batch number 1000.
"""

import functools
import itertools
import queue
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core import names
from dgan_jax.core.parts import Array
from dgan_jax.data.store import Source

CROPS = ("random", "centre", "none")
# What a stream of random words is for; part of its seed.
_ORDER, _AUGMENT = 0, 1


def to_unit(image: Array) -> jax.Array:
    """uint8 0..255 -> float32 in [-1, 1]."""
    return jnp.asarray(image).astype(jnp.float32) / 127.5 - 1.0


def to_bytes(image: Array) -> jax.Array:
    """[-1, 1] -> uint8 0..255, rounded, what lies outside cut off; undoes `to_unit` exactly."""
    return jnp.clip(jnp.round((image + 1.0) * 127.5), 0.0, 255.0).astype(jnp.uint8)


PICTURES = ("image", "damaged")
"""What of a batch is pictures."""


def examples(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch with its pictures in [-1, 1]."""
    return {name: to_unit(value) if name in PICTURES else value for name, value in batch.items()}


def batch_of(source: Source, image: np.ndarray, labels: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Cut images as a batch; of pairs (`data.pairs.Pairs`) the good and the damaged ones each by their name."""
    batch = {"image": image}
    if getattr(source, "paired", False):
        batch = dict(zip(PICTURES, map(np.ascontiguousarray, np.split(image, 2, axis=-1)), strict=True))
    return batch if labels is None else {**batch, "label": labels}


class Batches:
    """batches[step] -> {"image": uint8 [local batch, H, W, C]} and, where there are labels, "label" int32, of pairs
    "damaged" uint8.

    Position p = step * batch + i of the endless stream is image permutation(seed, epoch)[p % n] of epoch p // n, where
    the n images are those that are large enough for the crop; one that turns out too small when it is decoded gives its
    place to the next that is not. Crops and flips are drawn from (seed, step) for the whole batch; `process` = (index,
    count) takes its contiguous part of it, so that the parts of all processes together are the batch of one.

    size: height = width, or (height, width). crop: "random", "centre", or "none" where all images have that size
    already. `images` is n, `epoch` the number of steps in which every image is seen about once, `skipped` counts images
    that cannot be used.
    """

    def __init__(
        self, source: Source, batch: int, size: int | tuple[int, int], seed: int = 0, *,
        flip: bool = True, crop: str = "random", process: tuple[int, int] = (0, 1),
    ):  # fmt: skip
        number, count = process
        if batch < 1 or not 0 <= number < count:
            raise ValueError(
                f"batch must be at least 1 and process (index, count) with index < count, got {batch}, {process}"
            )
        if batch % count:
            raise ValueError(
                f"a batch of {batch} cannot be divided among {count} processes; make it a multiple of {count}"
            )
        if seed < 0:
            raise ValueError(f"seed must not be negative, got {seed}")
        self.source, self.batch, self.seed, self.flip, self.crop = source, batch, seed, flip, crop
        self.size = _pair(size)
        self._good = usable(source, self.size, crop)
        self._local = slice(number * batch // count, (number + 1) * batch // count)
        self._order = functools.lru_cache(maxsize=2)(self._permutation)

    @property
    def epoch(self) -> int:
        return max(1, self.images // self.batch)

    @property
    def images(self) -> int:
        return len(self._good)

    @property
    def skipped(self) -> int:
        return self.source.skipped + len(self.source) - self.images

    def __getitem__(self, step: int) -> dict[str, np.ndarray]:
        if step < 0:
            raise IndexError(f"steps count from 0, got {step}")
        index = self.index(step)[self._local]
        words = _words(self.batch * 3, self.seed, _AUGMENT, step).reshape(-1, 3)[self._local]
        images, labels = gather(self.source, index, self.size, self.crop)
        # 53 bits, as a double in [0, 1) has.
        places = (words[:, :2] >> np.uint64(11)) * 2.0**-53 if self.crop == "random" else None
        flips = (words[:, 2] & np.uint64(1)).astype(bool) if self.flip else None
        image = cut(images, self.size, places, flips, multiple=getattr(self.source, "multiple", 1))
        return batch_of(self.source, image, labels)

    def index(self, step: int) -> np.ndarray:
        """[batch] numbers of the images in the whole batch of `step`."""
        epochs, places = np.divmod(step * self.batch + np.arange(self.batch), self.images)
        return np.concatenate([self._order(int(e))[places[epochs == e]] for e in np.unique(epochs)])

    def _permutation(self, epoch: int) -> np.ndarray:
        # Sorting raw words, because numpy may change its own `permutation`, but not the words of a bit generator.
        return self._good[np.argsort(_words(self.images, self.seed, _ORDER, epoch), kind="stable")]


def evaluation(
    source: Source, size: int | tuple[int, int] | None = None, *, batch: int = 32, crop: str = "centre",
    limit: int | None = None,
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:  # fmt: skip
    """(numbers of the images, batch): every image once, in order, at most `limit` of them; the last batch is shorter.

    Images that are too small are left out with a warning, beforehand or as they are decoded. With crop="none" images
    keep their sizes and come one at a time; `size` is then ignored and may be None.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1 image or None, got {limit}")
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    if crop == "none":
        batch, shape, numbers = 1, None, np.arange(len(source))
    elif size is None:
        raise ValueError("evaluation needs a size, or crop='none' to keep the sizes of the images")
    else:
        shape = _pair(size)
        numbers = usable(source, shape, crop)
    return _in_order(source, numbers[:limit], batch, shape, crop)


def _in_order(source, numbers, batch, shape, crop):
    for first in range(0, len(numbers), batch):
        index = numbers[first : first + batch]
        if shape is None:
            images, labels = source.gather(index)
            image = np.stack(images)
        else:
            images, labels = source.gather(index)
            fitting = [fits(image.shape[:2], shape, crop) for image in images]
            if not all(fitting):
                i = fitting.index(False)
                what = _misfit(source, index[i], images[i].shape[:2], shape)
                warnings.warn(f"left out {fitting.count(False)} of {len(index)} images: {what}", stacklevel=2)
                index, images = index[fitting], [image for image, fit in zip(images, fitting, strict=True) if fit]
                labels = labels if labels is None else labels[fitting]
            if not images:
                continue
            image = cut(images, shape, multiple=getattr(source, "multiple", 1))
        yield index, batch_of(source, image, labels)


def prefetch(
    batches: Any, start_step: int = 0, depth: int = 2, put: Callable[[Any], Any] = lambda batch: batch
) -> "Prefetch":
    """put(batches[start_step]), put(batches[start_step + 1]), ... made by a thread that keeps `depth` of them ready.

    What the thread raises is raised here. The thread ends with `close()`, with the `with` block, when the iterator is
    dropped, and before the interpreter does.
    """
    if depth < 1:
        raise ValueError(f"prefetch depth must be at least 1, got {depth}")
    return Prefetch(batches, start_step, depth, put)


class Prefetch:
    """An endless iterator; see `prefetch`. The thread holds no reference to it, so that dropping it closes it."""

    def __init__(self, batches, start_step, depth, put):
        self._ready: queue.Queue = queue.Queue(depth)
        self._stop = threading.Event()
        arguments = (batches, start_step, put, self._ready, self._stop)
        thread = threading.Thread(target=_fill, args=arguments, name="prefetch", daemon=True)
        self._end = weakref.finalize(self, _end, self._stop, thread)
        thread.start()

    def __iter__(self):
        return self

    def __next__(self):
        if self._stop.is_set():
            raise StopIteration
        batch, error = self._ready.get()
        if error is None:
            return batch
        self.close()
        raise error

    def close(self) -> None:
        self._end()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def _end(stop: threading.Event, thread: threading.Thread) -> None:
    stop.set()
    thread.join(timeout=10.0)


def _fill(batches, start_step, put, ready, stop) -> None:
    for step in itertools.count(start_step):
        item: tuple[Any, BaseException | None]
        try:
            item = (put(batches[step]), None)
        except BaseException as error:  # handed to the consumer, whatever it is
            item = (None, error)
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.05)
                break
            except queue.Full:
                continue
        if stop.is_set() or item[1] is not None:
            return


def usable(source: Source, size: tuple[int, int], crop: str) -> np.ndarray:
    """The numbers of the images that a crop of this size can be taken from; with crop "none", of those that have it.

    The others are left out with a warning; a ValueError if none is left. Without known sizes all are kept, and `gather`
    looks when they are decoded.
    """
    if crop not in CROPS:
        raise names.unknown("crop", crop, CROPS)
    if source.sizes is None:
        return np.arange(len(source))
    good = fits(source.sizes, size, crop)
    bad = np.flatnonzero(~good)
    if len(bad):
        i = int(bad[np.argmin(source.sizes[bad].min(axis=1))])
        what = _misfit(source, i, source.sizes[i], size)
        kind = "are of another size" if crop == "none" else "are smaller than the crop"
        if len(bad) == len(source):
            raise ValueError(f"{what}, and all {len(source)} images {kind}; {_advice(size, crop)}")
        warnings.warn(
            f"{len(bad)} of {len(source)} images {kind} and left out: {what}; {_advice(size, crop)}", stacklevel=3
        )
    return np.flatnonzero(good)


def fits(found: Any, size: tuple[int, int], crop: str) -> Any:
    """Whether an image of these heights and widths [..., 2] can be cut to `size`."""
    return np.all(np.equal(found, size) if crop == "none" else np.greater_equal(found, size), axis=-1)


def gather(source: Source, index: np.ndarray, size: tuple[int, int], crop: str):
    """`source.gather`; an image that only now turns out too small is replaced by the next that is not."""
    images, labels = source.gather(index)
    if source.in_memory:  # sizes are known, and nothing else takes an image's place
        return images, labels
    images = list(images)
    for i, image in enumerate(images):
        number, tries = int(index[i]), 0
        while not fits(images[i].shape[:2], size, crop):
            what = _misfit(source, index[i], image.shape[:2], size)
            if not tries:
                warnings.warn(f"left out, the next image takes its place: {what}", stacklevel=3)
            if tries == min(100, len(source)):
                raise ValueError(f"{what}, and those after it too; {_advice(size, crop)}")
            number, tries = (number + 1) % len(source), tries + 1
            (images[i],), label = source.gather(np.array([number]))
            if labels is not None and label is not None:
                labels[i] = label[0]
    return images, labels


def cut(
    images: Sequence[np.ndarray],
    size: tuple[int, int],
    places: np.ndarray | None = None,
    flips: np.ndarray | None = None,
    *,
    multiple: int = 1,
) -> np.ndarray:
    """Crops of n images -> uint8 [n, *size, C].

    places: [n, 2] in [0, 1), from the top left to the bottom right corner, or None for the centre; flips: [n] bool.
    multiple: of what the corners are, in pixels.
    """
    height, width = size
    spare = np.array([image.shape[:2] for image in images]) - size
    corners = spare // 2 if places is None else np.floor(places * (spare + 1)).astype(int)
    corners -= corners % multiple
    flips = np.zeros(len(images), bool) if flips is None else flips
    out = np.empty((len(images), height, width, images[0].shape[-1]), np.uint8)
    for target, image, (top, left), flip in zip(out, images, corners.tolist(), flips.tolist(), strict=True):
        crop = image[top : top + height, left : left + width]
        target[...] = crop[:, ::-1] if flip else crop
    return out


def _words(count: int, *seed: int) -> np.ndarray:
    """[count] random uint64 that depend on `seed` alone, in every version of numpy."""
    return np.random.PCG64(np.random.SeedSequence(seed)).random_raw(count)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int | np.integer) else size
    if min(height, width) < 1:
        raise ValueError(f"the crop must be at least 1 pixel, got {height}x{width}")
    return int(height), int(width)


def _misfit(source: Source, number: int, found, size: tuple[int, int]) -> str:
    return f"{source.name(int(number))} is {found[0]}x{found[1]} (height x width), wanted {size[0]}x{size[1]}"


def _advice(size: tuple[int, int], crop: str) -> str:
    if crop == "none":
        return "try --data.crop random or centre, which cut larger ones"
    return f"try a smaller size (--data.size), or enlarge them first (dgan train: --data.resize {max(size)})"
