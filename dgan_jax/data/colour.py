"""Colour profiles: what the values of a file are in sRGB, and the way back.

Most profiles of photographs and scans are a curve, or three curves and a matrix: their arithmetic is done here in
floats, at any depth. Those that are tables (printers', some scanners') are left to LittleCMS, at 8 bits.
"""

import functools
import io
import struct
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

Curve = Callable[[np.ndarray], np.ndarray]
LEVELS = 4096
ROWS = 2**20
"""Pixels that are converted at a time."""

SRGB_TO_D50 = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
"""Linear sRGB to the XYZ of profiles, adapted to D50 by Bradford's matrix (IEC 61966-2-1, ICC.1:2022)."""


def encode(linear: np.ndarray) -> np.ndarray:
    """Linear light -> sRGB, both 0..1."""
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def decode(values: np.ndarray) -> np.ndarray:
    """sRGB -> linear light, both 0..1."""
    values = np.clip(values, 0.0, 1.0)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


class Shape(NamedTuple):
    """A profile of curves and a matrix. curves: one (grey) or three, device -> linear, sampled at `LEVELS` points.

    matrix: device's linear light -> that of sRGB, [3, 3], or None for grey.
    """

    curves: tuple[np.ndarray, ...]
    matrix: np.ndarray | None


def space_of(profile: bytes) -> str:
    """ "GRAY", "RGB", "CMYK" or another one of ICC's names; "" where there is no profile."""
    return profile[16:20].decode("latin-1").strip() if len(profile) >= 128 and profile[36:40] == b"acsp" else ""


@functools.lru_cache(maxsize=32)
def shape_of(profile: bytes) -> Shape | None:
    """The curves and the matrix of a profile, or None where it has none, or tables that go before them."""
    try:
        tags = _tags(profile)
        if space_of(profile) == "GRAY":
            curve = _curve(tags["kTRC"])
            if profile[20:24] == b"Lab ":  # then the curve gives lightness
                light = 100 * curve
                curve = np.where(light > 8, ((light + 16) / 116) ** 3, light / 903.3)
            return Shape((curve,), None)
        if space_of(profile) != "RGB" or "A2B0" in tags or profile[20:24] != b"XYZ ":
            return None
        columns = [struct.unpack(">3i", tags[f"{c}XYZ"][8:20]) for c in "rgb"]
        matrix = np.linalg.solve(SRGB_TO_D50, np.array(columns, np.float64).T / 65536)
        np.linalg.inv(matrix)
        return Shape(tuple(_curve(tags[f"{c}TRC"]) for c in "rgb"), matrix)
    except (KeyError, struct.error, ValueError, IndexError, np.linalg.LinAlgError, OverflowError):
        return None


def _tags(profile: bytes) -> dict[str, bytes]:
    (count,) = struct.unpack(">I", profile[128:132])
    found = {}
    for i in range(min(count, 200)):
        name, offset, size = struct.unpack(">4sII", profile[132 + 12 * i : 144 + 12 * i])
        found[name.decode("latin-1")] = profile[offset : offset + size]
    return found


def _curve(tag: bytes) -> np.ndarray:
    """A tone curve as `LEVELS` values, 0..1 (ICC.1:2022, 10.6 and 10.18)."""
    x = np.linspace(0, 1, LEVELS)
    if tag[:4] == b"curv":
        (count,) = struct.unpack(">I", tag[8:12])
        if count == 0:
            return x
        points = np.frombuffer(tag[12 : 12 + 2 * count], ">u2").astype(np.float64)
        if len(points) != count:
            raise ValueError("a curve that is cut off")
        return x ** (points[0] / 256) if count == 1 else np.interp(x, np.linspace(0, 1, count), points / 65535)
    if tag[:4] != b"para":
        raise ValueError("a curve of an unknown kind")
    (kind,) = struct.unpack(">H", tag[8:10])
    length = (1, 3, 4, 5, 7)[kind]
    g, a, b, c, d, e, f = (*(v / 65536 for v in struct.unpack(f">{length}i", tag[12 : 12 + 4 * length])), *[0.0] * 6)[
        :7
    ]
    if kind == 0:
        return x**g
    power = np.maximum(a * x + b, 0) ** g
    if kind == 1:
        return np.clip(np.where(a * x + b >= 0, power, 0), 0, 1)
    if kind == 2:
        return np.clip(np.where(a * x + b >= 0, power + c, c), 0, 1)
    return np.clip(np.where(x >= d, power + (e if kind == 4 else 0), c * x + (f if kind == 4 else 0)), 0, 1)


def to_srgb(pixels: np.ndarray, profile: bytes | None) -> np.ndarray:
    """[H, W, C] uint8 or uint16 of 1 (grey), 3 (RGB) or 4 (CMYK) channels -> sRGB, [H, W, 1 or 3] of the same depth.

    Without a profile, or with one that is broken or of other channels, grey and RGB are taken for sRGB.
    """
    space, count = space_of(profile or b""), pixels.shape[2]
    if count == 4:
        return _deeper(_by_table(eight_bits(pixels), profile if space == "CMYK" else None, "CMYK"), pixels.dtype)
    if profile is None or is_srgb(profile) or (count, space) not in ((1, "GRAY"), (1, "RGB"), (3, "RGB"), (3, "GRAY")):
        return pixels
    if (count, space) == (3, "GRAY"):  # a grey picture, stored three times
        if (pixels.min(-1) != pixels.max(-1)).any():
            return pixels
        return np.repeat(to_srgb(pixels[..., :1], profile), 3, axis=2)
    if count == 1:
        return _grey_to_srgb(pixels, profile)
    shape = shape_of(profile)
    if shape is None:
        return _deeper(_by_table(eight_bits(pixels), profile, "RGB"), pixels.dtype)
    return _rgb_to_srgb(pixels, shape)


def _grey_to_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    top = np.iinfo(pixels.dtype).max
    shape = shape_of(profile)
    if shape is None:
        levels = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
        mode, given = ("L", levels) if space_of(profile) == "GRAY" else ("RGB", levels.repeat(3, 2))
        curve = _by_table(given, profile, mode).mean(-1).ravel() / 255.0
    else:  # of equal amounts of an RGB profile's primaries, which make its white
        curve = encode(np.mean(shape.curves, axis=0))
    table = np.interp(np.linspace(0, 1, top + 1), np.linspace(0, 1, len(curve)), curve)
    return np.round(table * top).astype(pixels.dtype)[pixels]


def _rgb_to_srgb(pixels: np.ndarray, shape: Shape) -> np.ndarray:
    assert shape.matrix is not None
    top = np.iinfo(pixels.dtype).max
    tables = [
        np.interp(np.linspace(0, 1, top + 1), np.linspace(0, 1, LEVELS), c).astype(np.float32) for c in shape.curves
    ]
    grid = np.linspace(0, 1, LEVELS)
    # Equal steps of the square root: the curve is steep at black.
    steps = encode(grid**2).astype(np.float32)
    matrix = shape.matrix.T.astype(np.float32)
    flat, out = pixels.reshape(-1, 3), np.empty((pixels.shape[0] * pixels.shape[1], 3), pixels.dtype)
    for first in range(0, len(flat), ROWS):
        part = flat[first : first + ROWS]
        linear = np.stack([table[part[:, i]] for i, table in enumerate(tables)], axis=1) @ matrix
        place = np.sqrt(np.clip(linear, 0, 1)) * (LEVELS - 1)
        low = np.minimum(place.astype(np.int32), LEVELS - 2)
        encoded = steps[low] + (place - low) * (steps[low + 1] - steps[low])
        out[first : first + ROWS] = np.round(encoded * top)
    return out.reshape(pixels.shape)


def from_srgb(values: np.ndarray, profile: bytes | None, count: int) -> np.ndarray:
    """sRGB [N, 1 or 3], 0..1 -> the values of a file of this profile and of `count` channels, [N, count], 0..1."""
    space = space_of(profile or b"")
    if count == 1:
        values = values.mean(-1, keepdims=True)
    elif values.shape[-1] == 1:
        values = values.repeat(3, -1)
    if count == 4:
        return _back_by_table(values, profile if space == "CMYK" else None, "CMYK")
    if profile is None or is_srgb(profile) or space not in ("GRAY", "RGB"):
        return values
    shape = shape_of(profile)
    if shape is None:
        if count == 1:
            levels = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
            curve = to_srgb(levels, profile).ravel() / 255.0
            return np.interp(values, np.maximum.accumulate(curve), np.linspace(0, 1, 256))
        return _back_by_table(values, profile, "RGB")
    linear = decode(values)
    if count == 3 and shape.matrix is not None:
        linear = np.clip(linear @ np.linalg.inv(shape.matrix).T, 0, 1)
    curves = shape.curves if count == len(shape.curves) else (np.mean(shape.curves, axis=0),) * count
    inverse = [
        np.interp(linear[:, i], np.maximum.accumulate(c), np.linspace(0, 1, LEVELS)) for i, c in enumerate(curves)
    ]
    return np.stack(inverse, axis=-1)


@functools.lru_cache(maxsize=32)
def is_srgb(profile: bytes) -> bool:
    """Whether a profile changes nothing: by what it does to colours, since its name says nothing reliable."""
    axis = np.linspace(0, 255, 9).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(1, -1, 3)
    if space_of(profile) == "RGB":
        shape = shape_of(profile)
        changed = _by_table(colours, profile, "RGB") if shape is None else _rgb_to_srgb(colours, shape)
        # A grey step or two is what rounding in the profile's own numbers makes of it.
        return bool(np.abs(changed.astype(int) - colours).max() <= 2)
    if space_of(profile) == "GRAY":
        levels = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
        return bool(np.abs(_grey_to_srgb(levels, profile).astype(int) - levels).max() <= 1)
    return False


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """uint16 -> uint8, to the nearest; others as they are."""
    return np.round(pixels / np.float32(257)).astype(np.uint8) if pixels.dtype == np.uint16 else pixels


def _deeper(pixels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return pixels if dtype == np.uint8 else pixels.astype(np.uint16) * 257


def _by_table(pixels: np.ndarray, profile: bytes | None, mode: str) -> np.ndarray:
    """uint8 [H, W, C] -> sRGB uint8 [H, W, 3], by LittleCMS; a profile that it cannot use changes nothing."""
    image = Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode=None if mode != "CMYK" else "CMYK")
    transform = None if profile is None else _transform(profile, mode, True)
    changed = image.convert("RGB") if transform is None else ImageCms.applyTransform(image, transform)
    return np.asarray(changed)


def _back_by_table(values: np.ndarray, profile: bytes | None, mode: str) -> np.ndarray:
    image = Image.fromarray(np.round(values[None] * 255).astype(np.uint8))
    transform = None if profile is None else _transform(profile, mode, False)
    changed = image.convert(mode) if transform is None else ImageCms.applyTransform(image, transform)
    return np.asarray(changed)[0] / 255.0


@functools.lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str, forth: bool) -> ImageCms.ImageCmsTransform | None:
    """To sRGB or back, or None where the profile is broken or does not go that way."""
    try:
        own, srgb = ImageCms.getOpenProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        # Without its one-pixel cache a transform may be used by several threads.
        flags = ImageCms.Flags.NOCACHE
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        if forth:
            return ImageCms.buildTransform(own, srgb, mode, "RGB", intent, flags=flags)
        return ImageCms.buildTransform(srgb, own, "RGB", mode, intent, flags=flags)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
