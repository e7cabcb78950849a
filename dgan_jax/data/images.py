"""Image files to uint8 arrays and back.

Whatever a file holds (palettes, alpha, CMYK, 16 bits, EXIF rotation, several frames) comes out as one uint8 image in
sRGB. Whatever is wrong with it comes out as a ValueError of one sentence that names the file.
"""

import functools
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np
from PIL import Image, ImageCms, ImageOps

from dgan_jax.core.files import write_atomically
from dgan_jax.data import left_out
from dgan_jax.data.opening import open_file

EXTENSIONS = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".jp2", ".tif", ".tiff", ".bmp", ".gif", ".tga"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "JPEG2000", "TIFF", "BMP", "GIF", "TGA", "PPM")
"""Pillow's names of these. Its other readers are never asked: that of EPS, for one, starts another program."""

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
    with parsed(data, name, megapixels) as image:
        try:
            image = ImageOps.exif_transpose(image)
            pixels = np.asarray(_flatten(image, "white").convert("L" if channels == 1 else "RGB"))
        except Exception as error:  # Pillow raises whatever a broken file makes it stumble over
            raise broken(name, error) from error
    return np.array(pixels.reshape(*pixels.shape[:2], channels))


def image_size(path: str | os.PathLike, *, megapixels: float = MEGAPIXELS) -> tuple[int, int]:
    """(height, width) after EXIF rotation, from the header alone."""
    left_out.refuse_raw(path)
    with open_file(path) as stream:
        return encoded_size(stream, str(path), megapixels=megapixels)


def encoded_size(data: bytes | BinaryIO, name: str, *, megapixels: float = MEGAPIXELS) -> tuple[int, int]:
    """As `image_size`, from the bytes of a file."""
    with parsed(data, name, megapixels) as image:
        # Pillow gives the size of a TIFF as it will be after rotation, that of every other file as it is stored.
        turned = image.format != "TIFF" and orientation(image) >= 5
        return (image.width, image.height) if turned else (image.height, image.width)


def orientation(image: Image.Image) -> int:
    """The EXIF orientation of a file whose pixels are not decoded yet; 1 = upright, 5 and more = height is width."""
    # For a PNG without EXIF in front of the pixels, `getexif` would decode everything in search of it.
    exif = image.getexif() if image.format != "PNG" or "exif" in image.info else {}
    return exif.get(0x0112, 1)


def read_transparency(path: str | os.PathLike, *, megapixels: float = MEGAPIXELS) -> np.ndarray:
    """How opaque an image file is: uint8 [H, W], 255 = opaque, also where the file has no transparency."""
    with opened(path, megapixels) as image:
        try:
            image = ImageOps.exif_transpose(image)
            if not image.has_transparency_data:
                return np.full((image.height, image.width), 255, np.uint8)
            return np.asarray(image.convert("RGBA").getchannel("A"))
        except Exception as error:
            raise broken(str(path), error) from error


def count_frames(path: str | os.PathLike, *, megapixels: float = MEGAPIXELS) -> int:
    """How many frames of an animation or pages of a document a file holds; only the first is ever read."""
    with opened(path, megapixels) as image:
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
    """uint8 [H, W, 1 or 3] -> [H, W, channels]: grey is repeated, RGB becomes its ITU-R 601 luma."""
    _check_channels(channels)
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    return np.asarray(Image.fromarray(image).convert("L"))[..., None]


def resize_short(image: np.ndarray, short: int) -> np.ndarray:
    """uint8 [H, W, C] -> the same picture with its shorter side `short` pixels long (Lanczos, antialiased)."""
    height, width = resized(image.shape[0], image.shape[1], short)
    if (height, width) == image.shape[:2]:
        return image
    picture = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))
    return pixels.reshape(height, width, image.shape[-1])


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


def _flatten(image: Image.Image, background: str) -> Image.Image:
    """Any mode -> a mode of 8 bits a channel without alpha, in sRGB."""
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(image), image.mode))
    if image.has_transparency_data:
        image = _to_srgb(image.convert("RGBA"), image.info)
        return Image.alpha_composite(Image.new("RGBA", image.size, background), image)
    return _to_srgb(image, image.info)


def _eight_bits(values: np.ndarray, mode: str) -> np.ndarray:
    """Grey of 16 bits (I;16), of unknown range (I) or of floats (F) -> uint8.

    The range of the last two is the smallest of 1 (F only), 255 and 65535 that holds the largest value.
    """
    values = np.nan_to_num(values.astype(np.float64))
    ranges = (65535.0,) if mode.startswith("I;16") else (255.0, 65535.0) if mode == "I" else (1.0, 255.0, 65535.0)
    full = next((r for r in ranges if values.max() <= r), 65535.0)
    return np.round(np.clip(values / full, 0.0, 1.0) * 255.0).astype(np.uint8)


def _to_srgb(image: Image.Image, info: dict) -> Image.Image:
    if image.mode == "LAB":  # Pillow itself cannot convert it
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return cast(Image.Image, ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB"))
    profile = info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    transform = _transform(profile, image.mode)
    return image if transform is None else cast(Image.Image, ImageCms.applyTransform(image, transform))


@functools.lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """To sRGB, or None where the profile is sRGB already, is broken, or does not belong to the mode."""
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        if "srgb" in (ImageCms.getProfileDescription(source) or "").lower():
            return None
        target = "RGBA" if mode == "RGBA" else "RGB"
        # Without its one-pixel cache a transform may be used by several threads.
        flags = ImageCms.Flags.NOCACHE
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, target, flags=flags)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


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
        with _PILLOW_LIMIT:
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                image = Image.open(stream, formats=FORMATS)
            finally:
                Image.MAX_IMAGE_PIXELS = limit
    except Exception as error:
        stream.seek(0)
        head = stream.read(16)
        if not head:
            raise ValueError(f"{name} is empty (0 bytes), wanted an image; copy the file again") from error
        if left_out.kind_of(Path(name)) or left_out.is_heic(head):
            raise ValueError(left_out.refusal(Path(name), head)) from error
        raise ValueError(f"{name} is not an image of a known format, whatever its name; try PNG or JPEG") from error
    with image:
        if image.width * image.height > megapixels * 1e6:
            raise ValueError(
                f"{name} has {image.width}x{image.height} pixels, more than the limit of {megapixels:g} megapixels; "
                "if you trust it, raise --megapixels (for training --data.megapixels)"
            )
        yield image


def broken(name: str, error: Exception) -> ValueError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ValueError(f"{name} is damaged or cut off and cannot be decoded ({reason:.200}); copy or download it again")


def _check_channels(channels: int) -> None:
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (RGB), got {channels}")
