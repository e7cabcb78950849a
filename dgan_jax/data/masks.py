"""Mask files, transparency, colours and boxes to holes: [H, W, 1] float32, 1 = missing pixel.

A mask that holds values between black and white has a soft rim, and a pixel that is half painted over is damaged: all
that is clearly above black is missing. How far above depends on the mask's own noise, such as that of a JPEG.
"""

import dataclasses
import os

import cv2
import numpy as np

from dgan_jax.core import names
from dgan_jax.data.colour import eight_bits
from dgan_jax.data.images import MEGAPIXELS, read_native, to_channels
from dgan_jax.data.native import Native

POLARITIES = ("auto", "white-hole", "white-keep")

LEAST = 4
"""Of 255. A pixel painted over by less than this share is changed by less than a grey level of noise."""
CLEARLY, CLEARLY_LOSSY = 16, 32
"""What a connected spot must reach somewhere to be a hole, in files without and with losses: below lie the traces that
compression leaves around an edge."""
BRIGHT = 96
REACH = 8
"""How far from bright pixels the noise of the black ground is measured: beyond a JPEG's blocks that hold an edge."""
MOST_NOISE = 24


def read_mask(
    path: str | os.PathLike, polarity: str = "auto", *, grow: int = 0, megapixels: float = MEGAPIXELS
) -> np.ndarray:
    """A mask file -> hole [H, W, 1] float32, 1 = missing pixel.

    polarity: "white-hole" (white = missing) or "white-keep" (white = known). "auto" is "white-hole": nothing in a mask
    tells reliably which is meant. A mask with transparency is read by it where the brightness of what is visible does
    not vary: painted is white. A file whose largest value is 1 is taken for a 0/1 label map. grow: pixels by which the
    hole is widened.
    """
    if polarity not in POLARITIES:
        raise names.unknown("mask polarity", polarity, POLARITIES)
    mask = read_native(path, megapixels=megapixels)
    values = how_white(mask, str(path))
    return grown(cut(255 - values if polarity == "white-keep" else values, mask.loss), grow)[..., None]


def how_white(mask: Native, name: str) -> np.ndarray:
    """How white a mask is, uint8 [H, W]: by its brightness or by its transparency. Profiles do not matter."""
    pixels, top = mask.pixels, mask.pixels.max(initial=0)
    if pixels.dtype == np.uint16 and top > 1:
        pixels = eight_bits(pixels)
    grey = to_channels(pixels, 1)[..., 0] if pixels.shape[2] == 3 else pixels[..., 0]
    if pixels.shape[2] == 4:
        grey = 255 - pixels.max(-1)  # CMYK: ink is black
    if mask.alpha is None:
        return _whole_range(grey)
    return by_alpha_or_brightness(grey, eight_bits(mask.alpha), name)


def by_alpha_or_brightness(grey: np.ndarray, alpha: np.ndarray, name: str) -> np.ndarray:
    """What a mask means that has transparency: the one of the two, uint8 [H, W], that varies."""
    seen = grey[alpha > 0]
    if alpha.min() == alpha.max():
        return _whole_range(grey)
    if seen.min() == seen.max():
        return alpha
    # White paint on transparent black, for one, says the same twice.
    if ((grey >= 128) == (alpha >= 128)).all():
        return np.minimum(grey, alpha)
    raise ValueError(
        f"{name} varies both in transparency and in brightness, so that it does not say which of them is the mask; "
        "save it without transparency, white where pixels are missing (for the transparent part of the photograph "
        "itself, --hole alpha)"
    )


def _whole_range(values: np.ndarray) -> np.ndarray:
    """0/1 label maps become 0/255."""
    return values.astype(np.uint8) * 255 if values.max(initial=0) == 1 else values.astype(np.uint8)


def hole_of(picture: Native, name: str, *, grow: int = 0) -> np.ndarray:
    """The transparent part of a photograph as a hole [H, W, 1]."""
    if picture.alpha is None or picture.alpha.min(initial=picture.top) == picture.top:
        raise ValueError(f"{name} is opaque all over, so that --hole alpha finds no hole; give a mask with --hole MASK")
    missing = (picture.top - picture.alpha) / (picture.top / 255)
    return grown(cut(np.ceil(missing).astype(np.uint8)), grow)[..., None]


def cut(white: np.ndarray, loss: float = 0.0) -> np.ndarray:
    """What is missing, float32 [H, W] of 0 and 1. white: uint8 [H, W], how white the mask is.

    loss: as `Native.loss`.
    """
    if not ((white > 0) & (white < 255)).any():
        return (white > 0).astype(np.float32)
    far = cv2.dilate((white >= BRIGHT).astype(np.uint8), np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)) == 0
    noise = min(float(np.percentile(white[far], 99.8)) if far.any() else 0.0, MOST_NOISE)
    if far.any() and np.median(white[far]) > MOST_NOISE:  # no black ground at all: what is meant is cut in the middle
        return (white >= 128).astype(np.float32)
    low = max(noise + 2, loss, LEAST)
    count, labels = cv2.connectedComponents((white >= low).astype(np.uint8), connectivity=8)
    kept = np.zeros(count, bool)
    kept[np.unique(labels[white >= max(low, CLEARLY_LOSSY if loss else CLEARLY)])] = True
    kept[0] = False
    return kept[labels].astype(np.float32)


def grown(hole: np.ndarray, pixels: int) -> np.ndarray:
    """A hole [H, W] widened by so many pixels in every direction."""
    if pixels < 0:
        raise ValueError(f"--grow takes a number of pixels of at least 0, got {pixels}")
    if pixels == 0 or not hole.any():
        return hole
    distance = cv2.distanceTransform((hole == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return (distance <= pixels).astype(np.float32)


def inside(hole: np.ndarray, pixels: int) -> np.ndarray:
    """[H, W] float32: 0 outside of a hole [H, W], rising to 1 over so many pixels inside its edge."""
    distance = cv2.distanceTransform((hole > 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.clip(distance / (pixels + 1), 0, 1)


def box_hole(boxes: str, height: int, width: int) -> np.ndarray:
    """[H, W]: 1 inside of the boxes "X,Y,W,H", several of them joined by +; X and Y count from the upper left."""
    hole = np.zeros((height, width), np.float32)
    for box in boxes.split("+"):
        try:
            left, top, wide, high = map(int, box.split(","))
        except ValueError:
            raise ValueError(f"--hole box:X,Y,W,H takes four whole numbers, got {box!r}") from None
        if min(wide, high) < 1 or left >= width or top >= height or left + wide <= 0 or top + high <= 0:
            raise ValueError(f"the box {box} shows nothing of a picture of {width}x{height} pixels; X,Y,W,H are pixels")
        hole[max(0, top) : top + high, max(0, left) : left + wide] = 1
    return hole


def colour_hole(text: str, picture: Native, name: str) -> np.ndarray:
    """[H, W]: 1 where a picture has this colour, "#rrggbb" or "#rrggbb~N": N, of 255, is how far each channel may lie
    from it; it is 0, or 24 where the picture's format has losses."""
    code, mark, far = text.partition("~")
    try:
        wanted = np.array([int(code.removeprefix("#")[i : i + 2], 16) for i in (0, 2, 4)])
        reach = int(far) if mark else (24 if picture.loss else 0)
        if len(code.removeprefix("#")) != 6 or not 0 <= reach <= 255:
            raise ValueError
    except ValueError:
        raise ValueError(f"--hole colour:#rrggbb or colour:#rrggbb~24, with a number up to 255, got {text!r}") from None
    seen = dataclasses.replace(picture, alpha=None).eight().astype(np.int16)
    hole = (np.abs(seen - wanted).max(-1) <= reach).astype(np.float32)
    if not hole.any():
        near = seen.reshape(-1, seen.shape[2])
        near = near[np.argmin(np.abs(near - wanted).max(-1))]
        told = "".join(f"{value:02x}" for value in np.broadcast_to(near, 3))
        raise ValueError(f"{name} has no pixel of the colour {code}; the nearest is #{told}: allow more with {code}~N")
    return hole
