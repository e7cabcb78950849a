"""One scale of a completion: patches are matched and pixels voted in turns until they agree.

Wexler, Shechtman, Irani, "Space-Time Completion of Video", PAMI 2007; texture beside colour, and the coarsest level
filled from the rim inwards, as in Newson et al., "Non-Local Patch-Based Image Inpainting", IPOL 2017.
Colours are in levels of 255 here.
"""

import dataclasses
import math
from typing import NamedTuple

import cv2
import numpy as np
from scipy import ndimage

from dgan_jax.ops import patchmatch, seamless
from dgan_jax.ops.patch_votes import colour_shifts, vote
from dgan_jax.ops.patchmatch import HALF, PATCH, PLANES, Prices

TEXTURES = 2
DEEPEST = 30.0
COLOURS = PLANES - TEXTURES - 2
"""Planes left for colours, where textures and slopes have theirs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Style:
    """How a completion is made; the defaults are of the realistic one."""

    coarsest: int = 64
    """The smaller side is not halved below so many pixels."""
    thickness: float = 3.0
    """At the coarsest level a missing pixel is about so far from the rim, on average: thin holes begin finer."""
    ratio: float = math.sqrt(2.0)
    rounds: tuple[int, ...] = (12, 10, 8, 8, 6, 5)
    """Of matching and voting, from the coarsest level; the last stands for all that are finer."""
    sweeps: int = 4
    """Of PatchMatch, a round."""
    texture: float = 4.0
    slope: float = 2.0
    """What differences in texture and in luminance's gradient weigh, before squaring, beside those in colour."""
    window: int = 9
    """Texture is the mean absolute gradient in a window of so many pixels."""
    inside: float = 0.3
    fall: float = 1.5
    """A missing pixel weighs `inside` exp(-depth / fall) where a known one weighs 1."""
    unseen: float = 0.1
    """And so much of that before it was filled for the first time."""
    reuse: float = 0.3
    upright: float = 0.13
    """Prices: see `patchmatch.Prices`."""
    quantile: float = 0.75
    shift: float = 10.0
    """A patch may be so much brighter or darker than its source, in levels of 255."""
    copies: int = 2
    """Last rounds of a level in which the best patch alone is copied (0: votes to the end, and no blending)."""
    screen: float = 0.05
    """How firmly blending holds on to the copied colours."""
    around: int = 256
    """Sources are looked for so many pixels around the hole's bounding box, or half its larger side if that is more."""
    tile: int = 2048
    """Levels larger than this squared are filled in pieces, each from a window of that side at most..."""
    margin: int = 256
    """...which reaches so many pixels beyond the piece."""
    large_rounds: int = 3
    """Rounds on such levels."""


@dataclasses.dataclass(frozen=True)
class Level:
    """One scale. planes: [h, w, C + 2] float32: colours in levels of 255, then mean absolute slopes down and right."""

    planes: np.ndarray
    hole: np.ndarray
    depth: np.ndarray  # of missing pixels, their distance from the rim
    allowed: np.ndarray  # centres of patches that lack nothing
    targets: tuple[np.ndarray, np.ndarray]  # centres of the others
    missing: tuple[np.ndarray, np.ndarray]


class Estimate(NamedTuple):
    """What a finer level starts from."""

    planes: np.ndarray  # [h, w, C + 2] float32
    row: np.ndarray  # [h, w] int32: the source of each target, NOWHERE elsewhere
    column: np.ndarray


NOWHERE = np.iinfo(np.int32).min


def slopes(image: np.ndarray) -> np.ndarray:
    """[h, w, C] -> [h, w, 2]: luminance's differences to the next pixel down and right, zero at the end."""
    grey = image.mean(axis=-1)
    down, right = np.zeros((2, *grey.shape), np.float32)
    down[:-1], right[:, :-1] = np.diff(grey, axis=0), np.diff(grey, axis=1)
    return np.stack([down, right], axis=-1)


def shrunk(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H, W, C] float32 -> [*size, C]: means over the areas of larger pixels."""
    if image.shape[:2] == size:
        return image
    # OpenCV does this for four channels at most.
    groups = [np.ascontiguousarray(image[..., c : c + 4]) for c in range(0, image.shape[-1], 4)]
    small = [cv2.resize(group, size[::-1], interpolation=cv2.INTER_AREA) for group in groups]
    return np.concatenate([part.reshape(*size, -1) for part in small], axis=-1)


def measured(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """[H, W, C + 4] float32, means of which are what a coarser level is made of: colours and absolute slopes where they
    are known, zero elsewhere, then where colours and where slopes are known."""
    known = (~hole).astype(np.float32)
    sloped = known.copy()
    sloped[:-1] *= known[1:]
    sloped[:, :-1] *= known[:, 1:]
    rough = np.abs(slopes(image)) * sloped[..., None]
    parts = image * known[..., None], rough, known[..., None], sloped[..., None]
    return np.concatenate(parts, axis=-1).astype(np.float32)


def make_level(means: np.ndarray, style: Style) -> Level:
    """means: of `measured`, at the level's size. A pixel is missing if more than half of what it stands for is."""
    colours, rough, known, sloped = np.split(means, [-4, -2, -1], axis=-1)
    box = lambda x: cv2.blur(x, (style.window, style.window), borderType=cv2.BORDER_REFLECT_101)
    texture = box(rough) / np.maximum(box(sloped), 1e-6)[..., None]
    planes = np.concatenate([colours / np.maximum(known, 1e-6), texture], axis=-1)
    return level_of(planes.astype(np.float32), known[..., 0] < 0.5)


def level_of(planes: np.ndarray, missing: np.ndarray) -> Level:
    """A level of the pyramid: planes [H, W, K] and what is missing of them, [H, W] bool."""
    lacking = cv2.dilate(missing.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8)) > 0
    inner = np.zeros(missing.shape, bool)
    inner[HALF:-HALF, HALF:-HALF] = True
    depth = ndimage.distance_transform_edt(missing).astype(np.float32)
    return Level(planes, missing, depth, inner & ~lacking, places(inner & lacking), places(missing))


def places(where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Like np.nonzero, each array in one piece, so that no kernel is compiled for strides as well."""
    rows, columns = (np.ascontiguousarray(part) for part in np.nonzero(where))
    return rows, columns


class Filling:
    """A level at work: its planes are written in the hole, and compared as `features`."""

    def __init__(self, level: Level, style: Style, basis: np.ndarray, state: np.ndarray) -> None:
        self.level, self.style, self.basis, self.state = level, style, basis, state
        self.colours = level.planes.shape[-1] - TEXTURES
        self.matches = patchmatch.none(*level.hole.shape)
        self.prices = Prices(float(style.reuse), float(style.upright))
        # Deep in a wide hole all pixels weigh alike, as little as still adds up.
        fallen = np.exp(-np.minimum(level.depth / style.fall, DEEPEST))
        self.weight = np.where(level.hole, style.inside * fallen, 1.0).astype(np.float32)
        self.features = np.zeros((*level.hole.shape, PLANES), np.float32)
        self.source = np.zeros((level.missing[0].size, 2), np.int32)
        self.compare()

    def compare(self) -> None:
        """Features anew from the planes."""
        colours, texture = np.split(self.level.planes, [self.colours], axis=-1)
        count = self.basis.shape[1]
        self.features[..., :count] = colours @ self.basis
        self.features[..., COLOURS : COLOURS + TEXTURES] = self.style.texture * texture
        self.features[..., COLOURS + TEXTURES :] = self.style.slope * slopes(colours)

    def match(self, targets: tuple[np.ndarray, np.ndarray], sweeps: int, *, anywhere: bool = True) -> None:
        height, width = self.level.hole.shape
        flat = self.features.reshape(height, width * PLANES)
        reach = max(height, width) if anywhere else 0
        patchmatch.search(
            flat, self.weight, *targets, self.level.allowed, self.matches, self.prices, self.state, sweeps, reach
        )

    def vote(self, among: np.ndarray | None = None, *, alone: bool = False) -> None:
        """The missing pixels, or those `among` them [n] of bool, are written."""
        planes, style = self.level.planes, self.style
        voted = self.level.missing if among is None else tuple(part[among] for part in self.level.missing)
        shift = np.zeros((*self.level.hole.shape, self.colours), np.float32)
        if style.shift > 0:
            matched = places(self.matches.row >= 0)
            colour_shifts(planes, self.weight, *matched, self.matches, np.float32(style.shift), shift)
        trust = cv2.blur(self.weight, (PATCH, PATCH))
        values, source = planes[voted], np.empty((voted[0].size, 2), np.int32)
        vote(planes, *voted, self.matches, trust, shift, np.float32(style.quantile), alone, values, source)
        planes[voted] = values
        self.source[slice(None) if among is None else among] = source
        self.compare()

    def from_the_rim(self) -> None:
        """The first filling of a level that no coarser one tells about, a pixel's breadth at a time."""
        level, style = self.level, self.style
        smooth(level.planes, level.hole)
        self.compare()
        weight, target_depth, depth = self.weight, level.depth[level.targets], level.depth[level.missing]
        for front in range(math.ceil(level.depth.max()) + 1):
            self.weight = np.where(level.depth > front, style.unseen * weight, weight).astype(np.float32)
            now = (target_depth <= front) & (target_depth > front - 1)
            self.match((level.targets[0][now], level.targets[1][now]), 2 * style.sweeps)
            self.vote(depth <= front + 1)
        self.weight = weight

    def from_coarser(self, coarse: Estimate) -> None:
        """Planes enlarged and matches carried over, then voted, so that details come from this level."""
        level, size, small = self.level, self.level.hole.shape, coarse.row.shape
        larger = cv2.resize(coarse.planes, size[::-1], interpolation=cv2.INTER_LINEAR)
        level.planes[level.hole] = larger[level.hole]
        self.compare()
        nearest = lambda where: ndimage.distance_transform_edt(~where, return_distances=False, return_indices=True)
        ratios = size[0] / small[0], size[1] / small[1]
        under = [
            np.minimum(((here + 0.5) / ratio).astype(int), side - 1)
            for here, ratio, side in zip(level.targets, ratios, small, strict=True)
        ]
        # Where the coarse level has no match, at the rim and the border, the nearest one is as good.
        under = list(nearest(coarse.row != NOWHERE)[:, under[0], under[1]])
        sources = coarse.row[tuple(under)], coarse.column[tuple(under)]
        moved = [
            np.clip(here + np.rint((there - place) * ratio).astype(int), 0, side - 1)
            for here, there, place, ratio, side in zip(level.targets, sources, under, ratios, size, strict=True)
        ]
        row, column = nearest(level.allowed)[:, moved[0], moved[1]]
        self.matches.row[level.targets], self.matches.column[level.targets] = row, column
        np.add.at(self.matches.uses, (row, column), 1.0)
        self.match(level.targets, 1, anywhere=False)
        self.vote()

    def settle(self, rounds: int) -> None:
        for left in reversed(range(rounds)):
            self.match(self.level.targets, self.style.sweeps)
            self.vote(alone=left < self.style.copies)

    def join(self) -> None:
        """What was copied is blended."""
        colours = np.ascontiguousarray(self.level.planes[..., : self.colours])
        blended = seamless.blend(colours, self.level.hole, self.source, screen=self.style.screen)
        self.level.planes[..., : self.colours][self.level.missing] = blended


def smooth(planes: np.ndarray, hole: np.ndarray) -> None:
    """Missing pixels like the nearest known one, then less and less blurred; in place."""
    near = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
    planes[hole] = planes[near[0], near[1]][hole]
    for sigma in (16, 8, 4, 2, 1):
        planes[hole] = cv2.GaussianBlur(planes, (0, 0), sigma).reshape(planes.shape)[hole]
