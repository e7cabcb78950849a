"""Sizes and windows: how pictures of any size meet programs of few, and how windows become one picture again."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SMALL, FINE, COARSE = 128, 32, 64
"""Sides up to the first are rounded up to multiples of the second, larger ones to those of the third: photographs of
many sizes then share few programs."""
BORDER = 0.25
"""Part of an overlap, at the edge of a window, that counts for nothing: there a network sees the edge."""


class Window(NamedTuple):
    """Of a result, in its pixels."""

    top: int
    left: int
    high: int
    wide: int


def rounded(side: int, unit: int) -> int:
    """The least multiple of `unit` from `side` on."""
    return -(-side // unit) * unit


def padded_side(side: int, multiple: int, scale: int) -> int:
    """What a side of the damaged picture is padded to; the result's is `scale` times that, a multiple of `multiple`."""
    for step in (FINE, COARSE):
        unit = int(np.lcm(multiple, step))
        found = rounded(side, unit // int(np.gcd(unit, scale)))
        if found * scale <= SMALL:
            break
    return found


def mirrored(start: int, stop: int, length: int) -> np.ndarray:
    """Places start .. stop - 1 of an axis that is mirrored at its ends, again and again."""
    place = np.arange(start, stop) % (2 * length)
    return np.where(place < length, place, 2 * length - 1 - place)


def cut(array: np.ndarray, window: Window) -> np.ndarray:
    """[H, W, ...] -> [high, wide, ...]; what lies outside is mirrored."""
    (top, left, high, wide), (height, width) = window, array.shape[:2]
    if top + high <= height and left + wide <= width:
        return array[top : top + high, left : left + wide]
    return array[mirrored(top, top + high, height)][:, mirrored(left, left + wide, width)]


def padded(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """[H, W, ...] mirrored at the bottom and the right up to a size."""
    return cut(array, Window(0, 0, height, width))


def starts(wanted: np.ndarray, tile: int, overlap: int, step: int) -> list[int]:
    """Where windows of `tile` begin, at multiples of `step`, so that every place that is `wanted` ([n] of bool, n and
    tile multiples of step) lies half an overlap inside of one, or at an end of the axis."""
    length, half, found = len(wanted), overlap // 2, list[int]()
    left = np.flatnonzero(wanted)
    while len(left):
        first = (left[0] - half) // step * step
        start = int(np.clip(first, 0, max(0, length - tile)))
        if found:  # large steps leave no room for the overlap
            start = min(max(start, found[-1] + step), length - tile)
        found.append(start)
        done = length if start + tile >= length else start + tile - half
        left = left[left >= done]
    return found


def plan(
    height: int, width: int, tile: tuple[int, int], overlap: int, step: int, wanted: np.ndarray | None = None
) -> list[Window]:
    """Windows that cover the picture, or what is `wanted` of it [height, width], from top to bottom."""
    high, wide = tile
    asked = np.ones((height, width), bool) if wanted is None else wanted
    found = []
    for top in starts(np.any(asked, axis=1), high, overlap, step):
        # What this band alone answers for, so that a hole far below adds no window here.
        first = top + (overlap // 2 if top else 0)
        last = top + high - (overlap // 2 if top + high < height else 0)
        found += [
            Window(top, left, high, wide) for left in starts(np.any(asked[first:last], axis=0), wide, overlap, step)
        ]
    return found


def ramp(start: int, tile: int, length: int, overlap: int) -> np.ndarray:
    """[tile] float32: how much a window counts along one axis of `length`; at an end of the axis it has no edge."""
    edge = np.full(tile, np.inf)
    place = np.arange(tile) + 0.5
    if start > 0:
        edge = np.minimum(edge, place)
    if start + tile < length:
        edge = np.minimum(edge, place[::-1])
    low, high = BORDER * overlap, (1 - BORDER) * overlap
    # Not quite nothing: what no other window shows is then taken from this one.
    return np.clip((edge - low) / max(high - low, 1e-9), 1e-6, 1.0).astype(np.float32)


class Blend:
    """Windows in, from top to bottom; bands of the finished picture out. No more than one band is held."""

    def __init__(self, height: int, width: int, channels: int, tile: int, write: Callable[..., None]) -> None:
        """write(top, mean [rows, width, C]): a band that is done; 0 where no window showed it."""
        self.height, self.write, self.top = height, write, 0
        self.total = np.zeros((tile, width, channels), np.float32)
        self.weight = np.zeros((tile, width), np.float32)

    def add(self, window: Window, image: np.ndarray, overlap: int) -> None:
        """image: [high, wide, C]."""
        if window.top > self.top:
            self.finish(window.top)
        height, width = self.height, self.weight.shape[1]
        rows = ramp(window.top, window.high, height, overlap)
        weight = rows[:, None] * ramp(window.left, window.wide, width, overlap)[None]
        here = np.s_[: window.high, window.left : window.left + window.wide]
        self.total[here] += weight[..., None] * image
        self.weight[here] += weight

    def finish(self, top: int | None = None) -> None:
        """Hand over the rows above `top`, or all that are left."""
        top = self.height if top is None else top
        count = min(top - self.top, len(self.weight), self.height - self.top)
        self.write(self.top, self.total[:count] / np.maximum(self.weight[:count], 1e-12)[..., None])
        for held in (self.total, self.weight):
            rest = held[count:].copy()
            held[: len(rest)] = rest
            held[len(rest) :] = 0
        self.top = top
