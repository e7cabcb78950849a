"""Image files to uint8 arrays and back.

Whatever a file holds (palettes, alpha, CMYK, 16 bits, EXIF rotation, several frames) comes out as one uint8 image in
sRGB. Whatever is wrong with it comes out as a ValueError of one sentence that names the file.
"""

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from dgan_jax.core.files import write_atomically
from dgan_jax.data import left_out, native, tiffs
from dgan_jax.data.native import Native
from dgan_jax.data.opening import open_file

EXTENSIONS = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".jp2", ".tif", ".tiff", ".bmp", ".gif", ".tga"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)
if left_out.heic_is_read():
    EXTENSIONS |= left_out.HEIC
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "JPEG2000", "TIFF", "BMP", "GIF", "TGA", "PPM")
"""Pillow's names of these. Its other readers are never asked: that of EPS, for one, starts another program."""

SEVERAL = frozenset({".png", ".webp", ".avif", ".tif", ".tiff", ".gif"})
"""Endings of files that may hold several frames or pages."""

MEGAPIXELS = 100.0

_PILLOW_LIMIT = threading.Lock()


def find_images(folder: str | Path) -> list[Path]:
    """Every file below `folder` with an image's extension, sorted by relative path; hidden ones are ignored."""
    return survey(folder).images


class Survey(NamedTuple):
    """What lies below a folder: images, and files of other kinds that hold pictures (`left_out.kind_of`)."""

    images: list[Path]
    others: list[Path]


def survey(folder: str | Path) -> Survey:
    """Both kinds sorted by relative path; hidden files are ignored, symbolic links followed."""
    found: Survey = Survey([], [])
    visited = set()
    for root, folders, files in os.walk(os.fspath(folder), followlinks=True):
        real = os.path.realpath(root)
        folders[:] = [] if real in visited else [f for f in folders if not f.startswith(".") and f != "__MACOSX"]
        for path in (Path(root, f) for f in files if not f.startswith(".") and real not in visited):
            if path.suffix.lower() in EXTENSIONS:
                found.images.append(path)
            elif left_out.kind_of(path):
                found.others.append(path)
        visited.add(real)
    for paths in found:
        paths.sort(key=lambda path: path.relative_to(folder).as_posix())
    return found


def read_image(path: str | os.PathLike, *, channels: int = 3, megapixels: float = MEGAPIXELS) -> np.ndarray:
    """An image file -> uint8 [H, W, channels], RGB (3) or grey (1).

    Alpha is composited on white, EXIF rotation is applied, of an animation the first frame is taken, an embedded colour
    profile is converted to sRGB. Files of more than `megapixels` are refused before they are decoded.
    """
    left_out.refuse_raw(path)
    with open_file(path) as stream:
        return decode_image(stream, str(path), channels=channels, megapixels=megapixels)


def decode_image(data: bytes | BinaryIO, name: str, *, channels: int = 3, megapixels: float = MEGAPIXELS) -> np.ndarray:
    """As `read_image`, from the bytes of a file; `name` is what errors call it."""
    _check_channels(channels)
    pixels = to_channels(decode_native(data, name, megapixels=megapixels).eight(), channels)
    return pixels if pixels.flags.writeable else pixels.copy()


def read_native(path: str | os.PathLike, *, megapixels: float = MEGAPIXELS) -> Native:
    """What an image file holds, at its own depth and in its own colours."""
    left_out.refuse_raw(path)
    with open_file(path) as stream:
        return decode_native(stream, str(path), megapixels=megapixels)


def decode_native(data: bytes | BinaryIO, name: str, *, megapixels: float = MEGAPIXELS) -> Native:
    """As `read_native`, from the bytes of a file."""
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    try:
        if tiffs.is_tiff(_head(stream)):
            check_size(*tiffs.size(stream), name, megapixels)
            found = native.read_tiff(stream)
            if found is not None:
                return found
        with parsed(stream, name, megapixels) as image:
            return native.read(image, stream)
    except tiffs.Unreadable as error:
        raise ValueError(f"{name} is not read: {error}") from error
    except Refused:
        raise
    except Exception as error:  # readers raise whatever a broken file makes them stumble over
        raise broken(name, error) from error


def _head(stream: BinaryIO) -> bytes:
    place = stream.tell()
    head = stream.read(16)
    stream.seek(place)
    return head


class Refused(ValueError):
    """A file that cannot be an image, or is too large; the sentence names it."""


def check_size(height: int, width: int, name: str, megapixels: float) -> None:
    if height * width > megapixels * 1e6:
        raise Refused(
            f"{name} has {width}x{height} pixels, more than the limit of {megapixels:g} megapixels; "
            "if you trust it, raise --megapixels (for training --data.megapixels)"
        )


def image_size(path: str | os.PathLike, *, megapixels: float = MEGAPIXELS) -> tuple[int, int]:
    """(height, width) after EXIF rotation, from the header alone."""
    left_out.refuse_raw(path)
    with open_file(path) as stream:
        return encoded_size(stream, str(path), megapixels=megapixels)


def encoded_size(data: bytes | BinaryIO, name: str, *, megapixels: float = MEGAPIXELS) -> tuple[int, int]:
    """As `image_size`, from the bytes of a file."""
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    if tiffs.is_tiff(_head(stream)):
        try:
            height, width = tiffs.size(stream)
        except Exception as error:
            raise broken(name, error) from error
        check_size(height, width, name, megapixels)
        return height, width
    with parsed(stream, name, megapixels) as image:
        turned = orientation(image) >= 5
        return (image.width, image.height) if turned else (image.height, image.width)


def orientation(image: Image.Image) -> int:
    """The EXIF orientation of a file whose pixels are not decoded yet; 1 = upright, 5 and more = height is width."""
    # For a PNG without EXIF in front of the pixels, `getexif` would decode everything in search of it.
    exif = image.getexif() if image.format != "PNG" or "exif" in image.info else {}
    return exif.get(0x0112, 1)


def count_frames(path: str | os.PathLike, *, megapixels: float = MEGAPIXELS) -> int:
    """How many frames of an animation or pages of a document a file holds; only the first is ever read."""
    left_out.refuse_raw(path)
    with open_file(path) as stream:
        return encoded_frames(stream, str(path), megapixels=megapixels)


def encoded_frames(stream: BinaryIO, name: str, *, megapixels: float = MEGAPIXELS) -> int:
    """As `count_frames`, of an open file."""
    stream.seek(0)
    if tiffs.is_tiff(_head(stream)):
        return tiffs.count_pages(stream)
    with parsed(stream, name, megapixels) as image:
        try:
            return int(getattr(image, "n_frames", 1))
        except Exception:  # a broken end is of no concern to who reads the first frame
            return 1


def jpeg_table(path: str | os.PathLike, *, megapixels: float = MEGAPIXELS) -> np.ndarray | None:
    """The luminance table [8, 8] that a JPEG file was quantised with, or None for files of other formats."""
    with opened(path, megapixels) as image:
        tables = getattr(image, "quantization", None)
        return np.reshape(tables[0], (8, 8)) if tables and 0 in tables else None


def write_image(path: str | os.PathLike, image: np.ndarray, *, quality: int = 95) -> None:
    """uint8 [H, W], [H, W, 1] or [H, W, 3] -> a file whose format follows from its extension.

    The file appears complete or not at all. `quality` is for JPEG, WebP and AVIF. Missing folders are made.
    """
    path = Path(path)
    try:
        encoded = encode_image(image, path.suffix, quality=quality)
    except ValueError as error:
        raise ValueError(f"cannot write {path}: {error}") from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, encoded)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}; choose another folder") from error


def encode_image(image: np.ndarray, extension: str, *, quality: int = 95) -> bytes:
    """As `write_image`, to the bytes of a file. extension: with its dot."""
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        raise ValueError(f"an image to write must be uint8 [H, W, 1 or 3], got {image.dtype} {list(image.shape)}")
    format = Image.registered_extensions().get(extension.lower())
    if extension.lower() not in EXTENSIONS or format not in Image.SAVE:
        raise ValueError(f"unknown image extension {extension!r}; try .png, .jpg or .webp")
    picture = Image.fromarray(image.squeeze(2) if image.shape[2:] == (1,) else image)
    encoded = io.BytesIO()
    picture.save(encoded, format, **({"quality": quality} if format in ("JPEG", "WEBP", "AVIF") else {}))
    return encoded.getvalue()


def to_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """uint8 or uint16 [H, W, 1 or 3] -> [H, W, channels]: grey is repeated, RGB becomes its ITU-R 601 luma."""
    _check_channels(channels)
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    if image.dtype == np.uint16:
        return np.rint(image @ np.array([[0.299], [0.587], [0.114]])).astype(np.uint16)
    return np.asarray(Image.fromarray(image).convert("L"))[..., None]


def resize_short(image: np.ndarray, short: int) -> np.ndarray:
    """uint8 [H, W, C] -> the same picture with its shorter side `short` pixels long (Lanczos, antialiased)."""
    height, width = resized(image.shape[0], image.shape[1], short)
    if (height, width) == image.shape[:2]:
        return image
    picture = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))
    return pixels.reshape(height, width, image.shape[-1])


def resized_to(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 or uint16 [H, W, C] -> the same picture of another size (Lanczos, antialiased)."""
    planes = [Image.fromarray(image[..., i].astype(np.float32)) for i in range(image.shape[2])]
    found = [np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS)) for plane in planes]
    return np.clip(np.rint(np.stack(found, axis=-1)), 0, np.iinfo(image.dtype).max).astype(image.dtype)


def resized(height: int, width: int, short: int, *, megapixels: float = MEGAPIXELS) -> tuple[int, int]:
    """The size that `resize_short` gives to an image of this size."""
    scale = short / min(height, width)
    high, wide = max(short, round(height * scale)), max(short, round(width * scale))
    if high * wide > max(megapixels * 1e6, height * width):
        raise ValueError(
            f"an image of {width}x{height} pixels would become {wide}x{high}, more than {megapixels:g} megapixels; "
            "give a smaller resize, or leave out images so narrow"
        )
    return high, wide


@contextmanager
def opened(path: str | os.PathLike, megapixels: float = MEGAPIXELS) -> Iterator[Image.Image]:
    """As `parsed`, of a file."""
    left_out.refuse_raw(path)
    with open_file(path) as stream, parsed(stream, str(path), megapixels) as image:
        yield image


@contextmanager
def parsed(data: bytes | BinaryIO, name: str, megapixels: float) -> Iterator[Image.Image]:
    """Header only. Pillow's own limit on pixels, which is global and warns below ours, gives way to ours."""
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    try:
        stream.seek(0)
        formats = readers(_head(stream))
        with _PILLOW_LIMIT:
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                image = Image.open(stream, formats=formats)
            finally:
                Image.MAX_IMAGE_PIXELS = limit
    except Exception as error:
        stream.seek(0)
        head = stream.read(16)
        if not head:
            raise Refused(f"{name} is empty (0 bytes), wanted an image; copy the file again") from error
        if left_out.is_heic(head) and left_out.heic_is_read():
            raise broken(name, error) from error
        if left_out.kind_of(Path(name)) or left_out.is_heic(head):
            raise Refused(left_out.refusal(Path(name), head)) from error
        raise Refused(f"{name} is not an image of a known format, whatever its name; try PNG or JPEG") from error
    with image:
        check_size(image.height, image.width, name, megapixels)
        yield image


def readers(head: bytes) -> tuple[str, ...]:
    """Pillow's names of the formats that a file beginning so may have. Of HEIC the reader comes with an extra."""
    if not (left_out.is_heic(head) and left_out.heic_is_read()):
        return FORMATS
    import pillow_heif

    pillow_heif.register_heif_opener()
    return ("HEIF", *FORMATS)


def broken(name: str, error: Exception) -> ValueError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ValueError(f"{name} is damaged or cut off and cannot be decoded ({reason:.200}); copy or download it again")


def _check_channels(channels: int) -> None:
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (RGB), got {channels}")
