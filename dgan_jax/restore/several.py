"""Several restorations of one photograph: their mean, and where they differ, which is what is invention."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from dgan_jax.data.colour import eight_bits
from dgan_jax.data.images import to_channels
from dgan_jax.data.pictures import grid

SHOWN = 320
"""Pixels of the longer side of a picture of a contact sheet."""
AROUND = 48
"""Pixels shown around a hole."""
MOST = 40.0
"""Grey levels of deviation that `laid_over` shows in its last colour."""
COLOURS = np.array([[255, 225, 80, 0], [255, 190, 60, 150], [235, 60, 30, 220]], np.float32)
"""Red, green, blue and opacity: where restorations agree, where they differ by half of `MOST`, and by all of it."""


class Spread:
    """Mean and deviation of restorations, which are handed over one by one and not held."""

    def __init__(self) -> None:
        self.count = 0
        self.first: np.ndarray | None = None
        self.total = self.squares = np.zeros((), np.float32)

    def add(self, image: np.ndarray) -> None:
        """[H, W, C], uint8 or uint16."""
        if self.first is None:
            self.first = image
            self.total, self.squares = (np.zeros(image.shape, np.float32) for _ in range(2))
        # From the first on: squares of differences lose nothing where all agree.
        apart = image.astype(np.float32) - self.first
        self.total, self.squares = self.total + apart, self.squares + np.square(apart)
        self.count += 1

    def mean(self) -> np.ndarray:
        """[H, W, C] as the restorations are."""
        assert self.first is not None
        return np.round(self.first + self.total / self.count).astype(self.first.dtype)

    def deviation(self) -> np.ndarray:
        """[H, W] float32: the deviation of a pixel over the restorations, in grey levels of 255, mean over channels."""
        assert self.first is not None
        variance = np.maximum(self.squares - np.square(self.total) / self.count, 0) / max(1, self.count - 1)
        return np.sqrt(variance).mean(-1) * np.float32(255 / np.iinfo(self.first.dtype).max)


def invention(deviation: np.ndarray) -> tuple[np.ndarray, float]:
    """A map of what is invention, uint8 [H, W, 1], and the deviation in grey levels that is white in it; black is where
    all restorations agree."""
    white = max(1.0, float(deviation.max()))
    return np.round(deviation * (255 / white)).astype(np.uint8)[..., None], white


def laid_over(deviation: np.ndarray) -> np.ndarray:
    """The same to be laid over a result, uint8 [H, W, 4]: the more opaque and the redder, the more the restorations
    differ, on one scale for all photographs."""
    place = np.clip(deviation / MOST, 0, 1)
    steps = np.linspace(0, 1, len(COLOURS))
    return np.stack([np.interp(place, steps, colour) for colour in COLOURS.T], axis=-1).round().astype(np.uint8)


def looked_at(hole: np.ndarray | None, height: int, width: int) -> tuple[slice, slice]:
    """The part of a picture that a contact sheet shows: what lies around the hole [H, W, 1], or all."""
    if hole is None:
        return slice(0, height), slice(0, width)
    rows, columns = np.flatnonzero(hole.any((1, 2))), np.flatnonzero(hole.any((0, 2)))
    near = lambda places, side: slice(max(0, places[0] - AROUND), min(side, places[-1] + 1 + AROUND))
    return near(rows, height), near(columns, width)


def small(image: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3], no larger than is shown."""
    picture = Image.fromarray(to_channels(np.ascontiguousarray(eight_bits(image)), 3))
    picture.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def sheet(pictures: Sequence[np.ndarray], captions: Sequence[str], *, columns: int = 4, title: str = "") -> np.ndarray:
    """Small pictures with their captions, some in a row: one uint8 picture."""
    rows = []
    for i in range(0, len(pictures), columns):
        row, said = [*pictures[i : i + columns]], [*captions[i : i + columns]]
        rows.append(grid([row], said, title=title if i == 0 else "", side=SHOWN))
    width = max(row.shape[1] for row in rows)
    return np.concatenate(
        [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    )


def overlay(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3]: the photograph, its hole [H, W, 1] in red through which it is seen."""
    seen = to_channels(eight_bits(image), 3).astype(np.float32)
    return np.where(hole > 0, 0.4 * seen + 0.6 * np.array([255, 0, 60], np.float32), seen).round().astype(np.uint8)
