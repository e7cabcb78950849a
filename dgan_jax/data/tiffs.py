"""TIFF files, of which Pillow reads some wrongly: 16 bits in planes, negatives of 16 bits, premultiplied alpha."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

MOST_SAMPLES = 8
ICC, ORIENTATION, LARGEST = 34675, 274, 281
MINISWHITE, MINISBLACK, RGB, PALETTE, MASK, SEPARATED, YCBCR = range(7)
RAW = (32803, 34892)
LEFT_TO_LIBTIFF = (2, 3, 4, 6, 7)
"""Compressions: three of fax machines, JPEG of the old way and of the new."""


class Unreadable(ValueError):
    """A file that is whole, and of a kind that is not read; what the sentence begins with is the file."""


class Held(NamedTuple):
    """As `native.Native`, before it is turned upright."""

    pixels: np.ndarray
    alpha: np.ndarray | None
    profile: bytes | None
    bits: int
    orientation: int


@contextlib.contextmanager
def opened(stream: BinaryIO) -> Iterator[Any]:
    """The file's `tifffile.TiffFile`; the stream stands afterwards where it stood."""
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    place = stream.tell()
    try:
        stream.seek(0)
        with tifffile.TiffFile(stream) as file:
            yield file
    finally:
        stream.seek(place)


def read(stream: BinaryIO) -> Held | None:
    """The first page that is no preview; None for those kinds that are left to Pillow, which reads them right."""
    with opened(stream) as file:
        page = main_page(file)
        return _held(page) if ours(page) else None


def is_tiff(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a TIFF, BigTIFF included."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def size(stream: BinaryIO) -> tuple[int, int]:
    """(height, width), upright."""
    with opened(stream) as file:
        page = main_page(file)
        sides = int(page.imagelength), int(page.imagewidth)
        return sides[::-1] if _orientation(page) >= 5 else sides


def count_pages(stream: BinaryIO) -> int:
    """How many pages there are that are no smaller versions of others; 1 where that cannot be told."""
    try:
        with opened(stream) as file:
            pages = file.pages
            return max(1, sum(not pages[i].is_reduced for i in range(min(len(pages), 1000))))
    except Exception:  # a broken end is of no concern to who reads the first page
        return 1


def main_page(file: Any) -> Any:
    """The first page that is not marked as a smaller version of another one."""
    first = file.pages[0]
    if not first.is_reduced:
        return first
    return next((file.pages[i] for i in range(1, min(len(file.pages), 8)) if not file.pages[i].is_reduced), first)


def ours(page: Any) -> bool:
    """Whether a page is read here. Raises a ValueError for what nothing reads right."""
    photometric, samples = int(page.photometric), int(page.samplesperpixel)
    if photometric in RAW:
        raise Unreadable("it holds raw values of a sensor; develop it first, to TIFF of 16 bits or JPEG")
    if samples > MOST_SAMPLES or page.imagedepth != 1:
        raise Unreadable(f"it has {samples} channels and {page.imagedepth} layers; export it as grey or RGB")
    bits = page.bitspersample
    if photometric in (8, 9, 10):
        if bits == 8 and int(page.planarconfig) == 1 and photometric == 8:
            return False
        raise Unreadable("it is in Lab of a kind that is not read; export it as RGB")
    if photometric not in (MINISWHITE, MINISBLACK, RGB, PALETTE, MASK, SEPARATED, YCBCR):
        raise Unreadable(f"its colours are of a kind ({photometric}) that is not read; export it as RGB")
    # libtiff knows best what fax machines and JPEG make, and brightness that is stored apart from colours.
    return photometric != YCBCR and int(page.compression) not in LEFT_TO_LIBTIFF


def _held(page: Any) -> Held:
    photometric, bits = int(page.photometric), int(page.bitspersample)
    values = np.asarray(page.asarray(maxworkers=1))
    values = values.reshape(page.shape)
    if page.axes.startswith("S"):
        values = np.moveaxis(values, 0, -1)
    values = values.reshape(page.imagelength, page.imagewidth, -1)
    if photometric == PALETTE:
        return _through_palette(page, values)
    largest = page.tags.get(LARGEST)
    values = of_range(values, bits, None if largest is None else np.max(largest.value))
    count = {RGB: 3, SEPARATED: 4}.get(photometric, 1)
    if values.shape[2] < count:
        raise Unreadable(f"it has {values.shape[2]} channels where its colours need {count}; export it as RGB")
    pixels, alpha = np.ascontiguousarray(values[..., :count]), None
    if photometric == MINISWHITE:
        pixels = np.iinfo(pixels.dtype).max - pixels
    kinds = [int(kind) for kind in page.extrasamples]
    for i, kind in enumerate(kinds):
        if kind in (1, 2) and count + i < values.shape[2]:
            alpha = np.ascontiguousarray(values[..., count + i])
            pixels = _straight(pixels, alpha) if kind == 1 else pixels
            break
    return Held(pixels, alpha, _profile(page), bits, _orientation(page))


def of_range(values: np.ndarray, bits: int, largest: int | None) -> np.ndarray:
    """Any samples -> uint8 (of at most 8 bits) or uint16, black 0 and white the largest value."""
    if values.dtype == bool:
        values = values.astype(np.uint8)
    if values.dtype.kind == "u" and bits <= 16:
        top = 2**bits - 1
        # 12 bits, say, in 16: if the file itself says so.
        if bits == 16 and largest in (1023, 4095, 16383) and values.max(initial=0) <= largest:
            top = int(largest)
        full = 255 if bits <= 8 else 65535
        dtype = np.uint8 if bits <= 8 else np.uint16
        return values.astype(dtype) if top == full else np.round(values * (full / top)).astype(dtype)
    if values.dtype.kind == "i" and values.min(initial=0) < 0:
        raise Unreadable("it holds values below 0; export it with values from 0 to 255 or 65535")
    if values.dtype.kind == "i" and values.itemsize <= 2:
        return np.round(values * (65535.0 / np.iinfo(values.dtype).max)).astype(np.uint16)
    return of_unknown_range(values)


def of_unknown_range(values: np.ndarray) -> np.ndarray:
    """Floats and long integers -> uint16; white is the smallest of 1 (floats only), 255 and 65535 that holds all."""
    floats = values.dtype.kind == "f"
    values = np.nan_to_num(values.astype(np.float64), posinf=65535.0, neginf=0.0)
    ranges = (1.0, 255.0, 65535.0) if floats else (255.0, 65535.0)
    full = next((r for r in ranges if values.max(initial=0.0) <= r), 65535.0)
    return np.round(np.clip(values / full, 0.0, 1.0) * 65535.0).astype(np.uint16)


def _straight(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours that were multiplied by alpha, divided by it."""
    top = np.iinfo(pixels.dtype).max
    share = np.maximum(alpha, 1)[..., None] / top
    return np.round(np.minimum(pixels / share, top)).astype(pixels.dtype)


def _through_palette(page: Any, values: np.ndarray) -> Held:
    colours = np.asarray(page.colormap).T
    eight = colours if colours.max(initial=0) < 256 else colours >> 8
    index = values[..., 0]
    if index.max(initial=0) >= len(eight):
        raise Unreadable("its palette is too short")
    pixels = eight.astype(np.uint8)[index]
    if (pixels == pixels[..., :1]).all():
        pixels = pixels[..., :1]
    return Held(np.ascontiguousarray(pixels), None, _profile(page), 8, _orientation(page))


def _profile(page: Any) -> bytes | None:
    tag = page.tags.get(ICC)
    return tag.value if tag is not None and isinstance(tag.value, bytes) else None


def _orientation(page: Any) -> int:
    tag = page.tags.get(ORIENTATION)
    return int(tag.value) if tag is not None and isinstance(tag.value, int) else 1
